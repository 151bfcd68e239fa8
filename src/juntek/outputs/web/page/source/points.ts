/** Pieces of the past and the last minutes joined to lines that can be drawn; rule: pure; a gap stays a gap. */

import type { Column, History, QuantityFacts, Reading } from "api-types";
import { timeOf } from "./api.ts";
import { between, measure } from "./format.ts";
import type { Span } from "./span.ts";
import type { Loaded } from "./tiles.ts";

export interface Line {
  readonly minimum: (number | null)[];
  readonly average: (number | null)[];
  readonly maximum: (number | null)[];
}

/** All lines over one axis of time, and the stretch of it that is looked at. */
export interface Points {
  readonly span: Span;
  readonly time: number[];
  readonly lines: Readonly<Record<string, Line>>;
  /** Seconds that one point stands for; 0 for single readings. */
  readonly resolution: number;
}

export const NO_POINTS: Points = { span: { from: 0, to: 1 }, time: [], lines: {}, resolution: 0 };

/** Seconds without a reading that are a gap between single readings. */
const LONGEST_STEP = 90;

/** Coarser points than this say nothing new within seconds: readings are not put behind them. */
const COARSEST_LIVE = 120;

/** The quantity that says how far another one may be off, to both sides. */
export const doubtOf = (key: string): string => `${key}_uncertainty`;

type Series = Pick<History, "resolution" | "time" | "quantities">;

/** Joins pieces, in the order of time, with the readings that came after them. */
export function join(pieces: readonly Loaded[], keys: readonly string[], live: readonly Reading[], span: Span): Points {
  const lines = Object.fromEntries(keys.map((key) => [key, { minimum: [], average: [], maximum: [] }]));
  const resolution = Math.max(0, ...pieces.map(({ series }) => series.resolution));
  const points: Points = { span, time: [], lines, resolution };
  for (const { series, from, to } of pieces) {
    add(points, series, { from, to }, series.resolution > 0 ? series.resolution * 1.6 : usualStep(series.time));
  }
  const everything = { from: -Infinity, to: Infinity };
  if (resolution <= COARSEST_LIVE) add(points, seriesOf(live, keys), everything, Math.max(LONGEST_STEP, resolution * 1.6), resolution / 2);
  return points;
}

/** Returns single readings as the history would. */
function seriesOf(readings: readonly Reading[], keys: readonly string[]): Series {
  const known = readings.filter(({ time }) => timeOf(time) !== null);
  const values = (key: string): (number | null)[] => known.map(({ [key]: value }) => (typeof value === "number" ? value : null));
  const columns = keys.flatMap((key) => [key, doubtOf(key)]).map((key) => [key, { average: values(key) }]);
  return { resolution: 0, time: known.map(({ time }) => timeOf(time) as number), quantities: Object.fromEntries(columns) };
}

/** Adds what is more than `least` seconds apart; with a gap where it is more than `usual`. */
function add(points: Points, { resolution, time, quantities }: Series, { from, to }: Span, usual: number, least = 0): void {
  time.forEach((begins, index) => {
    // A point stands for the stretch that begins with its time, so it is drawn in the middle of it.
    const middle = begins + resolution / 2;
    const before = points.time[points.time.length - 1];
    if (middle < from || middle >= to || (before !== undefined && middle <= before + least)) return;
    if (before !== undefined && middle - before > usual) push(points, (before + middle) / 2, () => null);
    push(points, middle, (key, part) => quantities[key]?.[part]?.[index] ?? null);
  });
}

function push(points: Points, time: number, at: (key: string, part: keyof Column) => number | null): void {
  points.time.push(time);
  for (const [key, { minimum, average, maximum }] of Object.entries(points.lines)) {
    const value = at(key, "average") ?? at(key, "last");
    const doubt = at(doubtOf(key), "average") ?? at(doubtOf(key), "last");
    const [low, high] = [at(key, "minimum") ?? value, at(key, "maximum") ?? value];
    average.push(value);
    // What is in doubt by so much may have been less or more by it, but never below none or above all.
    minimum.push(low === null || doubt === null ? low : Math.max(low - doubt, 0));
    maximum.push(high === null || doubt === null ? high : Math.min(high + doubt, 100));
  }
}

/** Readings come every second or every few: a gap is what is much longer than usual. */
function usualStep(time: readonly number[]): number {
  if (time.length < 3) return LONGEST_STEP;
  const steps = time.slice(1).map((one, index) => one - (time[index] as number)).sort((a, b) => a - b);
  return Math.max(15, 5 * (steps[Math.floor(steps.length / 2)] as number));
}

/** What is said of one point of a quantity: its value, and from where to where it went. */
export function toldAt({ lines }: Points, { key, digits, unit }: QuantityFacts, index: number, unitOfBoth = unit): [value: string, between: string] {
  const [value, low, high] = (["average", "minimum", "maximum"] as const).map((part) => lines[key]?.[part][index] ?? null);
  return [value == null ? "no reading" : measure(value, digits, unit), between(low ?? null, high ?? null, digits, unitOfBoth)];
}

/** Returns the indices of the first and the last point that are looked at. */
export function endsOf({ span, time }: Points): [first: number, last: number] {
  let last = time.length - 1;
  while (last > 0 && (time[last] as number) > span.to) last--;
  return [Math.max(time.findIndex((one) => one >= span.from), 0), Math.max(last, 0)];
}
