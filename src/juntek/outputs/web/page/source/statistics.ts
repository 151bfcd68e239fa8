/** The table of days, months or years; rule: newest first, a column only where some row has something to say. */

import type { Day, Extremes, Period } from "./api.ts";
import { columnHead, element, rowHead, table } from "./dom.ts";
import { NOTHING, date, dayYear, energy, joined, measure, monthYear, number, year } from "./format.ts";
import { digitsOf, labelOf, unitOf } from "./quantities.ts";
import { TEXT } from "./strings.ts";

interface ColumnOf {
  readonly label: string;
  readonly title?: string;
  readonly cell: (day: Day) => string;
  /** What stands smaller below it. */
  readonly below?: (day: Day) => string;
}

const COLUMNS: readonly ColumnOf[] = [
  { label: TEXT.charged, cell: (day) => joined(energy(day.charged_energy)), below: (day) => measure(day.charged_capacity, 1, "Ah") },
  {
    label: TEXT.discharged,
    cell: (day) => joined(energy(day.discharged_energy)),
    below: (day) => measure(day.discharged_capacity, 1, "Ah"),
  },
  { label: TEXT.efficiency, title: TEXT.efficiencyTitle, cell: (day) => measure(day.efficiency === null ? null : day.efficiency * 100, 0, "%") },
];
const RANGED = ["state_of_charge", "voltage", "current", "temperature"] as const;

export function statistics(caption: string, days: readonly Day[], period: Period): HTMLTableElement {
  const ranged = RANGED.map((key) => ({ label: labelOf(key), cell: (day: Day) => extremes(day[key], digitsOf(key), unitOf(key)) }));
  const columns = [...COLUMNS, ...ranged].filter((column) => days.some((day) => column.cell(day) !== NOTHING));
  const name = { day: dayYear, month: monthYear, year }[period];
  return table(
    element("caption", { class: "only-read" }, caption),
    [columnHead(TEXT.date), ...columns.map(({ label, title }: ColumnOf) => columnHead(label, title))],
    days.map((day) => [rowHead(name(date(day.date))), ...columns.map((column) => cellOf(column, day))]),
  );
}

function cellOf({ cell, below }: ColumnOf, day: Day): HTMLElement {
  const small = below?.(day) ?? NOTHING;
  return element("td", {}, cell(day), small === NOTHING ? null : element("small", {}, small));
}

function extremes(value: Extremes | null | undefined, digits: number, unit: string): string {
  if (!value || value.minimum === null || value.maximum === null) return NOTHING;
  const [low, high] = [number(value.minimum, digits), number(value.maximum, digits)];
  return low === high ? measure(value.minimum, digits, unit) : `${TEXT.between(low, high)}\u00a0${unit}`;
}
