"""Meters that are silent, talk nonsense, or are hard to understand."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from juntek.capture import Chunk
from juntek.meter import Line
from juntek.rs485.framing import Frame, Framer, encode
from juntek.simulator import Options
from meter.served import ENOUGH, IMPATIENT, Told, Wires, meters, running, served, serving, until
from meter.test_lost_links import peer
from replies import Meter


async def test_a_silent_meter_is_not_available_until_it_answers(port: Path | None) -> None:
    async with served(Options(pty=port)) as (wires, told):
        await told.more(3)
        assert told.last["meter 1"].available
        wires.simulation.silence()
        await until(lambda: not told.last["meter 1"].available)
        error = told.last["meter 1"].health.error
        assert error is not None
        assert error.startswith("No answer from address 1 on ")
        assert "check the meter's power, the wires A and B" in error
        assert told.last["meter 1"].health.connected
        wires.simulation.silence(silent=False)
        await told.more(3)
    assert told.last["meter 1"].available
    assert told.errors == [None, error, None]


async def test_where_nothing_was_ever_heard_the_owner_is_told() -> None:
    async with served(Options(), 5) as (_, told):
        await until(lambda: told.last and told.last["meter 5"].health.error)
    assert told.errors[-1] is not None
    assert "its address at the display" in told.errors[-1]
    assert told.readings == []


async def test_in_mode_listen_the_owner_is_told_that_a_display_is_missing() -> None:
    async with served(Options(), mode="listen") as (wires, told):
        await until(lambda: told.last and told.last["meter 1"].health.error)
        assert told.errors[-1] is not None
        assert "plug in a display" in told.errors[-1]
        wires.simulation.plug_display()
        await told.more(1)
        assert told.last["meter 1"].available
    assert wires.said["program"] == b""


async def test_readings_go_on_although_the_line_is_noisy(port: Path | None) -> None:
    patient = replace(IMPATIENT, patience=ENOUGH)  # a few requests in a row may be lost
    async with served(Options(pty=port, noise=0.05), interval=0.01, timing=patient) as (wires, told):
        await told.more(60)
        assert wires.simulation.noise.damaged > 3
        assert told.last["meter 1"].available
        garbage = told.last["meter 1"].health.garbage
    assert sum(garbage.values()) > 0
    assert told.errors == [None]
    assert {reading.address for reading in told.readings} == {1}
    assert all(40 < reading.voltage < 60 for reading in told.readings)


async def test_a_meter_is_not_silent_because_this_program_stood_still() -> None:
    hasty = replace(IMPATIENT, patience=0.2)
    async with served(Options(), timing=hasty) as (_, told):
        for _ in range(3):
            await told.more(3)
            time.sleep(0.4)  # noqa: ASYNC251 - as on a machine that is too busy
        await told.more(3)
    assert told.errors == [None]


async def test_a_reading_that_has_to_wait_is_an_answer_too() -> None:
    """A surprise is told late; the meter is still asked at its interval, and its neighbour as well."""
    options = Options(models=("KG140F", "KG140F"), addresses=(1, 2))
    async with served(options, 1, 2, interval=0.05) as (wires, told):
        await told.more(10)
        counters = wires.simulation.sites[0].meter.counters
        before = wires.asked("R50=1"), wires.asked("R50=2")
        for _ in range(6):
            counters.remaining_capacity -= 20.0  # as if set anew at the display
            await told.more(6, address=1)
        asked, neighbour = wires.asked("R50=1") - before[0], wires.asked("R50=2") - before[1]
    assert abs(asked - neighbour) <= 4


# Nonsense ---------------------------------------------------------------------------------------------------

Answer = Callable[[Frame, random.Random], bytes]


def answering(answer: Answer) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """A meter that answers every request so."""
    dice = random.Random(1)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        framer = Framer()
        while data := await reader.read(4096):
            for part in framer.feed(data):
                if isinstance(part, Frame):
                    writer.write(answer(part, dice))
        writer.close()

    return talk


def random_numbers(request: Frame, dice: random.Random) -> bytes:
    count = {"R00": 3, "R50": 12, "R51": 15}[request.command]
    return encode(request.command.lower(), request.address, [dice.randrange(2**20) for _ in range(count)])


def possible_numbers(request: Frame, dice: random.Random) -> bytes:
    """Each of them could be, so the first is believed; those that follow do not agree with it, nor with others."""
    numbers = [dice.randrange(500, 6000), dice.randrange(100, 9000), dice.randrange(10_000, 300_000)]
    numbers += [dice.randrange(2**30) for _ in range(3)]
    numbers += [dice.randrange(100, 150), 0, 0, dice.randrange(2), dice.randrange(65_535), dice.randrange(65_535)]
    return encode("r50", request.address, numbers) if request.command == "R50" else b""


def strange_layout(request: Frame, dice: random.Random) -> bytes:
    return encode(request.command.lower(), request.address, [dice.randrange(100) for _ in range(9)])


def noise(request: Frame, dice: random.Random) -> bytes:
    del request
    return dice.randbytes(40) + b"\n"


async def test_who_and_how_a_meter_is_are_asked_again_soon_when_nothing_came_of_the_first_replies() -> None:
    """A reply whose first letter was hit is none; to be asked again in its usual turn takes a minute."""
    asked = Counter[str]()

    def answer(request: Frame, _: random.Random) -> bytes:
        asked[request.command] += 1
        meter = Meter()
        reply = {"R00": meter.identity, "R51": meter.settings, "R50": meter.reply}[request.command]()
        return b"?" + reply[1:] if request.command != "R50" and asked[request.command] == 1 else reply

    rare = replace(IMPATIENT, settings=1000, identity=1000, retry=0.05)
    async with peer(answering(answer)) as url, serving(url, meters(mode="poll"), rare) as told:
        await until(lambda: told.last and told.last["meter 1"].settings and told.last["meter 1"].identity)
        await told.more(30)
    assert (asked["R00"], asked["R51"]) == (2, 2)


@pytest.mark.parametrize(
    ("answer", "reason", "mend"),
    [
        (random_numbers, "implausible", "check that one meter alone has this address"),
        (strange_layout, "unknown_layout", "record it with 'juntek capture'"),
        (noise, "noise", "swap the wires A and B"),
    ],
)
async def test_nonsense_is_counted_and_not_told(answer: Answer, reason: str, mend: str) -> None:
    async with peer(answering(answer)) as url, serving(url, meters(mode="poll")) as told:
        await until(lambda: told.last and told.last["meter 1"].health.error)
        update = told.last["meter 1"]
        assert update.health.garbage[reason] > 1
        assert not update.available
        assert told.readings == []
        assert mend in (update.health.error or "")


async def test_nonsense_that_could_be_is_not_told_after_the_first() -> None:
    async with peer(answering(possible_numbers)) as url, serving(url, meters(mode="poll")) as told:
        await until(lambda: told.last and told.last["meter 1"].health.error)
        assert told.last["meter 1"].health.garbage["implausible"] > 1
        assert not told.last["meter 1"].available
        assert len(told.readings) <= 1
        assert "makes no sense" in (told.last["meter 1"].health.error or "")


async def test_a_meter_that_talks_nonsense_does_not_hold_its_neighbour_back() -> None:
    """Its readings wait to be believed; those of others on the same line do not wait with them."""

    def answer(request: Frame, dice: random.Random) -> bytes:
        if request.address == 1 and request.command == "R50":
            return possible_numbers(request, dice)
        meter = Meter(address=request.address)
        return {"R00": meter.identity, "R51": meter.settings, "R50": meter.reply}[request.command]()

    async with peer(answering(answer)) as url, serving(url, meters(1, 2, mode="poll")) as told:
        await until(lambda: told.last and told.last["meter 1"].health.error)
        await told.more(20, address=2)
        assert told.last["meter 2"].available
        assert len(told.of(1)) <= 1


# Times ------------------------------------------------------------------------------------------------------


async def test_a_reading_has_the_time_at_which_its_bytes_came(port: Path | None) -> None:
    told, chunks = Told(), list[Chunk]()
    wires = Wires(Options(pty=port))
    start = time.time()
    async with wires.simulation as simulation:
        line = Line(simulation.url, meters(), told, tap=chunks.append, timing=IMPATIENT)
        async with running(line):
            await told.more(10)
    times = [reading.time for reading in told.readings]
    assert set(times) <= {chunk.time for chunk in chunks}
    assert all(isinstance(moment, float) and start <= moment <= time.time() for moment in times)
    assert told.last["meter 1"].health.last_frame == times[-1]
    first, *others = (reading.elapsed for reading in told.readings)
    assert first is None
    assert all(elapsed is not None and 0 <= elapsed <= time.time() - start for elapsed in others)


async def test_the_recorded_times_of_a_recording_are_kept_and_none_are_made_up(tmp_path: Path) -> None:
    frame = encode("r50", 1, [5186, 3250, 103_000, 0, 0, 60, 120, 0, 0, 0, 190, 1136])
    timed, bare = tmp_path / "timed.cap", tmp_path / "bare.raw"
    timed.write_text("# juntek capture 1\n2025-06-21T09:00:00.000+00:00 " + frame.decode().strip() + "\\r\\n\n")
    bare.write_bytes(frame)
    for file, expected in ((timed, 1_750_496_400.0), (bare, None)):
        told = Told()
        await Line(f"replay:{file}", meters(), told).run()
        assert [reading.time for reading in told.readings] == [expected]
        assert told.last["meter 1"].health.mode == "closed"
