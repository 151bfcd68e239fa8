/** Which stretch of time is looked at; rule: pure; times in seconds since 1970. */

export interface Span {
  readonly from: number;
  readonly to: number;
}

export const RANGES = { hour: "Hour", day: "Day", week: "Week", month: "Month", year: "Year", all: "All" } as const;
export type Range = keyof typeof RANGES;
const NAMES = Object.keys(RANGES) as Range[];

const LENGTHS: Record<Exclude<Range, "all">, number> = {
  hour: 3600,
  day: 86_400,
  week: 7 * 86_400,
  month: 30 * 86_400,
  year: 365 * 86_400,
};

/** Seconds of the closest look. */
export const SHORTEST = 60;

/** Seconds that "all" shows at least, so that a young history is not one point. */
const LEAST_ALL = 600;

/** Returns the stretch that ends now. */
export function spanOf(range: Range, limits: Span): Span {
  if (range === "all") return { from: Math.min(limits.from, limits.to - LEAST_ALL), to: limits.to };
  return { from: limits.to - LENGTHS[range], to: limits.to };
}

/** Returns the range that a stretch is one of, when it ends now. */
export function rangeOf(span: Span, limits: Span): Range | null {
  const length = span.to - span.from;
  const isAsLong = (range: Range): boolean => {
    const { from, to } = spanOf(range, limits);
    return Math.abs(to - from - length) < length * 0.005;
  };
  return endsNow(span, limits) ? (NAMES.find(isAsLong) ?? null) : null;
}

/** Returns whether the stretch goes on with the clock. */
export function endsNow(span: Span, limits: Span): boolean {
  return span.to >= limits.to - Math.max(2, (span.to - span.from) * 0.01);
}

/** Returns the stretch made `factor` times as long (2: out, 0.5: in) while `around` stays where it is. */
export function zoom(span: Span, factor: number, around: number, limits: Span): Span {
  const before = span.to - span.from;
  const length = Math.min(Math.max(before * factor, SHORTEST), longest(limits));
  const place = (around - span.from) / before;
  return keepIn({ from: around - place * length, to: around + (1 - place) * length }, limits);
}

/** Returns the stretch moved by so many seconds, no further than there is something. */
export function pan(span: Span, by: number, limits: Span): Span {
  return keepIn({ from: span.from + by, to: span.to + by }, limits);
}

/** Returns whether nothing more can be seen from further away. */
export function isWidest(span: Span, limits: Span): boolean {
  return span.to - span.from >= longest(limits) * 0.999;
}

const longest = (limits: Span): number => Math.max(limits.to - limits.from, LENGTHS.year);

/** A stretch never passes now, and keeps a part of what there is in view. */
function keepIn(span: Span, limits: Span): Span {
  const length = span.to - span.from;
  const to = Math.max(Math.min(span.to, limits.to), Math.min(limits.from + length * 0.25, limits.to));
  return { from: to - length, to };
}

/** What is looked at: a range that ends now, or else a stretch. */
export interface Seen {
  readonly range: Range | null;
  readonly span?: Span;
}

/** What the address remembers, so that a link to it shows the same again. */
interface Place extends Seen {
  readonly meter: string | null;
}

export function readPlace(hash: string): Place {
  const query = new URLSearchParams(hash.replace(/^#/, ""));
  const meter = query.get("meter");
  const range = NAMES.find((name) => name === query.get("range")) ?? null;
  const from = Date.parse(query.get("from") ?? "") / 1000;
  const to = Date.parse(query.get("to") ?? "") / 1000;
  if (Number.isFinite(from) && Number.isFinite(to) && to - from >= 1) return { meter, range: null, span: { from, to } };
  return { meter, range };
}

export function writePlace(place: Place): string {
  const query = new URLSearchParams();
  if (place.meter !== null) query.set("meter", place.meter);
  if (place.range) query.set("range", place.range);
  else if (place.span) {
    query.set("from", iso(place.span.from));
    query.set("to", iso(place.span.to));
  }
  return `#${query.toString().replace(/%3A/g, ":")}`;
}

function iso(time: number): string {
  return new Date(Math.round(time) * 1000).toISOString().replace(".000", "");
}
