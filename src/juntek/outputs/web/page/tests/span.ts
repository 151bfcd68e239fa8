import assert from "node:assert/strict";
import { test } from "node:test";
import { SHORTEST, isWidest, pan, rangeOf, spanOf, zoom } from "../source/span.ts";

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
