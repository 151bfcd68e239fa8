/** What the page says about the gateway, the meter and the history; rule: pure; the most pressing sentence comes first. */

import type { Health, Meter } from "api-types";
import { timeOf } from "./api.ts";
import { moment, seconds } from "./format.ts";
import type { Gateway } from "./gateway.ts";
import { receiversOf } from "./gateway_card.ts";
import { measureOf } from "./quantities.ts";

type Notice = Readonly<{ kind: "gone" | "silent" | "waiting" | "paused" | "away" | "output"; text: string }>;

const OLD_VALUES = "The values below are the last ones it sent.";
const DOING: Record<string, string> = {
  starting: "The gateway is opening the link.",
  listen: "The gateway is listening whether a display asks the meter.",
  poll: "The gateway is asking the meter.",
  closed: "The link is closed.",
};

/** Returns all that is to be said now. */
export function noticesOf(gateway: Gateway, meter: Meter | undefined, time: number): Notice[] {
  const notices: Notice[] = [];
  if (gateway.goneSince !== null) {
    const since = `The gateway has not answered since ${moment(gateway.goneSince, time)}. Reconnecting…`;
    const text = gateway.health ? since : "The gateway does not answer. Trying again…";
    notices.push({ kind: "gone", text: meter?.latest ? `${text} ${OLD_VALUES}` : text });
  } else if (!gateway.health) {
    notices.push({ kind: "waiting", text: "Asking the gateway for its meters…" });
  } else if (!meter) {
    notices.push({ kind: "waiting", text: "The gateway has no meter yet; add one under [[meters]] in its configuration." });
  } else {
    notices.push(...noticesOfMeter(meter, time));
    if (meter.health.notice) notices.push({ kind: "waiting", text: `${meter.name}: ${meter.health.notice}` });
  }
  const history = gateway.health?.history;
  if (history && history.state !== "ok" && history.state !== "off" && gateway.goneSince === null) {
    notices.push({ kind: "paused", text: (history.state === "damaged" ? history.reason : `The history is paused. ${history.reason ?? ""}`) ?? "" });
  }
  if (gateway.goneSince === null) notices.push(...noticesOfReceivers(gateway.health?.sinks ?? {}));
  return notices;
}

/** What takes nothing at present; of the history it is said already. */
function noticesOfReceivers(sinks: Health["sinks"]): Notice[] {
  return receiversOf(sinks)
    .filter(({ sink, mark }) => mark === "away" && sink !== "history")
    .map(({ name, error }) => ({ kind: "away", text: `${name} is not working. ${error}` }));
}

function noticesOfMeter(meter: Meter, time: number): Notice[] {
  if (meter.configured === false) return [{ kind: "waiting", text: `${meter.name} is no longer in the configuration; this is its past.` }];
  const why = meter.health.error ?? "";
  if (!meter.latest) {
    const doing = why || (DOING[meter.health.mode] ?? "");
    return [{ kind: "waiting", text: `Waiting for the first reading of ${meter.name}. ${doing}` }];
  }
  const heard = timeOf(meter.latest.time);
  if (!meter.available && heard !== null) {
    const told = `${meter.name} has been silent since ${moment(heard, time)}, ${age(time - heard)} ago.`;
    return [{ kind: "silent", text: [told, why, OLD_VALUES].filter(Boolean).join(" ") }];
  }
  // Switched off is a state like any other; what is tripped keeps the battery from its work.
  if (!["on", "off", "unknown"].includes(meter.latest.output_state)) {
    const state = measureOf("output_state", meter.latest.output_state);
    return [{ kind: "output", text: `A protection has switched the output of the meter off: ${state.charAt(0).toLowerCase()}${state.slice(1)}.` }];
  }
  return [];
}

/** Returns why a meter's values are not the present ones, in a few words, or nothing when they are. */
export function ageOf(gateway: Gateway, meter: Meter | undefined, time: number): string {
  const heard = timeOf(meter?.latest?.time);
  if (heard === null || (gateway.goneSince === null && meter?.available)) return "";
  return `as of ${moment(heard, time)}`;
}

/** In steps of half a minute once it is a while, so that nobody is told every second. */
function age(length: number): string {
  return seconds(length < 60 ? Math.ceil(length / 10) * 10 : length);
}
