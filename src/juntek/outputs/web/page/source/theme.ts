/** Light or dark, as the system says until one chooses; rule: colours live in the style sheet, and are only read here. */

import { element, fill } from "./dom.ts";
import { icon } from "./icons.ts";
import { TEXT } from "./strings.ts";

export interface Palette {
  readonly ink: string;
  readonly quiet: string;
  readonly grid: string;
  readonly charge: string;
  readonly discharge: string;
  readonly level: string;
  readonly surface: string;
}

const STORED = "juntek.theme";
const system = window.matchMedia("(prefers-color-scheme: dark)");

function isDark(): boolean {
  return document.documentElement.dataset["theme"] === "dark";
}

/** Returns the colours as they are now, for what is drawn on a canvas. */
export function palette(): Palette {
  const style = getComputedStyle(document.documentElement);
  const read = (name: string): string => style.getPropertyValue(name).trim();
  return {
    ink: read("--ink"),
    quiet: read("--ink-quiet"),
    grid: read("--grid"),
    charge: read("--charge"),
    discharge: read("--discharge"),
    level: read("--level"),
    surface: read("--surface"),
  };
}

/** Returns the switch; `changed` is called after every change, also when the system changes its mind. */
export function themeSwitch(changed: () => void): HTMLElement {
  const button = element("button", { type: "button", class: "round", click: () => toggle() });
  const show = (): void => {
    const dark = isDark();
    fill(button, icon(dark ? "sun" : "moon"));
    button.setAttribute("aria-label", dark ? TEXT.theme.toLight : TEXT.theme.toDark);
    button.title = dark ? TEXT.theme.toLight : TEXT.theme.toDark;
    const color = getComputedStyle(document.documentElement).getPropertyValue("--ground").trim();
    document.querySelector('meta[name="theme-color"]')?.setAttribute("content", color);
  };
  const choose = (theme: "light" | "dark"): void => {
    document.documentElement.dataset["theme"] = theme;
    show();
    changed();
  };
  const toggle = (): void => {
    choose(isDark() ? "light" : "dark");
    try {
      localStorage.setItem(STORED, isDark() ? "dark" : "light");
    } catch {
      // No storage: it holds until the page is closed.
    }
  };
  system.addEventListener("change", () => {
    if (!isChosen()) choose(system.matches ? "dark" : "light");
  });
  show();
  return button;
}

function isChosen(): boolean {
  try {
    return localStorage.getItem(STORED) !== null;
  } catch {
    return false;
  }
}
