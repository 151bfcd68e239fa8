/**
 * How a meter is set, and the way to change it: edit, see what would be written, confirm, see what became of it; rule:
 * nothing is written that was not shown before, and what the gateway does not allow cannot be entered.
 */

import type { ActionFacts, CommandOutcome, Limits, Meter, MeterControls, PlannedChange, SettingFacts, Settings, Value } from "api-types";
import { GatewayError, act, getSettings, getWritten, now, planChanges, reasonOf, timeOf, writeSettings } from "./api.ts";
import { element, fill, showFacts } from "./dom.ts";
import { moment } from "./format.ts";
import { isKnown, labelOf, settingOf, settings as known } from "./quantities.ts";
import { TEXT } from "./strings.ts";

type Write = (confirmed: readonly string[]) => Promise<readonly CommandOutcome[]>;

export class SettingsCard {
  readonly element: HTMLElement;
  private readonly panel = element("div", { class: "panel", tabindex: "-1" });
  private readonly log = element("details", { hidden: true, toggle: () => void this.showLog() }, element("summary", {}, TEXT.control.log));
  private readonly written = element("div");
  private meter = "";
  private token: string | null | undefined;
  private shown = "";
  private isBusy = false;
  private last: Settings | null = null;
  private known = new Map<string, { label: string; unit: string; input: Limits | null }>();

  constructor() {
    this.log.append(this.written);
    this.element = element("div", { class: "card settings", id: "settings" }, element("h3", {}, TEXT.settings), this.panel, this.log);
  }

  show(meter: Meter | undefined, token: string | null | undefined): void {
    this.token = token ?? this.token; // it may be another one after a restart, while one still enters
    const state = JSON.stringify([meter?.name, meter?.settings, token]);
    if (state === this.shown || (this.isBusy && meter?.name === this.meter)) return;
    this.shown = state;
    this.meter = meter?.name ?? "";
    this.token = token;
    this.last = meter?.settings ?? null;
    this.isBusy = false;
    this.log.hidden = token === undefined;
    this.log.open = false;
    void this.read();
  }

  /** Shows how it is set; with a button to change it where this session may. */
  private async read(focus = false): Promise<void> {
    this.isBusy = false;
    const rows = this.last === null ? [element("p", { class: "quiet" }, TEXT.noSettings)] : [showFacts(element("dl", { class: "facts" }), plainRows(this.last))];
    this.put([element("p", { class: "quiet" }, this.token ? TEXT.control.note : TEXT.settingsNote), ...rows], focus);
    if (!this.token) return;
    const meter = this.meter;
    const settings = await getSettings(meter).catch(() => null);
    if (!settings?.writable || meter !== this.meter || this.isBusy) return;
    for (const setting of settings.settings) this.known.set(setting.key, { label: setting.label, unit: setting.unit, input: setting });
    for (const { key, label, argument } of settings.actions) this.known.set(key, { label, unit: argument?.unit ?? "", input: argument });
    this.panel.append(button(TEXT.control.change, () => this.edit(settings), "primary"));
  }

