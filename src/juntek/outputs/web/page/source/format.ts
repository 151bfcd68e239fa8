/** Numbers and times as people read them; rule: pure, and the digits are those of the quantity table. */

export const NOTHING = "–";
const MINUS = "\u2212";
const SPACE = "\u00a0";

/** Returns a number with fixed digits; nothing for null, and never a negative zero. */
export function number(value: number | null | undefined, digits: number): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return NOTHING;
  const text = Math.abs(value).toFixed(digits);
  const grouped = Math.abs(value) >= 10_000 ? group(text) : text;
  return value < 0 && Number(text) !== 0 ? MINUS + grouped : grouped;
}

/** Returns a number with its unit. */
export function measure(value: number | null | undefined, digits: number, unit: string): string {
  const text = number(value, digits);
  return text === NOTHING || unit === "" ? text : text + SPACE + unit;
}

/** A value in two parts, so that a unit can be set smaller than its number. */
export interface Parts {
  readonly number: string;
  readonly unit: string;
}

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
  if (size < 999.5) return { number: number(value, 0), unit: "Wh" };
  if (size < 999_500) return { number: number(value / 1000, size < 99_950 ? (size < 9_995 ? 2 : 1) : 0), unit: "kWh" };
  return { number: number(value / 1e6, 2), unit: "MWh" };
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

const HOURS_24 = (() => {
  const { hour12 } = new Intl.DateTimeFormat(undefined, { hour: "numeric" }).resolvedOptions();
  return hour12 !== true;
})();

function formatter(options: Intl.DateTimeFormatOptions): (time: number) => string {
  const made = new Intl.DateTimeFormat("en-GB", { ...options, ...(options.hour ? { hour12: !HOURS_24 } : {}) });
  return (time) => made.format(time * 1000);
}

/** Times are in seconds since 1970 and shown in the zone of whoever looks, in their 12 or 24 hours. */
export const clock = formatter({ hour: HOURS_24 ? "2-digit" : "numeric", minute: "2-digit" });
export const clockSeconds = formatter({ hour: HOURS_24 ? "2-digit" : "numeric", minute: "2-digit", second: "2-digit" });
export const day = formatter({ weekday: "short", day: "numeric", month: "short" });
export const dayYear = formatter({ weekday: "short", day: "numeric", month: "short", year: "numeric" });
export const dayMonth = formatter({ day: "numeric", month: "short" });
export const month = formatter({ month: "short" });
export const monthYear = formatter({ month: "long", year: "numeric" });
export const year = formatter({ year: "numeric" });

/** The time of day, with the date when it is not today's. */
export function moment(time: number, now: number): string {
  return isSameDay(time, now) ? clock(time) : `${day(time)}, ${clock(time)}`;
}

export function isSameDay(a: number, b: number): boolean {
  return new Date(a * 1000).toDateString() === new Date(b * 1000).toDateString();
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

/** A date YYYY-MM-DD without a zone, as its local midnight in seconds since 1970. */
export function date(text: string): number {
  const [years = 1970, months = 1, days = 1] = text.split("-").map(Number);
  return new Date(years, months - 1, days).getTime() / 1000;
}

/** The local date of a moment as YYYY-MM-DD. */
export function isoDate(time: number): string {
  const local = new Date(time * 1000);
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${local.getFullYear()}-${two(local.getMonth() + 1)}-${two(local.getDate())}`;
}

function group(text: string): string {
  const [whole = "", rest] = text.split(".");
  return whole.replace(/\B(?=(\d{3})+$)/g, "\u202f") + (rest ? `.${rest}` : "");
}
