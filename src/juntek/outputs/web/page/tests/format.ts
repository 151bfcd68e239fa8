import assert from "node:assert/strict";
import { test } from "node:test";
import { averages, energy, joined, measure, minutes, number, power, seconds } from "../source/format.ts";

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
