/** The battery as an owner asks for it: how much is left, how sure that is, how long, and how it has aged; rule: only what is known. */

import type { Reading } from "api-types";
import { now } from "./api.ts";
import { type Description, type Facts, card, describe, facts } from "./dom.ts";
import { day, measure, minutes, number, roughly } from "./format.ts";
import { isKnown, measureOf, quantityOf } from "./quantities.ts";

/** What a monitor with a shunt keeps, in the order in which it is shown. */
const MORE = [
  "meter_state_of_charge", "cycles", "last_discharge", "average_discharge", "deepest_discharge", "full_discharges",
  "cumulative_discharge", "synchronisations", "minimum_voltage", "maximum_voltage", "low_voltage_alarms", "high_voltage_alarms", "measured_resistance", "zero_offset",
] as const;

/** There is a card once one of these is told. */
const NEEDED = ["state_of_charge_uncertainty", "usable_capacity", "time_since_full", "synchronisations"] as const;

export function batteryCard(reading: Reading | null): Description {
  if (reading === null || !NEEDED.some((key) => isNumber(reading[key]))) return card("battery", "Battery", []);
  const more = MORE.filter((key) => isKnown(key) && isNumber(reading[key])).map((key) => [quantityOf(key).label, measureOf(key, reading[key])] as const);
  const details = describe("details", { hidden: more.length === 0 }, describe("summary", {}, "More"), facts(more));
  return card("battery", "Battery", [], ...chargeOf(reading), facts(mainRows(reading)), details);
}

/** How much is left and how sure that is, in words and as a gauge of the sure part and the part that may be there or not. */
function chargeOf({ state_of_charge: charge, ...rest }: Reading): Description[] {
  const doubt = rest["state_of_charge_uncertainty"];
  const band = isNumber(doubt) ? Math.max(doubt, 1) : 0;
  if (charge === null) return [];
  const isGuess = band >= Math.max(charge, 100 - charge);
  const sure = isGuess ? " at a guess, until it has been charged full" : band > 0 ? `, give or take ${number(band, 0)} %` : "";
  const ends = [Math.max(charge - band, 0), Math.min(charge + (isGuess ? 0 : band), 100)];
  const parts = ends.map((end) => describe("span", { style: { width: `${end.toFixed(1)}%` } }));
  return [describe("p", { class: "battery__sure" }, `${number(charge, 0)} % full${sure}`), describe("div", { class: "gauge", "aria-hidden": "true" }, ...parts)];
}

function mainRows(reading: Reading): Facts {
  const said = (key: string, words = (value: number): string => measureOf(key, value)): string | null => {
    const value = reading[key];
    return isNumber(value) ? words(value) : null;
  };
  return [
    ["Energy left", said("remaining_energy")],
    ["Time to empty", said("time_to_empty", minutes)],
    ["Time to full", said("time_to_full", minutes)],
    ["Last full", said("time_since_full", sinceFull)],
    ["Holds when full", said("usable_capacity")],
    ["Health", said("state_of_health", (value) => measure(value, 0, "%"))],
  ];
}

/** Today and yesterday an owner remembers by the hour, before that by the day. */
function sinceFull(minutes: number): string {
  const length = minutes * 60;
  if (length < 60) return "now";
  return `${length < 2 * 86_400 ? "" : `${day(now() - length)}, `}${roughly(length)} ago`;
}

const isNumber = (value: unknown): value is number => typeof value === "number";
