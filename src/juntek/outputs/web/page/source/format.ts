/** Numbers and times as people read them; rule: pure, and the digits are those of the quantity table. */

export const NOTHING = "–";
const MINUS = "\u2212";
const SPACE = "\u00a0";
const THIN_SPACE = "\u202f";

/** Returns a number with fixed digits; nothing for null, and never a negative zero. */
export function number(value: number | null | undefined, digits: number): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return NOTHING;
  const text = Math.abs(value).toFixed(digits);
  const grouped = Math.abs(value) >= 10_000 ? text.replace(/^\d+/, (whole) => whole.replace(/\B(?=(\d{3})+$)/g, THIN_SPACE)) : text;
  return value < 0 && Number(text) !== 0 ? MINUS + grouped : grouped;
}

/** Returns a number with its unit. */
export function measure(value: number | null | undefined, digits: number, unit: string): string {
  const text = number(value, digits);
  return text === NOTHING || unit === "" ? text : text + SPACE + unit;
}

/** From one value to another; nothing where they read the same. */
export function between(low: number | null, high: number | null, digits: number, unit = ""): string {
  const [from, to] = [number(low, digits), number(high, digits)];
  return low === null || high === null || from === to ? "" : `${from} to ${measure(high, digits, unit)}`;
}

/** A value in two parts, so that a unit can be set smaller than its number. */
export type Parts = Readonly<{ number: string; unit: string }>;

/** W below 10 kW, kW above; one digit where it matters. */
export function power(value: number | null | undefined): Parts {
  if (value === null || value === undefined) return { number: NOTHING, unit: "W" };
  const size = Math.abs(value);
  if (size >= 9_999.5) return { number: number(value / 1000, 1), unit: "kW" };
  return { number: number(value, size < 9.95 ? 1 : 0), unit: "W" };
}

/** Wh below 1 kWh, kWh and MWh above, with three figures or so. */
export function energy(value: number | null | undefined): Parts {
  if (value === null || value === undefined) return { number: NOTHING, unit: "kWh" };
  const size = Math.abs(value);
  const [unit, scale] = scaleOf(size);
  const digits = scale === 1 ? 0 : scale === 1e6 || size < 9_995 ? 2 : size < 99_950 ? 1 : 0;
  return { number: number(value / scale, digits), unit };
}

/** The unit that a number of Wh is shown in, and how many Wh it is. */
export function scaleOf(size: number): [unit: string, scale: number] {
  return size < 999.5 ? ["Wh", 1] : size < 999_500 ? ["kWh", 1000] : ["MWh", 1e6];
}

export function joined(parts: Parts): string {
  return parts.number === NOTHING ? NOTHING : parts.number + SPACE + parts.unit;
}

/** A length of time in minutes as its two largest parts: 2 h 40 min, 3 d 4 h. */
export function minutes(value: number): string {
  const whole = Math.max(0, Math.round(value));
  if (whole < 60) return `${whole}${SPACE}min`;
  if (whole < 48 * 60) {
    const rest = whole % 60;
    return `${Math.floor(whole / 60)}${SPACE}h` + (rest ? `${SPACE}${rest}${SPACE}min` : "");
  }
  const hours = Math.round(whole / 60);
  const rest = hours % 24;
  return `${Math.floor(hours / 24)}${SPACE}d` + (rest ? `${SPACE}${rest}${SPACE}h` : "");
}

/** A length of time in seconds: 5 s, 3 min, 2 h 40 min. */
export function seconds(value: number): string {
  if (value >= 86_400 && value % 86_400 === 0) return `${value / 86_400}${SPACE}d`;
  return value < 89.5 && value !== 60 ? `${Math.max(0, Math.round(value))}${SPACE}s` : minutes(value / 60);
}

/** What a point of so many seconds is the average of: 1-minute, 5-second, 2-hour. */
export function averages(resolution: number): string {
  const [length, unit] = ([[86_400, "day"], [3600, "hour"], [60, "minute"]] as const).find(([length]) => resolution >= length) ?? [1, "second"];
  return `${Math.round(resolution / length)}-${unit}`;
}

export const capitalised = (words: string): string => words.charAt(0).toUpperCase() + words.slice(1);

/** A number of things, with the one or the many of them. */
export function counted(count: number, one: string): string {
  return `${number(count, 0)} ${one}${count === 1 ? "" : "s"}`;
}

/** A length of time by its largest part only: nobody needs to know more, and it does not change all the time. */
export function roughly(length: number): string {
  const minutes = Math.round(length / 60);
  const hours = Math.round(length / 3600);
  if (minutes < 60) return counted(minutes, "minute");
  return hours < 48 ? counted(hours, "hour") : counted(Math.round(length / 86_400), "day");
}

const HOURS_24 = new Intl.DateTimeFormat(undefined, { hour: "numeric" }).resolvedOptions().hour12 !== true;
const HERE = new Intl.DateTimeFormat().resolvedOptions().timeZone;

