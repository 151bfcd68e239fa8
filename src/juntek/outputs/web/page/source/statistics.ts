/** The table of days, months or years; rule: newest first, a column only where some row has something to say. */

import type { Day, Extremes } from "api-types";
import type { Period } from "./api.ts";
import { element, fill, table } from "./dom.ts";
import { NOTHING, day as dayText, dayYear, energy, joined, measure, monthYear, number, year } from "./format.ts";
import { digitsOf, labelOf, unitOf } from "./quantities.ts";
import { TEXT } from "./strings.ts";

interface ColumnOf {
  readonly label: string;
  readonly cell: (day: Day) => string;
  /** What stands smaller below it. */
  readonly below?: (day: Day) => string;
}

const COLUMNS: readonly ColumnOf[] = [
  { label: TEXT.charged, cell: (day) => joined(energy(day.charged_energy)), below: (day) => capacity(day.charged_capacity) },
  { label: TEXT.discharged, cell: (day) => joined(energy(day.discharged_energy)), below: (day) => capacity(day.discharged_capacity) },
  { label: TEXT.efficiency, cell: (day) => measure(day.efficiency === null ? null : day.efficiency * 100, 0, "%") },
];
function capacity(value: number | null): string {
  return measure(value, (value ?? 0) < 1000 ? 1 : 0, "Ah");
}

const RANGED = ["state_of_charge", "voltage", "current", "temperature"] as const;
const CAPTIONS = { day: TEXT.tableOfDays, month: TEXT.tableOfMonths, year: TEXT.tableOfYears };

export class Statistics {
  readonly element: HTMLElement;
  private readonly scroll = element("div", { class: "scroll", tabindex: "0", role: "region" });
  private readonly more: HTMLButtonElement;
  private readonly note = element("p", { class: "quiet below" }, TEXT.efficiencyNote);

  constructor() {
    const go = (): void => this.scroll.scrollBy({ left: this.scroll.clientWidth * 0.6, behavior: "smooth" });
    this.more = element("button", { type: "button", class: "link", hidden: true, click: go }, TEXT.moreColumns);
    this.element = element("div", {}, element("div", { class: "card__head" }, element("h3", {}, TEXT.statistics), this.more), this.scroll, this.note);
    this.scroll.addEventListener("scroll", () => this.showMore(), { passive: true });
    new ResizeObserver(() => this.showMore()).observe(this.scroll);
  }

  show(days: readonly Day[], period: Period): void {
    this.element.hidden = days.length === 0;
    const newest = [...days].sort((a, b) => (a.date < b.date ? 1 : -1));
    const ranged = RANGED.map((key) => ({ label: labelOf(key), cell: (day: Day) => extremes(day[key], digitsOf(key), unitOf(key)) }));
    const columns = [...COLUMNS, ...ranged].filter((column) => days.some((day) => column.cell(day) !== NOTHING));
    const isOneYear = newest[0]?.date.slice(0, 4) === newest[newest.length - 1]?.date.slice(0, 4);
    const name = { day: isOneYear ? dayText : dayYear, month: monthYear, year }[period];
    this.scroll.setAttribute("aria-label", CAPTIONS[period]);
    const caption = element("caption", { class: "only-read" }, CAPTIONS[period]);
    const rows = newest.map((day) => [name(day.date), ...columns.map((column) => cellOf(column, day))] as const);
    fill(this.scroll, table(caption, [TEXT.date, ...columns.map(({ label }) => label)], rows));
    this.note.hidden = !columns.some(({ label }) => label === TEXT.efficiency);
    this.showMore();
  }

  /** The way to the columns that are out of sight, for whoever sees no scroll bar. */
  private showMore(): void {
    const { scrollLeft, clientWidth, scrollWidth } = this.scroll;
    this.more.hidden = scrollLeft + clientWidth >= scrollWidth - 4;
  }
}

function cellOf({ cell, below }: ColumnOf, day: Day): HTMLElement {
  const small = below?.(day) ?? NOTHING;
  return element("td", {}, cell(day), small === NOTHING ? null : element("small", {}, small));
}

function extremes(value: Extremes, digits: number, unit: string): string {
  if (value.minimum === null || value.maximum === null) return NOTHING;
  const [low, high] = [number(value.minimum, digits), number(value.maximum, digits)];
  return low === high ? measure(value.minimum, digits, unit) : `${TEXT.between(low, high)}\u00a0${unit}`;
}
