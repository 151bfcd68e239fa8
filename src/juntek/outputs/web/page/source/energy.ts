/** Energy of days, months and years, as bars and as a table; rule: both show the same rows, and dates have no zone. */

import type { Day, Extremes } from "api-types";
import { PERIODS, type Period, getDays, now, reasonOf } from "./api.ts";
import { Bars } from "./bars.ts";
import { type Description, card, choice, describe, element, iconButton, table, takeOver, update } from "./dom.ts";
import { NOTHING, between, capitalised, dayYear, day as dayText, energy, isoDate, joined, measure, monthYear, year } from "./format.ts";
import { quantityOf } from "./quantities.ts";

/** Dates YYYY-MM-DD, as the gateway counts days. */
type Stretch = Readonly<{ from: string; to: string }>;

/** How many bars are shown of each; all years. */
const COUNTS: Record<Period, number> = { day: 30, month: 12, year: 30 };

/** Milliseconds between two looks at today's numbers. */
const AGAIN = 60_000;

export class Energy {
  readonly element = element("section");
  private readonly bars = new Bars();
  private readonly statistics = new Statistics();
  private meter = "";
  private period: Period = "day";
  private back = 0;
  private running: AbortController | null = null;
  private told: readonly Description[] = [];
  private note = "";

  constructor() {
    window.setInterval(() => {
      if (!document.hidden && this.back === 0) void this.load();
    }, AGAIN);
  }

  setMeter(meter: string): void {
    this.meter = meter;
    this.choose(this.period, 0);
  }

  private choose(period: Period, back: number): void {
    this.period = period;
    this.back = Math.max(back, 0);
    this.draw();
    void this.load();
  }

  private draw(): void {
    const moves = describe("div", { class: "moves", role: "group", "aria-label": "Move in time" },
      ...(this.period === "year" ? [] : [
        iconButton("Earlier", "left", () => this.choose(this.period, this.back + 1)),
        iconButton("Later", "right", () => this.choose(this.period, this.back - 1), this.back === 0),
      ]));
    const periods = choice("Energy of each", PERIODS, this.period, (period) => this.choose(period, 0));
    const note = describe("p", { class: "quiet", role: "status" }, this.note);
    takeOver(this.element, card("energy", "Energy", [describe("div", { class: "card__told" }, ...this.told), moves, periods], note, this.bars.element, this.statistics.element));
  }

  async load(): Promise<void> {
    if (this.meter === "") return;
    this.running?.abort();
    const controller = new AbortController();
    this.running = controller;
    const stretch = stretchOf(this.period, isoDate(now()), this.back);
    try {
      const days = await getDays(this.meter, stretch.from, stretch.to, this.period, controller.signal);
      this.note = days.length === 0 ? "No energy has been counted in this time." : "";
      this.show(days, stretch);
    } catch (error) {
      if (controller.signal.aborted) return;
      this.note = `The energy could not be loaded. ${reasonOf(error, "It is tried again by itself.")}`;
    }
    this.draw();
  }

  private show(days: readonly Day[], stretch: Stretch): void {
    const rows = rowsOf(days, stretch, this.period);
    const name = { day: dayYear, month: monthYear, year }[this.period];
    this.told = [
      describe("p", { class: "card__span" }, `${name(rows[0]?.[0] ?? stretch.from)} – ${name(stretch.to)}`),
      describe("p", { class: "sums" }, ...(["charged", "discharged"] as const).map((way) => sumOf(days, way))),
    ];
    this.bars.show(rows, this.period);
    this.statistics.show(days, this.period);
  }
}

function sumOf(days: readonly Day[], way: "charged" | "discharged"): Description {
  const known = days.map((day) => day[`${way}_energy`]).filter((value) => value !== null);
  const total = known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0);
  return describe("span", { class: "sum", "data-tone": way }, `${capitalised(way)} `, describe("strong", {}, joined(energy(total))));
}

interface ColumnOf {
  readonly label: string;
  readonly cell: (day: Day) => string;
  /** What stands smaller below it. */
  readonly below?: (day: Day) => string;
}

const COLUMNS: readonly ColumnOf[] = [
  { label: "Charged", cell: (day) => joined(energy(day.charged_energy)), below: (day) => capacity(day.charged_capacity) },
  { label: "Discharged", cell: (day) => joined(energy(day.discharged_energy)), below: (day) => capacity(day.discharged_capacity) },
  { label: "Efficiency", cell: (day) => measure(day.efficiency === null ? null : day.efficiency * 100, 0, "%") },
];
const RANGED = ["state_of_charge", "voltage", "current", "temperature"] as const;

