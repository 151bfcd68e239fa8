"""The supervisor of an output: what fails in one costs nobody else anything."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any, NoReturn

import pytest

from juntek.backoff import Backoff
from juntek.errors import DatabaseError
from juntek.gateway.supervisor import Supervisor
from juntek.outputs import Context, FarEndError, Handle, Output
from juntek.update import Health, Update


def update(meter: str) -> Update:
    return Update(meter, available=True, reading=None, identity=None, settings=None, health=Health())


class Files:
    """An output that keeps what it is handed over; `refuse` raises what goes wrong."""

    def __init__(self, refuse: Callable[[Update], None] = lambda _: None, **about: Any) -> None:  # noqa: ANN401
        self.output = Output(section="files", options=object, open=self.open, **about)
        self.entered = 0
        self.handled: list[Update] = []
        self._refuse = refuse
        self._changed = asyncio.Event()

    @asynccontextmanager
    async def open(self, options: object, context: Context) -> AsyncIterator[Handle]:
        del options, context
        self.entered += 1
        yield self.handle

    async def handle(self, given: Update) -> None:
        self._refuse(given)
        self.handled.append(given)
        self._changed.set()

    async def wait_for(self, count: int) -> None:
        async with asyncio.timeout(30):
            while len(self.handled) < count:
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def supervised(files: Files, *meters: str) -> AsyncIterator[tuple[Supervisor, Context]]:
    """Run the supervisor, without any wait between attempts, while the context lasts."""
    context = Context(version="1", gateway="here", meters=meters)
    served = Supervisor(files.output, None, context, backoff=Backoff(0.0, 30.0))
    running = asyncio.create_task(served.run())
    try:
        yield served, context
    finally:
        running.cancel()
        await asyncio.wait([running])
    assert running.cancelled()


async def test_an_output_that_fails_in_a_way_that_nobody_foresaw_is_told_of_and_entered_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)

    def refuse(_: Update) -> None:
        if files.entered < 3:
            raise OSError(28, "No space left on device")

    files = Files(refuse)
    async with supervised(files, "house") as (served, context):
        served.offer(update("house"))
        await files.wait_for(1)
        assert context.errors == {}
        assert served.health.failures == 2
    (message,) = caplog.messages
    assert message.startswith("files: Something unexpected happened (OSError: [Errno 28] No space left on device)")


async def test_an_update_that_always_fails_does_not_block_the_output_for_ever() -> None:
    def refuse(given: Update) -> None:
        if given.meter == "poison":
            raise ValueError("nobody knows why")

    files = Files(refuse)
    async with supervised(files, "poison", "house") as (served, context):
        for meter in ("poison", "house"):
            context.latest[meter] = update(meter)
            served.offer(context.latest[meter])
        await files.wait_for(1)
        entered = files.entered
        assert [given.meter for given in files.handled] == ["house"]
        served.offer(update("house"))
        await files.wait_for(2)
        assert files.entered == entered, "what is in quarantine is not handed over again"


async def test_an_output_that_is_entered_again_hears_the_latest_of_each_meter_and_then_what_waits() -> None:
    away = False

    def refuse(_: Update) -> None:
        nonlocal away
        if away:
            away = False
            raise OSError

    files = Files(refuse)
    async with supervised(files, "house", "van") as (served, context):
        first, second, third = update("van"), update("house"), update("house")
        for given in (first, second):
            context.latest[given.meter] = given
            served.offer(given)
        await files.wait_for(2)
        away = True
        context.latest["house"] = third
        served.offer(third)
        await files.wait_for(4)
        assert all(heard is given for heard, given in zip(files.handled, (first, second, first, third), strict=True))


async def test_an_output_that_fails_while_it_is_stopped_is_stopped() -> None:
    """As its last commit does on a full disk: entered again, it would keep the gateway from ending for ever."""

    class Full(Files):
        @asynccontextmanager
        async def open(self, options: object, context: Context) -> AsyncIterator[Handle]:
            async with super().open(options, context) as handle:
                try:
                    yield handle
                finally:
                    raise DatabaseError("The disk is full.")

    files = Full()
    async with asyncio.timeout(30), supervised(files, "house") as (served, _):
        served.offer(update("house"))
        await files.wait_for(1)
    assert files.entered == 1


async def test_an_output_whose_library_loses_the_stop_is_stopped() -> None:
    """As `asyncio.wait_for` of Python 3.11 does where the answer comes in the same moment."""
    entered = asyncio.Event()

    class Losing(Files):
        async def handle(self, given: Update) -> None:
            entered.set()
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(30)
            await super().handle(given)

    files = Losing()
    async with asyncio.timeout(20), supervised(files, "house") as (served, _):
        served.offer(update("house"))
        await entered.wait()
    assert len(files.handled) == 1


@pytest.mark.parametrize(("meters", "room"), [(1, 2000), (1000, 20_000)])
def test_the_queue_of_an_output_has_room_for_what_all_meters_tell_while_it_is_entered(meters: int, room: int) -> None:
    names = tuple(f"meter{number}" for number in range(meters))
    context = Context(version="1", gateway="here", meters=names)
    served = Supervisor(Files().output, None, context)
    for number in range(room):
        served.offer(update(names[number % meters]))
    assert context.sinks["files"].lost == 0
    served.offer(update(names[0]))
    assert context.sinks["files"].lost == 1
    assert context.sinks["files"].waiting == room


@pytest.mark.parametrize(("about", "said"), [({}, "files: connected."), ({"ready": "ready"}, "files: ready.")])
async def test_an_output_that_connects_later_does_not_say_that_it_is_connected(
    caplog: pytest.LogCaptureFixture, about: dict[str, Any], said: str
) -> None:
    caplog.set_level(logging.INFO)
    files = Files(**about)
    async with supervised(files, "house") as (served, _):
        served.offer(update("house"))
        await files.wait_for(1)
    assert caplog.messages == [said]


async def test_an_output_that_looks_by_itself_is_handed_nothing_and_loses_nothing_while_it_is_away() -> None:
    files = Files(has_queue=False)
    async with supervised(files, "house") as (served, context):
        for _ in range(5000):
            served.offer(context.latest.take(update("house")))
        for _ in range(10):
            await asyncio.sleep(0)
        assert served.health.connected
        assert (served.health.waiting, served.health.lost, files.handled) == (0, 0, [])


async def test_a_far_end_that_asks_to_be_left_alone_is() -> None:
    entered = 0

    def refuse(_options: object, _context: Context) -> NoReturn:
        nonlocal entered
        entered += 1
        raise FarEndError("It is busy.", wait=3600.0 if entered == 3 else 0.0)

    files = Files()
    files.output = replace(files.output, open=refuse)
    async with supervised(files, "house") as (served, _):
        for _turn in range(1000):
            await asyncio.sleep(0)
        assert (entered, served.health.failures) == (3, 3)
