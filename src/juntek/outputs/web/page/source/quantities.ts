/** What each quantity is called and how it is shown; rule: as the gateway says, and nothing of it is written here. */

import type { Chart, QuantityFacts, Value } from "api-types";
import { NOTHING, capitalised, energy, joined, measure, minutes, seconds } from "./format.ts";

export interface Charted extends QuantityFacts {
  readonly chart: Chart;
}

const known = new Map<string, QuantityFacts>();

/** Takes what the gateway says, once for the life of the page. */
export function setQuantities(told: readonly QuantityFacts[]): void {
  known.clear();
  for (const quantity of told) known.set(quantity.key, quantity);
}

/** What the gateway says of a quantity; of one that it does not know a name at least. */
export function quantityOf(key: string): Pick<QuantityFacts, "label" | "unit" | "digits" | "history"> {
  return known.get(key) ?? { label: capitalised(key.replace(/_/g, " ")), unit: "", digits: 0, history: false };
}

/** Whether the gateway knows it. */
export const isKnown = (key: string): boolean => known.has(key);

/** A value as its quantity is shown: a word by its label, a length of time by its two largest parts. */
export function measureOf(key: string, value: unknown): string {
  if (typeof value === "string") return known.get(key)?.words[value] ?? value.replace(/_/g, " ");
  if (typeof value !== "number") return NOTHING;
  const { unit, digits } = quantityOf(key);
  if (unit === "min") return minutes(value);
  if (unit === "s") return seconds(value);
  return unit === "Wh" ? joined(energy(value)) : measure(value, digits, unit);
}

/** What a meter is set to, with no more digits than it has; nothing is rounded here. */
export function settingOf(key: string, value: Value): string {
  if (value === null) return "off";
  if (typeof value !== "number") return measureOf(key, String(value));
  const { unit, digits } = quantityOf(key);
  return measure(value, Number.isInteger(value) && unit !== "V" ? 0 : Math.max(digits, 1), unit);
}

/** Those that have a chart, in the order of the charts. */
export function charted(): Charted[] {
  const all = [...known.values()].filter((quantity): quantity is Charted => quantity.chart !== null);
  return all.sort((one, other) => one.chart.order - other.chart.order);
}

/** How a meter can be set, in the order in which it is shown. */
export function settings(): QuantityFacts[] {
  return [...known.values()].filter((quantity) => quantity.accumulation === "setting");
}
