/** Bars of energy, charged up and discharged down from one line; rule: every bar can be reached by key and is told. */

import type { Day } from "api-types";
import { PERIODS, type Period } from "./api.ts";
import { element, fill, say } from "./dom.ts";
import { day as dayText, dayMonth, energy, joined, linesOf, measure, month, monthYear, scaleOf, ticksOf, year } from "./format.ts";

const SHORT = { day: dayMonth, month, year };
const LONG = { day: dayText, month: monthYear, year };

export class Bars {
  private readonly plot = element("div", { class: "bars__plot" });
  private readonly readout = element("p", { class: "bars__readout", role: "status", "aria-live": "polite" });
  private readonly area = element("div", { class: "bars__area", tabindex: "0", role: "group", "aria-roledescription": "chart" }, this.plot);
  readonly element = element("div", { class: "bars" }, this.readout, this.area);
  private rows: readonly [string, Day | null][] = [];
  private period: Period = "day";
  private columns: HTMLElement[] = [];
  private width = 0;
  private chosen = -1;

  constructor() {
    this.area.addEventListener("keydown", (event) => this.press(event));
    this.area.addEventListener("pointermove", (event) => this.point(event));
    this.area.addEventListener("pointerdown", (event) => this.point(event));
    // A finger that is lifted leaves too: what it tapped stays chosen.
    this.area.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && this.choose(-1));
    this.area.addEventListener("blur", () => this.choose(-1));
    new ResizeObserver(() => {
      const width = this.plot.clientWidth;
      if (width !== this.width && this.rows.length > 0) this.show(this.rows, this.period);
      this.width = width;
    }).observe(this.area);
  }

  show(rows: readonly [string, Day | null][], period: Period): void {
    const isSame = period === this.period && rows[0]?.[0] === this.rows[0]?.[0];
    this.rows = rows;
    this.period = period;
    this.area.setAttribute("aria-label", `Bars of charged and discharged energy, ${PERIODS[period]}. Left and right arrow keys go from bar to bar.`);
    const most = Math.max(...rows.map(([, row]) => Math.max(row?.charged_energy ?? 0, row?.discharged_energy ?? 0)), 0);
    const [unit, scale] = scaleOf(most || 1000);
    const ticks = ticksOf(0, (most || 1000) / scale, 4);
    const top = ticks.high * scale;
    const values = linesOf(ticks);
    const lines = [...[...values].reverse(), ...values.slice(1).map((value) => -value)].map((value) => {
      const label = value === 0 ? "0" : measure(Math.abs(value), ticks.digits, unit);
      const line = element("div", { class: "bars__line", "aria-hidden": "true" }, element("span", {}, label));
      line.style.top = `${(50 - (value / ticks.high) * 50).toFixed(3)}%`;
      return line;
    });
    const every = Math.max(1, Math.ceil((rows.length * 76) / Math.max(200, this.plot.clientWidth)));
    this.columns = rows.map(([name, row], index) => {
      const up = element("span", { class: "bar bar--up" });
      const down = element("span", { class: "bar bar--down" });
      up.style.height = `${(((row?.charged_energy ?? 0) / top) * 50).toFixed(3)}%`;
      down.style.height = `${(((row?.discharged_energy ?? 0) / top) * 50).toFixed(3)}%`;
      // Counted from the newest, so that today always has its label.
      const hasLabel = (rows.length - 1 - index) % every === 0;
      const label = hasLabel ? element("span", { class: "bars__label" }, SHORT[period](name)) : null;
      return element("div", { class: "bars__column" }, up, down, label);
    });
    fill(this.plot, ...lines, element("div", { class: "bars__columns", "aria-hidden": "true" }, ...this.columns));
    this.choose(isSame ? this.chosen : -1);
  }

  private press(event: KeyboardEvent): void {
    const last = this.rows.length - 1;
    const from = this.chosen < 0 ? (event.key === "ArrowLeft" ? last + 1 : last - 1) : this.chosen;
    const to = { ArrowLeft: from - 1, ArrowRight: from + 1, Home: 0, End: last, Escape: -1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.choose(event.key === "Escape" ? -1 : Math.min(Math.max(to, 0), last));
  }

  private point(event: PointerEvent): void {
    const box = this.columns[0]?.parentElement?.getBoundingClientRect();
    if (!box || box.width === 0) return;
    const index = Math.floor(((event.clientX - box.left) / box.width) * this.rows.length);
    this.choose(index >= 0 && index < this.rows.length ? index : -1);
  }

  private choose(index: number): void {
    this.chosen = index;
    this.columns.forEach((column, at) => column.classList.toggle("is-chosen", at === index));
    this.plot.classList.toggle("has-chosen", index >= 0);
    const row = this.rows[index];
    say(
      this.readout,
      row ? `${LONG[this.period](row[0])}: charged ${joined(energy(row[1]?.charged_energy))}, discharged ${joined(energy(row[1]?.discharged_energy))}` : "",
    );
  }
}
