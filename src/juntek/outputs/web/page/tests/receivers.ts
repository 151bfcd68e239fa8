import assert from "node:assert/strict";
import { test } from "node:test";
import type { SinkHealth } from "api-types";
import { type Receiver, receiversOf, roughly } from "../source/receivers.ts";

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
