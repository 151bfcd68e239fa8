/** The lines of the settings card: where one enters a value, and what is said of a change; rule: pure, nothing is asked or written here. */

import type { ActionFacts, Limits, SettingFacts, Value } from "api-types";
import { GatewayError } from "./api.ts";
import { element } from "./dom.ts";
import { isKnown, settingOf } from "./quantities.ts";
import { TEXT } from "./strings.ts";

/** Where one enters a value, and what was entered. */
export interface Field {
  readonly control: HTMLElement | null;
  readonly read: () => Value;
}

/** What is known of something that can be written. */
export interface Known {
  readonly label: string;
  readonly unit: string;
  readonly input: Limits | null;
}

/** What becomes what. */
interface Change {
  readonly key: string;
  readonly old: Value;
  readonly new: Value;
}

/** One of the choices, a number, or nothing for what is switched off. */
export function field(key: string, { unit, minimum, maximum, step, choices }: Limits, value: Value, canBeOff = false): Field {
  const id = `entry-${key}`;
  if (choices !== null) {
    const options = choices.map((choice) => element("option", { selected: choice.value === value }, choice.label));
    const select = element("select", { id }, ...options);
    return { control: element("span", { class: "entry" }, select), read: () => choices[select.selectedIndex]?.value ?? null };
  }
  const isNumber = typeof value !== "string";
  const limits = minimum === null || maximum === null ? unit : `${TEXT.between(String(minimum), String(maximum))} ${unit}`;
  const input = element("input", {
    id, type: isNumber ? "number" : "text", min: minimum, max: maximum, step: step ?? "any", placeholder: canBeOff && TEXT.switchedOff, value: value === null ? "" : String(value),
  });
  const read = (): Value => {
    // What is no number reads as empty, and empty is switched off.
    if (input.validity.badInput) throw new GatewayError(0, TEXT.control.noNumber);
    return input.value === "" ? null : isNumber ? Number(input.value) : input.value;
  };
  return { control: element("span", { class: "entry" }, input, element("span", { class: "quiet" }, limits)), read };
}

/** One setting in its line: what it is, what it does, and where it is entered. */
export function line({ key, label, help, risk }: SettingFacts | ActionFacts, control: HTMLElement | null): HTMLElement {
  const tag = control?.querySelector("input, select") ? "label" : "span";
  const name = risk === "dangerous" ? TEXT.control.dangerous(label) : label;
  const note = help !== "" && element("small", { class: "quiet" }, sentence(help));
  return element("div", { class: "entry-line", "data-risk": risk }, element(tag, { for: `entry-${key}`, class: "entry-name" }, name, note), control);
}

/** One change in a list of them: what, from what to what and with what outcome, and what else is to be said. */
export function item(label: string, properties: Record<string, string>, said: readonly string[], note: string, more: Node | null = null): HTMLElement {
  return element(
    "li",
    properties,
    element("strong", {}, label),
    element("p", {}, said.filter(Boolean).join(": ")),
    element("p", { class: "quiet" }, sentence(note)),
    more,
  );
}

/** From what to what; nothing where there is nothing to be said, as of a meter that is to forget its totals. */
export function sayChange({ key, old, new: set }: Change, { unit, input }: Pick<Known, "unit" | "input">): string {
  const say = (value: Value): string => {
    const choice = input?.choices?.find((one) => one.value === value);
    if (choice) return choice.label;
    return typeof value === "number" && !isKnown(key) ? `${value} ${unit}`.trim() : settingOf(key, value);
  };
  if (old === null && set === null) return "";
  return old === null && !isKnown(key) ? say(set) : `${say(old)} → ${say(set)}`;
}

/** A few words as a sentence of their own. */
function sentence(words: string): string {
  return words === "" ? "" : words.charAt(0).toUpperCase() + words.slice(1) + (/[.!?]$/.test(words) ? "" : ".");
}
