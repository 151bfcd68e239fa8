/** What the page says about the gateway, the meter and the history; rule: pure; the most pressing sentence comes first. */

import type { Health, Meter } from "api-types";
import { timeOf } from "./api.ts";
import { moment, seconds } from "./format.ts";
import type { Gateway } from "./gateway.ts";
import { receiversOf } from "./gateway_card.ts";
import { measureOf } from "./quantities.ts";
import { TEXT } from "./strings.ts";

interface Notice {
  readonly kind: "gone" | "silent" | "waiting" | "paused" | "away" | "output";
  readonly text: string;
}

/** Returns all that is to be said now. */
export function noticesOf(gateway: Gateway, meter: Meter | undefined, time: number): Notice[] {
  const notices: Notice[] = [];
  if (gateway.goneSince !== null) {
    const text = gateway.known ? TEXT.notice.gone(moment(gateway.goneSince, time)) : TEXT.notice.goneAtOnce;
    notices.push({ kind: "gone", text: meter?.latest ? `${text} ${TEXT.notice.oldValues}` : text });
  } else if (!gateway.known) {
    notices.push({ kind: "waiting", text: TEXT.notice.loading });
  } else if (!meter) {
    notices.push({ kind: "waiting", text: TEXT.notice.noMeters });
  } else {
    notices.push(...noticesOfMeter(meter, time));
    if (meter.health.notice) notices.push({ kind: "waiting", text: `${meter.name}: ${meter.health.notice}` });
  }
  const history = gateway.health?.history;
  if (history && history.state !== "ok" && history.state !== "off" && gateway.goneSince === null) {
    notices.push({ kind: "paused", text: (history.state === "damaged" ? history.reason : TEXT.notice.paused(history.reason ?? "")) ?? "" });
  }
  if (gateway.goneSince === null) notices.push(...noticesOfReceivers(gateway.health?.sinks ?? {}));
  return notices;
}

/** What takes nothing at present; of the history it is said already. */
function noticesOfReceivers(sinks: Health["sinks"]): Notice[] {
  return receiversOf(sinks)
    .filter(({ sink, mark }) => mark === "away" && sink !== "history")
    .map(({ name, error }) => ({ kind: "away", text: TEXT.notice.away(name, error) }));
}

function noticesOfMeter(meter: Meter, time: number): Notice[] {
  if (meter.configured === false) return [{ kind: "waiting", text: TEXT.notice.past(meter.name) }];
  const why = meter.health.error ?? "";
  if (!meter.latest) {
    const doing = why || (TEXT.notice.mode[meter.health.mode] ?? "");
    return [{ kind: "waiting", text: TEXT.notice.waiting(meter.name, doing) }];
  }
  const heard = timeOf(meter.latest.time);
  if (!meter.available && heard !== null) {
    const told = TEXT.notice.silent(meter.name, moment(heard, time), TEXT.ago(age(time - heard)));
    return [{ kind: "silent", text: [told, why, TEXT.notice.oldValues].filter(Boolean).join(" ") }];
  }
  // Switched off is a state like any other; what is tripped keeps the battery from its work.
  if (!["on", "off", "unknown"].includes(meter.latest.output_state)) {
    return [{ kind: "output", text: TEXT.notice.output(measureOf("output_state", meter.latest.output_state)) }];
  }
  return [];
}

/** Returns why a meter's values are not the present ones, in a few words, or nothing when they are. */
export function ageOf(gateway: Gateway, meter: Meter | undefined, time: number): string {
  const heard = timeOf(meter?.latest?.time);
  if (heard === null || (gateway.goneSince === null && meter?.available)) return "";
  return TEXT.oldSince(moment(heard, time));
}

/** In steps of half a minute once it is a while, so that nobody is told every second. */
function age(length: number): string {
  return seconds(length < 60 ? Math.ceil(length / 10) * 10 : length);
}
