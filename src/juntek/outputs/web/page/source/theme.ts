/** Light or dark, as the system says until one chooses; rule: colours live in the style sheet, and are only read here. */

import { describe, element, icon, takeOver } from "./dom.ts";

/** The colours as they are now, for what is drawn on a canvas. */
export const colors = { ink: "", "ink-quiet": "", grid: "", charge: "", discharge: "", level: "", surface: "", ground: "" };

const root = document.documentElement;
const system = window.matchMedia("(prefers-color-scheme: dark)");
const isDark = (): boolean => (root.dataset["theme"] ? root.dataset["theme"] === "dark" : system.matches);

/** Returns the switch; `changed` is called after every change, also when the system changes its mind. */
export function themeSwitch(changed: () => void): HTMLElement {
  const button = element("button", { type: "button", class: "round", click: () => choose(isDark() ? "light" : "dark") });
  const show = (): void => {
    const title = isDark() ? "Switch to light colours" : "Switch to dark colours";
    takeOver(button, describe("button", { title, "aria-label": title }, icon(isDark() ? "sun" : "moon")));
    const style = getComputedStyle(root);
    for (const name of Object.keys(colors) as (keyof typeof colors)[]) colors[name] = style.getPropertyValue(`--${name}`).trim();
    document.querySelector('meta[name="theme-color"]')?.setAttribute("content", colors.ground);
    changed();
  };
  const choose = (theme: string): void => {
    root.dataset["theme"] = theme;
    try {
      localStorage.setItem("juntek.theme", theme);
    } catch {
      // Without storage it holds until the page is closed.
    }
    show();
  };
  system.addEventListener("change", show);
  show();
  return button;
}
