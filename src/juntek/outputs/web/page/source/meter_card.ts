/** What the meter is, and how its link does; rule: it is shown as it is told. */

import type { Identity, LinkHealth, Meter, Reading } from "api-types";
import { now, timeOf } from "./api.ts";
import { type Facts, element, showFacts } from "./dom.ts";
import { energy, joined, measure, moment, number, seconds } from "./format.ts";
import { measureOf, quantityOf } from "./quantities.ts";
import { SettingsCard } from "./settings_card.ts";
import { TEXT } from "./strings.ts";

const IDENTITY_UNITS: Record<string, string> = { max_voltage: "V", max_current: "A" };

export class MeterCard {
  readonly element: HTMLElement;
  private readonly unknown = element("p", { class: "quiet" }, TEXT.noIdentity);
  private readonly facts = element("dl", { class: "facts" });
  private readonly link = element("dl", { class: "facts" });
  private readonly reasons = element("dl", { class: "facts" });
  private readonly rejected = element("div", {}, element("h4", {}, TEXT.garbageReasons), this.reasons);
  private readonly settings = new SettingsCard();

  constructor() {
    this.element = element(
      "section",
      { class: "meter", id: "meter", "aria-labelledby": "meter-title" },
      element("h2", { id: "meter-title", class: "only-read" }, TEXT.meter),
      element("div", { class: "card" }, element("h3", {}, TEXT.meter), this.unknown, this.facts),
      element("div", { class: "card" }, element("h3", {}, TEXT.link), this.link, this.rejected),
      this.settings.element,
    );
  }

  show(meter: Meter | undefined, token: string | null | undefined): void {
    if (!meter) return;
    this.settings.show(meter, token);
    this.unknown.hidden = meter.identity !== null;
    showFacts(this.facts, [...identityRows(meter.identity), ...latelyRows(meter.latest)]);
    showFacts(this.link, linkRows(meter.health));
    const reasons = Object.entries(meter.health.garbage).sort(([, one], [, other]) => other - one);
    showFacts(this.reasons, reasons.map(([reason, count]) => [TEXT.reasons[reason] ?? reason, number(count, 0)]));
    this.rejected.hidden = reasons.length === 0;
  }
}

function latelyRows(reading: Reading | null): Facts {
  return [
    [TEXT.outputState, measureOf("output_state", reading?.output_state)],
    [quantityOf("internal_resistance").label, measureOf("internal_resistance", reading?.internal_resistance)],
    [TEXT.chargedTotal, joined(energy(reading?.charged_energy))],
    [TEXT.dischargedTotal, joined(energy(reading?.discharged_energy))],
  ];
}

function linkRows(health: LinkHealth): Facts {
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

function identityRows(identity: Identity | null): Facts {
  if (identity === null) return [];
  return Object.entries(TEXT.identity).map(([key, label]) => {
    const told = identity[key as keyof Identity];
    if (typeof told === "number") return [label, measure(told, 0, IDENTITY_UNITS[key] ?? "")];
    return [label, TEXT.sensors[told] ?? told];
  });
}