  private edit(settings: MeterControls): void {
    this.isBusy = true;
    const fields = settings.settings.filter(({ allowed }) => allowed).map((setting) => ({ setting, ...field(setting.key, setting, setting.value, setting.can_be_off) }));
    const trouble = element("p", { class: "trouble", role: "alert" });
    const values = (): Record<string, Value> =>
      Object.fromEntries(fields.map(({ setting, read }): [string, Value] => [setting.key, read()]).filter(([key, value]) => value !== fields.find(({ setting }) => setting.key === key)?.setting.value));
    const review = (): Promise<void> =>
      this.attempt(trouble, async () => {
        const wanted = values();
        const changes = Object.keys(wanted).length === 0 ? [] : await planChanges(this.meter, { values: wanted }, this.token ?? "");
        if (changes.length === 0) throw new GatewayError(0, TEXT.control.nothing);
        return () => this.confirm(changes, (confirmed) => writeSettings(this.meter, wanted, confirmed, this.token ?? ""), () => this.put(parts, true));
      });
    const form = element("form", { novalidate: true }, ...fields.map(({ setting, control }) => line(setting, control)), trouble, buttons(element("button", { type: "submit", class: "primary" }, TEXT.control.review), button(TEXT.control.cancel, () => void this.read(true))));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void review();
    });
    const actions = settings.actions.filter(({ allowed }) => allowed);
    const parts = [form, ...(actions.length === 0 ? [] : [element("h4", {}, TEXT.control.actions), ...actions.map((action) => this.action(action, () => this.put(parts, true)))])];
    this.put(parts, true);
  }

  private action(action: ActionFacts, back: () => void): HTMLElement {
    const { key, label, argument } = action;
    const { control, read } = argument === null ? { control: null, read: (): Value => null } : field(key, argument, argument.choices?.[0]?.value ?? argument.maximum);
    const trouble = element("p", { class: "trouble", role: "alert" });
    const go = (): Promise<void> =>
      this.attempt(trouble, async () => {
        const value = read();
        const changes = await planChanges(this.meter, { action: { [key]: value } }, this.token ?? "");
        return () => this.confirm(changes, (confirmed) => act(this.meter, key, value, confirmed, this.token ?? ""), back);
      });
    return line(action, element("span", { class: "entry" }, control, button(TEXT.control.prepare, () => void go(), "", `${TEXT.control.prepare} ${label}`), trouble));
  }

  /** Shows what would be written, and lets it be written once every dangerous key is typed. */
  private confirm(changes: readonly PlannedChange[], write: Write, back: () => void): void {
    const trouble = element("p", { class: "trouble", role: "alert" });
    const typed = changes.filter(({ risk }) => risk === "dangerous").map(({ key }) => ({ key, input: element("input", { type: "text", id: `confirm-${key}`, autocomplete: "off", autocapitalize: "none", spellcheck: "false" }) }));
    const go = button(TEXT.control.write, () => void this.attempt(trouble, async () => {
      const outcomes = await write(typed.map(({ key }) => key));
      return () => this.tell(outcomes);
    }), "primary");
    const check = (): void => {
      go.disabled = typed.some(({ key, input }) => input.value.trim() !== key);
    };
    for (const { input } of typed) input.addEventListener("input", check);
    check();
    const items = changes.map((change) => {
      const said = change.old === null && change.new === null ? "" : sayChange(change, this.known.get(change.key)?.input ?? null);
      const entry = typed.find(({ key }) => key === change.key);
      const confirm = entry ? element("label", { class: "confirm", for: entry.input.id }, TEXT.control.type(change.key), entry.input) : null;
      return item(change.label, { "data-risk": change.risk }, [said], change.warning ?? "", confirm);
    });
    this.put([element("h4", {}, TEXT.control.plan), element("ul", { class: "changes" }, ...items), trouble, buttons(go, button(TEXT.control.back, back))], true);
  }

  private tell(outcomes: readonly CommandOutcome[]): void {
    const items = outcomes.map((outcome) => {
      const { unit, input } = this.known.get(outcome.key) ?? { unit: "", input: null };
      const change = outcome.old === null && outcome.new === null ? "" : sayChange({ ...outcome, unit }, input);
      return item(outcome.label, { "data-outcome": outcome.outcome }, [change, TEXT.control.outcomes[outcome.outcome]], outcome.detail ?? "");
    });
    this.put([element("h4", {}, TEXT.control.result), element("div", { role: "status" }, element("ul", { class: "changes" }, ...items)), buttons(button(TEXT.control.done, () => void this.read(true), "primary"))], true);
    void this.showLog();
  }

  /** Does something that the gateway may refuse; its sentence is shown, and what was entered stays. */
  private async attempt(trouble: HTMLElement, work: () => Promise<() => void>): Promise<void> {
    if (this.panel.hasAttribute("aria-busy")) return; // pressed twice: written once
    trouble.textContent = "";
    this.panel.setAttribute("aria-busy", "true");
    const meter = this.meter;
    try {
      const show = await work();
      if (meter === this.meter) show();
    } catch (error) {
      trouble.textContent = reasonOf(error, TEXT.control.failed);
    }
    this.panel.removeAttribute("aria-busy");
  }

  private async showLog(): Promise<void> {
    if (!this.log.open) return;
    const written = await getWritten(this.meter).catch(() => []);
    const items = written.map(({ time, who, key, old, new: set, outcome }) => {
      const { label, unit, input } = this.known.get(key) ?? { label: labelOf(key), unit: "", input: null };
      const change = old === null && set === null ? "" : sayChange({ key, old, new: set, unit }, input);
      return item(label, { "data-outcome": outcome }, [change, TEXT.control.words[outcome] ?? outcome], TEXT.control.by(moment(timeOf(time) ?? 0, now()), who));
    });
    fill(this.written, items.length === 0 ? element("p", { class: "quiet" }, TEXT.control.logEmpty) : element("ul", { class: "changes" }, ...items));
  }

  private put(parts: readonly Node[], focus: boolean): void {
    fill(this.panel, ...parts);
    if (focus) this.panel.focus();
  }
}

