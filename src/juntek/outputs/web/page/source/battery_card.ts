/** The battery as an owner asks for it: how much is left, how sure that is, how long, and how it has aged; rule: only what is known. */

import type { Meter, Reading } from "api-types";
import { now } from "./api.ts";
import { type Facts, card, element, say, showFacts } from "./dom.ts";
import { day, measure, minutes, number, roughly } from "./format.ts";
import { isKnown, measureOf, quantityOf } from "./quantities.ts";

/** What a monitor with a shunt keeps, in the order in which it is shown. */
const MORE = [
  "meter_state_of_charge", "cycles", "last_discharge", "average_discharge", "deepest_discharge", "full_discharges",
  "cumulative_discharge", "synchronisations", "minimum_voltage", "maximum_voltage", "low_voltage_alarms", "high_voltage_alarms", "measured_resistance", "zero_offset",
] as const;

/** There is a card once one of these is told. */
const NEEDED = ["state_of_charge_uncertainty", "usable_capacity", "time_since_full", "synchronisations"] as const;

export class BatteryCard {
  private readonly sure = element("p", { class: "battery__sure" });
  private readonly gauge = element("div", { class: "gauge", "aria-hidden": "true" }, element("span"), element("span"));
  private readonly main = element("dl", { class: "facts" });
  private readonly more = element("dl", { class: "facts" });
  private readonly details = element("details", {}, element("summary", {}, "More"), this.more);
  readonly element = card("battery", "Battery", [], this.sure, this.gauge, this.main, this.details);

  show(meter: Meter | undefined): void {
    const reading = meter?.latest ?? null;
    this.element.hidden = reading === null || !NEEDED.some((key) => isNumber(reading[key]));
    if (this.element.hidden || reading === null) return;
    const charge = reading.state_of_charge;
    const doubt = reading["state_of_charge_uncertainty"];
    const band = isNumber(doubt) ? Math.max(doubt, 1) : 0;
    const isGuess = charge !== null && band >= Math.max(charge, 100 - charge);
    const sure = isGuess ? " at a guess, until it has been charged full" : band > 0 ? `, give or take ${number(band, 0)} %` : "";
    say(this.sure, charge === null ? "" : `${number(charge, 0)} % full${sure}`);
    this.gauge.hidden = charge === null;
    // The sure part, and the part that may be there or not.
    const ends = [Math.max((charge ?? 0) - band, 0), Math.min((charge ?? 0) + (isGuess ? 0 : band), 100)];
    ends.forEach((end, index) => (this.gauge.children[index] as HTMLElement).style.setProperty("width", `${end.toFixed(1)}%`));
    showFacts(this.main, mainRows(reading));
    const more = MORE.filter((key) => isKnown(key) && isNumber(reading[key])).map((key) => [quantityOf(key).label, measureOf(key, reading[key])] as const);
    showFacts(this.more, more);
    this.details.hidden = more.length === 0;
  }
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
function sinceFull(told: number): string {
  const length = quantityOf("time_since_full").unit === "min" ? told * 60 : told;
  if (length < 60) return "now";
  return `${length < 2 * 86_400 ? "" : `${day(now() - length)}, `}${roughly(length)} ago`;
}

const isNumber = (value: unknown): value is number => typeof value === "number";
