"""The replies that are measured with; rule: simulated days and recorded meters, the same in every run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

from juntek.rs485.framing import encode
from juntek.simulator import Options, history
from recorded import REPLIES

START = datetime(2025, 6, 21, 9, 0, tzinfo=UTC)
MODELS = ("KG140F", "KH140F")

Chunk = tuple[float | None, bytes]
"""When it was received (s since 1970; None in a log without times), and the bytes."""

REPEATS = 40
"""How often a recorded meter says the same before the next one is heard."""


@cache
def simulated(model: str, count: int, address: int = 1) -> tuple[Chunk, ...]:
    """Return so many replies of a meter that is read once a second, on a sunny morning with loads."""
    options = Options(models=(model,), addresses=(address,))
    return tuple(history(options, START, START + timedelta(seconds=count), 1))


@cache
def recorded() -> tuple[tuple[Chunk, ...], ...]:
    """Return the stream of each recorded meter: what it said, said again once a second."""
    start = START.timestamp()
    return tuple(
        tuple((start + second, frame.line + b"\r\n") for second in range(REPEATS))
        for frame in REPLIES
        if frame.kind == "r50"
    )


def settings(address: int = 1) -> bytes:
    """Return the `r51` of a KG140F with 280 Ah."""
    numbers = (0, 0, 0, 0, 0, 100, 0, 0, 2800, 100, 100, 100, 0, 0, 1)
    return encode("r51", address, numbers)


def identity(address: int = 1) -> bytes:
    """Return the `r00` of a KG140F."""
    return encode("r00", address, (2140, 110, 837))
