"""Lines for a real engine, the target that takes them there, and what it says where it does not."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from juntek.outputs.timeseries.lines import head_of, labels_of
from juntek.outputs.timeseries.options import Options
from juntek.outputs.timeseries.target import Target, TargetError, open_target
from servers.mosquitto import User

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from servers.engines import InfluxDB, VictoriaMetrics

START = 1_700_000_000_000
USER = User("house", "se crét")
LOGIN: dict[str, Any] = {"username": USER.name, "password": USER.password}
LABELS = labels_of("home", "house")
STRANGE = ('a "b"', "a,b=c d", "käse 🔋", "{a}", "''", ".*", "a'b\"c,d e=f")


def volts(number: int) -> float:
    return round(26 + number / 1000, 3)


def lines(count: int, meter: str = "house", start: int = START) -> list[bytes]:
    """Return readings a second apart, each with two values."""
    head = head_of(labels_of("home", meter))
    return [
        f"{head}voltage_volts={volts(number)},current_amperes=-1.5 {start + 1000 * number}000000\n".encode()
        for number in range(count)
    ]


def both(times: set[int]) -> dict[str, set[int]]:
    return {"voltage_volts": times, "current_amperes": times}


async def check_held(target: Target, labels: dict[str, str], start: int, end: int, held: dict[str, set[int]]) -> None:
    """Check what the target says it has; a busy VictoriaMetrics may show it some tenths of a second late."""
    latest = asyncio.get_running_loop().time() + 60
    while (said := await target.find_held(labels, start, end)) != held:
        assert asyncio.get_running_loop().time() < latest, said
        await asyncio.sleep(0.1)


@asynccontextmanager
async def opened(engine: VictoriaMetrics | InfluxDB, path: str, **options: Any) -> AsyncIterator[Target]:  # noqa: ANN401
    async with open_target(Options(url=f"{engine.url}{path}", name="workshop", **options), "1") as target:
        yield target


async def trouble(engine: VictoriaMetrics | InfluxDB, path: str, count: int = 3, **options: Any) -> TargetError:  # noqa: ANN401
    async with opened(engine, path, **options) as target:
        with pytest.raises(TargetError) as said:
            await target.write(lines(count))
    assert USER.password not in str(said.value)
    return said.value