/** One setting in its line: what it is, what it does, and where it is entered. */
function line({ key, label, help, risk }: SettingFacts | ActionFacts, control: HTMLElement): HTMLElement {
  const name = risk === "dangerous" ? TEXT.control.dangerous(label) : label;
  return element("div", { class: "entry-line", "data-risk": risk }, element(control.querySelector("input, select") ? "label" : "span", { for: `entry-${key}`, class: "entry-name" }, name, help === "" ? null : element("small", { class: "quiet" }, sentence(help))), control);
}

/** Where one enters a value, and what was entered: one of the choices, a number, or nothing for what is switched off. */
function field(key: string, { unit, minimum, maximum, step, choices }: Limits, value: Value, canBeOff = false): { control: HTMLElement; read: () => Value } {
  const id = `entry-${key}`;
  if (choices !== null) {
    const select = element("select", { id }, ...choices.map((choice) => element("option", { selected: choice.value === value }, choice.label)));
    return { control: element("span", { class: "entry" }, select), read: () => choices[select.selectedIndex]?.value ?? null };
  }
  const isNumber = typeof value !== "string";
  const input = element("input", { id, type: isNumber ? "number" : "text", min: minimum, max: maximum, step: step ?? "any", placeholder: canBeOff && TEXT.switchedOff, value: value === null ? "" : String(value) });
  const read = (): Value => {
    // What is no number reads as empty, and empty is switched off.
    if (input.validity.badInput) throw new GatewayError(0, TEXT.control.noNumber);
    return input.value === "" ? null : isNumber ? Number(input.value) : input.value;
  };
  const limits = minimum === null || maximum === null ? unit : `${TEXT.between(String(minimum), String(maximum))} ${unit}`;
  return { control: element("span", { class: "entry" }, input, element("span", { class: "quiet" }, limits)), read };
}

/** A few words as a sentence of their own. */
function sentence(words: string): string {
  return words === "" ? "" : words.charAt(0).toUpperCase() + words.slice(1) + (/[.!?]$/.test(words) ? "" : ".");
}

/** One change in a list of them: what, from what to what and with what outcome, and what else is to be said. */
function item(label: string, properties: Record<string, string>, said: readonly string[], note: string, more: Node | null = null): HTMLElement {
  return element("li", properties, element("strong", {}, label), element("p", {}, said.filter(Boolean).join(": ")), element("p", { class: "quiet" }, sentence(note)), more);
}

function sayChange(change: Pick<PlannedChange, "key" | "old" | "new" | "unit">, input: Limits | null = null): string {
  const say = (value: Value): string => {
    const choice = input?.choices?.find((one) => one.value === value);
    if (choice) return choice.label;
    return typeof value === "number" && !isKnown(change.key) ? `${value} ${change.unit}`.trim() : settingOf(change.key, value);
  };
  return change.old === null && !isKnown(change.key) ? say(change.new) : `${say(change.old)} → ${say(change.new)}`;
}

/** How a meter is set, as it says it itself; a protection without a value is switched off where the family has it. */
function plainRows(settings: Settings): [string, string][] {
  const family = String(settings["family"]);
  return known()
    .filter(({ key, families }) => (settings[key] ?? null) !== null || (key.endsWith("_protection") && families.includes(family)))
    .map(({ key, label }) => [label, settingOf(key, settings[key] ?? null)]);
}

function button(label: string, click: () => void, kind = "", name = ""): HTMLButtonElement {
  return element("button", { type: "button", class: kind || "secondary", click, "aria-label": name || null }, label);
}

const buttons = (...all: HTMLElement[]): HTMLElement => element("p", { class: "buttons" }, ...all);
