/** The past as charts over one axis of time; rule: one stretch, one cursor and one set of points for all of them. */

import type { BatteryEvent, Meter, Reading } from "api-types";
import { exportAddress, getEvents, getHistory, now, reasonOf, timeOf } from "./api.ts";
import { ChartCursor, drawTable } from "./chart_readout.ts";
import { card, choice, describe, element, iconButton, say, takeOver } from "./dom.ts";
import { averages, point, span as spanText } from "./format.ts";
import { listen } from "./gestures.ts";
import { NO_POINTS, doubtOf, join, nearest } from "./points.ts";
import { type Charted, charted, quantityOf } from "./quantities.ts";
import { RANGES, type Range, type Seen, type Span, endsNow, isWidest, pan, rangeOf, spanOf, zoom } from "./span.ts";
import { AXIS, Strip, plotWidth } from "./strip.ts";
import { type Fetch, Tiles } from "./tiles.ts";

/** Milliseconds that hands must rest before finer points are asked for. */
const REST = 140;

/** Seconds between two questions for the events of a battery. */
const EVENTS_AGAIN = 300;
const EVENTS: Record<string, string> = { full: "full", empty: "empty", synchronised: "set" };

/** What readings can be saved as. */
const FORMATS: Record<string, string> = { csv: "CSV", parquet: "Parquet" };

const HELP = "Left and right arrow keys move along the points, plus and minus zoom, Page Up and Page Down move in time, Home and End go to the first and last point.";

export class Charts {
  readonly element = element("section");
  private readonly table = element("div", { class: "scroll", tabindex: "0", role: "region" });
  private readonly strips: Strip[] = [];
  private readonly cursor = new ChartCursor(this.strips);
  private readonly area = element(
    "div",
    { class: "charts__area", tabindex: "0", role: "group", "aria-roledescription": "charts", "aria-label": "Charts of the battery", "aria-describedby": "charts-help charts-span" },
    this.cursor.label,
  );
  private quantities: readonly Charted[] = [];
  private tiles = this.makeTiles();
  private points = NO_POINTS;
  private formats: readonly string[] = [];
  private meter = "";
  private first: number | null = null;
  private span: Span = spanOf("day", { from: 0, to: now() });
  private range: Range | null = "day";
  private follows = true;
  private failed = "";
  private frame = 0;
  private timer = 0;
  private ticked = 0;
  private laidOut = "";
  private isMarked = false;
  private marked = { meter: "", asked: 0 };

  constructor(
    private readonly recent: (meter: string) => readonly Reading[],
    private readonly seen: (seen: Seen) => void,
  ) {
    listen(this.area, this);
    new ResizeObserver(() => this.update()).observe(this.area);
  }

  /** Shows another meter, at a stretch or a range that ends now. */
  setMeter(meter: string, first: number | null, seen: Seen): void {
    if (this.strips.length === 0) this.makeStrips();
    if (meter !== this.meter) {
      this.tiles.stop();
      this.tiles = this.makeTiles();
      this.points = NO_POINTS;
      this.failed = "";
      this.cursor.index = null;
    }
    this.meter = meter;
    this.first = first;
    this.range = seen.range ?? (seen.span ? null : this.usualRange());
    this.follows = this.range !== null;
    this.span = this.range ? spanOf(this.range, this.limits()) : (seen.span ?? this.span);
    this.update(0);
  }

  private makeStrips(): void {
    this.quantities = charted();
    this.strips.push(...this.quantities.map((quantity) => new Strip(quantity)));
    this.area.prepend(...this.strips.map((strip) => strip.element));
  }

  /** Shows how it is now: when the history begins, which may be learnt after the page, and what it can be saved as. */
  show(meter: Meter | undefined, exports: readonly string[]): void {
    const first = timeOf(meter?.first);
    if (first !== this.first) {
      this.first = first;
      if (this.range === "all") this.span = spanOf("all", this.limits());
      this.update();
    }
    this.formats = exports;
    if (typeof meter?.latest?.["state_of_charge_uncertainty"] === "number") void this.markEvents();
    this.tick();
  }

