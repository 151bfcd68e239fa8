/** One chart of one quantity; rule: it draws what it is given over the stretch it is given, and decides nothing. */

import uPlot from "uplot";
import { element, update } from "./dom.ts";
import { type Ticks, clock, clockSeconds, dayMonth, isSameDay, isoDate, linesOf, month, number, ticksOf, year, zoneName } from "./format.ts";
import { NO_POINTS, type Points, toldAt } from "./points.ts";
import type { Charted } from "./quantities.ts";
import { colors } from "./theme.ts";

/** Pixels left of every chart for its numbers, so that all share one axis of time. */
export const AXIS = 56;
const RIGHT = 10;

/** Pixels of the axis of time in an area so wide. */
export const plotWidth = (width: number): number => Math.max(1, width - AXIS - RIGHT);

/** Something that happened, with a word for it. */
type Mark = Readonly<{ time: number; label: string }>;

/** Pixels that a letter of a label takes at most, most of them digits. */
const LETTER = 7.5;

/** Pixels above and below the lines, and between two of them at least. */
const PADDING = 14;
const LINE = 24;

const FONT = '12px ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", sans-serif';

export class Strip {
  readonly element: HTMLElement;
  private readonly value = element("span", { class: "strip__value" });
  private readonly between = element("span", { class: "strip__between" });
  private readonly canvas = element("div", { class: "strip__canvas" });
  private readonly plot: uPlot;
  private timeHeight = 0;
  private most = 3;
  private ticks: Ticks = ticksOf(0, 1, 3);
  private marks: readonly Mark[] = [];
  private points = NO_POINTS;

  constructor(readonly quantity: Charted) {
    this.element = element(
      "div",
      { class: "strip", "data-quantity": quantity.key },
      element(
        "p",
        { class: "strip__head" },
        element("span", { class: "strip__label" }, [quantity.label, quantity.unit].filter(Boolean).join(", ")),
        this.value,
        this.between,
      ),
      this.canvas,
    );
    this.plot = new uPlot(this.options(), [[], [], [], []], this.canvas);
  }

  /** Shows or hides the labels of time below; only the last of several has them. */
  setSize(width: number, height: number, hasTime: boolean): void {
    this.timeHeight = hasTime ? 30 : 0;
    this.most = Math.max(3, Math.floor((height - PADDING) / LINE));
    this.plot.setSize({ width, height: height + this.timeHeight });
  }

  show(points: Points): void {
    this.points = points;
    const line = points.lines[this.quantity.key];
    const data = [points.time, line?.average ?? [], line?.minimum ?? [], line?.maximum ?? []];
    this.plot.setData(data as uPlot.AlignedData, false);
    this.plot.setScale("x", { min: points.span.from, max: points.span.to });
  }

  setMarks(marks: readonly Mark[]): void {
    this.marks = marks;
    this.element.dataset["marks"] = String(marks.length);
    this.plot.redraw(false);
  }

  /** Draws it anew in other colours. */
  redraw(): void {
    this.plot.redraw(false, true);
  }

  /** Puts the cursor on a point, or takes it away with -1; the numbers above follow, else they are the last ones. */
  setCursor(index: number): void {
    const time = this.points.time[index];
    const left = time === undefined ? -10 : this.plot.valToPos(time, "x");
    const isInside = time !== undefined && left >= 0 && left <= this.plot.over.clientWidth;
    this.plot.setCursor({ left: isInside ? left : -10, top: isInside ? 1 : -10 }, false);
    const [value, between] = isInside ? toldAt(this.points, this.quantity, index) : ["", ""];
    update(this.value, value);
    update(this.between, between);
  }

  /** Returns the index of the point nearest to a moment. */
  nearest(time: number): number {
    return this.plot.valToIdx(time);
  }

  /** Whether any point has a value; a meter without a probe has no chart of its temperature. */
  hasValues(): boolean {
    return this.points.lines[this.quantity.key]?.average.some((value) => value !== null) ?? false;
  }

