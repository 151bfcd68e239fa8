import assert from "node:assert/strict";
import { test } from "node:test";
import type { Reading } from "api-types";
import { join, nearest } from "../source/points.ts";
import type { Loaded } from "../source/tiles.ts";

function piece(from: number, to: number, resolution: number, time: number[], values: (number | null)[]): Loaded {
  const quantities = { voltage: { minimum: values, average: values, maximum: values } };
  return { level: 5, index: 0, from, to, asked: to, series: { resolution, time, quantities } };
}

test("a point is drawn in the middle of what it stands for", () => {
  const points = join([piece(0, 180, 60, [0, 60, 120], [1, 2, 3])], ["voltage"], []);
  assert.deepEqual(points.time, [30, 90, 150]);
  assert.deepEqual(points.lines["voltage"]!.average, [1, 2, 3]);
});

test("a gap stays a gap", () => {
  const points = join([piece(0, 6000, 60, [0, 60, 3000], [1, 2, 3])], ["voltage"], []);
  assert.deepEqual(points.lines["voltage"]!.average, [1, 2, null, 3]);
});

test("a point on the border of two pieces is drawn once", () => {
  const pieces = [piece(0, 100, 60, [0, 60], [1, 2]), piece(100, 240, 60, [60, 120, 180], [2, 3, 4])];
  assert.deepEqual(join(pieces, ["voltage"], []).lines["voltage"]!.average, [1, 2, 3, 4]);
});

test("single readings have no least and most of their own", () => {
  const only = { ...piece(0, 10, 0, [1, 2, 3], []), series: { resolution: 0, time: [1, 2, 3], quantities: { voltage: { average: [1, 2, 3] } } } };
  assert.deepEqual(join([only], ["voltage"], []).lines["voltage"]!.minimum, [1, 2, 3]);
});

test("what came since is put behind, and never twice", () => {
  const at = (second: number): Reading => ({ time: new Date(second * 1000).toISOString(), voltage: second }) as unknown as Reading;
  const points = join([piece(0, 128, 0, [1, 2, 3], [1, 2, 3])], ["voltage"], [at(2), at(3), at(4), at(5)]);
  assert.deepEqual(points.time, [1, 2, 3, 4, 5]);
});

test("the nearest point is found from both sides, and none where there is none", () => {
  const points = join([piece(0, 240, 60, [0, 60, 120], [1, 2, 3])], ["voltage"], []);
  assert.deepEqual([-5, 59, 61, 9999].map((time) => nearest(points, time)), [0, 0, 1, 2]);
  assert.equal(nearest(join([], ["voltage"], []), 5), -1);
});