  /** Goes on with the clock, and puts new readings at the end. */
  private tick(): void {
    if (document.hidden || !this.follows || this.meter === "") return;
    const length = this.span.to - this.span.from;
    const time = now();
    // A pixel's worth of time, but never more often than readings come.
    if (time - this.ticked < Math.max(0.9, length / 1500)) return;
    this.ticked = time;
    this.span = this.range === "all" ? spanOf("all", this.limits()) : { from: time - length, to: time };
    this.update(0);
  }

  /** Asks for what is shown anew, after the gateway was gone. */
  refresh(): void {
    this.failed = "";
    this.update();
  }

  /** Marks when the estimate of a battery was set to what it showed; asked for now and then, as there are few. */
  private async markEvents(): Promise<void> {
    const meter = this.meter;
    const time = now();
    if (meter === "" || (this.marked.meter === meter && time - this.marked.asked < EVENTS_AGAIN)) return;
    this.marked = { meter, asked: time };
    const events = await getEvents(meter, this.first ?? 0, time).catch((): readonly BatteryEvent[] => []);
    if (meter !== this.meter) return;
    const marks = events.map(({ time, event }) => ({ time: timeOf(time) ?? 0, label: EVENTS[event] ?? event }));
    this.strips.find(({ quantity }) => quantity.key === "state_of_charge")?.setMarks(marks);
  }

  /** Draws everything anew in other colours. */
  redraw(): void {
    for (const strip of this.strips) strip.redraw();
  }

  /** A day, but an hour where there is hardly more. */
  private usualRange(): Range {
    return this.first === null || now() - this.first < 7200 ? "hour" : "day";
  }

  private limits(): Span {
    const time = now();
    return { from: Math.min(this.first ?? time, time), to: time };
  }

  private move(span: Span, range?: Range): void {
    const limits = this.limits();
    this.span = span;
    this.follows = endsNow(span, limits);
    this.range = range ?? rangeOf(span, limits);
    this.update();
    this.seen({ range: this.range, span: this.span });
  }

  /** Makes what is shown so many times as long, around a place; without one around the cursor or what is looked at. */
  zoom(factor: number, x?: number): void {
    // What ends now goes on ending now: one zooms to see the last hour, not the middle of the day.
    const here = this.cursor.time() ?? (this.follows ? this.span.to : (this.span.from + this.span.to) / 2);
    this.move(zoom(this.span, factor, x === undefined ? here : this.timeAt(x), this.limits()));
    if (x === undefined) say(this.cursor.spoken, spanText(this.span.from, this.span.to));
  }

  /** Moves what is shown by so many pixels to the right. */
  pan(pixels: number): void {
    this.move(pan(this.span, this.timeAt(0) - this.timeAt(pixels), this.limits()));
  }

  /** Moves in time by a part of what is shown. */
  page(parts: number): void {
    this.move(pan(this.span, (this.span.to - this.span.from) * parts, this.limits()));
  }

  /** Puts the cursor at a place, or takes it away. */
  point(x: number | null): void {
    this.cursor.index = x === null ? null : nearest(this.points, this.timeAt(x));
    this.cursor.show();
  }

  /** Moves the cursor by so many points; by infinitely many to the first or the last. */
  step(count: number): void {
    this.cursor.step(count);
  }

  /** Whether nothing more can be seen from further away. */
  isWidest(): boolean {
    return isWidest(this.span, this.limits());
  }

  /** The time at a place in pixels of the window. */
  private timeAt(x: number): number {
    const { left, width } = this.area.getBoundingClientRect();
    return this.span.from + ((x - left - AXIS) / plotWidth(width)) * (this.span.to - this.span.from);
  }

