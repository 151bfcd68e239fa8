/** Energy of days, months and years, as bars and as a table; rule: both show the same rows. */

import type { Day } from "api-types";
import { type Period, getDays, now, reasonOf } from "./api.ts";
import { Bars } from "./bars.ts";
import { type Stretch, rowsOf, stretchOf } from "./calendar.ts";
import { choice } from "./chart_controls.ts";
import { card, element, fill, say } from "./dom.ts";
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
  private readonly title = element("p", { class: "card__span" });
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
    const moves = element("div", { class: "moves", role: "group", "aria-label": TEXT.moveEnergy }, this.earlier, this.later);
    const told = element("div", { class: "card__told" }, this.title, this.sums);
    this.element = card("energy", TEXT.energy, [told, moves, this.periods.element], this.note, this.bars.element, this.statistics.element);
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
      say(this.note, TEXT.notice.daysFailed(reasonOf(error, TEXT.notice.tryAgain)));
    }
    if (this.running === controller) this.element.classList.remove("is-loading");
  }

  private show(days: readonly Day[], stretch: Stretch): void {
    const rows = rowsOf(days, stretch, this.period);
    const first = rows[0]?.[0] ?? stretch.from;
    const name = { day: dayYear, month: monthYear, year }[this.period];
    say(this.title, `${name(first)} – ${name(stretch.to)}`);
    say(this.note, days.length === 0 ? TEXT.noDays : "");
    const sums = (["charged", "discharged"] as const).map((way) => {
      const known = days.map((day) => day[`${way}_energy`]).filter((value) => value !== null);
      const total = known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0);
      return element("span", { class: "sum", "data-tone": way }, TEXT[way], " ", element("strong", {}, joined(energy(total))));
    });
    fill(this.sums, ...sums);
    this.bars.show(rows, this.period);
    this.statistics.show(days, this.period);
  }
}
