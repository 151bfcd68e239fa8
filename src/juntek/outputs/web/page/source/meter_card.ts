/** What the meter is, and how its link does; rule: it is shown as it is told. */

import type { Health, Meter, Reading, Values } from "./api.ts";
import { now, timeOf } from "./api.ts";
import { columnHead, element, facts, fill, rowHead, say, table } from "./dom.ts";
import { energy, joined, measure, moment, number, seconds } from "./format.ts";
import { labelOf, measureOf } from "./quantities.ts";
import { SettingsCard } from "./settings_card.ts";
import { TEXT } from "./strings.ts";

const IDENTITY_UNITS: Record<string, string> = { max_voltage: "V", max_current: "A" };

type Lately = "output" | "resistance" | "charged" | "discharged";

export class MeterCard {
  readonly element: HTMLElement;
  private readonly identity = element("div");
  private readonly lately: Record<Lately, HTMLElement> = {
    output: element("dd"),
    resistance: element("dd"),
    charged: element("dd"),
    discharged: element("dd"),
  };
  private readonly latest = element("dl", { class: "facts" });
  private readonly settings = new SettingsCard();
  private readonly link = element("dl", { class: "facts" });
  private readonly garbage = element("div");
  private readonly age = element("dd");
  private shown = "";

  constructor() {
    this.element = element(
      "section",
      { class: "meter", id: "meter", "aria-labelledby": "meter-title" },
      element("h2", { id: "meter-title", class: "only-read" }, TEXT.meter),
      element(
        "div",
        { class: "card" },
        element("h3", {}, TEXT.meter),
        this.identity,
        this.latest,
      ),
      element("div", { class: "card" }, element("h3", {}, TEXT.link), this.link, this.garbage),
      this.settings.element,
    );
  }

  show(meter: Meter | undefined, token: string | null | undefined): void {
    this.settings.show(meter, token);
    if (meter && this.latest.children.length === 0) this.nameLatest();
    this.showAge(meter?.health ?? null);
    this.showLately(meter?.latest ?? null);
    const { identity = null, health = null } = meter ?? {};
    const state = JSON.stringify([identity, { ...health, last_frame: null }]);
    if (state === this.shown) return;
    this.shown = state;
    fill(
      this.identity,
      identity
        ? element("dl", { class: "facts" }, ...facts(identityRows(identity)))
        : element("p", { class: "quiet" }, TEXT.noIdentity),
    );
    if (health) this.showHealth(health);
  }

  /** Labels are known once there is a meter. */
  private nameLatest(): void {
    const labels = { output: TEXT.outputState, resistance: labelOf("internal_resistance"), charged: TEXT.chargedTotal, discharged: TEXT.dischargedTotal };
    fill(this.latest, ...facts(Object.entries(labels).map(([name, label]) => [label, this.lately[name as Lately]])));
  }

  private showLately(reading: Reading | null): void {
    const output = reading?.output_state;
    say(this.lately.output, measureOf("output_state", output));
    say(this.lately.resistance, measureOf("internal_resistance", reading?.internal_resistance));
    say(this.lately.charged, joined(energy(reading?.charged_energy)));
    say(this.lately.discharged, joined(energy(reading?.discharged_energy)));
  }

  /** The age of the last frame grows by itself. */
  showAge(health: Health | null): void {
    const time = timeOf(health?.last_frame);
    say(this.age, time === null ? TEXT.never : `${moment(time, now())}, ${TEXT.ago(seconds(now() - time))}`);
  }

  private showHealth(health: Health): void {
    const rows: [string, string | HTMLElement][] = [
      [TEXT.mode, TEXT.modes[health.mode] ?? health.mode],
      [TEXT.connection, health.connected ? TEXT.connected : TEXT.disconnected],
      [TEXT.lastFrame, this.age],
      [TEXT.frames, number(health.frames, 0)],
      [TEXT.garbage, share(health)],
      [TEXT.reconnects, number(health.reconnects, 0)],
    ];
    fill(this.link, ...facts(rows));
    const reasons = Object.entries(health.garbage).filter(([, count]) => count > 0);
    fill(this.garbage, reasons.length > 0 ? garbageTable(reasons) : null);
  }
}

function identityRows(identity: Values): [string, string][] {
  return Object.entries(TEXT.identity)
    .filter(([key]) => identity[key] !== null && identity[key] !== undefined)
    .map(([key, label]) => {
      const told = identity[key] ?? null;
      if (key === "sensor") return [label, TEXT.sensors[String(told)] ?? String(told)];
      return [label, typeof told === "number" ? measure(told, 0, IDENTITY_UNITS[key] ?? "") : String(told)];
    });
}

function share(health: Health): string {
  if (health.garbage_count === 0) return TEXT.garbageNone;
  const part = (health.garbage_count / (health.frames + health.garbage_count)) * 100;
  return TEXT.garbageShare(number(health.garbage_count, 0), measure(part, part < 1 ? 2 : 0, "%"));
}

function garbageTable(reasons: readonly [string, number][]): HTMLElement {
  const rows = [...reasons].sort((a, b) => b[1] - a[1]);
  return table(
    element("caption", {}, TEXT.garbageTable),
    [columnHead(TEXT.reason), columnHead(TEXT.count)],
    rows.map(([reason, count]) => [rowHead(TEXT.reasons[reason] ?? reason), element("td", {}, number(count, 0))]),
  );
}
