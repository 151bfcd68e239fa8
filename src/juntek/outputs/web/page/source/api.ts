/** What the gateway answers, and how it is asked; rule: every address is relative and nothing else is ever asked. */

export type Direction = "charging" | "discharging" | "idle";

export interface Reading {
  readonly time: string | null;
  readonly voltage: number | null;
  readonly current: number | null;
  readonly power: number | null;
  readonly state_of_charge: number | null;
  readonly remaining_capacity: number | null;
  readonly nominal_capacity: number | null;
  readonly temperature: number | null;
  readonly internal_resistance: number | null;
  readonly time_to_empty: number | null;
  readonly time_to_full: number | null;
  readonly charged_energy: number | null;
  readonly discharged_energy: number | null;
  readonly charged_energy_today: number | null;
  readonly discharged_energy_today: number | null;
  readonly run_time: number | null;
  readonly direction: Direction;
  readonly output_state: string;
  /** Any quantity that the gateway has besides. */
  readonly [key: string]: unknown;
}

/** How a quantity is drawn; `signed`: above zero is charging and below is discharging. */
export interface ChartFacts {
  /** The least that its axis covers, so that noise does not look like an event. */
  readonly least_span: number;
  /** Its part of the height of all charts. */
  readonly height: number;
  /** Ends of its axis where it has natural ones. */
  readonly ends: readonly [number, number] | null;
  readonly signed: boolean;
  readonly order: number;
}

export interface QuantityFacts {
  readonly key: string;
  readonly label: string;
  readonly unit: string;
  readonly digits: number;
  readonly accumulation: string;
  /** Whether the gateway keeps a history of it. */
  readonly history: boolean;
  /** What people call each of its words, where it is one. */
  readonly words: Readonly<Record<string, string>>;
  readonly chart: ChartFacts | null;
  /** Families of meters that have this setting. */
  readonly families: readonly string[];
}

export interface Health {
  readonly mode: string;
  readonly connected: boolean;
  readonly frames: number;
  readonly garbage: Readonly<Record<string, number>>;
  readonly garbage_count: number;
  readonly reconnects: number;
  readonly last_frame: string | null;
  readonly error: string | null;
  /** What is odd about the meter's numbers, as a sentence. */
  readonly notice?: string | null;
}

export type Values = Readonly<Record<string, string | number | null>>;

export interface Meter {
  readonly name: string;
  readonly available: boolean;
  readonly identity: Values | null;
  readonly settings: Values | null;
  readonly health: Health | null;
  readonly latest: Reading | null;
  readonly first: number | string | null;
  readonly last: number | string | null;
  /** False for a meter that only its history knows. */
  readonly configured?: boolean;
}

export interface Update {
  readonly meter: string;
  readonly available: boolean;
  readonly latest: Reading | null;
  readonly health: Health | null;
  readonly identity?: Values | null;
  readonly settings?: Values | null;
}

export interface GatewayHealth {
  readonly version?: string;
  readonly uptime?: number;
  /** Whose midnight begins a day. */
  readonly time_zone?: string;
  /** Formats that the past can be saved as. */
  readonly exports?: readonly string[];
  readonly history?: HistoryState | null;
  readonly sinks?: Readonly<Record<string, SinkHealth>>;
}

/** How one receiver of readings does; `lag` is s since the oldest reading came that it has not got, counts are of this run. */
export interface SinkHealth {
  readonly connected: boolean;
  readonly waiting: number;
  readonly lag: number;
  readonly failures: number;
  readonly lost: number;
  readonly refused: number;
  readonly error: string | null;
}

interface HistoryState {
  readonly state: string;
  readonly reason?: string | null;
}

export type Numbers = readonly (number | null)[];

export interface Column {
  readonly minimum?: Numbers | null;
  readonly average?: Numbers | null;
  readonly maximum?: Numbers | null;
  readonly last?: Numbers | null;
}

export interface Series {
  readonly resolution: number;
  readonly time: readonly number[];
  readonly quantities: Readonly<Record<string, Column>>;
}

export interface Extremes {
  readonly minimum: number | null;
  readonly maximum: number | null;
}

export interface Day {
  readonly date: string;
  readonly charged_energy: number | null;
  readonly discharged_energy: number | null;
  readonly charged_capacity: number | null;
  readonly discharged_capacity: number | null;
  /** A part of 1. */
  readonly efficiency: number | null;
  readonly voltage?: Extremes | null;
  readonly current?: Extremes | null;
  readonly temperature?: Extremes | null;
  readonly state_of_charge?: Extremes | null;
}

export type Value = string | number | boolean | null;
export type Risk = "harmless" | "accounting" | "dangerous";

/** What one may enter: one of the choices, or a number within its limits. */
export interface Input {
  readonly unit: string;
  readonly minimum: number | null;
  readonly maximum: number | null;
  readonly step: number | null;
  readonly choices: readonly { readonly value: Value; readonly label: string }[] | null;
}

interface Command {
  readonly key: string;
  readonly label: string;
  readonly help: string;
  readonly risk: Risk;
  readonly allowed: boolean;
}

