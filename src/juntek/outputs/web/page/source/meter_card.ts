/** What the meter is, and how its link does; rule: it is shown as it is told. */

import type { Health, Meter, Reading, Values } from "./api.ts";
import { now, timeOf } from "./api.ts";
import { type Facts, columnHead, element, fill, rowHead, showFacts, table } from "./dom.ts";
import { energy, joined, measure, moment, number, seconds } from "./format.ts";
import { labelOf, measureOf } from "./quantities.ts";
import { SettingsCard } from "./settings_card.ts";
import { TEXT } from "./strings.ts";

const IDENTITY_UNITS: Record<string, string> = { max_voltage: "V", max_current: "A" };

export class MeterCard {
  readonly element: HTMLElement;
  private readonly unknown = element("p", { class: "quiet" }, TEXT.noIdentity);
  private readonly facts = element("dl", { class: "facts" });
  private readonly link = element("dl", { class: "facts" });
  private readonly garbage = element("div");
  private readonly settings = new SettingsCard();
  private shown = "";

  constructor() {
    this.element = element(
      "section",
      { class: "meter", id: "meter", "aria-labelledby": "meter-title" },
      element("h2", { id: "meter-title", class: "only-read" }, TEXT.meter),
      element("div", { class: "card" }, element("h3", {}, TEXT.meter), this.unknown, this.facts),
      element("div", { class: "card" }, element("h3", {}, TEXT.link), this.link, this.garbage),
      this.settings.element,
    );
  }

  show(meter: Meter | undefined, token: string | null | undefined): void {
    if (!meter) return;
    this.settings.show(meter, token);
    this.unknown.hidden = meter.identity !== null;
    showFacts(this.facts, [...identityRows(meter.identity ?? {}), ...latelyRows(meter.latest)]);
    if (meter.health === null) return;
    showFacts(this.link, linkRows(meter.health));
    const reasons = Object.entries(meter.health.garbage).filter(([, count]) => count > 0);
    const state = JSON.stringify(reasons);
    if (state === this.shown) return;
    this.shown = state;
    fill(this.garbage, reasons.length > 0 ? garbageTable(reasons) : null);
  }
}

function latelyRows(reading: Reading | null): Facts {
  return [
    [TEXT.outputState, measureOf("output_state", reading?.output_state)],
    [labelOf("internal_resistance"), measureOf("internal_resistance", reading?.internal_resistance)],
    [TEXT.chargedTotal, joined(energy(reading?.charged_energy))],
    [TEXT.dischargedTotal, joined(energy(reading?.discharged_energy))],
  ];
}

function linkRows(health: Health): Facts {
  const { garbage_count: rejected, frames } = health;
  const time = timeOf(health.last_frame);
  const part = (rejected / (frames + rejected)) * 100;
  return [
    [TEXT.mode, TEXT.modes[health.mode] ?? health.mode],
    [TEXT.connection, health.connected ? TEXT.connected : TEXT.disconnected],
    [TEXT.lastFrame, time === null ? TEXT.never : `${moment(time, now())}, ${TEXT.ago(seconds(now() - time))}`],
    [TEXT.frames, number(frames, 0)],
    [TEXT.garbage, rejected === 0 ? TEXT.garbageNone : TEXT.garbageShare(number(rejected, 0), measure(part, part < 1 ? 2 : 0, "%"))],
    [TEXT.reconnects, number(health.reconnects, 0)],
  ];
}

function identityRows(identity: Values): Facts {
  return Object.entries(TEXT.identity)
    .filter(([key]) => (identity[key] ?? null) !== null)
    .map(([key, label]) => {
      const told = identity[key] ?? null;
      if (key === "sensor") return [label, TEXT.sensors[String(told)] ?? String(told)];
      return [label, typeof told === "number" ? measure(told, 0, IDENTITY_UNITS[key] ?? "") : String(told)];
    });
}

function garbageTable(reasons: readonly [string, number][]): HTMLElement {
  const rows = [...reasons].sort((a, b) => b[1] - a[1]);
  return table(
    element("caption", {}, TEXT.garbageTable),
    [columnHead(TEXT.reason), columnHead(TEXT.count)],
    rows.map(([reason, count]) => [rowHead(TEXT.reasons[reason] ?? reason), element("td", {}, number(count, 0))]),
  );
}
