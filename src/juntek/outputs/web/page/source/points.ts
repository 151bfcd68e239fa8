/** Pieces of the past and the last minutes joined to lines that can be drawn; rule: pure; a gap stays a gap. */

import type { Column, QuantityFacts, Reading } from "api-types";
import { timeOf } from "./api.ts";
import { between, measure } from "./format.ts";
import type { Span } from "./span.ts";
import type { Loaded } from "./tiles.ts";

export interface Line {
  readonly minimum: (number | null)[];
  readonly average: (number | null)[];
  readonly maximum: (number | null)[];
}

export interface Points {
  readonly time: number[];
  readonly lines: Readonly<Record<string, Line>>;
  /** Seconds that one point stands for; 0 for single readings. */
  readonly resolution: number;
}

/** Seconds without a reading that are a gap between single readings. */
const LONGEST_STEP = 90;

/** Coarser points than this say nothing new within seconds: readings are not put behind them. */
const COARSEST_LIVE = 120;

/** The quantity that says how far another one may be off, to both sides. */
export const doubtOf = (key: string): string => `${key}_uncertainty`;

/** Joins pieces, in the order of time, with the readings that came after them. */
export function join(pieces: readonly Loaded[], keys: readonly string[], live: readonly Reading[]): Points {
  const lines: Record<string, Line> = {};
  for (const key of keys) lines[key] = { minimum: [], average: [], maximum: [] };
  const resolution = Math.max(0, ...pieces.map(({ series }) => series.resolution));
  const points: Points = { time: [], lines, resolution };
  for (const piece of pieces) addPiece(points, piece, keys);
  if (resolution <= COARSEST_LIVE) addLive(points, keys, live);
  return points;
}

function addPiece(points: Points, { series, from, to }: Loaded, keys: readonly string[]): void {
  const usual = series.resolution > 0 ? series.resolution * 1.6 : usualStep(series.time);
  // A point stands for the stretch that begins with its time, so it is drawn in the middle of it.
  const middle = series.resolution / 2;
  const at = (key: string, part: keyof Column, index: number): number | null => series.quantities[key]?.[part]?.[index] ?? null;
  series.time.forEach((begins, index) => {
    const time = begins + middle;
    const before = points.time[points.time.length - 1];
    if (time < from || time >= to || (before !== undefined && time <= before)) return;
    if (before !== undefined && time - before > usual) addGap(points, keys, before, time);
    points.time.push(time);
    for (const key of keys) {
      const average = at(key, "average", index) ?? at(key, "last", index);
      const doubt = at(doubtOf(key), "average", index) ?? at(doubtOf(key), "last", index);
      push(points, key, average, at(key, "minimum", index) ?? average, at(key, "maximum", index) ?? average, doubt);
    }
  });
}

function addLive(points: Points, keys: readonly string[], live: readonly Reading[]): void {
  const { resolution } = points;
  for (const reading of live) {
    const time = timeOf(reading.time);
    const before = points.time[points.time.length - 1];
    if (time === null || (before !== undefined && time <= before + resolution / 2)) continue;
    if (before !== undefined && time - before > Math.max(LONGEST_STEP, resolution * 1.6)) addGap(points, keys, before, time);
    points.time.push(time);
    for (const key of keys) {
      const [value, doubt] = [key, doubtOf(key)].map((name) => (typeof reading[name] === "number" ? (reading[name] as number) : null));
      push(points, key, value ?? null, value ?? null, value ?? null, doubt ?? null);
    }
  }
}

function addGap(points: Points, keys: readonly string[], before: number, after: number): void {
  points.time.push((before + after) / 2);
  for (const key of keys) push(points, key, null, null, null, null);
}

/** Adds a point; what is in doubt by so much may have been less or more by it, but never below none or above all. */
function push(points: Points, key: string, average: number | null, low: number | null, high: number | null, doubt: number | null): void {
  const line = points.lines[key] as Line;
  line.average.push(average);
  line.minimum.push(low === null || doubt === null ? low : Math.max(low - doubt, 0));
  line.maximum.push(high === null || doubt === null ? high : Math.min(high + doubt, 100));
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

/** Returns the index of the point nearest to a moment, or -1. */
export function nearest({ time: times }: Points, time: number): number {
  const after = times.findIndex((one) => one >= time);
  if (after < 1) return after < 0 ? times.length - 1 : after;
  return time - (times[after - 1] as number) <= (times[after] as number) - time ? after - 1 : after;
}

/** Returns the index of the first point of a stretch. */
export function firstIn(points: Points, span: Span): number {
  return Math.max(points.time.findIndex((time) => time >= span.from), 0);
}

/** Returns the index of the last point of a stretch. */
export function lastIn(points: Points, span: Span): number {
  let index = points.time.length - 1;
  while (index > 0 && (points.time[index] as number) > span.to) index--;
  return Math.max(index, 0);
}