  private update(rest = REST): void {
    this.frame ||= window.requestAnimationFrame(() => this.draw());
    if (rest === 0 && this.timer) return;
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.load(), rest);
    this.element.classList.add("is-loading");
  }

  private load(): void {
    this.timer = 0;
    if (this.meter !== "" && this.area.clientWidth > 0) this.tiles.want(this.span);
    this.frame ||= window.requestAnimationFrame(() => this.draw());
  }

  private draw(): void {
    this.frame = 0;
    this.points = join(this.tiles.pieces(this.span), this.quantities.map(({ key }) => key), this.recent(this.meter), this.span);
    for (const strip of this.strips) strip.show(this.points);
    this.layOut();
    this.cursor.show(this.points);
    this.tell();
    if (this.timer === 0) this.drawTable(); // not while hands move
    if (!this.isMarked && this.points.time.length > 0) {
      this.isMarked = true;
      performance.mark("first-chart"); // for whoever measures
    }
  }

  /** Gives every chart its height; what no point has, as the temperature of a meter without a probe, has no chart. */
  private layOut(): void {
    const width = this.area.clientWidth;
    if (width === 0) return;
    const filled = this.strips.filter((strip) => strip.hasValues());
    const shown = filled.length === 0 ? this.strips : filled;
    const state = [width, ...shown.map(({ quantity }) => quantity.key)].join();
    if (state === this.laidOut) return;
    this.laidOut = state;
    for (const strip of this.strips) strip.element.hidden = !shown.includes(strip);
    const unit = width < 600 ? 96 : 112;
    shown.forEach((strip, index) => {
      strip.setSize(width, Math.round(unit * strip.quantity.chart.height), index === shown.length - 1);
    });
  }

  private tell(): void {
    const moves = describe("div", { class: "moves", role: "group", "aria-label": "Move and zoom" },
      iconButton("Earlier", "left", () => this.page(-0.8)),
      iconButton("Later", "right", () => this.page(0.8), this.follows),
      iconButton("Zoom out", "minus", () => this.zoom(2), this.isWidest()),
      iconButton("Zoom in", "plus", () => this.zoom(0.5)));
    const ranges = choice("Length of time shown", RANGES, this.range, (range) => this.move(spanOf(range, this.limits()), range));
    const told = describe("div", { class: "card__told" },
      describe("p", { class: "card__span", id: "charts-span" }, spanText(this.span.from, this.span.to)),
      describe("p", { class: "quiet charts__note" }, this.note()));
    const details = describe("details", { class: "as-table", toggle: () => this.drawTable() }, describe("summary", {}, "Show these charts as a table"), this.table);
    const links = this.formats.flatMap((format) => [" ", describe("a", { download: true, href: exportAddress(this.meter, this.span, format) }, FORMATS[format] ?? format)]);
    const foot = describe("div", { class: "charts__foot" }, details, describe("p", { class: "exports" }, "Save as", ...links));
    takeOver(this.element, card("history", "History", [told, moves, ranges], describe("p", { class: "only-read", id: "charts-help" }, HELP), this.area, this.cursor.spoken, foot));
    this.element.classList.toggle("is-loading", this.timer !== 0 || this.tiles.isBusy);
    this.element.setAttribute("data-points", String(this.points.time.length));
    this.element.setAttribute("data-resolution", String(this.points.resolution));
  }

  /** What the points are, or why there are none. */
  private note(): string {
    const { resolution, time } = this.points;
    if (this.failed !== "") return `The charts could not be loaded. ${this.failed}`;
    if (time.length === 0) return this.tiles.isBusy ? "Loading…" : "There is no history yet; the charts begin with the first readings.";
    if (this.first !== null && now() - this.first < 600) return `The history begins at ${point(this.first, 60)}; the charts fill as readings come.`;
    return resolution > 0 ? `${averages(resolution)} averages` : "Single readings";
  }

  private drawTable(): void {
    if ((this.table.parentElement as HTMLDetailsElement | null)?.open) drawTable(this.table, this.quantities, this.points);
  }

  private makeTiles(): Tiles {
    const fetch: Fetch = (tile, signal) => {
      const kept = this.quantities.flatMap(({ key }) => [key, doubtOf(key)]).filter((key) => quantityOf(key).history);
      return getHistory(this.meter, kept, tile, this.area.clientWidth > 700 ? 1200 : 600, signal);
    };
    return new Tiles(fetch, now, (error) => {
      this.failed = error === null ? "" : reasonOf(error, "It is tried again by itself.");
      if (error !== null) window.setTimeout(() => this.update(), 10_000);
      this.frame ||= window.requestAnimationFrame(() => this.draw());
    });
  }
}

