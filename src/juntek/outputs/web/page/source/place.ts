/** What the address remembers: the meter and the stretch of time; rule: a link to it shows the same again. */

import { RANGES, type Range, type Span } from "./span.ts";

interface Place {
  readonly meter: string | null;
  readonly range: Range | null;
  readonly span?: Span;
}

export function readPlace(hash: string): Place {
  const query = new URLSearchParams(hash.replace(/^#/, ""));
  const meter = query.get("meter");
  const range = RANGES.find((name) => name === query.get("range")) ?? null;
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
