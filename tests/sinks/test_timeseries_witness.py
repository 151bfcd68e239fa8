"""Whether a target still has what it took last: asked only where that tells something, and never in the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from database.made import reading_at
from juntek.sinks.timeseries import connection
from juntek.sinks.timeseries import target as module
from juntek.sinks.timeseries.options import Options
from juntek.sinks.timeseries.target import open_target
from juntek.sinks.timeseries.witness import Witness
from sinks.line_server import GOOD, LineServer, Reply, serve_lines
from sinks.test_timeseries_held import export, exports, row

if TYPE_CHECKING:
    from collections.abc import Sequence

READING = reading_at(1)
SHOWN = export(row("voltage_volts", round(1000 * (READING.time or 0))))
LOST = export()


async def asked(server: LineServer, path: str, times: int) -> list[bool]:
    """What the witness says, after each of so many batches that were taken."""
    async with open_target(Options(url=f"{server.url}{path}"), "1") as target:
        witness = Witness(target, "home")
        said = [await witness.misses()]
        for _ in range(times):
            await target.write([b"juntek,site=home,meter=house voltage_volts=52.0 1700000000000000000\n"])
            witness.note({"house": [reading_at(0), READING]})
            said.append(await witness.misses())
    return said


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ((SHOWN, SHOWN, SHOWN), (False, False, False)),
        ((SHOWN, LOST, LOST), (False, True, False)),
        ((SHOWN, LOST, SHOWN, LOST), (False, True, False, True)),
        ((LOST, LOST), (False, False)),  # it gives it other names
        ((SHOWN, Reply(503), LOST), (False, False, True)),
        ((SHOWN, Reply(fault="cut"), LOST), (False, False, True)),
        ((SHOWN, Reply(fault="mute"), LOST), (False, False, True)),
    ],
)
async def test_what_was_there_and_is_not_is_missed(
    answers: Sequence[Reply], said: Sequence[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "SURE", 0.0)
    monkeypatch.setattr(module, "GLANCE_TIME", 2.0)
    replies = iter(answers)
    async with serve_lines(lambda request: next(replies) if request.path.endswith("/export") else GOOD) as server:
        assert await asked(server, "/write", len(answers)) == [False, *said]
    assert len(exports(server)) == len(answers)


async def test_a_connection_that_goes_on_tells_enough() -> None:
    async with serve_lines() as server:
        assert await asked(server, "/write", 3) == [False] * 4
    assert exports(server) == []


async def test_an_engine_that_writes_over_what_is_there_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "SURE", 0.0)
    async with serve_lines() as server:
        assert await asked(server, "/api/v3/write_lp?db=home", 3) == [False] * 4
    assert exports(server) == []
