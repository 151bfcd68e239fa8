/** The battery now: charge, flow, when it will be full or empty, and the values; rule: what is old says so. */

import type { Meter, Reading } from "./api.ts";
import { now } from "./api.ts";
import { element, say } from "./dom.ts";
import { Flow } from "./flow.ts";
import type { Parts } from "./format.ts";
import { NOTHING, clock, day, energy, isSameDay, measure, minutes, number, power } from "./format.ts";
import { digitsOf, labelOf, unitOf } from "./quantities.ts";
import { TEXT } from "./strings.ts";

interface Tile {
  readonly label: HTMLElement;
  readonly number: HTMLElement;
  readonly unit: HTMLElement;
  readonly note: HTMLElement;
}

export class Overview {
  readonly element: HTMLElement;
  private readonly flow = new Flow();
  private readonly word = element("span", { class: "headline__word" });
  private readonly power = element("span", { class: "headline__number" });
  private readonly unit = element("span", { class: "headline__unit" });
  private readonly outlook = element("p", { class: "outlook" });
  private readonly tiles: Record<string, Tile> = {};

  constructor() {
    const tiles = element(
      "dl",
      { class: "values" },
      this.tile("voltage"),
      this.tile("current"),
      this.tile("remaining", TEXT.remaining),
      this.tile("temperature"),
      this.tile("charged", TEXT.chargedToday, "charge"),
      this.tile("discharged", TEXT.dischargedToday, "discharge"),
    );
    this.element = element(
      "section",
      { class: "present", id: "now", "aria-labelledby": "now-title" },
      element("h2", { id: "now-title", class: "only-read" }, TEXT.now),
      element(
        "div",
        { class: "card hero" },
        this.flow.element,
        element(
          "div",
          { class: "headline" },
          element("p", { class: "headline__line" }, this.word, " ", this.power, "\u00a0", this.unit),
          this.outlook,
        ),
      ),
      tiles,
    );
  }

  /** Shows a meter; `age` tells in a few words why its values are not the present ones, or is empty. */
  show(meter: Meter | undefined, age: string): void {
    const reading = meter?.latest ?? null;
    this.element.classList.toggle("is-old", age !== "");
    this.element.classList.toggle("is-empty", reading === null);
    this.flow.show(reading, age);
    const direction = reading?.direction ?? "idle";
    this.element.dataset["direction"] = age === "" ? direction : "idle";
    const watts = power(reading ? Math.abs(reading.power ?? 0) : null);
    say(this.word, reading ? { charging: TEXT.charging, discharging: TEXT.discharging, idle: TEXT.idle }[direction] : "");
    say(this.power, direction === "idle" ? "" : watts.number);
    say(this.unit, direction === "idle" ? "" : watts.unit);
    say(this.outlook, reading && age === "" ? outlook(reading) : "");
    this.showTiles(reading);
  }

  private showTiles(reading: Reading | null): void {
    for (const key of ["voltage", "current", "temperature"] as const) {
      const text = number(reading?.[key], digitsOf(key));
      const isIn = key === "current" && (reading?.current ?? 0) > 0 && /[1-9]/.test(text);
      say(this.tiles[key]!.label, labelOf(key));
      this.set(key, { number: isIn ? `+${text}` : text, unit: unitOf(key) });
    }
    say(this.tiles["temperature"]!.note, reading && reading.temperature === null ? TEXT.noProbe : "");
    const left = reading?.remaining_capacity ?? null;
    this.set("remaining", { number: number(left, left !== null && left < 100 ? 1 : 0), unit: "Ah" });
    const nominal = reading?.nominal_capacity ?? null;
    say(this.tiles["remaining"]!.note, nominal === null ? "" : TEXT.ofNominal(measure(nominal, 0, "Ah")));
    this.set("charged", energy(reading?.charged_energy_today));
    this.set("discharged", energy(reading?.discharged_energy_today));
  }

  /** Without a label of its own a tile is called what its quantity is. */
  private tile(name: string, label = "", tone = ""): HTMLElement {
    const tile = {
      label: element("dt", { class: "value__label" }, label),
      number: element("span", { class: "value__number" }),
      unit: element("span", { class: "value__unit" }),
      note: element("span", { class: "value__note" }),
    };
    this.tiles[name] = tile;
    return element(
      "div",
      { class: "card value", "data-tone": tone || null, "data-value": name },
      tile.label,
      element("dd", { class: "value__line" }, tile.number, "\u00a0", tile.unit, " ", tile.note),
    );
  }

  private set(name: string, parts: Parts): void {
    const tile = this.tiles[name]!;
    say(tile.number, parts.number);
    say(tile.unit, parts.number === NOTHING ? "" : parts.unit);
  }
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
