/**
 * The past in tiles of a power of two of seconds, so that what was once loaded serves every later look; rule: pure but
 * for what it is given to fetch with. A tile that reaches into the present is asked for again, all others never.
 */

import type { History } from "api-types";
import type { Span } from "./span.ts";

type Place = Readonly<{ level: number; index: number }>;
export interface Tile extends Span, Place {}

export interface Loaded extends Tile {
  readonly series: History;
  /** The gateway's time when it was asked for. */
  readonly asked: number;
}

export type Fetch = (tile: Tile, signal: AbortSignal) => Promise<History>;

/** Tiles kept in memory. */
const MOST = 80;

/** Returns the tiles that cover a stretch; two or three, each about as long as the stretch. */
export function tilesOf(span: Span, level = levelOf(span)): Tile[] {
  const length = 2 ** level;
  const tiles: Tile[] = [];
  for (let index = Math.floor(span.from / length); index * length < span.to; index++) {
    tiles.push({ level, index, from: index * length, to: (index + 1) * length });
  }
  return tiles;
}

export function levelOf(span: Span): number {
  return Math.max(5, Math.ceil(Math.log2((span.to - span.from) * 0.7)));
}

/** All tiles of one meter. */
export class Tiles {
  private readonly loaded = new Map<string, Loaded>();
  private readonly coming = new Map<string, AbortController>();

  constructor(
    private readonly fetch: Fetch,
    private readonly now: () => number,
    private readonly changed: (error: unknown) => void,
  ) {}

  /** Whether something is on its way. */
  get isBusy(): boolean {
    return this.coming.size > 0;
  }

  /** Asks for what a stretch lacks, and gives up what is on its way for another one. */
  want(span: Span): void {
    const now = this.now();
    const tiles = tilesOf(span).filter((tile) => tile.from < now);
    const wanted = new Set(tiles.map(keyOf));
    for (const [key, controller] of this.coming) {
      if (!wanted.has(key)) {
        controller.abort();
        this.coming.delete(key);
      }
    }
    for (const tile of tiles) {
      if (!this.coming.has(keyOf(tile)) && this.isStale(tile, now)) void this.load(tile, now);
    }
  }

  /** Gives up all that is on its way. */
  stop(): void {
    for (const controller of this.coming.values()) controller.abort();
    this.coming.clear();
  }

  /** Returns what is known of a stretch, in the order of time: finest wanted tiles, else the nearest coarser ones. */
  pieces(span: Span): Loaded[] {
    return tilesOf(span).flatMap((tile) => this.piecesOf(tile));
  }

  private piecesOf(tile: Tile): Loaded[] {
    const own = this.get(tile);
    if (own) return [own];
    for (let level = tile.level + 1; level < 34; level++) {
      const found = this.get({ level, index: Math.floor(tile.index / 2 ** (level - tile.level)) });
      if (found) return [{ ...found, from: Math.max(found.from, tile.from), to: Math.min(found.to, tile.to) }];
    }
    return tilesOf(tile, tile.level - 1).flatMap((half) => this.get(half) ?? []);
  }

  private get(tile: Place): Loaded | undefined {
    const key = keyOf(tile);
    const found = this.loaded.get(key);
    if (found) {
      this.loaded.delete(key); // the one used last goes last
      this.loaded.set(key, found);
    }
    return found;
  }

  private isStale(tile: Tile, now: number): boolean {
    const found = this.loaded.get(keyOf(tile));
    if (!found) return true;
    // Readings may be committed some seconds late, so a tile is final only a while after its end.
    if (found.asked > tile.to + 90) return false;
    return now - found.asked > Math.max(5, (tile.to - tile.from) / 400);
  }

  private async load(tile: Tile, now: number): Promise<void> {
    const controller = new AbortController();
    const key = keyOf(tile);
    this.coming.set(key, controller);
    let failure: unknown = null;
    try {
      const series = await this.fetch(tile, controller.signal);
      this.loaded.set(key, { ...tile, series, asked: now });
      for (const oldest of this.loaded.keys()) {
        if (this.loaded.size <= MOST) break;
        this.loaded.delete(oldest);
      }
    } catch (error) {
      failure = error;
    }
    if (controller.signal.aborted) return;
    this.coming.delete(key);
    this.changed(failure);
  }
}

const keyOf = ({ level, index }: Place): string => `${level}:${index}`;
