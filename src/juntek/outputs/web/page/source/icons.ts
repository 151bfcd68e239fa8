/** The few drawings of the page; rule: strokes in the colour of the text, hidden from screen readers. */

import { drawn, element } from "./dom.ts";

const SHAPES = {
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4",
  moon: "M20 14.2A8.2 8.2 0 0 1 9.8 4a8.2 8.2 0 1 0 10.2 10.2z",
  house: "M4 11.2 12 4.5l8 6.7M6.2 9.6V19.5h11.6V9.6M12.6 11.2l-2.2 3.2h3.2l-2.2 3.1",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  left: "M14.5 5.5 8 12l6.5 6.5",
  right: "M9.5 5.5 16 12l-6.5 6.5",
  check: "m5.5 12.5 4.3 4.3L18.5 8",
  clock: "M12 4.5a7.5 7.5 0 1 0 0 15 7.5 7.5 0 0 0 0-15M12 8v4.3l2.8 1.7",
  alert: "M12 5.5v8M12 18v.2",
  cross: "m7 7 10 10M17 7 7 17",
} as const;

export function icon(name: keyof typeof SHAPES): SVGSVGElement {
  return drawn(
    "svg",
    { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true", focusable: "false" },
    drawn("path", { d: SHAPES[name] }),
  );
}

export function iconButton(label: string, name: keyof typeof SHAPES, click: () => void): HTMLButtonElement {
  return element("button", { type: "button", class: "round", "aria-label": label, title: label, click }, icon(name));
}
