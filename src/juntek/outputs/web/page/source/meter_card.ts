/** What the meter is, and how its link does; rule: it is shown as it is told. */

import type { Identity, LinkHealth, Meter, Reading } from "api-types";
import { now, timeOf } from "./api.ts";
import { type Description, type Facts, describe, facts } from "./dom.ts";
import { energy, joined, measure, moment, number, seconds } from "./format.ts";
import { measureOf, quantityOf } from "./quantities.ts";

const SENSORS: Record<string, string> = { shunt: "shunt", hall: "Hall sensor" };
const MODES: Record<string, string> = { starting: "Starting", listen: "Listens to a display", poll: "Asks the meter", closed: "Closed" };

/** Why bytes of the link were rejected. */
const REASONS: Record<string, string> = {
  noise: "Noise between the lines",
  cut: "Line that ended too early",
  overlong: "Line that does not end",
  malformed: "Not a line of a meter",
  checksum: "Wrong checksum",
  unknown_command: "Unknown command",
  unknown_layout: "Line that no model explains",
  implausible: "Values that cannot be",
};

/** Returns the card of a meter, and that of its link. */
export function meterCards({ identity, latest, health }: Meter): Description[] {
  const unknown = describe("p", { class: "quiet" }, "The meter has not said yet what it is; a display that asks it rarely wants to know.");
  const reasons = Object.entries(health.garbage).sort(([, one], [, other]) => other - one);
  const rejected = facts(reasons.map(([reason, count]) => [REASONS[reason] ?? reason, number(count, 0)]));
  return [
    describe("div", { class: "card" }, describe("h3", {}, "Meter"), identity === null && unknown, facts([...identityRows(identity), ...latelyRows(latest)])),
    describe("div", { class: "card" }, describe("h3", {}, "Link"), facts(linkRows(health)), reasons.length > 0 && describe("div", {}, describe("h4", {}, "Rejected frames by reason"), rejected)),
  ];
}

function latelyRows(reading: Reading | null): Facts {
  return [
    ["Output", measureOf("output_state", reading?.output_state)],
    [quantityOf("internal_resistance").label, measureOf("internal_resistance", reading?.internal_resistance)],
    ["Charged, total", joined(energy(reading?.charged_energy))],
    ["Discharged, total", joined(energy(reading?.discharged_energy))],
  ];
}

function linkRows(health: LinkHealth): Facts {
  const { garbage_count: rejected, frames } = health;
  const time = timeOf(health.last_frame);
  const part = (rejected / (frames + rejected)) * 100;
  return [
    ["Mode", MODES[health.mode] ?? health.mode],
    ["Connection", health.connected ? "open" : "closed"],
    ["Last frame", time === null ? "none yet" : `${moment(time, now())}, ${seconds(now() - time)} ago`],
    ["Good frames", number(frames, 0)],
    ["Rejected frames", rejected === 0 ? "none" : `${number(rejected, 0)} (${measure(part, part < 1 ? 2 : 0, "%")})`],
    ["Reconnections", number(health.reconnects, 0)],
  ];
}

function identityRows(identity: Identity | null): Facts {
  if (identity === null) return [];
  return [
    ["Model", identity.model],
    ["Family", identity.family],
    ["Sensor", SENSORS[identity.sensor] ?? identity.sensor],
    ["Highest voltage", measure(identity.max_voltage, 0, "V")],
    ["Highest current", measure(identity.max_current, 0, "A")],
    ["Firmware", identity.firmware],
    ["Serial number", String(identity.serial_number)],
    ["Address", String(identity.address)],
  ];
}
