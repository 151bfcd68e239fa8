import assert from "node:assert/strict";
import { test } from "node:test";
import type { History } from "api-types";
import { type Tile, Tiles, levelOf, tilesOf } from "../source/tiles.ts";

const NOW = 1_700_000_000;
const empty: History = { resolution: 60, time: [], quantities: {} };
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

interface Asked {
  tile: Tile;
  signal: AbortSignal;
}

function make(answer = true): { tiles: Tiles; asked: Asked[] } {
  const asked: Asked[] = [];
  const fetch = (tile: Tile, signal: AbortSignal): Promise<History> => {
    asked.push({ tile, signal });
    return answer ? Promise.resolve(empty) : new Promise<History>(() => undefined);
  };
  return { tiles: new Tiles(fetch, () => NOW, () => undefined), asked };
}

test("two or three tiles cover any stretch without a hole", () => {
  for (const length of [61, 3600, 86_400, 31e6]) {
    const span = { from: NOW - length * 1.37, to: NOW - length * 0.37 };
    const tiles = tilesOf(span);
    assert.ok(tiles.length >= 1 && tiles.length <= 3);
    assert.ok(tiles[0]!.from <= span.from && tiles[tiles.length - 1]!.to >= span.to);
    tiles.slice(1).forEach((tile, index) => assert.equal(tile.from, tiles[index]!.to));
  }
});

test("what was loaded is not asked for again, and a closer look asks for finer points", async () => {
  const { tiles, asked } = make();
  const day = { from: NOW - 40 * 86_400, to: NOW - 39 * 86_400 };
  tiles.want(day);
  await pause();
  const count = asked.length;
  tiles.want({ from: day.from + 60, to: day.to + 60 });
  assert.equal(asked.length, count);
  tiles.want({ from: day.from, to: day.from + 3600 });
  assert.ok(asked.length > count);
  assert.ok(asked[count]!.tile.level < levelOf(day));
});

test("what is no longer looked at is given up", () => {
  const { tiles, asked } = make(false);
  tiles.want({ from: NOW - 4e6, to: NOW - 3.9e6 });
  tiles.want({ from: NOW - 2e6, to: NOW - 1.9e6 });
  assert.ok(asked[0]!.signal.aborted);
  assert.ok(!asked[asked.length - 1]!.signal.aborted);
});

test("until finer points come, the coarser ones are shown", async () => {
  const { tiles } = make();
  tiles.want({ from: NOW - 40 * 86_400, to: NOW - 10 * 86_400 });
  await pause();
  const close = { from: NOW - 20 * 86_400, to: NOW - 20 * 86_400 + 3600 };
  const pieces = tiles.pieces(close);
  assert.ok(pieces.length > 0);
  assert.ok(pieces[0]!.level > levelOf(close));
  assert.ok(pieces[0]!.from <= close.from);
});

test("the future is never asked for", () => {
  const { tiles, asked } = make(false);
  tiles.want({ from: NOW - 60, to: NOW + 1e6 });
  assert.ok(asked.every(({ tile }) => tile.from < NOW));
});
