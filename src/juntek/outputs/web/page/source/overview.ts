/** The battery now: charge, flow, when it will be full or empty, and the values; rule: what is old says so. */

import type { Day, Meter, Reading } from "api-types";
import { now } from "./api.ts";
import { drawn, element, icon, say } from "./dom.ts";
import { NOTHING, type Parts, day, energy, joined, measure, minutes, moment, number, power } from "./format.ts";
import { quantityOf } from "./quantities.ts";

const DIRECTIONS = { charging: "Charging", discharging: "Discharging", idle: "Idle" } as const;

/** Percent below which a battery is called low, and nearly empty. */
const LOW = 20;
const NEARLY_EMPTY = 10;

export class Overview {
  private readonly flow = new Flow();
  private readonly line = element("p", { class: "headline__line" });
  private readonly outlook = element("p", { class: "outlook" });
  private readonly tiles = Object.fromEntries(["left", "voltage", "current", "temperature", "charged", "discharged"].map((name) => [name, tileOf(name)]));
  private yesterday: Day | null = null;
  readonly element = element(
    "section",
    { class: "present", id: "now", "aria-labelledby": "now-title" },
    element("h2", { id: "now-title", class: "only-read" }, "Now"),
    element("div", { class: "card hero" }, this.flow.element, element("div", { class: "headline" }, this.line, this.outlook)),
    element("dl", { class: "values" }, ...Object.values(this.tiles)),
  );

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
    say(this.line, reading ? DIRECTIONS[direction] + watts : "\u00a0");
    say(this.outlook, reading && age === "" ? outlook(reading) : "");
    this.showTiles(reading);
  }

  private showTiles(reading: Reading | null): void {
    for (const key of ["voltage", "current", "temperature"] as const) {
      const { label, unit, digits } = quantityOf(key);
      const text = number(reading?.[key], digits);
      const isIn = key === "current" && (reading?.current ?? 0) > 0 && /[1-9]/.test(text);
      this.set(key, label, { number: isIn ? `+${text}` : text, unit }, key === "temperature" && reading?.temperature === null ? "no probe" : "");
    }
    const known = reading?.["remaining_energy"];
    const capacity = reading?.remaining_capacity ?? null;
    const guess = capacity === null || !reading?.voltage ? null : capacity * reading.voltage;
    const left = typeof known === "number" ? known * (quantityOf("remaining_energy").unit === "kWh" ? 1000 : 1) : guess;
    this.set("left", typeof known === "number" ? "Energy left" : "Energy left, about", energy(left), capacity === null ? "" : measure(capacity, capacity < 100 ? 1 : 0, "Ah"));
    for (const way of ["charged", "discharged"] as const) {
      const before = this.yesterday?.[`${way}_energy`] ?? null;
      this.set(way, way === "charged" ? "Charged today" : "Discharged today", energy(reading?.[`${way}_energy_today`]), before === null ? "" : `yesterday ${joined(energy(before))}`);
    }
  }

  private set(name: string, label: string, { number, unit }: Parts, note: string): void {
    const places = this.tiles[name]!.querySelectorAll("dt, span");
    [label, number, number === NOTHING ? "" : unit, note].forEach((text, index) => say(places[index]!, text));
  }
}

/** The place of one value: its label, number, unit, and a note. */
function tileOf(name: string): HTMLElement {
  const label = element("dt", { class: name.endsWith("charged") ? "quiet sum" : "quiet", "data-tone": name });
  const [number, unit, note] = ["value__number", "value__unit", "quiet"].map((name) => element("span", { class: name }));
  return element("div", { class: "card value", "data-value": name }, label, element("dd", { class: "value__line" }, number, "\u00a0", unit, " ", note));
}

/** How much there is, whichever way it flows: a full battery that gives what it has is no alarm. */
function levelOf(charge: number | null): string {
  return charge === null ? "unknown" : charge < NEARLY_EMPTY ? "empty" : charge < LOW ? "low" : "good";
}

/** When it will be full or empty at the present flow, as the gateway works it out. */
function outlook(reading: Reading): string {
  const isIn = reading.direction === "charging";
  const left = isIn ? reading.time_to_full : reading.time_to_empty;
  if (reading.direction === "idle") return "";
  if (isIn && (left === 0 || (reading.state_of_charge ?? 0) >= 99.95)) return "The battery is full.";
  if (left === null) return isIn ? "" : "At this flow it lasts longer than a year.";
  const end = now() + left * 60;
  // Beyond a few days a time of day would pretend to know.
  const at = `about ${left > 3 * 1440 ? day(end) : moment(end, now())}`;
  return isIn ? `Full in ${minutes(left)}, ${at}` : `Empty in ${minutes(left)}, ${at}`;
}

