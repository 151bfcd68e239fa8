/** Round numbers along an axis; rule: pure; never one label twice, and three at least. */

export interface Ticks {
  readonly low: number;
  readonly high: number;
  readonly step: number;
  /** Digits that tell one from the next. */
  readonly digits: number;
}

const STEPS = [1, 2, 2.5, 5];

/** Returns the closest round ends around two values with two to `most` steps between them; `most` is 3 or more. */
export function ticksOf(from: number, to: number, most: number): Ticks {
  const least = Math.max(to - from, 1e-9) / most;
  for (let size = Math.floor(Math.log10(least)); ; size++) {
    for (const part of STEPS) {
      const step = part * 10 ** size;
      const [first, last] = [Math.floor(from / step + 1e-9), Math.ceil(to / step - 1e-9)];
      if (last - first > most) continue;
      const digits = Math.max(0, (part === 2.5 ? 1 : 0) - size);
      return { low: first * step, high: Math.max(last, first + 2) * step, step, digits };
    }
  }
}

/** Returns the value of every line. */
export function linesOf({ low, high, step }: Ticks): number[] {
  return Array.from({ length: Math.round((high - low) / step) + 1 }, (_, index) => low + index * step);
}
