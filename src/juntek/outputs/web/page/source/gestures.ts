/**
 * Hands on the charts: wheel, drag, pinch, tap, keys, and a button for every gesture; rule: it only says what was meant,
 * in pixels from the left of the plot, and never takes the wheel from a page that is being scrolled.
 */

import { choice, element, iconButton } from "./dom.ts";
import { RANGES, type Range } from "./span.ts";

export interface Meant {
  /** Length times factor, around a place; without one around the cursor or what is looked at. */
  zoom(factor: number, left?: number): void;
  /** Content moved by so many pixels to the right. */
  pan(pixels: number): void;
  /** Moved in time by a part of what is shown. */
  page(parts: number): void;
  /** The cursor is at a place; null: it left. */
  point(left: number | null): void;
  /** The cursor by so many points; by infinitely many to the first or the last. */
  step(points: number): void;
  /** Whether a wheel outward would change nothing. */
  isWidest(): boolean;
}

/** Milliseconds between two turns of the wheel that belong together. */
const TURN = 250;

/** Pixels that a finger may tremble. */
const TREMBLE = 5;

export function listen(area: HTMLElement, placeOf: (clientX: number) => number, meant: Meant): void {
  listenToWheel(area, placeOf, meant);
  listenToPointers(area, placeOf, meant);
  area.addEventListener("keydown", (event) => {
    if (event.target === area && !event.ctrlKey && !event.metaKey && !event.altKey && press(event, meant)) {
      event.preventDefault();
    }
  });
}

function press({ key, shiftKey }: KeyboardEvent, meant: Meant): boolean {
  const many = shiftKey ? 10 : 1;
  if (key === "ArrowLeft" || key === "ArrowRight") meant.step(key === "ArrowLeft" ? -many : many);
  else if ("+=-_".includes(key)) meant.zoom("+=".includes(key) ? 0.5 : 2);
  else if (key === "PageUp" || key === "PageDown") meant.page(key === "PageUp" ? -0.8 : 0.8);
  else if (key === "Home" || key === "End") meant.step(key === "Home" ? -Infinity : Infinity);
  else if (key === "Escape") meant.point(null);
  else return false;
  return true;
}

function listenToWheel(area: HTMLElement, placeOf: (clientX: number) => number, meant: Meant): void {
  let last = -Infinity;
  let isScrolling = false;
  // A turn of the wheel that began elsewhere goes on scrolling the page when the charts come under the pointer.
  window.addEventListener(
    "wheel",
    (event) => {
      const begins = event.timeStamp - last > TURN;
      last = event.timeStamp;
      if (begins) isScrolling = !(event.target instanceof Node && area.contains(event.target));
    },
    { passive: true, capture: true },
  );
  area.addEventListener(
    "wheel",
    (event) => {
      if (isScrolling && !event.ctrlKey) return;
      const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
      const across = (event.shiftKey ? event.deltaY || event.deltaX : event.deltaX) * unit;
      const along = event.shiftKey ? 0 : event.deltaY * unit;
      if (Math.abs(across) > Math.abs(along)) {
        event.preventDefault();
        meant.pan(-across);
      } else if (along !== 0) {
        if (along > 0 && meant.isWidest()) return;
        event.preventDefault();
        const strength = event.ctrlKey ? 0.01 : 0.0022;
        meant.zoom(Math.exp(Math.max(-240, Math.min(240, along)) * strength), placeOf(event.clientX));
      }
    },
    { passive: false },
  );
}

function listenToPointers(area: HTMLElement, placeOf: (clientX: number) => number, meant: Meant): void {
  const down = new Map<number, { x: number; y: number }>();
  let began = 0;
  let isMoving = false;

  const middle = (): { x: number; distance: number } => {
    const [a, b] = [...down.values()] as [{ x: number; y: number }, { x: number; y: number } | undefined];
    return b ? { x: (a.x + b.x) / 2, distance: Math.max(24, Math.hypot(a.x - b.x, a.y - b.y)) } : { x: a.x, distance: 0 };
  };

  area.addEventListener("pointerdown", (event) => {
    if ((event.pointerType === "mouse" && event.button !== 0) || down.size >= 2) return;
    down.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (down.size === 1) began = event.clientX;
    isMoving = down.size > 1;
    if (event.pointerType !== "mouse") meant.point(placeOf(event.clientX));
  });
  area.addEventListener("pointermove", (event) => {
    const known = down.get(event.pointerId);
    if (event.pointerType === "mouse" && (known || down.size === 0)) meant.point(placeOf(event.clientX));
    if (!known) return;
    const before = middle();
    [known.x, known.y] = [event.clientX, event.clientY];
    const after = middle();
    if (!isMoving && Math.abs(after.x - began) < TREMBLE) return;
    if (!isMoving) {
      isMoving = true;
      area.setPointerCapture(event.pointerId);
      area.classList.add("is-dragged");
    }
    if (after.distance > 0 && before.distance > 0) meant.zoom(before.distance / after.distance, placeOf(after.x));
    meant.pan(after.x - before.x);
  });
  const release = (event: PointerEvent): void => {
    if (!down.delete(event.pointerId) || down.size > 0) return;
    area.classList.remove("is-dragged");
    isMoving = false;
  };
  area.addEventListener("pointerup", release);
  area.addEventListener("pointercancel", release);
  area.addEventListener("pointerleave", (event) => {
    if (event.pointerType === "mouse" && down.size === 0) meant.point(null);
  });
  area.addEventListener("dblclick", (event) => {
    event.preventDefault();
    meant.zoom(0.5, placeOf(event.clientX));
  });
}

/** The buttons above the charts. */
export function chartControls(meant: Pick<Meant, "page" | "zoom">, choose: (range: Range) => void) {
  const ranges = choice("Length of time shown", RANGES, choose);
  const later = iconButton("Later", "right", () => meant.page(0.8));
  const wider = iconButton("Zoom out", "minus", () => meant.zoom(2));
  return {
    ranges: ranges.element,
    moves: element(
      "div",
      { class: "moves", role: "group", "aria-label": "Move and zoom" },
      iconButton("Earlier", "left", () => meant.page(-0.8)),
      later,
      wider,
      iconButton("Zoom in", "plus", () => meant.zoom(0.5)),
    ),
    show(range: Range | null, follows: boolean, isWidest: boolean): void {
      ranges.show(range);
      later.setAttribute("aria-disabled", String(follows));
      wider.setAttribute("aria-disabled", String(isWidest));
    },
  };
}
