/**
 * How a meter is set, and the way to change it: edit, see what would be written, confirm, see what became of it; rule:
 * nothing is written that was not shown before, and what the gateway does not allow cannot be entered.
 */

import type { ActionFacts, CommandOutcome, Limits, Meter, MeterControls, PlannedChange, SettingFacts, Settings, Value } from "api-types";
import { GatewayError, getSettings, getWritten, now, planChanges, reasonOf, timeOf, write } from "./api.ts";
import { type Child, element, facts, fill } from "./dom.ts";
import { capitalised, moment } from "./format.ts";
import { isKnown, settingOf, settings as allSettings } from "./quantities.ts";

/** Where one enters a value, and what was entered. */
type Field = Readonly<{ control: HTMLElement | null; read: () => Value }>;

/** What becomes what; of what is no quantity a plan tells the unit. */
type Change = Pick<PlannedChange, "key" | "old" | "new"> & { readonly unit?: string };

const OUTCOMES = {
  obeyed: "done, the meter says so",
  refused: "not done, the meter kept its own value",
  unknown: "not known, the meter did not say",
} as const;

type Write = (confirmed: readonly string[]) => Promise<readonly CommandOutcome[]>;

export class SettingsCard {
  private readonly panel = element("div", { class: "panel", tabindex: "-1" });
  private readonly written = element("div");
  private readonly log = element("details", { toggle: () => void this.showLog() }, element("summary", {}, "Log of changes"), this.written);
  readonly element = element("div", { class: "card settings", id: "settings" }, element("h3", {}, "Settings"), this.panel, this.log);
  private meter = "";
  private token = "";
  private shown = "";
  private isBusy = false;
  private last: Settings | null = null;

  /** `token` is what this session writes with; null where it may not. */
  show(meter: Meter, token: string | null): void {
    this.token = token ?? ""; // it may be another one after a restart, while one still enters
    const state = JSON.stringify([meter.name, meter.settings, !token]);
    if (state === this.shown || (this.isBusy && meter.name === this.meter)) return;
    this.shown = state;
    this.meter = meter.name;
    this.last = meter.settings;
    this.log.open = false;
    void this.read();
  }

  /** Shows how it is set; with a button to change it where this session may. */
  private async read(focus = false): Promise<void> {
    this.isBusy = false;
    const told = this.last === null ? element("p", { class: "quiet" }, "The meter has not told its settings yet.") : facts(rowsOf(this.last));
    this.put([element("p", { class: "quiet" }, `As the meter is set.${this.token ? "" : " To change it here, add allow_control to [web] in the configuration."}`), told], focus);
    if (!this.token) return;
    const meter = this.meter;
    const controls = await getSettings(meter).catch(() => null);
    if (!controls?.writable || meter !== this.meter || this.isBusy) return;
    this.panel.append(button("Change…", () => this.edit(controls), "primary"));
  }

  private edit(controls: MeterControls): void {
    this.isBusy = true;
    const allowed = controls.settings.filter((setting) => setting.allowed);
    const fields = allowed.map((setting) => field(setting.key, setting, setting.value, setting.can_be_off));
    const trouble = makeTrouble();
    const review = async (): Promise<() => void> => {
      const entered = allowed.map(({ key, value }, index) => ({ key, value, set: (fields[index] as Field).read() }));
      const values = Object.fromEntries(entered.filter(({ value, set }) => set !== value).map(({ key, set }) => [key, set]));
      const changes = Object.keys(values).length === 0 ? [] : await planChanges(this.meter, { values }, this.token);
      if (changes.length === 0) throw new GatewayError(0, "Nothing is changed yet.");
      return () => this.confirm(changes, (confirmed) => write(this.meter, "settings", { values }, confirmed, this.token), back);
    };
    const form = element(
      "form",
      { novalidate: true, submit: (event: Event) => (event.preventDefault(), void this.attempt(trouble, review)) },
      ...allowed.map((setting, index) => line(setting, (fields[index] as Field).control)),
      trouble,
      buttons(element("button", { type: "submit", class: "primary" }, "Review changes"), button("Cancel", () => void this.read(true))),
    );
    const actions = controls.actions.filter((action) => action.allowed).map((action) => this.action(action, () => back()));
    const parts = actions.length === 0 ? [form] : [form, element("h4", {}, "Actions"), ...actions];
    const back = (): void => this.put(parts, true);
    back();
  }

  private action(action: ActionFacts, back: () => void): HTMLElement {
    const { key, label, argument } = action;
    const first = argument?.choices?.[0]?.value ?? argument?.maximum ?? null;
    const { control, read }: Field = argument === null ? { control: null, read: () => null } : field(key, argument, first);
    const trouble = makeTrouble();
    const prepare = async (): Promise<() => void> => {
      const value = read();
      const changes = await planChanges(this.meter, { action: { [key]: value } }, this.token);
      return () => this.confirm(changes, (confirmed) => write(this.meter, `actions/${encodeURIComponent(key)}`, { value }, confirmed, this.token), back);
    };
    const go = button("Review…", () => void this.attempt(trouble, prepare), "secondary", `Review… ${label}`);
    return line(action, element("span", { class: "entry" }, control, go, trouble));
  }

