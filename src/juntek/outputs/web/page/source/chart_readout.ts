/** What the charts say in words: of the one point that all of them mark, and of all points in a table. */

import { type Description, describe, element, say, table, update } from "./dom.ts";
import { point, span as spanText } from "./format.ts";
import { NO_POINTS, type Points, endsOf, toldAt } from "./points.ts";
import type { Charted } from "./quantities.ts";
import { AXIS, type Strip, plotWidth } from "./strip.ts";

export class ChartCursor {
  readonly label = element("span", { class: "charts__cursor" });
  readonly spoken = element("p", { class: "only-read", role: "status", "aria-live": "polite" });
  index: number | null = null;
  private points = NO_POINTS;

  constructor(private readonly strips: readonly Strip[]) {}

  /** The time it is at, where that is in view. */
  time(): number | null {
    const { span, time } = this.points;
    const here = time[this.index ?? -1];
    return here !== undefined && here >= span.from && here <= span.to ? here : null;
  }

  show(points = this.points): void {
    this.points = points;
    if (this.index !== null && this.index >= points.time.length) this.index = null;
    for (const strip of this.strips) strip.setCursor(this.index ?? -1);
    const time = this.time();
    this.label.hidden = time === null;
    if (time === null) return;
    say(this.label, point(time, points.resolution));
    const width = this.label.parentElement?.clientWidth ?? 0;
    const left = AXIS + ((time - points.span.from) / (points.span.to - points.span.from)) * plotWidth(width);
    const half = this.label.offsetWidth / 2;
    this.label.style.transform = `translateX(${Math.round(Math.min(Math.max(left, half), width - half) - half)}px)`;
  }

/** Goes so many points further within what is in view; from out of view to the first there, or back to the last. */
  step(count: number): void {
    const { points } = this;
    const [first, last] = endsOf(points);
    const from = this.index ?? -1;
    const isInside = from >= first && from <= last;
    const wanted = isInside || !Number.isFinite(count) ? from + count : count > 0 ? first : last;
    const index = Math.min(Math.max(wanted, first), last);
    const time = points.time[index];
    if (time === undefined) return;
    this.index = index;
    this.show();
    const shown = this.strips.filter((strip) => !strip.element.hidden);
    const values = shown.map(({ quantity }) => `${quantity.label} ${toldAt(points, quantity, index)[0]}`);
    say(this.spoken, `${point(time, points.resolution)}: ${values.join(", ")}`);
  }
}

/** Rows of the table at most, evenly over what is shown. */
const MOST = 48;

/** Shows the charts as a table, for whoever cannot see them. */
export function drawTable(place: HTMLElement, quantities: readonly Charted[], points: Points): void {
  const [first, last] = endsOf(points);
  const step = Math.ceil((last - first + 1) / MOST);
  const rows: [string, ...Description[]][] = [];
  for (let index = first; index <= last && index < points.time.length; index += step) {
    const cells = quantities.map((quantity) => {
      const [value, between] = toldAt(points, quantity, index, "");
      return describe("td", {}, value, between !== "" && describe("small", {}, between));
    });
    rows.push([point(points.time[index] as number, points.resolution), ...cells]);
  }
  const caption = `The charts as numbers, ${spanText(points.span.from, points.span.to)}`;
  place.setAttribute("aria-label", caption);
  update(place, table(describe("caption", {}, caption), ["Time", ...quantities.map(({ label }) => label)], rows));
}
