"""Links that are open at this end only, or closed every few seconds, and meters that a display leaves out."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from fake_time import FakeLink, in_fake_time
from juntek.links import Link, device
from juntek.meter import Line, MeterOptions, Mode
from juntek.rs485.framing import Frame, Framer, encode
from juntek.update import Update
from replies import Meter


class Converter:
    """A converter behind which meters are; its links are kept, and their times."""

    def __init__(self, *addresses: int) -> None:
        self.meters = {address: Meter(address=address) for address in addresses}
        self.links: list[FakeLink] = []
        self.is_dead = False
        """It goes on to accept, and passes nothing on over any link that was made until then or is made now."""
        self.lost_replies: Callable[[Frame], bool] = lambda _: False
        self.asked: list[int] = []
        """Addresses, in the order in which this side asked them."""
        self.updates: list[Update] = []

    async def open(self) -> Link:
        link = FakeLink(lambda data: None if link.is_dead else self.answer(data))
        link.is_dead = self.is_dead
        link.reopen = self.open  # type: ignore[method-assign]
        self.links.append(link)
        return link

    def say(self, data: bytes) -> None:
        """Put on the line what others say there."""
        self.links[-1].put(data)

    def die(self) -> None:
        self.is_dead = True
        for link in self.links:
            link.is_dead = True

    def answer(self, data: bytes) -> bytes | None:
        (request,) = Framer().feed(data)
        assert isinstance(request, Frame)
        self.asked.append(request.address)
        meter = self.meters.get(request.address)
        if meter is None or self.lost_replies(request):
            return None
        replies = {"R00": meter.identity, "R51": meter.settings, "R50": meter.tick}
        return replies[request.command]() if request.command in replies else self.write(request)

    def write(self, request: Frame) -> bytes:
        return encode(request.command.lower(), request.address, [1])

    @property
    def last(self) -> dict[str, Update]:
        return {update.meter: update for update in self.updates}

    def readings(self, address: int = 1) -> int:
        return sum(update.reading is not None and update.reading.address == address for update in self.updates)

    @asynccontextmanager
    async def served(self, *addresses: int, mode: Mode = "auto", first: Link | None = None) -> AsyncIterator[Line]:
        options = [MeterOptions(name=f"meter {address}", address=address, mode=mode) for address in addresses or (1,)]
        line = Line("socket://converter:1", options, self.updates.append)
        task = asyncio.create_task(line.run(first or await self.open()))
        try:
            yield line
        finally:
            task.cancel()
            await asyncio.wait([task])


@in_fake_time
async def test_a_converter_that_accepts_and_passes_nothing_on_is_opened_again() -> None:
    converter = Converter(1)
    async with converter.served():
        await asyncio.sleep(30)
        assert converter.last["meter 1"].available
        converter.die()
        converter.is_dead = False  # a new connection would do
        before = converter.readings()
        await asyncio.sleep(20)
    assert len(converter.links) == 2
    assert converter.links[0].closed
    assert converter.readings() > before
    health = converter.last["meter 1"].health
    assert (health.reconnects, health.error, health.connected) == (1, None, True)


@in_fake_time
async def test_what_stays_dead_is_opened_again_ever_more_seldom_and_told_once() -> None:
    converter = Converter(1)
    async with converter.served():
        await asyncio.sleep(30)
        converter.die()
        converter.updates.clear()
        await asyncio.sleep(3600)
        update = converter.last["meter 1"]
        assert not update.available
        assert "opened again" in (update.health.error or "")
        assert update.health.error is not None
        assert len([each for each in converter.updates if each.health.error is None]) == 0
        opened = [link.opened for link in converter.links]
        waits = [round(later - earlier) for earlier, later in itertools.pairwise(opened[1:])]
        assert waits[:5] == [20, 40, 80, 160, 300]
        assert set(waits[5:]) == {300}
        converter.is_dead = False
        await asyncio.sleep(320)
        assert converter.last["meter 1"].available
        assert converter.last["meter 1"].health.error is None


@in_fake_time
async def test_a_port_beside_a_display_that_sleeps_is_left_alone_for_long() -> None:
    converter = Converter(1)
    first = await converter.open()
    first.least_silence = device.DeviceLink.least_silence
    async with converter.served(mode="listen", first=first):
        await asyncio.sleep(50)
        assert len(converter.links) == 1
        converter.say(b":R50=1,2,1,\r\n")
        await asyncio.sleep(50)
        assert len(converter.links) == 1
        await asyncio.sleep(20)
        assert len(converter.links) == 2


@in_fake_time
async def test_noise_is_no_silence_and_what_is_told_then_is_told_of_the_noise() -> None:
    converter = Converter()
    async with converter.served(mode="poll"):
        await asyncio.sleep(25)
        count = len(converter.links)
        assert count == 2
        for _ in range(60):
            converter.links[-1].put(b"\xff\x00\x13\n")
            await asyncio.sleep(1)
        assert len(converter.links) == count
        assert "noise" in (converter.last["meter 1"].health.error or "")


@pytest.mark.parametrize("seconds", [3.0, 2.0])
@in_fake_time
async def test_a_link_that_is_closed_every_three_seconds_is_asked_within_them(seconds: float) -> None:
    converter = Converter(1)
    async with converter.served():
        for _ in range(12):
            converter.links[-1].lose()
            await asyncio.sleep(1.1 + seconds)  # that long at most until it is opened again
    assert converter.readings() >= 6


@in_fake_time
async def test_where_a_display_asks_a_lost_link_is_listened_to_as_long_as_ever() -> None:
    converter = Converter(1)
    async with converter.served():
        for _ in range(5):
            link = converter.links[-1]
            await asyncio.sleep(0.1)
            link.put(b":R50=1,2,1,\r\n")
            await asyncio.sleep(0.5)
            link.lose()
            await asyncio.sleep(1.1)
        await asyncio.sleep(1.5)
        assert not any(link.asked for link in converter.links)


# A display that asks one meter and not the other ------------------------------------------------------------


async def display(converter: Converter, seconds: float, *addresses: int) -> None:
    """Ask these meters in turns, twice a second."""
    end = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < end:
        for address in addresses:
            link = converter.links[-1]
            link.put(b":R50=%d,\n" % address)
            await asyncio.sleep(0.05)
            if address in converter.meters:
                link.put(converter.meters[address].tick())
            await asyncio.sleep(0.45)


@in_fake_time
async def test_a_display_that_asks_all_meters_hears_nobody_else() -> None:
    converter = Converter(1, 2)
    async with converter.served(1, 2):
        await display(converter, 60, 1, 2)
        assert converter.readings(2) >= 20
    assert not converter.links[0].asked


@in_fake_time
async def test_a_meter_that_is_not_there_is_asked_seldom_beside_a_display() -> None:
    converter = Converter(1)
    async with converter.served(1, 2):
        await display(converter, 120, 1)
        assert converter.last["meter 1"].available
        assert not converter.last["meter 2"].available
    assert len(converter.links[0].asked) <= 30


@in_fake_time
async def test_in_mode_listen_no_gap_is_used() -> None:
    converter = Converter(1, 2)
    async with converter.served(1, 2, mode="listen"):
        await display(converter, 60, 1)
    assert not any(link.asked for link in converter.links)


# What became of a command -----------------------------------------------------------------------------------


@in_fake_time
async def test_a_command_whose_every_answer_was_lost_is_unknown_and_not_refused() -> None:
    converter = Converter(1)
    async with converter.served() as line:
        await asyncio.sleep(30)
        for lost, outcome in (("R51", "unknown"), ("R5", "unknown"), ("nothing", "refused")):
            converter.lost_replies = lambda request, lost=lost: request.command.startswith(lost)  # type: ignore[misc]
            assert await line.send(1, "nominal_capacity", 123.0) == outcome, lost
        converter.lost_replies = lambda request: request.command == "R50"
        assert await line.send(1, "output", "on") == "unknown"
        assert await line.send(1, "zero_current", None) == "unknown"


@in_fake_time
async def test_a_link_is_not_opened_again_below_a_command() -> None:
    converter = Converter(1)
    async with converter.served() as line:
        await asyncio.sleep(30)
        converter.die()
        assert await line.send(1, "nominal_capacity", 123.0) == "unknown"
        assert len(converter.links) == 1
        await asyncio.sleep(4)
        assert len(converter.links) == 2


@in_fake_time
async def test_a_damaged_reply_from_the_address_that_a_meter_is_to_have_does_not_end_the_line() -> None:
    converter = Converter(1)
    answer = converter.answer
    converter.answer = lambda data: b":r50=9,1?7,\r\n" if b"=9," in data else answer(data)  # type: ignore[method-assign]
    async with converter.served() as line:
        await asyncio.sleep(30)
        assert await line.send(1, "set_address", 9) == "refused"
        before = converter.readings()
        await asyncio.sleep(10)
        assert converter.readings() > before
