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

    from outputs.line_server import LineServer
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
async def opened(
    server: VictoriaMetrics | InfluxDB | LineServer,
    path: str = "/write",
    **options: Any,  # noqa: ANN401
) -> AsyncIterator[Target]:
    options = {"url": f"{server.url}{path}", "name": "workshop", **options}
    async with open_target(TimeseriesOptions(**options), "1.2.3") as target:
        yield target


async def trouble(
    server: VictoriaMetrics | InfluxDB | LineServer,
    path: str = "/write",
    **options: Any,  # noqa: ANN401
) -> TargetError:
    """Return what is said when lines are written."""
    async with opened(server, path, **options) as target:
        with pytest.raises(TargetError) as said:
            await target.write(lines(100))
    text = str(said.value)
    assert "workshop" in text
    assert text.endswith(".")
    assert not [secret for secret in (USER.password, "hunter2") if secret in text]
    return said.value
