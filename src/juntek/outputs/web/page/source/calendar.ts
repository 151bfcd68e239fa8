/** Days, months and years in a row; rule: pure; dates are YYYY-MM-DD without a zone, as the gateway counts them. */

import type { Day } from "api-types";
import type { Period } from "./api.ts";

export interface Stretch {
  readonly from: string;
  readonly to: string;
}

/** How many bars are shown of each; all years. */
const COUNTS: Record<Period, number> = { day: 30, month: 12, year: 30 };

/** Returns the stretch that ends `back` stretches before the one with today in it. */
export function stretchOf(period: Period, today: string, back: number, count = COUNTS[period]): Stretch {
  const end = add(begin(today, period), period, -back * count);
  const last = add(add(end, period, 1), "day", -1);
  return { from: add(end, period, 1 - count), to: back === 0 ? today : last };
}

/** Returns a row for every period of a stretch, null where nothing was counted; none before the first of all. */
export function rowsOf(days: readonly Day[], stretch: Stretch, period: Period): [date: string, day: Day | null][] {
  const known = new Map(days.map((day) => [begin(day.date, period), day]));
  const rows: [string, Day | null][] = [];
  for (let date = begin(stretch.from, period); date <= stretch.to; date = add(date, period, 1)) {
    rows.push([date, known.get(date) ?? null]);
  }
  // Years before the first one would only be empty room.
  while (period === "year" && rows.length > 5 && rows[0]?.[1] === null) rows.shift();
  return rows;
}

export function begin(date: string, period: Period): string {
  const full = date.length === 4 ? `${date}-01-01` : date.length === 7 ? `${date}-01` : date;
  if (period === "day") return full;
  return period === "month" ? `${full.slice(0, 7)}-01` : `${full.slice(0, 4)}-01-01`;
}

/** Adds whole days, months or years; the day of the month is kept only for days. */
export function add(date: string, period: Period, count: number): string {
  const [year = 1970, month = 1, day = 1] = date.split("-").map(Number);
  const moved =
    period === "day"
      ? new Date(Date.UTC(year, month - 1, day + count))
      : period === "month"
        ? new Date(Date.UTC(year, month - 1 + count, 1))
        : new Date(Date.UTC(year + count, 0, 1));
  return moved.toISOString().slice(0, 10);
}
