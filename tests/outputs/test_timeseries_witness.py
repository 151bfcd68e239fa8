"""Whether a target still has what it took lately: asked for little, now and then, and never in the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from history.made import readings
from juntek.outputs.timeseries import witness as module
from juntek.outputs.timeseries.options import Options
from juntek.outputs.timeseries.target import open_target
from juntek.outputs.timeseries.witness import ASK_EVERY, SHOWN_AFTER, Witness
from outputs.line_server import GOOD, Reply, Request, serve_lines
from outputs.test_timeseries_held import export, exports, row

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from juntek.reading import Reading


def shown(some: Sequence[Reading]) -> Reply:
    return export(row("voltage_volts", *(round(1000 * (reading.time or 0)) for reading in some)))


ALL = shown(readings(0, 1000))
LOST = export()
PART = shown(readings(0, 1000)[::2])


def answer(replies: Sequence[Reply]) -> Callable[[Request], Reply]:
    one_by_one = iter(replies)
    return lambda request: next(one_by_one) if request.path.endswith("/export") else GOOD


async def ask(url: str, times: int) -> list[bool]:
    """What the witness says so many times, each after ten readings that were taken."""
    async with open_target(Options(url=url), "1") as target:
        witness = Witness(target, "home")
        said = [await witness.misses(0.0)]
        for number in range(times):
            now = 1000.0 * number
            witness.note({"house": readings(10 * number, 10), "boat": readings(0, 1)}, now)
            said.append(await witness.misses(now + SHOWN_AFTER))
    return said


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ((ALL, ALL, ALL), (False, False, False)),
        ((ALL, LOST, LOST, ALL), (False, True, True, False)),
        ((LOST, ALL, PART, ALL, LOST), (True, False, True, False, True)),
        ((PART, PART, PART, PART, PART), (True, True, True, False, False)),  # it thins out
        ((ALL, Reply(503), LOST), (False, False, True)),
        ((ALL, Reply(fault="cut"), LOST), (False, False, True)),
        ((ALL, Reply(404), LOST), (False, False, True)),
        ((ALL, Reply(503), shown(readings(20, 10))), (False, False, True)),  # and of those before it has none
    ],
)
async def test_what_was_taken_and_is_not_there_is_missed(answers: Sequence[Reply], said: Sequence[bool]) -> None:
    async with serve_lines(answer(answers)) as server:
        assert await ask(f"{server.url}/write", len(answers)) == [False, *said]
    assert len(exports(server)) == len(answers)


async def test_an_engine_that_does_not_answer_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GLANCE_TIME", 0.3)
    async with serve_lines(answer([Reply(fault="mute")])) as server:
        assert await ask(f"{server.url}/write", 1) == [False, False]


async def test_it_is_asked_seldom_and_only_for_what_it_can_show() -> None:
    async with serve_lines(answer([ALL] * 9)) as server, open_target(Options(url=f"{server.url}/write"), "1") as target:
        witness = Witness(target, "home")
        for now in range(100):
            assert not await witness.misses(now)
            witness.note({"house": readings(now, 1)}, now)
    first, *others = exports(server)
    assert len(others) == (99 - SHOWN_AFTER) // ASK_EVERY
    assert first.form["start"] == first.form["end"] or int(first.form["end"][0]) - int(first.form["start"][0]) == 1


async def test_an_engine_that_writes_over_what_is_there_is_not_asked() -> None:
    async with serve_lines() as server:
        assert await ask(f"{server.url}/api/v3/write_lp?db=home", 3) == [False] * 4
    assert exports(server) == []