  /** Shows what would be written, and lets it be written once every dangerous key is typed. */
  private confirm(changes: readonly PlannedChange[], write: Write, back: () => void): void {
    const typed = new Map<string, HTMLInputElement>();
    for (const { key, risk } of changes) {
      const more = { type: "text", autocomplete: "off", autocapitalize: "none", spellcheck: "false" };
      if (risk === "dangerous") typed.set(key, element("input", { id: `confirm-${key}`, input: () => check(), ...more }));
    }
    const trouble = makeTrouble();
    const writeAll = async (): Promise<() => void> => {
      const outcomes = await write([...typed.keys()]);
      return () => this.tell(outcomes);
    };
    const go = button("Write to the meter", () => void this.attempt(trouble, writeAll), "primary");
    const check = (): void => void (go.disabled = [...typed].some(([key, input]) => input.value.trim() !== key));
    check();
    const items = changes.map((change) => {
      const input = typed.get(change.key);
      const confirm = input ? element("label", { class: "confirm", for: input.id }, `Dangerous: type "${change.key}" to confirm`, input) : null;
      return item(change.label, { "data-risk": change.risk }, [sayChange(change)], change.warning, confirm);
    });
    this.put([element("h4", {}, "This will be written to the meter"), list(items), trouble, buttons(go, button("Back", back))], true);
  }

  private tell(outcomes: readonly CommandOutcome[]): void {
    const items = outcomes.map((one) => item(one.label, { "data-outcome": one.outcome }, [sayChange(one), OUTCOMES[one.outcome]], one.detail));
    const done = button("Done", () => void this.read(true), "primary");
    this.put([element("h4", {}, "What became of it"), element("div", { role: "status" }, list(items)), buttons(done)], true);
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
      trouble.textContent = reasonOf(error, "The gateway did not answer; whether anything was written, the log tells.");
    }
    this.panel.removeAttribute("aria-busy");
  }

  private async showLog(): Promise<void> {
    if (!this.log.open) return;
    const written = await getWritten(this.meter).catch(() => []);
    const items = written.map((one) => {
      const by = `${moment(timeOf(one.time) ?? 0, now())}, by ${one.who}`;
      return item(one.label, { "data-outcome": one.outcome }, [sayChange(one), OUTCOMES[one.outcome as keyof typeof OUTCOMES] ?? one.outcome], by);
    });
    fill(this.written, items.length === 0 ? element("p", { class: "quiet" }, "Nothing has been changed yet.") : list(items));
  }

  private put(parts: readonly Child[], focus: boolean): void {
    fill(this.panel, ...parts);
    if (focus) this.panel.focus();
  }
}

/** How a meter is set, as it says it itself; a protection without a value is switched off where the family has it. */
function rowsOf(told: Settings): [string, string][] {
  return allSettings()
    .filter(({ key, families }) => (told[key] ?? null) !== null || (key.endsWith("_protection") && families.includes(told.family)))
    .map(({ key, label }) => [label, settingOf(key, told[key] ?? null)]);
}

function button(label: string, click: () => void, kind = "secondary", name = ""): HTMLButtonElement {
  return element("button", { type: "button", class: kind, click, "aria-label": name || null }, label);
}

const buttons = (...all: HTMLElement[]): HTMLElement => element("p", { class: "buttons" }, ...all);
const list = (items: HTMLElement[]): HTMLElement => element("ul", { class: "changes" }, ...items);
const makeTrouble = (): HTMLElement => element("p", { class: "trouble", role: "alert" });

/** One of the choices, a number, or nothing for what is switched off. */
function field(key: string, { unit, minimum, maximum, step, choices }: Limits, value: Value, canBeOff = false): Field {
  const id = `entry-${key}`;
  if (choices !== null) {
    const options = choices.map((choice) => element("option", { selected: choice.value === value }, choice.label));
    const select = element("select", { id }, ...options);
    return { control: element("span", { class: "entry" }, select), read: () => choices[select.selectedIndex]?.value ?? null };
  }
  const isNumber = typeof value !== "string";
  const limits = minimum === null || maximum === null ? unit : `${String(minimum)} to ${String(maximum)} ${unit}${canBeOff ? "; empty: off" : ""}`;
  const input = element("input", {
    id, type: isNumber ? "number" : "text", min: minimum, max: maximum, step: step ?? "any", placeholder: canBeOff && "off", value: value === null ? "" : String(value),
  });
  const read = (): Value => {
    // What is no number reads as empty, and empty is switched off.
    if (input.validity.badInput) throw new GatewayError(0, "That is not a number.");
    return input.value === "" ? null : isNumber ? Number(input.value) : input.value;
  };
  return { control: element("span", { class: "entry" }, input, element("span", { class: "quiet" }, limits)), read };
}

/** One setting in its line: what it is, what it does, and where it is entered. */
function line({ key, label, help, risk }: SettingFacts | ActionFacts, control: HTMLElement | null): HTMLElement {
  const tag = control?.querySelector("input, select") ? "label" : "span";
  const name = risk === "dangerous" ? `${label} (dangerous)` : label;
  const note = help !== "" && element("small", { class: "quiet" }, sentence(help));
  return element("div", { class: "entry-line", "data-risk": risk }, element(tag, { for: `entry-${key}`, class: "entry-name" }, name, note), control);
}

/** One change in a list of them: what, from what to what and with what outcome, and what else is to be said. */
function item(label: string, properties: Record<string, string>, said: readonly string[], note: string, more: Node | null = null): HTMLElement {
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
function sayChange({ key, old, new: set, unit = "" }: Change): string {
  const say = (value: Value): string => (typeof value === "number" && !isKnown(key) ? `${value} ${unit}`.trim() : settingOf(key, value));
  if (old === null && set === null) return "";
  return old === null && !isKnown(key) ? say(set) : `${say(old)} → ${say(set)}`;
}

/** A few words as a sentence of their own. */
function sentence(words: string): string {
  return words === "" ? "" : capitalised(words) + (/[.!?]$/.test(words) ? "" : ".");
}
