"""Lines for a real engine, the target that takes them there, and what it says where it does not."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from juntek.outputs.timeseries import TimeseriesOptions
from juntek.outputs.timeseries.line_protocol import TargetError
from juntek.outputs.timeseries.target import Target, open_target
from servers.mosquitto import User

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from servers.engines import InfluxDB, VictoriaMetrics

START = 1_700_000_000_000
USER = User("house", "se crét")
LOGIN: dict[str, Any] = {"username": USER.name, "password": USER.password}
HEAD = "juntek,site=home,meter=house "
STRANGE = ('a "b"', "a,b=c d", "käse 🔋", "{a}", "''", ".*", "a'b\"c,d e=f")


def volts(number: int) -> float:
    return round(26 + number / 1000, 3)


def lines(count: int, meter: str = "house", start: int = START) -> list[bytes]:
    """Return readings a second apart, each with two values."""
    head = f"juntek,site=home,meter={escape(meter)} "
    return [
        f"{head}voltage_volts={volts(number)},current_amperes=-1.5 {start + 1000 * number}000000\n".encode()
        for number in range(count)
    ]


def escape(name: str) -> str:
    """Write a label by hand as line protocol wants it."""
    return name.replace(",", r"\,").replace("=", r"\=").replace(" ", r"\ ")


async def check_taken(target: Target, some: list[bytes]) -> None:
    """Hand lines over, and check that all are taken."""
    assert (await target.write(some)).is_good


@asynccontextmanager
async def opened(engine: VictoriaMetrics | InfluxDB, path: str, **options: Any) -> AsyncIterator[Target]:  # noqa: ANN401
    async with open_target(TimeseriesOptions(url=f"{engine.url}{path}", name="workshop", **options), "1") as target:
        yield target


async def trouble(engine: VictoriaMetrics | InfluxDB, path: str, count: int = 3, **options: Any) -> TargetError:  # noqa: ANN401
    async with opened(engine, path, **options) as target:
        with pytest.raises(TargetError) as said:
            await target.write(lines(count))
    assert USER.password not in str(said.value)
    return said.value
