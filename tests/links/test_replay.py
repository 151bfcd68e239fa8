"""A recording in place of a meter."""

from __future__ import annotations

import asyncio
import math
import os
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from fake_time import in_fake_time
from juntek.capture import HEADER, Chunk, format_chunk
from juntek.errors import LinkError, LinkLostError, RequestError
from juntek.links import Link, open_link
from juntek.links.replay import parse_url

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

REPLY = b":r50=1,2,3,\r\n"


async def drain(link: Link) -> list[Chunk]:
    chunks = []
    try:
        while True:
            chunks.append(await link.read())
    except LinkLostError:
        return chunks


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    path = tmp_path / "van.capture"
    times = (1000.0, 1001.0, 1003.0, 500.0, 504.0)
    path.write_text(f"{HEADER}\n" + "".join(format_chunk(time, b"%d" % time) for time in times))
    return path


@pytest.mark.parametrize("speed", [1.0, 10.0])
@in_fake_time
async def test_a_replay_keeps_the_recorded_pace(capture: Path, speed: float) -> None:
    loop = asyncio.get_running_loop()
    start, came = loop.time(), []
    async with await open_link(f"replay:{capture}?speed={speed}") as link:
        with suppress(LinkLostError):
            while True:
                came.append(((await link.read()).time, (loop.time() - start) * speed))
    assert [recorded for recorded, _ in came] == [1000, 1001, 1003, 500, 504]
    assert [passed for _, passed in came] == pytest.approx([0, 1, 3, 3, 7])  # a clock set back begins anew


@pytest.mark.parametrize("query", ["?speed=0", "?speed=max"])
async def test_a_replay_without_waiting_comes_at_once_with_its_recorded_times(capture: Path, query: str) -> None:
    async with asyncio.timeout(2), await open_link(f"replay:{capture}{query}") as link:
        assert [chunk.data for chunk in await drain(link)] == [b"1000", b"1001", b"1003", b"500", b"504"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (REPLY * 3, [Chunk(None, REPLY * 3)]),
        (b'[12:00:01][D][uart_debug:158]: <<< ":r50=1,2,3,\\r\\n"\n' * 2, [Chunk(None, REPLY)] * 2),
        (b"\xff" * 5 + b":r50=1", [Chunk(None, b"\xff" * 5 + b":r50=1")]),
        (b"", []),
    ],
)
async def test_any_log_can_be_replayed(tmp_path: Path, content: bytes, expected: list[Chunk]) -> None:
    path = tmp_path / "some log.txt"
    path.write_bytes(content)
    async with await open_link(f"replay:{path}") as link:
        assert await drain(link) == expected


async def test_a_long_recording_comes_whole(tmp_path: Path) -> None:
    path = tmp_path / "long.capture"
    path.write_text(f"{HEADER}\n" + "".join(format_chunk(float(second), REPLY) for second in range(5000)))
    async with await open_link(f"replay:{path}?speed=max") as link:
        assert await drain(link) == [Chunk(float(second), REPLY) for second in range(5000)]


async def test_a_replay_lets_others_work_meanwhile(capture: Path) -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counter = asyncio.create_task(count())
    async with await open_link(f"replay:{capture}?speed=max") as link:
        await drain(link)
    counter.cancel()
    assert turns >= 5


async def test_a_replay_cannot_be_written_to(capture: Path, is_sentence: Callable[[object], str]) -> None:
    async with await open_link(f"replay:{capture}") as link:
        assert not link.can_write
        with pytest.raises(RequestError) as error:
            await link.write(b":R50=1,2,1,\r\n")
    assert "recording" in is_sentence(error.value)


async def test_the_end_of_a_recording_is_a_lost_link(capture: Path, is_sentence: Callable[[object], str]) -> None:
    async with await open_link(f"replay:{capture}?speed=max") as link:
        await drain(link)
        with pytest.raises(LinkLostError) as lost:
            await link.read()
    assert "is at its end" in is_sentence(lost.value)


async def test_a_replay_closed_while_it_waits_is_a_lost_link(capture: Path) -> None:
    link = await open_link(f"replay:{capture}?speed=20")
    await link.read()
    waiting = asyncio.create_task(link.read())
    await asyncio.sleep(0)
    await link.close()
    with pytest.raises(LinkLostError, match="closed"):
        await waiting
    with pytest.raises(LinkLostError, match="closed"):
        await link.read()


@pytest.mark.parametrize(
    ("url", "path", "speed"),
    [
        ("replay:/media/a", "/media/a", 1.0),
        ("replay:///media/a", "/media/a", 1.0),
        ("replay:a b.log?speed=0.5", "a b.log", 0.5),
        ("replay:a?speed=0", "a", math.inf),
        ("replay:a?speed=max", "a", math.inf),
    ],
)
def test_forms_of_a_replay(url: str, path: str, speed: float) -> None:
    assert parse_url(url) == (type(parse_url(url)[0])(path), speed)


@pytest.mark.parametrize(
    "url", ["replay:", "replay:a?speed=-1", "replay:a?speed=fast", "replay:a?sped=2", "replay:a?speed=nan"]
)
async def test_a_replay_that_is_none(url: str, is_sentence: Callable[[object], str]) -> None:
    with pytest.raises(LinkError) as error:
        await open_link(url)
    assert "replay:FILE" in is_sentence(error.value)


async def test_files_that_cannot_be_played(tmp_path: Path, is_sentence: Callable[[object], str]) -> None:
    with pytest.raises(LinkError) as error:
        await open_link(f"replay:{tmp_path}/missing")
    assert "does not exist" in is_sentence(error.value)
    with pytest.raises(LinkError) as error:
        await open_link(f"replay:{tmp_path}/{'too_long' * 40}")
    assert "cannot be read" in is_sentence(error.value)
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(LinkError) as error:
            await open_link(f"replay:{path}")
        assert "juntek capture" in is_sentence(error.value)
