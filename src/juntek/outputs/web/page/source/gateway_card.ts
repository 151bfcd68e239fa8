/** The gateway, and how everything does that its readings go to; rule: shown only while the gateway itself tells it. */

import type { Health, SinkHealth } from "api-types";
import { type Description, card, describe, icon } from "./dom.ts";
import { counted, roughly, seconds } from "./format.ts";

/** What is drawn before a receiver's name. */
const ICONS = { well: "check", starting: "clock", behind: "clock", trouble: "alert", away: "cross" } as const;
type Mark = keyof typeof ICONS;

export type Receiver = ReturnType<typeof receiversOf>[number];

/** What an owner calls each kind of receiver. */
const RECEIVERS: Readonly<Record<string, string>> = {
  mqtt: "MQTT broker",
  history: "History",
  timeseries: "Time-series database",
  metrics: "Metrics endpoint",
};

/** Seconds from which on a receiver is called behind. */
const LATE = 60;

/** `leave` ends the session, where there is one. Nothing of `health` is told while the gateway does not answer. */
export function gatewayCard(health: Health | null, leave: HTMLElement): Description {
  if (health === null) return card("gateway", "Gateway", []);
  const about = describe("p", { class: "card__told quiet" }, `juntek ${health.version}, running for ${seconds(health.uptime)}`);
  const receivers = receiversOf(health.sinks).map(receiver);
  const list = describe("ul", { class: "receivers", role: "list", "aria-labelledby": "receivers-title" }, ...receivers);
  const none = describe("p", { class: "quiet" }, "Readings go to this page only.");
  return card("gateway", "Gateway", [about, leave], describe("h3", { id: "receivers-title" }, "Outputs"), receivers.length > 0 ? list : none);
}

function receiver({ sink, name, mark, state, missed, error }: Receiver): Description {
  const line = (part: string, text: string): Description | null =>
    text === "" ? null : describe("p", { class: part === "name" ? "receiver__name" : `quiet receiver__${part}` }, text);
  return describe(
    "li",
    { class: "receiver", "data-sink": sink, "data-mark": mark },
    describe("span", { class: "receiver__mark" }, icon(ICONS[mark])),
    describe("div", { class: "receiver__told" }, line("name", name), line("state", state), line("missed", missed), line("error", error)),
  );
}

/** Says in words how everything does that readings go to, but of the page itself; of what is well little is said. */
export function receiversOf(sinks: Readonly<Record<string, SinkHealth>>) {
  return Object.entries(sinks)
    .filter(([sink]) => sink !== "web")
    .map(([sink, health]) => ({
      sink,
      name: nameOf(sink),
      ...stateOf(health),
      missed: missed(health),
      error: health.error ?? "",
    }));
}

/** The name of a kind stands before that of one of the kind. */
function nameOf(sink: string): string {
  const [kind = "", ...rest] = sink.split(" ");
  return [RECEIVERS[kind] ?? kind, ...rest].join(" ");
}

function stateOf({ connected, lag, error }: SinkHealth): { mark: Mark; state: string } {
  const behind = lag < LATE ? "" : `${roughly(lag)} behind`;
  if (!connected && error === null) return { mark: "starting", state: "Starting" };
  if (!connected) return { mark: "away", state: join("Not working", behind) };
  if (behind !== "") return { mark: "behind", state: join(behind, "being sent") };
  return error === null ? { mark: "well", state: "Up to date" } : { mark: "trouble", state: "Problem" };
}

function missed({ refused, lost }: SinkHealth): string {
  const parts = [
    refused > 0 ? `${counted(refused, "reading")} refused` : "",
    lost > 0 ? `${counted(lost, "reading")} lost` : "",
  ].filter(Boolean);
  return parts.length === 0 ? "" : `${join(...parts)} since the gateway started`;
}

const join = (...parts: string[]): string => parts.filter(Boolean).join(", ");
