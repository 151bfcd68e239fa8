/** Light or dark, as the system says until one chooses; rule: colours live in the style sheet, and are only read here. */

import { element, fill } from "./dom.ts";
import { icon } from "./icons.ts";
import { TEXT } from "./strings.ts";

const COLORS = { ink: "--ink", quiet: "--ink-quiet", grid: "--grid", charge: "--charge", discharge: "--discharge", level: "--level", surface: "--surface", ground: "--ground" };
export type Palette = Readonly<Record<keyof typeof COLORS, string>>;

const STORED = "juntek.theme";
const root = document.documentElement;

/** Returns the colours as they are now, for what is drawn on a canvas. */
export function palette(): Palette {
  const style = getComputedStyle(root);
  return Object.fromEntries(Object.entries(COLORS).map(([name, variable]) => [name, style.getPropertyValue(variable).trim()])) as Palette;
}

/** Returns the switch; `changed` is called after every change, also when the system changes its mind. */
export function themeSwitch(changed: () => void): HTMLElement {
  const isDark = (): boolean => root.dataset["theme"] === "dark";
  const button = element("button", { type: "button", class: "round", click: () => choose(!isDark(), true) });
  const show = (): void => {
    button.title = isDark() ? TEXT.theme.toLight : TEXT.theme.toDark;
    button.setAttribute("aria-label", button.title);
    fill(button, icon(isDark() ? "sun" : "moon"));
    document.querySelector('meta[name="theme-color"]')?.setAttribute("content", palette().ground);
  };
  const choose = (dark: boolean, keep: boolean): void => {
    root.dataset["theme"] = dark ? "dark" : "light";
    if (keep) stored((storage) => storage.setItem(STORED, root.dataset["theme"] ?? ""));
    show();
    changed();
  };
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", ({ matches }) => {
    if (stored((storage) => storage.getItem(STORED)) === null) choose(matches, false);
  });
  show();
  return button;
}

/** Without storage a choice holds until the page is closed. */
function stored<T>(use: (storage: Storage) => T): T | null {
  try {
    return use(localStorage);
  } catch {
    return null;
  }
}
