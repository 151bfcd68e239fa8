/** Energy of days, months and years, as bars and as a table; rule: both show the same rows. */

import type { Day, Period } from "./api.ts";
import { GatewayError, getDays, now } from "./api.ts";
import { Bars } from "./bars.ts";
import { type Stretch, rowsOf, stretchOf } from "./calendar.ts";
import { choice } from "./chart_controls.ts";
import { element, fill, say } from "./dom.ts";
import { dayYear, energy, isoDate, joined, monthYear, year } from "./format.ts";
import { iconButton } from "./icons.ts";
import { Statistics } from "./statistics.ts";
import { TEXT } from "./strings.ts";

const PERIODS: readonly Period[] = ["day", "month", "year"];

/** Milliseconds between two looks at today's numbers. */
const AGAIN = 60_000;

export class Energy {
  readonly element: HTMLElement;
  private readonly bars = new Bars();
  private readonly title = element("p", { class: "charts__span" });
  private readonly sums = element("p", { class: "sums" });
  private readonly note = element("p", { class: "quiet", role: "status" });
  private readonly statistics = new Statistics();
  private readonly periods = choice(TEXT.periodGroup, PERIODS, TEXT.periods, (period) => this.choose(period, 0));
  private readonly later: HTMLButtonElement;
  private readonly earlier: HTMLButtonElement;
  private meter = "";
  private period: Period = "day";
  private back = 0;
  private running: AbortController | null = null;

  constructor() {
    this.earlier = iconButton(TEXT.earlier, "left", () => this.choose(this.period, this.back + 1));
    this.later = iconButton(TEXT.later, "right", () => this.choose(this.period, Math.max(0, this.back - 1)));
    this.element = element(
      "section",
      { class: "card energy", id: "energy", "aria-labelledby": "energy-title" },
      element(
        "div",
        { class: "charts__head" },
        element("h2", { id: "energy-title" }, TEXT.energy),
        element("div", { class: "charts__told" }, this.title, this.sums),
        element("div", { class: "moves", role: "group", "aria-label": TEXT.moveEnergy }, this.earlier, this.later),
        this.periods.element,
      ),
      this.note,
      this.bars.element,
      this.statistics.element,
    );
    window.setInterval(() => {
      if (!document.hidden && this.back === 0 && this.meter !== "") void this.load();
    }, AGAIN);
  }

  setMeter(meter: string): void {
    this.meter = meter;
    this.choose(this.period, 0);
  }

  refresh(): void {
    if (this.meter !== "") void this.load();
  }

  private choose(period: Period, back: number): void {
    this.period = period;
    this.back = back;
    this.periods.show(period);
    this.later.setAttribute("aria-disabled", String(back === 0));
    this.earlier.hidden = this.later.hidden = period === "year";
    void this.load();
  }

  private async load(): Promise<void> {
    this.running?.abort();
    const controller = new AbortController();
    this.running = controller;
    const stretch = stretchOf(this.period, isoDate(now()), this.back);
    this.element.classList.add("is-loading");
    try {
      const days = await getDays(this.meter, stretch.from, stretch.to, this.period, controller.signal);
      this.show(days, stretch);
    } catch (error) {
      if (controller.signal.aborted) return;
      const why = error instanceof GatewayError && error.message !== "" ? error.message : TEXT.notice.tryAgain;
      say(this.note, TEXT.notice.daysFailed(why));
    }
    if (this.running === controller) this.element.classList.remove("is-loading");
  }

  private show(days: readonly Day[], stretch: Stretch): void {
    const rows = rowsOf(days, stretch, this.period);
    const first = rows[0]?.[0] ?? stretch.from;
    say(this.title, titleOf(this.period, first, stretch.to));
    say(this.note, days.length === 0 ? TEXT.noDays : "");
    const [charged, discharged] = [sum(days, "charged_energy"), sum(days, "discharged_energy")];
    fill(
      this.sums,
      element("span", { class: "sum", "data-tone": "charge" }, TEXT.charged, " ", element("strong", {}, joined(energy(charged)))),
      element("span", { class: "sum", "data-tone": "discharge" }, TEXT.discharged, " ", element("strong", {}, joined(energy(discharged)))),
    );
    this.bars.show(rows, this.period);
    this.statistics.show(days, this.period);
  }
}

function titleOf(period: Period, from: string, to: string): string {
  const name = { day: dayYear, month: monthYear, year }[period];
  return `${name(from)} – ${name(to)}`;
}

function sum(days: readonly Day[], key: "charged_energy" | "discharged_energy"): number | null {
  const known = days.map((day) => day[key]).filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((total, value) => total + value, 0);
}

