/** What the charts say in words: of the one point that all of them mark, and of all points in a table. */

import { element, fill, say, table } from "./dom.ts";
import { point, span as spanText } from "./format.ts";
import { type Points, firstIn, lastIn, toldAt } from "./points.ts";
import type { Charted } from "./quantities.ts";
import type { Span } from "./span.ts";
import { AXIS, type Strip, plotWidth } from "./strip.ts";

/** Of the width in pixels a part at the left is for numbers. */
type Shown = Readonly<{ strips: readonly Strip[]; points: Points; span: Span; width: number }>;

export class ChartCursor {
  readonly label = element("span", { class: "charts__cursor" });
  readonly spoken = element("p", { class: "only-read", role: "status", "aria-live": "polite" });
  index: number | null = null;

  constructor(private readonly shown: () => Shown) {}

  /** The time it is at, where that is in view. */
  time(): number | null {
    const { points, span } = this.shown();
    const time = points.time[this.index ?? -1];
    return time !== undefined && time >= span.from && time <= span.to ? time : null;
  }

  show(): void {
    const { strips, points, span, width } = this.shown();
    if (this.index !== null && this.index >= points.time.length) this.index = null;
    for (const strip of strips) strip.setCursor(this.index ?? -1);
    const time = this.time();
    this.label.hidden = time === null;
    if (time === null) return;
    say(this.label, point(time, points.resolution));
    const left = AXIS + ((time - span.from) / (span.to - span.from)) * plotWidth(width);
    const half = this.label.offsetWidth / 2;
    const inside = Math.min(Math.max(left, half), width - half);
    this.label.style.transform = `translateX(${Math.round(inside - half)}px)`;
  }

  /** Goes so many points further within what is in view; from out of view to the first there, or back to the last. */
  step(count: number): void {
    const { strips, points, span } = this.shown();
    const [first, last] = [firstIn(points, span), lastIn(points, span)];
    const from = this.index ?? -1;
    const isInside = from >= first && from <= last;
    const wanted = isInside || !Number.isFinite(count) ? from + count : count > 0 ? first : last;
    const index = Math.min(Math.max(wanted, first), last);
    const time = points.time[index];
    if (time === undefined) return;
    this.index = index;
    this.show();
    const shown = strips.filter((strip) => !strip.element.hidden);
    const values = shown.map(({ quantity }) => `${quantity.label} ${toldAt(points, quantity, index)[0]}`);
    say(this.spoken, `${point(time, points.resolution)}: ${values.join(", ")}`);
  }
}

/** Rows of the table at most, evenly over what is shown. */
const MOST = 48;

/** Shows the charts as a table, for whoever cannot see them. */
export function drawTable(place: HTMLElement, quantities: readonly Charted[], points: Points, span: Span): void {
  const [first, last] = [firstIn(points, span), lastIn(points, span)];
  const step = Math.ceil((last - first + 1) / MOST);
  const rows: [string, ...HTMLElement[]][] = [];
  for (let index = first; index <= last && index < points.time.length; index += step) {
    const cells = quantities.map((quantity) => {
      const [value, between] = toldAt(points, quantity, index, "");
      return element("td", {}, value, between !== "" && element("small", {}, between));
    });
    rows.push([point(points.time[index] as number, points.resolution), ...cells]);
  }
  const caption = `The charts as numbers, ${spanText(span.from, span.to)}`;
  place.setAttribute("aria-label", caption);
  fill(place, table(element("caption", {}, caption), ["Time", ...quantities.map(({ label }) => label)], rows));
}
