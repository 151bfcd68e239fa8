/** The point that all charts mark, and what is said of it; rule: one for all of them, for pointers and for keys. */

import { element, say } from "./dom.ts";
import { measure, point } from "./format.ts";
import { type Points, firstIn, lastIn } from "./points.ts";
import type { Span } from "./span.ts";
import { TEXT } from "./strings.ts";
import { AXIS, type Strip, plotWidth } from "./strip.ts";

interface Shown {
  readonly strips: readonly Strip[];
  readonly points: Points;
  readonly span: Span;
  /** Pixels from the left of the numbers to the right end. */
  readonly width: number;
}

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

  /** Goes so many points further; from nowhere to the first or the last in view. */
  step(count: number): void {
    const { points, span } = this.shown();
    if (points.time.length === 0) return;
    const index = this.index ?? -1;
    const isInside = index >= firstIn(points, span) && index <= lastIn(points, span);
    if (isInside) this.set(index + count);
    else this.edge(-count);
  }

  /** Goes to the first point in view, or with a side above 0 to the last. */
  edge(side: number): void {
    const { points, span } = this.shown();
    this.set(side < 0 ? firstIn(points, span) : lastIn(points, span));
  }

  private set(wanted: number): void {
    const { strips, points, span } = this.shown();
    const index = Math.min(Math.max(wanted, firstIn(points, span)), lastIn(points, span));
    this.index = index;
    this.show();
    const time = points.time[index];
    if (time === undefined) return;
    const values = strips
      .filter((strip) => !strip.element.hidden)
      .map(({ quantity }) => {
        const value = points.lines[quantity.key]?.average[index] ?? null;
        return `${quantity.label} ${value === null ? TEXT.noReading : measure(value, quantity.digits, quantity.unit)}`;
      });
    say(this.spoken, `${point(time, points.resolution)}: ${values.join(", ")}`);
  }
}
