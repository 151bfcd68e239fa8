/** The battery as an owner asks for it: how much is left, how sure that is, how long, and how it has aged; rule: only what is known. */

import type { Meter, Reading } from "api-types";
import { now } from "./api.ts";
import { card, element, say, showFacts } from "./dom.ts";
import { counted, day, measure, minutes, number, seconds } from "./format.ts";
import { isKnown, measureOf, quantityOf } from "./quantities.ts";
import { TEXT } from "./strings.ts";

/** What a monitor with a shunt keeps, in the order in which it is shown. */
const MORE = [
  "meter_state_of_charge", "cycles", "last_discharge", "average_discharge", "deepest_discharge", "full_discharges",
  "cumulative_discharge", "synchronisations", "minimum_voltage", "maximum_voltage", "low_voltage_alarms", "high_voltage_alarms", "measured_resistance", "zero_offset",
] as const;

/** There is a card once one of these is told. */
const NEEDED = ["state_of_charge_uncertainty", "usable_capacity", "time_since_full", "synchronisations"] as const;

export class BatteryCard {
  readonly element: HTMLElement;
  private readonly sure = element("p", { class: "battery__sure" });
  private readonly main = element("dl", { class: "facts" });
  private readonly more = element("dl", { class: "facts" });
  private readonly details = element("details", {}, element("summary", {}, TEXT.estimate.more), this.more);

  constructor() {
    this.element = card("battery", TEXT.battery, [], this.sure, this.main, this.details);
  }

  show(meter: Meter | undefined): void {
    const reading = meter?.latest ?? null;
    this.element.hidden = reading === null || !NEEDED.some((key) => isNumber(reading[key]));
    if (this.element.hidden || reading === null) return;
    const charge = reading.state_of_charge;
    const doubt = reading["state_of_charge_uncertainty"];
    say(this.sure, charge === null ? "" : TEXT.estimate.charge(number(charge, 0), isNumber(doubt) ? number(Math.max(doubt, 1), 0) : ""));
    showFacts(this.main, mainRows(reading));
    const more = MORE.filter((key) => isKnown(key) && isNumber(reading[key])).map((key) => [quantityOf(key).label, measureOf(key, reading[key])] as const);
    showFacts(this.more, more);
    this.details.hidden = more.length === 0;
  }
}

function mainRows(reading: Reading): [string, string][] {
  const { time_to_empty: toEmpty, time_to_full: toFull } = reading;
  const [left, usable, health, full] = [reading["remaining_energy"], reading["usable_capacity"], reading["state_of_health"], reading["time_since_full"]];
  const rows: [string, string | null][] = [
    [TEXT.energyLeft, isNumber(left) ? measureOf("remaining_energy", left) : null],
    [TEXT.estimate.empty, toEmpty === null ? null : minutes(toEmpty)],
    [TEXT.estimate.full, toFull === null ? null : minutes(toFull)],
    [TEXT.estimate.lastFull, isNumber(full) ? sinceFull(full) : null],
    [TEXT.estimate.holds, isNumber(usable) ? measureOf("usable_capacity", usable) : null],
    [TEXT.estimate.health, isNumber(health) ? measure(health, 0, "%") : null],
  ];
  return rows.filter((row): row is [string, string] => row[1] !== null);
}

/** Today and yesterday an owner remembers by the hour, before that by the day. */
function sinceFull(told: number): string {
  const length = quantityOf("time_since_full").unit === "min" ? told * 60 : told;
  if (length < 60) return TEXT.estimate.isFull;
  if (length < 2 * 86_400) return TEXT.ago(seconds(length));
  return `${day(now() - length)}, ${TEXT.ago(counted(Math.round(length / 86_400), "day"))}`;
}

function isNumber(value: unknown): value is number {
  return typeof value === "number";
}
