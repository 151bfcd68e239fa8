/**
 * Hands on the charts: wheel, drag, pinch, tap and keys; rule: it only says what was meant, in pixels of the window, and
 * never takes the wheel from a page that is being scrolled.
 */

import type { Charts } from "./charts.ts";

type Meant = Pick<Charts, "zoom" | "pan" | "page" | "point" | "step" | "isWidest">;

/** Milliseconds between two turns of the wheel that belong together. */
const TURN = 250;

/** Pixels that a finger may tremble, and that two are apart at least. */
const TREMBLE = 5;
const APART = 24;

export function listen(area: HTMLElement, meant: Meant): void {
  listenToWheel(area, meant);
  listenToPointers(area, meant);
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

function listenToWheel(area: HTMLElement, meant: Meant): void {
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
      if (Math.abs(across) <= Math.abs(along) && (along === 0 || (along > 0 && meant.isWidest()))) return;
      event.preventDefault();
      if (Math.abs(across) > Math.abs(along)) meant.pan(-across);
      else meant.zoom(Math.exp(Math.max(-240, Math.min(240, along)) * (event.ctrlKey ? 0.01 : 0.0022)), event.clientX);
    },
    { passive: false },
  );
}

function listenToPointers(area: HTMLElement, meant: Meant): void {
  const down = new Map<number, PointerEvent>();
  let began = 0;
  let isMoving = false;

  /** The middle of one finger or two, and how far these are apart. */
  const held = (): [middle: number, distance: number] => {
    const [one, other = one] = [...down.values()] as [PointerEvent, PointerEvent?];
    return [(one.clientX + other.clientX) / 2, Math.max(APART, Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY))];
  };

  area.addEventListener("pointerdown", (event) => {
    if ((event.pointerType === "mouse" && event.button !== 0) || down.size >= 2) return;
    down.set(event.pointerId, event);
    if (down.size === 1) began = event.clientX;
    isMoving = down.size > 1;
    if (event.pointerType !== "mouse") meant.point(event.clientX);
  });
  area.addEventListener("pointermove", (event) => {
    const isDown = down.has(event.pointerId);
    if (event.pointerType === "mouse" && (isDown || down.size === 0)) meant.point(event.clientX);
    if (!isDown) return;
    const [before, apart] = held();
    down.set(event.pointerId, event);
    const [after, distance] = held();
    if (!isMoving && Math.abs(after - began) < TREMBLE) return;
    if (!isMoving) {
      isMoving = true;
      area.setPointerCapture(event.pointerId);
      area.classList.add("is-dragged");
    }
    if (down.size > 1) meant.zoom(apart / distance, after);
    meant.pan(after - before);
  });
  const release = (event: PointerEvent): void => {
    if (down.delete(event.pointerId) && down.size === 0) area.classList.remove("is-dragged");
  };
  area.addEventListener("pointerup", release);
  area.addEventListener("pointercancel", release);
  area.addEventListener("pointerleave", (event) => {
    if (event.pointerType === "mouse" && down.size === 0) meant.point(null);
  });
  area.addEventListener("dblclick", (event) => {
    event.preventDefault();
    meant.zoom(0.5, event.clientX);
  });
}