/** The zone that all times are shown in: that of the gateway, whose midnight begins a day. */
let zone = HERE;

/** Takes the gateway's zone; one that this browser does not know, or that has the same times as its own, leaves its own. */
export function setZone(name: string | undefined, now: number): void {
  // Browsers of a few years ago know no +02:00, but this name for it, with the sign that ships use.
  const older = name?.replace(/^([+-])0?(\d+):00$/, (_, sign: string, hours: string) => `Etc/GMT${sign === "+" ? "-" : "+"}${hours}`);
  const known = [name ?? HERE, older ?? HERE].find(isZone) ?? HERE;
  const isSame = [now, now + 182 * 86_400].every((time) => textIn(known, time) === textIn(HERE, time));
  zone = isSame ? HERE : known; // its own is fastest
}

export const zoneName = (): string => zone;

/** Whether a clock on the wall here shows other times. */
export const isElsewhere = (): boolean => zone !== HERE;

const textIn = (timeZone: string, time: number): string => new Date(time * 1000).toLocaleString("en-GB", { timeZone });

function isZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en-GB", { timeZone: name }) !== null;
  } catch {
    return false;
  }
}

/** Formats seconds since 1970 in the gateway's zone, or a date YYYY-MM-DD, which has none. */
type Format = (when: number | string) => string;

function formatter(options: Intl.DateTimeFormatOptions): Format {
  const made = new Map<string, Intl.DateTimeFormat>();
  const formatIn = (timeZone: string, time: number | Date): string => {
    const format = made.get(timeZone) ?? new Intl.DateTimeFormat("en-GB", { ...options, ...(options.hour ? { hour12: !HOURS_24 } : {}), timeZone });
    made.set(timeZone, format);
    return format.format(time);
  };
  return (when) => (typeof when === "number" ? formatIn(zone, when * 1000) : formatIn("UTC", new Date(when)));
}

const HOUR = HOURS_24 ? "2-digit" : "numeric";
export const clock = formatter({ hour: HOUR, minute: "2-digit" });
export const clockSeconds = formatter({ hour: HOUR, minute: "2-digit", second: "2-digit" });
export const day = formatter({ weekday: "short", day: "numeric", month: "short" });
export const dayYear = formatter({ weekday: "short", day: "numeric", month: "short", year: "numeric" });
export const dayMonth = formatter({ day: "numeric", month: "short" });
export const month = formatter({ month: "short" });
export const monthYear = formatter({ month: "long", year: "numeric" });
export const year = formatter({ year: "numeric" });
const numeric = formatter({ day: "2-digit", month: "2-digit", year: "numeric" });

/** The time of day, with the date when it is not today's. */
export function moment(time: number, now: number): string {
  return isSameDay(time, now) ? clock(time) : `${day(time)}, ${clock(time)}`;
}

export function isSameDay(a: number, b: number): boolean {
  return numeric(a) === numeric(b);
}

/** What a chart shows, from its first to its last second. */
export function span(from: number, to: number): string {
  const long = to - from > 4 * 86_400;
  if (long) return `${dayYear(from)} – ${dayYear(to)}`;
  const time = to - from < 600 ? clockSeconds : clock;
  if (isSameDay(from, to)) return `${dayYear(from)}, ${time(from)} – ${time(to)}`;
  return `${day(from)}, ${time(from)} – ${day(to)}, ${time(to)}`;
}

/** A moment under the cursor, as exact as the points are. */
export function point(time: number, resolution: number): string {
  if (resolution >= 86_400) return dayYear(time);
  return `${day(time)}, ${resolution > 0 && resolution % 60 === 0 ? clock(time) : clockSeconds(time)}`;
}

/** The date of a moment as YYYY-MM-DD. */
export function isoDate(time: number): string {
  return numeric(time).split("/").reverse().join("-");
}

/** Round numbers along an axis: never one label twice, and three at least. */
export interface Ticks {
  readonly low: number;
  readonly high: number;
  readonly step: number;
  /** Digits that tell one from the next. */
  readonly digits: number;
}

const STEPS = [1, 2, 2.5, 5];

/** Returns the closest round ends around two values with two to `most` steps between them; `most` is 3 or more. */
export function ticksOf(from: number, to: number, most: number): Ticks {
  const least = Math.max(to - from, 1e-9) / most;
  for (let size = Math.floor(Math.log10(least)); ; size++) {
    for (const part of STEPS) {
      const step = part * 10 ** size;
      const [first, last] = [Math.floor(from / step + 1e-9), Math.ceil(to / step - 1e-9)];
      if (last - first > most) continue;
      const digits = Math.max(0, (part === 2.5 ? 1 : 0) - size);
      return { low: first * step, high: Math.max(last, first + 2) * step, step, digits };
    }
  }
}

/** Returns the value of every line. */
export function linesOf({ low, high, step }: Ticks): number[] {
  return Array.from({ length: Math.round((high - low) / step) + 1 }, (_, index) => low + index * step);
}
