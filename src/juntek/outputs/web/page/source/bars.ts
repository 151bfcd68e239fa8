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
  private readonly area = element("div", {
    class: "bars__area", tabindex: "0", role: "group", "aria-roledescription": "chart",
    keydown: (event: KeyboardEvent) => this.press(event),
    pointermove: (event: PointerEvent) => this.point(event),
    pointerdown: (event: PointerEvent) => this.point(event),
    // A finger that is lifted leaves too: what it tapped stays chosen.
    pointerleave: (event: PointerEvent) => event.pointerType === "mouse" && this.choose(-1),
    blur: () => this.choose(-1),
  }, this.plot);
  readonly element = element("div", { class: "bars" }, this.readout, this.area);
  private rows: readonly [string, Day | null][] = [];
  private period: Period = "day";
  private columns: HTMLElement[] = [];
  private chosen = -1;

  constructor() {
    new ResizeObserver(() => this.rows.length > 0 && this.draw()).observe(this.area);
  }

  show(rows: readonly [string, Day | null][], period: Period): void {
    if (period !== this.period || rows[0]?.[0] !== this.rows[0]?.[0]) this.chosen = -1;
    this.rows = rows;
    this.period = period;
    this.area.setAttribute("aria-label", `Bars of charged and discharged energy, ${PERIODS[period]}. Left and right arrow keys go from bar to bar.`);
    this.draw();
  }

  private draw(): void {
    const { rows } = this;
    const most = Math.max(...rows.map(([, row]) => Math.max(row?.charged_energy ?? 0, row?.discharged_energy ?? 0)), 0) || 1000;
    const [unit, scale] = scaleOf(most);
    const ticks = ticksOf(0, most / scale, 4);
    const values = linesOf(ticks);
    const lines = [...[...values].reverse(), ...values.slice(1).map((value) => -value)].map((value) => {
      const label = value === 0 ? "0" : measure(Math.abs(value), ticks.digits, unit);
      return element("div", { class: "bars__line", "aria-hidden": "true", style: { top: percent(0.5 - value / ticks.high / 2) } }, element("span", {}, label));
    });
    const bar = (kind: string, value: number | null | undefined): HTMLElement =>
      element("span", { class: `bar ${kind}`, style: { height: percent((value ?? 0) / scale / ticks.high / 2) } });
    const every = Math.max(1, Math.ceil((rows.length * 76) / Math.max(200, this.plot.clientWidth)));
    this.columns = rows.map(([name, row], index) => {
      // Counted from the newest, so that today always has its label.
      const hasLabel = (rows.length - 1 - index) % every === 0;
      const label = hasLabel && element("span", { class: "bars__label" }, SHORT[this.period](name));
      return element("div", { class: "bars__column" }, bar("bar--up", row?.charged_energy), bar("bar--down", row?.discharged_energy), label);
    });
    fill(this.plot, ...lines, element("div", { class: "bars__columns", "aria-hidden": "true" }, ...this.columns));
    this.choose(this.chosen);
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
    const [name, row] = this.rows[index] ?? [];
    say(this.readout, name === undefined ? "" : `${LONG[this.period](name)}: charged ${joined(energy(row?.charged_energy))}, discharged ${joined(energy(row?.discharged_energy))}`);
  }
}

const percent = (part: number): string => `${(part * 100).toFixed(3)}%`;
