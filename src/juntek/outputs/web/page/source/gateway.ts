/**
 * What is known of the gateway at this moment, kept up by its live events; rule: whoever shows something asks here, and
 * nothing here touches the page.
 */

import type { Health, LiveUpdate, Meter, Reading } from "api-types";
import { GatewayError, getHealth, getMeters, getQuantities, getSession, now, timeOf } from "./api.ts";
import { setZone } from "./format.ts";
import { setQuantities } from "./quantities.ts";

/** What changed: who there is, what a meter says, how the gateway does, or that one must sign in. */
export type Change = "meters" | "reading" | "gateway" | "session" | "back";

/** Seconds between two looks at what no event tells: settings, the history's state, the first reading ever. */
const LOOK = 30;

/** Seconds between two looks for a gateway that is gone, and for one that is silent. */
const RETRY = 3;
const RETRY_SILENT = 5;

/** Seconds without any event after which it is asked whether the gateway is there at all. */
const QUIET = 20;

/** Seconds out of sight after which the live connection is let go: a browser has only six for one gateway. */
const UNSEEN = 60;

/** Seconds of readings kept for the end of the charts. */
const KEPT = 900;

export class Gateway {
  meters: Meter[] = [];
  /** How it does; null before its first answer. */
  health: Health | null = null;
  /** The gateway's time since which it does not answer. */
  goneSince: number | null = null;
  needsPassword = false;
  /** Whether a password is asked of anybody. */
  hasPassword = false;
  /** What this session writes with; null where it may not. */
  token: string | null = null;
  readonly recent = new Map<string, Reading[]>();

  private events: EventSource | null = null;
  private heard = 0;
  private looked = 0;
  private hiddenSince: number | null = null;

  constructor(private readonly changed: (change: Change, meter?: string) => void) {}

  /** Begins to listen, and goes on for as long as the page is there. */
  start(): void {
    void this.look();
    window.setInterval(() => this.watch(), 1000);
    document.addEventListener("visibilitychange", () => {
      this.hiddenSince = document.hidden ? now() : null;
      if (!document.hidden) void this.look();
    });
    window.addEventListener("online", () => void this.look());
  }

  meter(name: string): Meter | undefined {
    return this.meters.find((meter) => meter.name === name);
  }

  /** Asks for everything anew; after a pause, a sign-in, or because an event cannot tell it. */
  async look(): Promise<void> {
    this.looked = now();
    try {
      const session = await getSession();
      this.hasPassword = session.required;
      this.token = session.token;
      if (session.required && !session.signed_in) return this.lock();
      const [meters, health, quantities] = await Promise.all([getMeters(), getHealth(), this.health ? null : getQuantities()]);
      if (quantities) setQuantities(quantities);
      this.take(meters, health);
    } catch (error) {
      if (error instanceof GatewayError && error.status === 401) this.lock();
      else this.lose();
    }
  }

  private take(meters: Meter[], health: Health): void {
    const wasGone = this.goneSince !== null;
    const isNew = !this.health || this.needsPassword || names(meters) !== names(this.meters);
    this.meters = meters.map((meter) => ({ ...meter, latest: meter.latest ?? this.meter(meter.name)?.latest ?? null }));
    this.health = health;
    setZone(health.time_zone, now());
    this.goneSince = null;
    this.needsPassword = false;
    this.heard = now();
    if (!this.events) this.listen();
    this.changed(isNew ? "meters" : wasGone ? "back" : "gateway");
  }

  private lock(): void {
    this.hangUp();
    this.needsPassword = true;
    this.goneSince = null;
    this.changed("session");
  }

  private lose(): void {
    this.hangUp();
    if (this.goneSince !== null) return;
    this.goneSince = now();
    this.changed("gateway");
  }

  private hangUp(): void {
    this.events?.close();
    this.events = null;
  }

  private listen(): void {
    const events = new EventSource("api/live");
    this.events = events;
    events.addEventListener("update", (event) => this.hear(JSON.parse(event.data as string) as LiveUpdate));
    events.addEventListener("gateway", (event) => {
      this.heard = now();
      this.health = JSON.parse(event.data as string) as Health;
      this.changed("gateway");
    });
    events.addEventListener("error", () => {
      if (this.events === events) this.lose();
    });
  }

  private hear(update: LiveUpdate): void {
    this.heard = now();
    const index = this.meters.findIndex((meter) => meter.name === update.meter);
    const before = this.meters[index];
    if (!before) return void this.look();
    const latest = update.latest ?? before.latest;
    this.meters[index] = { ...before, ...update, latest };
    if (latest && update.available) this.remember(update.meter, latest);
    this.changed("reading", update.meter);
    // What a meter is, and since when there is history, comes with its first answers.
    if (!before.latest || before.available !== update.available) void this.look();
  }

  private remember(meter: string, reading: Reading): void {
    const kept = this.recent.get(meter) ?? [];
    const time = timeOf(reading.time) ?? now();
    const last = timeOf(kept[kept.length - 1]?.time);
    if (last !== null && time <= last) return;
    kept.push(reading);
    while (kept.length > 1 && (timeOf(kept[0]?.time) ?? 0) < time - KEPT) kept.shift();
    this.recent.set(meter, kept);
  }

  private watch(): void {
    if (this.needsPassword) return;
    const time = now();
    if (this.hiddenSince !== null && time - this.hiddenSince > UNSEEN) return this.hangUp();
    const isThere = this.health !== null && this.goneSince === null;
    const patience = !isThere ? RETRY : time - this.heard > QUIET ? RETRY_SILENT : LOOK;
    if (time - this.looked > patience) void this.look();
  }
}

const names = (meters: readonly Meter[]): string => meters.map((meter) => meter.name).join("\n");
