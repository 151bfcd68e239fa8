import assert from "node:assert/strict";
import { test } from "node:test";
import { linesOf, ticksOf } from "../source/ticks.ts";

const RANGES: [number, number][] = [[0, 1], [0, 0.4], [21, 27], [20.5, 26.9], [-6, 7.3], [-1830, 2210], [51.99, 52.49], [0, 100], [0, 123_456], [-0.02, 0.01]];

test("every axis has three labels at least, and no label stands twice", () => {
  for (const [from, to] of RANGES) {
    for (const most of [3, 4, 6]) {
      const ticks = ticksOf(from, to, most);
      const lines = linesOf(ticks);
      assert.ok(lines.length >= 3 && lines.length <= most + 1, `${from} ${to} ${most}: ${lines}`);
      assert.ok(ticks.low <= from + 1e-9 && ticks.high >= to - 1e-9);
      assert.equal(new Set(lines.map((value) => value.toFixed(ticks.digits))).size, lines.length);
    }
  }
});

test("a label says the very number that its line stands at", () => {
  for (const [from, to] of RANGES) {
    const ticks = ticksOf(from, to, 4);
    for (const value of linesOf(ticks)) assert.ok(Math.abs(Number(value.toFixed(ticks.digits)) - value) < 1e-9);
  }
});
