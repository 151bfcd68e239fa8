/**
 * The gateway, and how it is asked; rule: every address is relative and nothing else is ever asked. What it answers has
 * the types of its API, which scripts/page makes.
 */

import type {
  BatteryEvent, Command, CommandOutcome, Day, Health, History, Meter, MeterControls, PlannedChange, QuantityFacts, Session, WishedSettings,
} from "api-types";
import type { Span } from "./span.ts";

export const PERIODS = { day: "Days", month: "Months", year: "Years" } as const;
export type Period = keyof typeof PERIODS;

/** The gateway refused; `status` 0 means that it could not be reached. */
export class GatewayError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** Seconds by which the gateway's clock is ahead of this one's; 0 while they agree within two seconds. */
let ahead = 0;

/** The gateway's time in seconds since 1970: the page may hang on a wall with a clock of its own. */
export function now(): number {
  return Date.now() / 1000 + ahead;
}

/** Why something failed, as the gateway says it; in other words where it does not. */
export function reasonOf(error: unknown, otherwise: string): string {
  return error instanceof GatewayError && error.message !== "" ? error.message : otherwise;
}

export const getMeters = (): Promise<Meter[]> => ask("api/meters");
export const getQuantities = (): Promise<QuantityFacts[]> => ask("api/quantities");
export const getHealth = (): Promise<Health> => ask("api/health");
export const getSession = (): Promise<Session> => ask("api/session");
export const getSettings = (meter: string): Promise<MeterControls> => ask(`${of(meter)}/settings`);

export async function getWritten(meter: string): Promise<readonly Command[]> {
  return (await ask<{ commands: Command[] }>(`api/commands?${new URLSearchParams({ meter, limit: "50" })}`)).commands;
}

export async function getEvents(meter: string, start: number, end: number): Promise<readonly BatteryEvent[]> {
  const query = new URLSearchParams({ start: start.toFixed(0), end: end.toFixed(0) });
  return (await ask<{ events: BatteryEvent[] }>(`${of(meter)}/battery/events?${query}`)).events;
}

export async function planChanges(meter: string, wanted: Partial<WishedSettings>, token: string): Promise<readonly PlannedChange[]> {
  return (await post<{ changes: PlannedChange[] }>(`${of(meter)}/settings/plan`, { values: {}, ...wanted }, token)).changes;
}

/** Writes settings, or does an action; `confirm` has the keys of what is dangerous. */
export async function write(meter: string, to: string, wanted: object, confirm: readonly string[], token: string): Promise<readonly CommandOutcome[]> {
  return (await post<{ outcomes: CommandOutcome[] }>(`${of(meter)}/${to}`, { ...wanted, confirm }, token)).outcomes;
}

const of = (meter: string): string => `api/meters/${encodeURIComponent(meter)}`;

function post<T>(address: string, body: unknown, token: string): Promise<T> {
  const headers = { "content-type": "application/json", ...(token ? { "x-juntek-token": token } : {}) };
  return ask(address, { method: "POST", headers, body: JSON.stringify(body) });
}

export function getHistory(meter: string, quantities: readonly string[], { from, to }: Span, points: number, signal: AbortSignal): Promise<History> {
  const query = new URLSearchParams({ from: String(from), to: String(to), quantities: quantities.join(","), points: String(points) });
  return ask(`${of(meter)}/history?${query}`, { signal });
}

export function getDays(meter: string, from: string, to: string, by: Period, signal: AbortSignal): Promise<Day[]> {
  const query = new URLSearchParams({ from, to, by });
  return ask(`${of(meter)}/days?${query}`, { signal });
}

export function exportAddress(meter: string, { from, to }: Span, format: string): string {
  const query = new URLSearchParams({ from: from.toFixed(0), to: to.toFixed(0), format });
  return `${of(meter)}/export?${query}`;
}

export const signIn = (password: string): Promise<Session> => post("api/session", { password }, "");
export const signOut = (): Promise<Session> => ask("api/session", { method: "DELETE" });

async function ask<T>(address: string, options: RequestInit = {}): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(address, { cache: "no-store", ...options });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new GatewayError(0, "");
  }
  compareClocks(answer.headers.get("date"));
  if (answer.ok) return (await answer.json()) as T;
  const told = (await answer.json().catch(() => null)) as { error?: unknown } | null;
  throw new GatewayError(answer.status, typeof told?.error === "string" ? told.error : "");
}

function compareClocks(date: string | null): void {
  const theirs = Date.parse(date ?? "");
  if (Number.isNaN(theirs)) return;
  const difference = (theirs - Date.now()) / 1000;
  ahead = Math.abs(difference) < 2 ? 0 : difference;
}

/** Seconds since 1970 of a time that came as ISO 8601 or as seconds. */
export function timeOf(value: number | string | null | undefined): number | null {
  if (typeof value === "number") return value;
  const parsed = Date.parse(value ?? "");
  return Number.isNaN(parsed) ? null : parsed / 1000;
}
