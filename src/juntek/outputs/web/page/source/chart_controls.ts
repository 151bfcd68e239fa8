/** The buttons above charts; rule: every gesture has a button, so that nothing needs a wheel or two fingers. */

import { element } from "./dom.ts";
import { iconButton } from "./icons.ts";
import { RANGES, type Range } from "./span.ts";
import { TEXT } from "./strings.ts";

interface Controls {
  readonly ranges: HTMLElement;
  readonly moves: HTMLElement;
  show(range: Range | null, follows: boolean, isWidest: boolean): void;
}

/** One of a few, as a row of buttons. */
export function choice<T extends string>(label: string, names: readonly T[], texts: Readonly<Record<T, string>>, chosen: (name: T) => void): { element: HTMLElement; show(name: T | null): void } {
  const buttons = names.map((name) => element("button", { type: "button", click: () => chosen(name) }, texts[name]));
  return {
    element: element("div", { class: "choice", role: "group", "aria-label": label }, ...buttons),
    show: (chosen) => names.forEach((name, index) => buttons[index]?.setAttribute("aria-pressed", String(name === chosen))),
  };
}

export function chartControls(meant: {
  range: (range: Range) => void;
  page: (parts: number) => void;
  zoom: (factor: number) => void;
}): Controls {
  const ranges = choice(TEXT.rangeGroup, RANGES, TEXT.ranges, meant.range);
  const later = iconButton(TEXT.later, "right", () => meant.page(0.8));
  const wider = iconButton(TEXT.zoomOut, "minus", () => meant.zoom(2));
  return {
    ranges: ranges.element,
    moves: element(
      "div",
      { class: "moves", role: "group", "aria-label": TEXT.move },
      iconButton(TEXT.earlier, "left", () => meant.page(-0.8)),
      later,
      wider,
      iconButton(TEXT.zoomIn, "plus", () => meant.zoom(0.5)),
    ),
    show(range, follows, isWidest) {
      ranges.show(range);
      later.setAttribute("aria-disabled", String(follows));
      wider.setAttribute("aria-disabled", String(isWidest));
    },
  };
}
