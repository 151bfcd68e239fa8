/** Light or dark, as the system says until one chooses; rule: colours live in the style sheet, and are only read here. */

import { element, fill, icon } from "./dom.ts";

/** The colours as they are now, for what is drawn on a canvas. */
export const colors = { ink: "", "ink-quiet": "", grid: "", charge: "", discharge: "", level: "", surface: "", ground: "" };

const STORED = "juntek.theme";
const root = document.documentElement;

/** Returns the switch; `changed` is called after every change, also when the system changes its mind. */
export function themeSwitch(changed: () => void): HTMLElement {
  const isDark = (): boolean => root.dataset["theme"] === "dark";
  const button = element("button", { type: "button", class: "round", click: () => choose(!isDark(), true) });
  const show = (): void => {
    button.title = isDark() ? "Switch to light colours" : "Switch to dark colours";
    button.setAttribute("aria-label", button.title);
    fill(button, icon(isDark() ? "sun" : "moon"));
    const style = getComputedStyle(root);
    for (const name of Object.keys(colors) as (keyof typeof colors)[]) colors[name] = style.getPropertyValue(`--${name}`).trim();
    document.querySelector('meta[name="theme-color"]')?.setAttribute("content", colors.ground);
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
