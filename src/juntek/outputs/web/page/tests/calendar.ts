import assert from "node:assert/strict";
import { test } from "node:test";
import type { Day } from "api-types";
import { add, rowsOf, stretchOf } from "../source/calendar.ts";

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