/**
 * The flow of energy: from a charger into the battery or out of it to the loads. The meter sits at the battery, so only
 * its net flow is drawn, never a guess of what sun and loads do.
 */
class Flow {
  readonly element: HTMLElement;
  private readonly charge = drawn("tspan", { class: "vessel__number" });
  private readonly age = element("span", { class: "vessel__age" });
  private readonly level = drawn("rect", { x: 6, y: 6, width: 148, height: 208, class: "vessel__level" });
  private readonly description = element("p", { class: "only-read" });
  private readonly trains: Animation[] = [];
  private readonly still = window.matchMedia("(prefers-reduced-motion: reduce)");

  constructor() {
    this.element = element(
      "div",
      { class: "flow" },
      this.description,
      element("div", { class: "flow__drawing", "aria-hidden": "true" },
        this.node("source", "sun", "Charger"),
        this.pipe("in"),
        this.vessel(),
        this.pipe("out"),
        this.node("loads", "house", "Loads"),
      ),
    );
    this.still.addEventListener("change", () => this.setPace(0));
  }

  /** Shows a reading; `age` is why it is not to be trusted as the present, or empty. */
  show(reading: Reading | null, age: string): void {
    const charge = reading?.state_of_charge ?? null;
    const direction = reading?.direction ?? "idle";
    say(this.charge, charge === null ? NOTHING : number(charge, 0));
    say(this.age, age);
    this.level.style.transform = `scaleY(${((charge ?? 0) / 100).toFixed(4)})`;
    this.setPace(age === "" && direction !== "idle" ? Math.abs(reading?.power ?? 0) : 0);
    const words = reading
      ? `${DIRECTIONS[direction]}, ${joined(power(Math.abs(reading.power ?? 0)))}. Battery at ${charge === null ? NOTHING : `${number(charge, 0)} %`}.`
      : "";
    say(this.description, age === "" ? words : `${words} ${age}`);
  }

  private node(name: string, shape: "sun" | "house", label: string): HTMLElement {
    return element("div", { class: `node node--${name}` }, element("span", { class: "node__circle" }, icon(shape)), element("span", { class: "node__label" }, label));
  }

  private pipe(name: string): HTMLElement {
    const train = element("span", { class: "pipe__train" });
    const animation = train.animate([{ transform: "translateX(0)" }, { transform: "translateX(22px)" }], { duration: 1000, iterations: Infinity });
    animation.pause();
    this.trains.push(animation);
    return element("div", { class: `pipe pipe--${name}` }, train);
  }

  private vessel(): HTMLElement {
    return element(
      "div",
      { class: "vessel" },
      drawn(
        "svg",
        { viewBox: "0 -14 160 234", class: "vessel__drawing", focusable: "false" },
        drawn("rect", { x: 56, y: -13, width: 48, height: 12, rx: 4, class: "vessel__pole" }),
        drawn("clipPath", { id: "vessel-inside" }, drawn("rect", { x: 6, y: 6, width: 148, height: 208, rx: 20 })),
        drawn("rect", { x: 2, y: 2, width: 156, height: 216, rx: 24, class: "vessel__wall" }),
        drawn("g", { "clip-path": "url(#vessel-inside)" }, this.level),
        // Drawn, so that it keeps to its battery however small that is.
        drawn("text", { x: 80, y: 128, "text-anchor": "middle", class: "vessel__value" }, this.charge, drawn("tspan", { class: "vessel__unit", dx: 3 }, "%")),
      ),
      this.age,
    );
  }

  /** More power runs faster, by its logarithm: 10 W creeps, 1 kW flows, 10 kW hurries. */
  private setPace(watts: number): void {
    const pace = watts < 0.5 || this.still.matches ? 0 : Math.min(3.2, 0.35 + 0.75 * Math.log10(1 + watts / 20));
    for (const train of this.trains) {
      if (pace === 0) train.pause();
      else {
        train.updatePlaybackRate(pace);
        if (train.playState !== "running") train.play();
      }
    }
  }
}
