/** The charts as a table, for whoever cannot see them; rule: at most some fifty rows, evenly over what is shown. */

import { element, fill, table } from "./dom.ts";
import { measure, number, point, span as spanText } from "./format.ts";
import type { Points } from "./points.ts";
import type { Charted } from "./quantities.ts";
import type { Span } from "./span.ts";
import { TEXT } from "./strings.ts";

const MOST = 48;

export function drawTable(place: HTMLElement, quantities: readonly Charted[], points: Points, span: Span, first: number, last: number): void {
  const step = Math.max(1, Math.ceil((last - first + 1) / MOST));
  const rows: [string, ...HTMLElement[]][] = [];
  for (let index = first; index <= last && index < points.time.length; index += step) {
    const cells = quantities.map(({ key, digits, unit }) => {
      const line = points.lines[key];
      const value = line?.average[index] ?? null;
      const [low, high] = [line?.minimum[index] ?? null, line?.maximum[index] ?? null];
      const differs = low !== null && high !== null && number(low, digits) !== number(high, digits);
      const between = differs && element("small", {}, TEXT.between(number(low, digits), number(high, digits)));
      return element("td", {}, value === null ? TEXT.noReading : measure(value, digits, unit), between);
    });
    rows.push([point(points.time[index] as number, points.resolution), ...cells]);
  }
  const caption = element("caption", {}, TEXT.chartTable(spanText(span.from, span.to)));
  fill(place, table(caption, [TEXT.time, ...quantities.map(({ label }) => label)], rows));
}
