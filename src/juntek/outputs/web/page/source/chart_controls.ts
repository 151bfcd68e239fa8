/** The buttons above the charts; rule: every gesture has a button, so that nothing needs a wheel or two fingers. */

import { element } from "./dom.ts";
import { iconButton } from "./icons.ts";
import { RANGES, type Range } from "./span.ts";
import { TEXT } from "./strings.ts";

interface Controls {
  readonly ranges: HTMLElement;
  readonly moves: HTMLElement;
  show(range: Range | null, follows: boolean, isWidest: boolean): void;
}

export function chartControls(meant: {
  range: (range: Range) => void;
  page: (parts: number) => void;
  zoom: (factor: number) => void;
}): Controls {
  const buttons = new Map<Range, HTMLButtonElement>();
  for (const range of RANGES) {
    buttons.set(range, element("button", { type: "button", click: () => meant.range(range) }, TEXT.ranges[range]));
  }
  const later = iconButton(TEXT.later, "right", () => meant.page(0.8));
  const wider = iconButton(TEXT.zoomOut, "minus", () => meant.zoom(2));
  return {
    ranges: element("div", { class: "choice", role: "group", "aria-label": TEXT.rangeGroup }, ...buttons.values()),
    moves: element(
      "div",
      { class: "moves", role: "group", "aria-label": TEXT.move },
      iconButton(TEXT.earlier, "left", () => meant.page(-0.8)),
      later,
      wider,
      iconButton(TEXT.zoomIn, "plus", () => meant.zoom(0.5)),
    ),
    show(range, follows, isWidest) {
      for (const [name, button] of buttons) button.setAttribute("aria-pressed", String(name === range));
      later.setAttribute("aria-disabled", String(follows));
      wider.setAttribute("aria-disabled", String(isWidest));
    },
  };
}