  private options(): uPlot.Options {
    const axis: uPlot.Axis = { font: FONT, stroke: () => colors["ink-quiet"], grid: { stroke: () => colors.grid, width: 1 }, ticks: { show: false }, gap: 8 };
    return {
      width: 300,
      height: 120,
      padding: [10, RIGHT, PADDING - 10, 0],
      tzDate: (time) => uPlot.tzDate(new Date(time * 1000), zoneName()),
      legend: { show: false },
      cursor: {
        y: false,
        points: {
          size: (_plot, series) => (series === 1 ? 9 : 0),
          width: (_plot, series) => (series === 1 ? 2 : 0),
          stroke: () => colors.surface,
          fill: () => colors.ink,
        },
      },
      scales: {
        x: { time: true, range: () => [this.points.span.from, this.points.span.to] },
        y: { range: (_plot, low, high) => this.extent(low, high) },
      },
      axes: [
        {
          ...axis,
          space: (_plot, _axis, _from, _to, length) => Math.min(76, length / 4),
          size: () => this.timeHeight,
          values: (plot, splits, _axis, _space, increment) =>
            this.timeHeight > 0 ? this.whole(labels(splits, increment), splits, plot.width) : splits.map(() => null),
        },
        {
          ...axis,
          size: AXIS,
          splits: () => linesOf(this.ticks),
          values: (_plot, splits) => splits.map((value) => number(value, this.ticks.digits)),
        },
      ],
      series: [
        {},
        {
          stroke: (plot) => this.stroke(plot),
          width: 1.5,
          ...(this.quantity.chart.signed ? { fill: (plot: uPlot) => this.stroke(plot, "26"), fillTo: 0 } : {}),
          ...(this.quantity.chart.ends ? { fill: () => colors.level + "1f", fillTo: 0 } : {}),
          points: { show: false },
        },
        { points: { show: false } },
        { points: { show: false } },
      ],
      hooks: { draw: [(plot) => this.drawMarks(plot)] },
      bands: [{ series: [3, 2], fill: (plot) => this.stroke(plot, "52") }],
    };
  }

  /** A line where something happened, and its word beside it where there is room; of many only a short one. */
  private drawMarks({ ctx, bbox, valToPos }: uPlot): void {
    const { from, to } = this.points.span;
    const marks = this.marks.filter(({ time }) => time >= from && time <= to);
    const isCrowded = marks.length * 48 * devicePixelRatio > bbox.width;
    const height = isCrowded ? 7 * devicePixelRatio : bbox.height;
    ctx.save();
    ctx.font = FONT.replace("12px", `${11 * devicePixelRatio}px`);
    ctx.textAlign = "left";
    ctx.fillStyle = colors["ink-quiet"];
    let free = -Infinity;
    for (const { time, label } of marks) {
      const left = Math.round(valToPos(time, "x", true));
      ctx.fillRect(left, bbox.top + bbox.height - height, devicePixelRatio, height);
      const right = left + ctx.measureText(label).width + 6 * devicePixelRatio;
      if (isCrowded || left < free || right > bbox.left + bbox.width) continue;
      ctx.fillText(label, left + 4 * devicePixelRatio, bbox.top + bbox.height - 6 * devicePixelRatio);
      free = right;
    }
    ctx.restore();
  }

  /** The colour of charging above zero and of discharging below it, where the quantity has two sides. */
  private stroke(plot: uPlot, alpha = ""): CanvasGradient | string {
    if (!this.quantity.chart.signed) return colors.level + alpha;
    const { top, height } = plot.bbox;
    const zero = plot.valToPos(0, "y", true);
    const place = Math.min(Math.max((zero - top) / height, 0), 1);
    if (!Number.isFinite(place) || height <= 0) return colors.charge + alpha;
    const gradient = plot.ctx.createLinearGradient(0, top, 0, top + height);
    gradient.addColorStop(0, colors.charge + alpha);
    gradient.addColorStop(place, colors.charge + alpha);
    gradient.addColorStop(place, colors.discharge + alpha);
    gradient.addColorStop(1, colors.discharge + alpha);
    return gradient;
  }

  /** Leaves out a time at the right end that would be cut: it stands in the middle below its line. */
  private whole(texts: readonly string[], splits: readonly number[], width: number): (string | null)[] {
    const { from, to } = this.points.span;
    const room = (time: number): number => RIGHT + ((to - time) / (to - from)) * (width - AXIS - RIGHT);
    return texts.map((text, index) => (room(splits[index] as number) < (text.length * LETTER) / 2 ? null : text));
  }

  private extent(low: number | null, high: number | null): [number, number] {
    const { ends, signed, least_span: leastSpan } = this.quantity.chart;
    let [bottom = 0, top = leastSpan] = ends ?? (low === null || high === null ? [] : [low, high]);
    if (signed) [bottom, top] = [Math.min(bottom, 0), Math.max(top, 0)];
    const missing = Math.max(leastSpan - (top - bottom), 0);
    this.ticks = ticksOf(bottom - missing / 2, top + missing / 2, this.most);
    return [this.ticks.low, this.ticks.high];
  }
}

/** Times below the chart: as short as they can be told apart, with the date where a day begins. */
function labels(splits: readonly number[], increment: number): string[] {
  return splits.map((time, index) => {
    const before = splits[index - 1];
    if (increment >= 300 * 86_400) return year(time);
    if (increment >= 27 * 86_400) return isoDate(time).slice(5, 7) === "01" ? year(time) : month(time);
    if (increment >= 86_400) return dayMonth(time);
    const begins = !isSameDay(time, time - 1) && (before === undefined || !isSameDay(before, time));
    return begins ? dayMonth(time) : increment < 60 ? clockSeconds(time) : clock(time);
  });
}