export type Setting = Command & Input & { readonly value: Value; readonly can_be_off: boolean };
export type Action = Command & { readonly argument: Input | null };

export interface MeterSettings {
  readonly writable: boolean;
  readonly settings: readonly Setting[];
  readonly actions: readonly Action[];
}

/** What would be written. */
export interface Change {
  readonly key: string;
  readonly label: string;
  readonly old: Value;
  readonly new: Value;
  readonly unit: string;
  readonly risk: Risk;
  readonly warning: string | null;
}

export interface Outcome {
  readonly key: string;
  readonly label: string;
  readonly old: Value;
  readonly new: Value;
  readonly outcome: "obeyed" | "refused" | "unknown";
  readonly detail: string | null;
}

/** Something that was written once, by whom, and what became of it. */
export interface Written {
  readonly time: string;
  readonly who: string;
  readonly key: string;
  readonly old: Value;
  readonly new: Value;
  readonly outcome: string;
}

/** The estimate was set to what the battery showed. */
export interface BatteryEvent {
  readonly time: number | string;
  readonly event: "full" | "empty" | "synchronised";
  readonly state_of_charge: number | null;
}

/** `token`: what this session writes with; null where it may not write, absent where the gateway cannot. */
export interface Session {
  readonly required: boolean;
  readonly signed_in: boolean;
  readonly token?: string | null;
}

export type Period = "day" | "month" | "year";

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

export const getMeters = (): Promise<Meter[]> => ask("api/meters");
export const getQuantities = (): Promise<QuantityFacts[]> => ask("api/quantities");
export const getHealth = (): Promise<GatewayHealth> => ask("api/health");
export const getSession = (): Promise<Session> => ask("api/session");
export const getSettings = (meter: string): Promise<MeterSettings> => ask(`${of(meter)}/settings`);

export async function getWritten(meter: string): Promise<readonly Written[]> {
  return (await ask<{ commands: Written[] }>(`api/commands?${new URLSearchParams({ meter, limit: "50" })}`)).commands;
}

export async function getEvents(meter: string, start: number, end: number): Promise<readonly BatteryEvent[]> {
  const query = new URLSearchParams({ start: start.toFixed(0), end: end.toFixed(0) });
  return (await ask<{ events: BatteryEvent[] }>(`${of(meter)}/battery/events?${query}`)).events;
}

export async function planChanges(meter: string, wanted: { values?: Record<string, Value>; action?: Record<string, Value> }, token: string): Promise<readonly Change[]> {
  return (await post<{ changes: Change[] }>(`${of(meter)}/settings/plan`, { values: {}, ...wanted }, token)).changes;
}

export async function writeSettings(meter: string, values: Record<string, Value>, confirm: readonly string[], token: string): Promise<readonly Outcome[]> {
  return (await post<{ outcomes: Outcome[] }>(`${of(meter)}/settings`, { values, confirm }, token)).outcomes;
}

export async function act(meter: string, key: string, value: Value, confirm: readonly string[], token: string): Promise<readonly Outcome[]> {
  return (await post<{ outcomes: Outcome[] }>(`${of(meter)}/actions/${encodeURIComponent(key)}`, { value, confirm }, token)).outcomes;
}

const of = (meter: string): string => `api/meters/${encodeURIComponent(meter)}`;

function post<T>(address: string, body: unknown, token: string): Promise<T> {
  const headers = { "content-type": "application/json", ...(token ? { "x-juntek-token": token } : {}) };
  return ask(address, { method: "POST", headers, body: JSON.stringify(body) });
}

export function getHistory(
  meter: string,
  quantities: readonly string[],
  from: number,
  to: number,
  points: number,
  signal: AbortSignal,
): Promise<Series> {
  const query = new URLSearchParams({ from: String(from), to: String(to), quantities: quantities.join(","), points: String(points) });
  return ask(`${of(meter)}/history?${query}`, { signal });
}

export function getDays(meter: string, from: string, to: string, by: Period, signal: AbortSignal): Promise<Day[]> {
  const query = new URLSearchParams({ from, to, by });
  return ask(`${of(meter)}/days?${query}`, { signal });
}

export function exportAddress(meter: string, from: number, to: number, format: "csv" | "parquet"): string {
  const query = new URLSearchParams({ from: from.toFixed(0), to: to.toFixed(0), format });
  return `${of(meter)}/export?${query}`;
}

export function signIn(password: string): Promise<unknown> {
  return post("api/session", { password }, "");
}

export function signOut(): Promise<unknown> {
  return ask("api/session", { method: "DELETE" });
}

async function ask<T>(address: string, options: RequestInit = {}): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(address, { credentials: "same-origin", cache: "no-store", ...options });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new GatewayError(0, "");
  }
  compareClocks(answer.headers.get("date"));
  const text = await answer.text();
  if (!answer.ok) throw new GatewayError(answer.status, sentenceIn(text));
  return (text === "" ? null : JSON.parse(text)) as T;
}

function sentenceIn(text: string): string {
  try {
    const { error } = JSON.parse(text) as { error?: unknown };
    return typeof error === "string" ? error : "";
  } catch {
    return "";
  }
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
