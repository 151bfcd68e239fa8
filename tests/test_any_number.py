"""Frames with a right checksum and any numbers: whatever they say, nobody ends by it."""

from __future__ import annotations

import json
import random
from datetime import UTC

import pytest

from juntek import Bus, Identity, Options, Reading, Settings
from juntek.battery.ledger import Ledger
from juntek.metric import samples_of_reading
from juntek.rs485.family import find_models
from juntek.rs485.framing import encode

EDGES = (0, 1, 79, 100, 101, 255, 9999, 65_535, 235_959, 991_231, 2**31, 2**32 - 1, 2**40, 2**64, 10**400)
FAMILIES = [None, *(model.family for model in find_models())]


def numbers(dice: random.Random, count: int, base: list[int]) -> list[int]:
    """Right numbers of a frame with some that nobody expects."""
    values = [base[place] if place < len(base) else 0 for place in range(count)]
    share = dice.choice((0.0, 0.1, 0.4))
    for place in range(count):
        if dice.random() < share:
            values[place] = dice.choice(EDGES) if dice.random() < 0.5 else dice.randrange(2 ** dice.randrange(1, 42))
    return values


BASES = {
    "r50": [5186, 3250, 103_000, 0, 0, 60, 120, 0, 0, 0, 190, 1136, 240_630, 120_000],
    "r51": [0, 0, 0, 0, 0, 100, 5, 3, 2800, 100, 100, 100, 0, 0, 1, 100, 0, 5600, 4400, 5, 30, 255, 0, 0, 59, 0],
    "r00": [2140, 110, 7],
}


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("family", FAMILIES)
def test_no_numbers_of_a_frame_end_whoever_reads_them(family: str | None, *, check: bool) -> None:
    dice = random.Random(f"{family} {check}")
    seen = set[type]()
    for _ in range(60):
        bus = Bus({1: Options(family=family, invert_current=dice.random() < 0.3)}, check=check)
        ledger = Ledger(UTC)
        time = dice.choice((None, 1.7e9, 253_402_300_000.0))
        for _ in range(60):
            command = dice.choice(("r50", "r50", "r50", "r51", "r00"))
            count = dice.choice((3, 12, 14, 15, 17, 25, 26, dice.randrange(1, 30)))
            time = None if time is None else time + dice.choice((0.0, 1.0, 1e5, -1e6))
            for event in bus.feed(encode(command, 1, numbers(dice, count, BASES[command])), time):
                seen.add(type(event))
                look_at(event, ledger)
        for event in bus.finish(time):
            look_at(event, ledger)
    assert seen >= {Reading, Settings}


def look_at(event: object, ledger: Ledger) -> None:
    if isinstance(event, Reading):
        json.dumps(event.as_dict(), allow_nan=False)
        list(samples_of_reading("site", "house", event))
        ledger.add(event)
        json.dumps(ledger.totals().put_on(event).as_dict(), allow_nan=False)
        json.dumps(ledger.snapshot(), allow_nan=False)
    elif isinstance(event, Settings | Identity):
        json.dumps(event.as_dict(), allow_nan=False)
        if isinstance(event, Identity):
            ledger.identify(event)
