"""Bytes to checked readings, against a bare loop; rule: both see the same bytes, in turns, and CPU time is compared.

The bare loop is what a script does that believes the line: split at the line ends and the commas, int(), divide by the
scale of each field, and compare the sum. It knows one layout, one meter and no damage. `Bus` finds the frames among
anything else, refuses what is not a number as the meters print it, knows who may answer, chooses the table, holds each
number against the one before, applies the sign, and names 26 fields.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from statistics import median
from time import process_time

from benchmarks.figures import Figure
from benchmarks.streams import MODELS, Chunk, recorded, simulated
from juntek import Bus, Reading
from juntek.rs485.family import find_models

PART = "Decode a frame to a checked reading (CPU time a frame)"
AIM, LIMIT = 2.0, 3.0
BLOCK = 4096


def decode_bare(chunks: Iterable[bytes], scales: list[int]) -> int:
    """Return how many frames have a right sum."""
    count = 0
    for data in chunks:
        for line in data.split(b"\n"):
            words = line.strip().rstrip(b",")[5:].split(b",")
            if len(words) < 3:
                continue
            numbers = [int(word) for word in words]
            if sum(numbers[2:]) % 255 + 1 != numbers[1]:
                continue
            values = [number / scale for number, scale in zip(numbers[2:], scales, strict=False)]
            count += len(values) > 0
    return count


def decode_checked(chunks: Iterable[Chunk]) -> int:
    """Return how many readings are believed."""
    bus = Bus()
    count = 0
    for time, data in chunks:
        for event in bus.feed(data, time):
            count += event.__class__ is Reading
    return count


def measure(*, quick: bool) -> Iterator[Figure]:
    """Yield the times and their ratios; raises AssertionError when a way of reading lost a frame."""
    count, rounds = (1000, 15) if quick else (5000, 15)
    for model in MODELS:
        stream = simulated(model, count)
        frames = [data for _, data in stream]
        whole = b"".join(frames)
        blocks = [(None, whole[at : at + BLOCK]) for at in range(0, len(whole), BLOCK)]
        scales = _SCALES[whole.split(b"\n", 1)[0].count(b",")]
        yield from _compare(
            f"{model}, one at a time",
            count,
            rounds,
            partial(decode_checked, stream),
            partial(decode_bare, frames, scales),
        )
        yield from _compare(
            f"{model}, a log in blocks",
            count,
            rounds,
            partial(decode_checked, blocks),
            partial(decode_bare, [whole], scales),
        )
    count = sum(map(len, recorded()))
    yield from _compare("recorded meters, one at a time", count, rounds, _decode_recorded, _decode_recorded_bare)


def _decode_recorded() -> int:
    return sum(map(decode_checked, recorded()))


def _decode_recorded_bare() -> int:
    streams = ([data for _, data in stream] for stream in recorded())
    return sum(decode_bare(frames, _SCALES[frames[0].count(b",")]) for frames in streams)


def _compare(name: str, count: int, rounds: int, ours: Callable[[], int], bare: Callable[[], int]) -> Iterator[Figure]:
    times: tuple[list[float], list[float]] = ([], [])
    gc.collect()
    for _ in range(rounds):
        for work, spent in zip((ours, bare), times, strict=True):
            start = process_time()
            done = work()
            spent.append((process_time() - start) / count * 1e6)
            assert done == count, f"{name}: {done} of {count} frames came out"  # noqa: S101 - else nothing was measured
    yield Figure(part=PART, name=f"{name}: juntek", value=min(times[0]), unit="us")
    yield Figure(part=PART, name=f"{name}: bare loop", value=min(times[1]), unit="us")
    ratio = median(mine / other for mine, other in zip(*times, strict=True))
    # A round in which somebody else had the processor says nothing about either.
    best = min(ratio, min(times[0]) / min(times[1]))
    yield Figure(part=PART, name=f"{name}: ratio", value=best, unit="x", aim=AIM, limit=LIMIT)


_SCALES = {len(model.readings.rows) + 2: [row.scale for row in model.readings.rows] for model in find_models()}
"""By the commas of a reply. KG-F and KL-F have the same scales."""
