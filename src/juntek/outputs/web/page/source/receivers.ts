/** How everything does that readings go to, in words; rule: pure, and of what is well as little as can be is said. */

import type { SinkHealth } from "api-types";
import { counted } from "./format.ts";
import { RECEIVERS, TEXT } from "./strings.ts";

/** What is drawn before a receiver's name. */
type Mark = "well" | "starting" | "behind" | "trouble" | "away";

export interface Receiver {
  readonly sink: string;
  readonly name: string;
  readonly mark: Mark;
  readonly state: string;
  /** Readings that it did not take or never got; empty where there are none. */
  readonly missed: string;
  /** What is wrong, as the gateway says it. */
  readonly error: string;
}

/** Seconds from which on a receiver is called behind. */
const LATE = 60;

/** The page itself is no news to whoever sees it. */
const OWN = "web";

export function receiversOf(sinks: Readonly<Record<string, SinkHealth>>): Receiver[] {
  return Object.entries(sinks)
    .filter(([sink]) => sink !== OWN)
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
  const behind = lag < LATE ? "" : TEXT.receiver.behind(roughly(lag));
  if (!connected && error === null) return { mark: "starting", state: TEXT.receiver.starting };
  if (!connected) return { mark: "away", state: join(TEXT.receiver.away, behind) };
  if (behind !== "") return { mark: "behind", state: join(behind, TEXT.receiver.beingSent) };
  return error === null ? { mark: "well", state: TEXT.receiver.well } : { mark: "trouble", state: TEXT.receiver.trouble };
}

function missed({ refused, lost }: SinkHealth): string {
  const parts = [
    refused > 0 ? TEXT.receiver.refused(counted(refused, "reading")) : "",
    lost > 0 ? TEXT.receiver.lost(counted(lost, "reading")) : "",
  ].filter(Boolean);
  return parts.length === 0 ? "" : TEXT.receiver.sinceStart(join(...parts));
}

/** A length of time by its largest part only: nobody needs to know more, and it does not change all the time. */
export function roughly(length: number): string {
  const minutes = Math.round(length / 60);
  const hours = Math.round(length / 3600);
  if (minutes < 60) return counted(minutes, "minute");
  return hours < 48 ? counted(hours, "hour") : counted(Math.round(length / 86_400), "day");
}

const join = (...parts: string[]): string => parts.filter(Boolean).join(", ");