/** The table: newest first, a column only where some row has something to say. */
class Statistics {
  private readonly scroll = element("div", { class: "scroll", tabindex: "0", role: "region", scroll: () => this.showMore() });
  private readonly more = element("button", { type: "button", class: "link", hidden: true, click: () => this.scroll.scrollBy({ left: this.scroll.clientWidth * 0.6 }) }, "More columns →");
  private readonly note = element("p", { class: "quiet below" }, "Efficiency is what came out, and what more was left than before, as a share of what went in.");
  readonly element = element("div", {}, element("div", { class: "card__head" }, element("h3", {}, "Statistics"), this.more), this.scroll, this.note);

  constructor() {
    new ResizeObserver(() => this.showMore()).observe(this.scroll);
  }

  show(days: readonly Day[], period: Period): void {
    this.element.hidden = days.length === 0;
    const newest = [...days].reverse();
    const ranged = RANGED.map((key) => ({ label: quantityOf(key).label, cell: (day: Day) => extremes(day[key], quantityOf(key)) }));
    const columns = [...COLUMNS, ...ranged].filter((column) => days.some((day) => column.cell(day) !== NOTHING));
    const isOneYear = newest[0]?.date.slice(0, 4) === newest[newest.length - 1]?.date.slice(0, 4);
    const name = { day: isOneYear ? dayText : dayYear, month: monthYear, year }[period];
    const caption = `Statistics of each ${period}`;
    this.scroll.setAttribute("aria-label", caption);
    const rows = newest.map((day) => [name(day.date), ...columns.map((column) => cellOf(column, day))] as const);
    update(this.scroll, table(describe("caption", { class: "only-read" }, caption), ["Date", ...columns.map(({ label }) => label)], rows));
    this.note.hidden = !columns.some(({ label }) => label === "Efficiency");
    this.showMore();
  }

  /** The way to the columns that are out of sight, for whoever sees no scroll bar. */
  private showMore(): void {
    const { scrollLeft, clientWidth, scrollWidth } = this.scroll;
    this.more.hidden = scrollLeft + clientWidth >= scrollWidth - 4;
  }
}

function cellOf({ cell, below }: ColumnOf, day: Day): Description {
  const small = below?.(day) ?? NOTHING;
  return describe("td", {}, cell(day), small === NOTHING ? null : describe("small", {}, small));
}

function capacity(value: number | null): string {
  return measure(value, (value ?? 0) < 1000 ? 1 : 0, "Ah");
}

function extremes({ minimum, maximum }: Extremes, { digits, unit }: { digits: number; unit: string }): string {
  return minimum === null || maximum === null ? NOTHING : between(minimum, maximum, digits, unit) || measure(minimum, digits, unit);
}

/** Returns the stretch that ends `back` stretches before the one with today in it. */
export function stretchOf(period: Period, today: string, back: number): Stretch {
  const end = add(begin(today, period), period, -back * COUNTS[period]);
  return { from: add(end, period, 1 - COUNTS[period]), to: back === 0 ? today : add(add(end, period, 1), "day", -1) };
}

/** Returns a row for every period of a stretch, null where nothing was counted; none before the first of all. */
export function rowsOf(days: readonly Day[], { from, to }: Stretch, period: Period): [date: string, day: Day | null][] {
  const known = new Map(days.map((day) => [day.date, day]));
  const rows: [string, Day | null][] = [];
  for (let date = begin(from, period); date <= to; date = add(date, period, 1)) rows.push([date, known.get(date) ?? null]);
  // Years before the first one would only be empty room.
  while (period === "year" && rows.length > 5 && rows[0]?.[1] === null) rows.shift();
  return rows;
}

function begin(date: string, period: Period): string {
  return date.slice(0, { day: 10, month: 7, year: 4 }[period]) + { day: "", month: "-01", year: "-01-01" }[period];
}

/** Adds whole days, months or years to the date that begins one. */
export function add(date: string, period: Period, count: number): string {
  const parts = date.split("-").map(Number);
  const [years = 0, months = 0, days = 0] = parts.map((part, index) => part + (["year", "month", "day"][index] === period ? count : 0));
  return new Date(Date.UTC(years, months - 1, days)).toISOString().slice(0, 10);
}
