/** The battery now: charge, flow, when it will be full or empty, and the values; rule: what is old says so. */

import type { Day, Meter, Reading } from "api-types";
import { now } from "./api.ts";
import { element, say } from "./dom.ts";
import { Flow } from "./flow.ts";
import type { Parts } from "./format.ts";
import { NOTHING, clock, day, energy, isSameDay, joined, measure, minutes, number, power } from "./format.ts";
import { digitsOf, labelOf, unitOf } from "./quantities.ts";
import { TEXT } from "./strings.ts";

interface Tile {
  readonly label: HTMLElement;
  readonly number: HTMLElement;
  readonly unit: HTMLElement;
  readonly note: HTMLElement;
}

/** Percent below which a battery is called low, and nearly empty. */
const LOW = 20;
const NEARLY_EMPTY = 10;

export class Overview {
  readonly element: HTMLElement;
  private readonly flow = new Flow();
  private readonly line = element("p", { class: "headline__line" });
  private readonly outlook = element("p", { class: "outlook" });
  private readonly tiles: Record<string, Tile> = {};
  private yesterday: Day | null = null;

  constructor() {
    const tiles = element(
      "dl",
      { class: "values" },
      ...["left", "voltage", "current", "temperature"].map((name) => this.tile(name)),
      this.tile("charged", TEXT.chargedToday),
      this.tile("discharged", TEXT.dischargedToday),
    );
    this.element = element(
      "section",
      { class: "present", id: "now", "aria-labelledby": "now-title" },
      element("h2", { id: "now-title", class: "only-read" }, TEXT.now),
      element("div", { class: "card hero" }, this.flow.element, element("div", { class: "headline" }, this.line, this.outlook)),
      tiles,
    );
  }

  /** Tells how much it was yesterday, to put beside today. */
  setYesterday(day: Day | null): void {
    this.yesterday = day;
  }

  /** Shows a meter; `age` tells in a few words why its values are not the present ones, or is empty. */
  show(meter: Meter | undefined, age: string): void {
    const reading = meter?.latest ?? null;
    const direction = reading?.direction ?? "idle";
    this.element.classList.toggle("is-old", age !== "");
    this.flow.show(reading, age);
    this.element.dataset["direction"] = age === "" ? direction : "idle";
    this.element.dataset["level"] = levelOf(age === "" ? (reading?.state_of_charge ?? null) : null);
    const watts = direction === "idle" ? "" : `\u00a0${joined(power(Math.abs(reading?.power ?? 0)))}`;
    say(this.line, reading ? TEXT[direction] + watts : "\u00a0");
    say(this.outlook, reading && age === "" ? outlook(reading) : "");
    this.showTiles(reading);
  }

  private showTiles(reading: Reading | null): void {
    for (const key of ["voltage", "current", "temperature"] as const) {
      const text = number(reading?.[key], digitsOf(key));
      const isIn = key === "current" && (reading?.current ?? 0) > 0 && /[1-9]/.test(text);
      this.set(key, { number: isIn ? `+${text}` : text, unit: unitOf(key) }, key === "temperature" && reading?.temperature === null ? TEXT.noProbe : "");
      say(this.tiles[key]!.label, labelOf(key));
    }
    const known = reading?.["remaining_energy"];
    const capacity = reading?.remaining_capacity ?? null;
    const guess = capacity === null || !reading?.voltage ? null : capacity * reading.voltage;
    const left = typeof known === "number" ? known * (unitOf("remaining_energy") === "kWh" ? 1000 : 1) : guess;
    this.set("left", energy(left), capacity === null ? "" : measure(capacity, capacity < 100 ? 1 : 0, "Ah"));
    say(this.tiles["left"]!.label, typeof known === "number" ? TEXT.energyLeft : TEXT.energyLeftAbout);
    for (const way of ["charged", "discharged"] as const) {
      const before = this.yesterday?.[`${way}_energy`] ?? null;
      this.set(way, energy(reading?.[`${way}_energy_today`]), before === null ? "" : TEXT.yesterday(joined(energy(before))));
    }
  }

  /** Without a label of its own a tile is called what its quantity is. */
  private tile(name: string, label = ""): HTMLElement {
    const tile = {
      label: element("dt", { class: label ? "quiet sum" : "quiet", "data-tone": name }, label),
      number: element("span", { class: "value__number" }),
      unit: element("span", { class: "value__unit" }),
      note: element("span", { class: "quiet" }),
    };
    this.tiles[name] = tile;
    return element(
      "div",
      { class: "card value", "data-value": name },
      tile.label,
      element("dd", { class: "value__line" }, tile.number, "\u00a0", tile.unit, " ", tile.note),
    );
  }

  private set(name: string, parts: Parts, note: string): void {
    const tile = this.tiles[name]!;
    say(tile.number, parts.number);
    say(tile.unit, parts.number === NOTHING ? "" : parts.unit);
    say(tile.note, note);
  }
}

/** How much there is, whichever way it flows: a full battery that gives what it has is no alarm. */
function levelOf(charge: number | null): string {
  return charge === null ? "unknown" : charge < NEARLY_EMPTY ? "empty" : charge < LOW ? "low" : "good";
}

/** When it will be full or empty at the present flow, as the gateway works it out. */
function outlook(reading: Reading): string {
  const time = now();
  const at = (left: number): string => {
    const end = time + left * 60;
    // Beyond a few days a time of day would pretend to know.
    if (left > 3 * 1440) return TEXT.about(day(end));
    return TEXT.about(isSameDay(end, time) ? clock(end) : `${day(end)}, ${clock(end)}`);
  };
  if (reading.direction === "charging") {
    if (reading.time_to_full === 0 || (reading.state_of_charge ?? 0) >= 99.95) return TEXT.full;
    return reading.time_to_full === null ? TEXT.noEnd : TEXT.fullIn(minutes(reading.time_to_full), at(reading.time_to_full));
  }
  if (reading.direction === "discharging") {
    return reading.time_to_empty === null ? TEXT.noEnd : TEXT.emptyIn(minutes(reading.time_to_empty), at(reading.time_to_empty));
  }
  return "";
}
