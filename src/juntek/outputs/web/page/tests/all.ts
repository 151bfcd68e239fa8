/** The page's arithmetic, run by Node; what is seen is tested in a real browser by tests/web. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Day, History, Reading, SinkHealth } from "api-types";
import { add, rowsOf, stretchOf } from "../source/energy.ts";
import { averages, energy, joined, linesOf, measure, minutes, number, power, roughly, seconds, ticksOf } from "../source/format.ts";
import { type Receiver, receiversOf } from "../source/gateway_card.ts";
import { type Points, join, nearest } from "../source/points.ts";
import { SHORTEST, isWidest, pan, rangeOf, spanOf, zoom } from "../source/span.ts";
import { type Loaded, type Tile, Tiles, levelOf, tilesOf } from "../source/tiles.ts";

// Numbers, times and axes

test("numbers have the digits of their quantity, a real minus and never a negative zero", () => {
  assert.equal(number(-1.239, 2), "\u22121.24");
  assert.equal(number(-0.001, 2), "0.00");
  assert.equal(number(null, 2), "–");
  assert.equal(measure(52.1, 2, "V"), "52.10\u00a0V");
});

test("power and energy change their unit where the number grows long", () => {
  assert.deepEqual([3.21, 612.4, 9_999, 12_345].map((watts) => joined(power(watts))), ["3.2\u00a0W", "612\u00a0W", "9999\u00a0W", "12.3\u00a0kW"]);
  assert.deepEqual(
    [0, 812.4, 3_214, 84_120, 812_000, 2.5e6].map((value) => joined(energy(value))),
    ["0\u00a0Wh", "812\u00a0Wh", "3.21\u00a0kWh", "84.1\u00a0kWh", "812\u00a0kWh", "2.50\u00a0MWh"],
  );
});

test("a length of time is told by its two largest parts", () => {
  assert.deepEqual([5, 160, 120, 3 * 1440 + 240].map(minutes), ["5\u00a0min", "2\u00a0h\u00a040\u00a0min", "2\u00a0h", "3\u00a0d\u00a04\u00a0h"]);
  assert.deepEqual([5, 60, 300].map(seconds), ["5\u00a0s", "1\u00a0min", "5\u00a0min"]);
});

test("a point is called by the length that it is the average of", () => {
  assert.deepEqual([5, 60, 300, 7200, 86_400].map(averages), ["5-second", "1-minute", "5-minute", "2-hour", "1-day"]);
});

const EXTENTS: [number, number][] = [[0, 1], [0, 0.4], [21, 27], [20.5, 26.9], [-6, 7.3], [-1830, 2210], [51.99, 52.49], [0, 100], [0, 123_456], [-0.02, 0.01]];

test("every axis has three labels at least, none stands twice, and each says the very number of its line", () => {
  for (const [from, to] of EXTENTS) {
    for (const most of [3, 4, 6]) {
      const ticks = ticksOf(from, to, most);
      const lines = linesOf(ticks);
      assert.ok(lines.length >= 3 && lines.length <= most + 1, `${from} ${to} ${most}: ${lines}`);
      assert.ok(ticks.low <= from + 1e-9 && ticks.high >= to - 1e-9);
      assert.equal(new Set(lines.map((value) => value.toFixed(ticks.digits))).size, lines.length);
      for (const value of lines) assert.ok(Math.abs(Number(value.toFixed(ticks.digits)) - value) < 1e-9);
    }
  }
});

// Days, months and years

const day = (date: string): Day => ({ date, charged_energy: 1, discharged_energy: 1 }) as unknown as Day;

test("thirty days end today, and those before end where they begin", () => {
  assert.deepEqual(stretchOf("day", "2026-03-30", 0), { from: "2026-03-01", to: "2026-03-30" });
  assert.deepEqual(stretchOf("day", "2026-03-30", 1), { from: "2026-01-30", to: "2026-02-28" });
});

test("twelve months begin with a first, and the one that runs ends today", () => {
  assert.deepEqual(stretchOf("month", "2026-03-30", 0), { from: "2025-04-01", to: "2026-03-30" });
  assert.deepEqual(stretchOf("month", "2026-03-30", 1), { from: "2024-04-01", to: "2025-03-31" });
});

test("a day of which nothing is known keeps its place", () => {
  const rows = rowsOf([day("2026-02-27"), day("2026-03-01")], { from: "2026-02-27", to: "2026-03-01" }, "day");
  assert.deepEqual(rows.map(([date, known]) => [date, known !== null]), [["2026-02-27", true], ["2026-02-28", false], ["2026-03-01", true]]);
});

test("years before the first one are left out, but a few always stand", () => {
  const rows = rowsOf([day("2026-01-01")], stretchOf("year", "2026-03-30", 0), "year");
  assert.deepEqual(rows.map(([date]) => date.slice(0, 4)), ["2022", "2023", "2024", "2025", "2026"]);
});

test("dates are added over the ends of months and leap years", () => {
  assert.equal(add("2024-02-28", "day", 1), "2024-02-29");
  assert.equal(add("2025-12-01", "month", 1), "2026-01-01");
});

// What readings go to

const WELL: SinkHealth = { connected: true, waiting: 0, lag: 0, failures: 0, lost: 0, refused: 0, error: null };

function one(changes: Partial<SinkHealth>, sink = "mqtt"): Receiver {
  return receiversOf({ [sink]: { ...WELL, ...changes } })[0] as Receiver;
}

test("receivers are called as owners call them, in the order of the gateway, and the page is not one", () => {
  const sinks = ["mqtt", "history", "web", "timeseries workshop", "timeseries my other one", "metrics", "new kind"];
  assert.deepEqual(
    receiversOf(Object.fromEntries(sinks.map((sink) => [sink, WELL]))).map(({ name }) => name),
    ["MQTT broker", "History", "Time-series database workshop", "Time-series database my other one", "Metrics endpoint", "new kind"],
  );
});

test("what is well is told in a word", () => {
  assert.deepEqual(one({ lag: 59, failures: 7 }), { sink: "mqtt", name: "MQTT broker", mark: "well", state: "Up to date", missed: "", error: "" });
});

test("what is behind says how far, and what is away says so too", () => {
  assert.deepEqual([one({ lag: 10_800 }).mark, one({ lag: 10_800 }).state], ["behind", "3 hours behind, being sent"]);
  const away = one({ connected: false, lag: 300, error: "It is gone; start it." });
  assert.deepEqual([away.mark, away.state, away.error], ["away", "Not working, 5 minutes behind", "It is gone; start it."]);
  assert.equal(one({ connected: false, error: "It is gone." }).state, "Not working");
});

test("what only starts is no trouble, and what is there may be in one", () => {
  assert.equal(one({ connected: false }).mark, "starting");
  const odd = one({ error: "The clock of this machine is wrong; set it." }, "history");
  assert.deepEqual([odd.mark, odd.state], ["trouble", "Problem"]);
});

test("readings that were refused or lost are counted", () => {
  assert.equal(one({ refused: 1 }).missed, "1 reading refused since the gateway started");
  assert.equal(one({ lost: 12_345 }).missed, "12\u202f345 readings lost since the gateway started");
  assert.equal(one({ refused: 3, lost: 2 }).missed, "3 readings refused, 2 readings lost since the gateway started");
});

test("how far one is behind is told by its largest part, and never as sixty of a smaller one", () => {
  assert.deepEqual(
    [60, 90, 3569, 3571, 5400, 86_400, 171_000, 200_000, 8_640_000].map(roughly),
    ["1 minute", "2 minutes", "59 minutes", "1 hour", "2 hours", "24 hours", "2 days", "2 days", "100 days"],
  );
});

// The stretch that the charts show

const DAY = 86_400;
const limits = { from: 1_000_000, to: 1_000_000 + 400 * DAY };
const length = (span: { from: number; to: number }): number => span.to - span.from;

test("zooming keeps the place under the pointer where it is", () => {
  const before = { from: 20 * DAY + limits.from, to: 30 * DAY + limits.from };
  const around = before.from + 0.3 * 10 * DAY;
  const after = zoom(before, 0.5, around, limits);
  assert.equal(length(after), 5 * DAY);
  assert.ok(Math.abs((around - after.from) / length(after) - 0.3) < 1e-9);
});

test("zooming in ends at a minute, zooming out at all there is", () => {
  let span = spanOf("hour", limits);
  for (let count = 0; count < 20; count++) span = zoom(span, 0.5, span.to, limits);
  assert.equal(length(span), SHORTEST);
  for (let count = 0; count < 40; count++) span = zoom(span, 2, span.to, limits);
  assert.equal(length(span), length(limits));
  assert.ok(isWidest(span, limits));
});

test("one never moves beyond now, nor away from all there is", () => {
  assert.equal(pan(spanOf("day", limits), DAY, limits).to, limits.to);
  const early = pan(spanOf("day", limits), -9999 * DAY, limits);
  assert.ok(early.to > limits.from && early.from < limits.from);
});

test("a range is known again by its length, and only while it ends now", () => {
  for (const range of ["hour", "day", "week", "month", "year", "all"] as const) {
    assert.equal(rangeOf(spanOf(range, limits), limits), range);
  }
  assert.equal(rangeOf(pan(spanOf("day", limits), -DAY, limits), limits), null);
});

test("all of a young history is ten minutes, not a point", () => {
  assert.equal(length(spanOf("all", { from: limits.to - 5, to: limits.to })), 600);
});

// Tiles of the past

const NOW = 1_700_000_000;
const empty: History = { resolution: 60, time: [], quantities: {} };
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

interface Asked {
  tile: Tile;
  signal: AbortSignal;
}

function make(answer = true): { tiles: Tiles; asked: Asked[] } {
  const asked: Asked[] = [];
  const fetch = (tile: Tile, signal: AbortSignal): Promise<History> => {
    asked.push({ tile, signal });
    return answer ? Promise.resolve(empty) : new Promise<History>(() => undefined);
  };
  return { tiles: new Tiles(fetch, () => NOW, () => undefined), asked };
}

test("two or three tiles cover any stretch without a hole", () => {
  for (const length of [61, 3600, 86_400, 31e6]) {
    const span = { from: NOW - length * 1.37, to: NOW - length * 0.37 };
    const tiles = tilesOf(span);
    assert.ok(tiles.length >= 1 && tiles.length <= 3);
    assert.ok(tiles[0]!.from <= span.from && tiles[tiles.length - 1]!.to >= span.to);
    tiles.slice(1).forEach((tile, index) => assert.equal(tile.from, tiles[index]!.to));
  }
});

test("what was loaded is not asked for again, and a closer look asks for finer points", async () => {
  const { tiles, asked } = make();
  const day = { from: NOW - 40 * 86_400, to: NOW - 39 * 86_400 };
  tiles.want(day);
  await pause();
  const count = asked.length;
  tiles.want({ from: day.from + 60, to: day.to + 60 });
  assert.equal(asked.length, count);
  tiles.want({ from: day.from, to: day.from + 3600 });
  assert.ok(asked.length > count);
  assert.ok(asked[count]!.tile.level < levelOf(day));
});

test("what is no longer looked at is given up", () => {
  const { tiles, asked } = make(false);
  tiles.want({ from: NOW - 4e6, to: NOW - 3.9e6 });
  tiles.want({ from: NOW - 2e6, to: NOW - 1.9e6 });
  assert.ok(asked[0]!.signal.aborted);
  assert.ok(!asked[asked.length - 1]!.signal.aborted);
});

test("until finer points come, the coarser ones are shown", async () => {
  const { tiles } = make();
  tiles.want({ from: NOW - 40 * 86_400, to: NOW - 10 * 86_400 });
  await pause();
  const close = { from: NOW - 20 * 86_400, to: NOW - 20 * 86_400 + 3600 };
  const pieces = tiles.pieces(close);
  assert.ok(pieces.length > 0);
  assert.ok(pieces[0]!.level > levelOf(close));
  assert.ok(pieces[0]!.from <= close.from);
});

test("the future is never asked for", () => {
  const { tiles, asked } = make(false);
  tiles.want({ from: NOW - 60, to: NOW + 1e6 });
  assert.ok(asked.every(({ tile }) => tile.from < NOW));
});

// Points of the charts

function piece(from: number, to: number, resolution: number, time: number[], values: (number | null)[]): Loaded {
  const quantities = { voltage: { minimum: values, average: values, maximum: values } };
  return { level: 5, index: 0, from, to, asked: to, series: { resolution, time, quantities } };
}

function lineOf(pieces: Loaded[], live: Reading[] = []): Points {
  return join(pieces, ["voltage"], live, { from: 0, to: 1 });
}

test("a point is drawn in the middle of what it stands for", () => {
  const points = lineOf([piece(0, 180, 60, [0, 60, 120], [1, 2, 3])]);
  assert.deepEqual(points.time, [30, 90, 150]);
  assert.deepEqual(points.lines["voltage"]!.average, [1, 2, 3]);
});

test("a gap stays a gap", () => {
  const points = lineOf([piece(0, 6000, 60, [0, 60, 3000], [1, 2, 3])]);
  assert.deepEqual(points.lines["voltage"]!.average, [1, 2, null, 3]);
});

test("a point on the border of two pieces is drawn once", () => {
  const pieces = [piece(0, 100, 60, [0, 60], [1, 2]), piece(100, 240, 60, [60, 120, 180], [2, 3, 4])];
  assert.deepEqual(lineOf(pieces).lines["voltage"]!.average, [1, 2, 3, 4]);
});

test("single readings have no least and most of their own", () => {
  const only = { ...piece(0, 10, 0, [1, 2, 3], []), series: { resolution: 0, time: [1, 2, 3], quantities: { voltage: { average: [1, 2, 3] } } } };
  assert.deepEqual(lineOf([only]).lines["voltage"]!.minimum, [1, 2, 3]);
});

test("what came since is put behind, and never twice", () => {
  const at = (second: number): Reading => ({ time: new Date(second * 1000).toISOString(), voltage: second }) as unknown as Reading;
  const points = lineOf([piece(0, 128, 0, [1, 2, 3], [1, 2, 3])], [at(2), at(3), at(4), at(5)]);
  assert.deepEqual(points.time, [1, 2, 3, 4, 5]);
});

test("the nearest point is found from both sides, and none where there is none", () => {
  const points = lineOf([piece(0, 240, 60, [0, 60, 120], [1, 2, 3])]);
  assert.deepEqual([-5, 59, 61, 9999].map((time) => nearest(points, time)), [0, 0, 1, 2]);
  assert.equal(nearest(lineOf([]), 5), -1);
});
