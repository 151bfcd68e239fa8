/**
 * The flow of energy: from a charger into the battery or out of it to the loads; rule: the meter sits at the battery,
 * so only its net flow is drawn, never a guess of what sun and loads do.
 */

import type { Reading } from "api-types";
import { drawn, element, say } from "./dom.ts";
import { NOTHING, joined, number, power } from "./format.ts";
import { icon } from "./icons.ts";
import { TEXT } from "./strings.ts";

/** Pixels from one dot to the next. */
const STEP = 22;

export class Flow {
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
        this.node("source", "sun", TEXT.sourceShort),
        this.pipe("in"),
        this.vessel(),
        this.pipe("out"),
        this.node("loads", "house", TEXT.loads),
      ),
    );
    this.still.addEventListener("change", () => this.setPace(0));
  }

  /** Shows a reading; `age` is why it is not to be trusted as the present, or empty. */
  show(reading: Reading | null, age: string): void {
    const charge = reading?.state_of_charge ?? null;
    const direction = reading?.direction ?? "idle";
    this.element.dataset["direction"] = age === "" ? direction : "idle";
    say(this.charge, charge === null ? NOTHING : number(charge, 0));
    say(this.age, age);
    this.level.style.transform = `scaleY(${((charge ?? 0) / 100).toFixed(4)})`;
    this.setPace(age === "" && direction !== "idle" ? Math.abs(reading?.power ?? 0) : 0);
    const words = reading
      ? TEXT.flow(TEXT[direction], joined(power(Math.abs(reading.power ?? 0))), charge === null ? NOTHING : `${number(charge, 0)} %`)
      : "";
    say(this.description, age === "" ? words : `${words} ${age}`);
  }

  private node(name: string, shape: "sun" | "house", label: string): HTMLElement {
    return element("div", { class: `node node--${name}` }, element("span", { class: "node__circle" }, icon(shape)), element("span", { class: "node__label" }, label));
  }

  private pipe(name: string): HTMLElement {
    const train = element("span", { class: "pipe__train" });
    const animation = train.animate([{ transform: "translateX(0)" }, { transform: `translateX(${STEP}px)` }], { duration: 1000, iterations: Infinity });
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
