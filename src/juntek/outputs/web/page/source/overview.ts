/** The battery now: charge, flow, when it will be full or empty, and the values; rule: what is old says so. */

import type { Day, Meter, Reading } from "api-types";
import { now } from "./api.ts";
import { type Description, describe, icon } from "./dom.ts";
import { NOTHING, type Parts, capitalised, day, energy, joined, measure, minutes, moment, number, power } from "./format.ts";
import { quantityOf } from "./quantities.ts";

const DIRECTIONS = { charging: "Charging", discharging: "Discharging", idle: "Idle" } as const;

/** Percent below which a battery is called low, and nearly empty. */
const LOW = 20;
const NEARLY_EMPTY = 10;

/** Shows a meter; `age` tells in a few words why its values are not the present ones, or is empty. */
export function overview(meter: Meter | undefined, age: string, yesterday: Day | null): Description {
  const reading = meter?.latest ?? null;
  const isOld = age !== "";
  const watts = joined(power(Math.abs(reading?.power ?? 0)));
  const direction = reading?.direction ?? "idle";
  const line = reading ? DIRECTIONS[direction] + (direction === "idle" ? "" : `\u00a0${watts}`) : "\u00a0";
  const flow = describe("div", { class: "flow" }, describe("p", { class: "only-read" }, `${wordsOf(reading, watts)} ${age}`.trim()), drawing(reading, age));
  return describe(
    "section",
    { class: isOld ? "present is-old" : "present", id: "now", hidden: !meter, "aria-labelledby": "now-title", "data-direction": isOld ? "idle" : direction, "data-level": levelOf(isOld ? null : reading) },
    describe("h2", { id: "now-title", class: "only-read" }, "Now"),
    describe("div", { class: "card hero" }, flow,
      describe("div", { class: "headline" },
        describe("p", { class: "headline__line" }, line),
        describe("p", { class: "outlook" }, reading && !isOld ? outlook(reading) : ""))),
    describe("dl", { class: "values" }, ...tiles(reading, yesterday)),
  );
}

/** What there is to see of the flow, for whoever cannot. */
function wordsOf(reading: Reading | null, watts: string): string {
  if (reading === null) return "";
  const charge = reading.state_of_charge;
  return `${DIRECTIONS[reading.direction]}, ${watts}. Battery at ${charge === null ? NOTHING : `${number(charge, 0)} %`}.`;
}

function tiles(reading: Reading | null, yesterday: Day | null): Description[] {
  const known = reading?.["remaining_energy"];
  const capacity = reading?.remaining_capacity ?? null;
  const guess = capacity === null || !reading?.voltage ? null : capacity * reading.voltage;
  const [label, left] = typeof known === "number" ? ["Energy left", known * 1000] : ["Energy left, about", guess];
  return [
    tile("left", label, energy(left), capacity === null ? "" : measure(capacity, capacity < 100 ? 1 : 0, "Ah")),
    ...(["voltage", "current", "temperature"] as const).map((key) => measured(key, reading)),
    ...(["charged", "discharged"] as const).map((way) => {
      const before = yesterday?.[`${way}_energy`] ?? null;
      return tile(way, `${capitalised(way)} today`, energy(reading?.[`${way}_energy_today`]), before === null ? "" : `yesterday ${joined(energy(before))}`);
    }),
  ];
}

function measured(key: "voltage" | "current" | "temperature", reading: Reading | null): Description {
  const { label, unit, digits } = quantityOf(key);
  const text = number(reading?.[key], digits);
  const isIn = key === "current" && (reading?.current ?? 0) > 0 && /[1-9]/.test(text);
  return tile(key, label, { number: isIn ? `+${text}` : text, unit }, key === "temperature" && reading?.temperature === null ? "no probe" : "");
}

/** One value: its label, number, unit, and a note. */
function tile(name: string, label: string, { number, unit }: Parts, note: string): Description {
  const part = (kind: string, text: string): Description => describe("span", { class: kind }, text);
  return describe("div", { class: "card value", "data-value": name },
    describe("dt", { class: name.endsWith("charged") ? "quiet sum" : "quiet", "data-tone": name }, label),
    describe("dd", { class: "value__line" }, part("value__number", number), "\u00a0", part("value__unit", number === NOTHING ? "" : unit), " ", part("quiet", note)));
}

/** How much there is, whichever way it flows: a full battery that gives what it has is no alarm. */
function levelOf(reading: Reading | null): string {
  const charge = reading?.state_of_charge ?? null;
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
function drawing(reading: Reading | null, age: string): Description {
  const node = (name: string, shape: "sun" | "house", label: string): Description =>
    describe("div", { class: `node node--${name}` }, describe("span", { class: "node__circle" }, icon(shape)), describe("span", { class: "node__label" }, label));
  const pipe = (name: string): Description => describe("div", { class: `pipe pipe--${name}` }, describe("span", { class: "pipe__train" }));
  return describe("div", { class: "flow__drawing", "aria-hidden": "true" },
    node("source", "sun", "Charger"), pipe("in"), vessel(reading?.state_of_charge ?? null, age), pipe("out"), node("loads", "house", "Loads"));
}

function vessel(charge: number | null, age: string): Description {
  const level = describe("rect", { x: 6, y: 6, width: 148, height: 208, class: "vessel__level", style: { transform: `scaleY(${((charge ?? 0) / 100).toFixed(4)})` } });
  const value = describe("tspan", { class: "vessel__number" }, charge === null ? NOTHING : number(charge, 0));
  return describe(
    "div",
    { class: "vessel" },
    describe(
      "svg",
      { viewBox: "0 -14 160 234", class: "vessel__drawing", focusable: "false" },
      describe("rect", { x: 56, y: -13, width: 48, height: 12, rx: 4, class: "vessel__pole" }),
      describe("clipPath", { id: "vessel-inside" }, describe("rect", { x: 6, y: 6, width: 148, height: 208, rx: 20 })),
      describe("rect", { x: 2, y: 2, width: 156, height: 216, rx: 24, class: "vessel__wall" }),
      describe("g", { "clip-path": "url(#vessel-inside)" }, level),
      // Drawn, so that it keeps to its battery however small that is.
      describe("text", { x: 80, y: 128, "text-anchor": "middle", class: "vessel__value" }, value, describe("tspan", { class: "vessel__unit", dx: 3 }, "%")),
    ),
    describe("span", { class: "vessel__age" }, age),
  );
}

/** More power runs faster, by its logarithm: 10 W creeps, 1 kW flows, 10 kW hurries. */
export function setPace(shown: Element, watts: number): void {
  const pace = Math.min(3.2, 0.35 + 0.75 * Math.log10(1 + watts / 20));
  for (const train of shown.querySelectorAll(".pipe__train")) train.getAnimations().forEach((animation) => animation.updatePlaybackRate(pace));
}
