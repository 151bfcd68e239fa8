"""The supervisor of a sink: what fails in one costs nobody else anything."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import ModuleType

import pytest

from juntek.gateway import supervisor
from juntek.outputs import Context
from juntek.update import Health, Update


def update(meter: str) -> Update:
    return Update(meter, available=True, reading=None, identity=None, settings=None, health=Health())


async def test_a_sink_that_fails_in_a_way_that_nobody_foresaw_is_told_of_and_entered_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(supervisor, "SHORTEST_WAIT", 0.01)
    caplog.set_level(logging.WARNING)
    entered: list[int] = []
    handled = asyncio.get_running_loop().create_future()

    @asynccontextmanager
    async def open_sink(options: object, context: Context) -> AsyncIterator[Callable[[Update], Awaitable[None]]]:
        del options, context
        entered.append(1)

        async def handle(update: Update) -> None:
            if len(entered) < 3:
                raise OSError(28, "No space left on device")
            handled.set_result(update.meter)

        yield handle

    sink = ModuleType("sink")
    sink.__dict__.update(SECTION="files", EXTRA="", open_sink=open_sink)
    context = Context(version="1", gateway="here", meters=("house",))
    served = supervisor.Supervisor(sink, None, context)
    served.offer(update("house"))
    running = asyncio.create_task(served.run())
    async with asyncio.timeout(30):
        assert await handled == "house"
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()
    assert context.troubles == {}
    (message,) = caplog.messages
    assert message.startswith("files: Something unexpected happened (OSError: [Errno 28] No space left on device)")


async def test_an_update_that_always_fails_does_not_block_the_sink_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "SHORTEST_WAIT", 0.01)
    handled = asyncio.get_running_loop().create_future()

    @asynccontextmanager
    async def open_sink(options: object, context: Context) -> AsyncIterator[Callable[[Update], Awaitable[None]]]:
        del options, context

        async def handle(update: Update) -> None:
            if update.meter == "poison":
                raise ValueError("nobody knows why")
            if not handled.done():
                handled.set_result(update.meter)

        yield handle

    sink = ModuleType("sink")
    sink.__dict__.update(SECTION="files", EXTRA="", open_sink=open_sink)
    served = supervisor.Supervisor(sink, None, Context(version="1", gateway="here", meters=("poison", "house")))
    served.offer(update("poison"))
    served.offer(update("house"))
    running = asyncio.create_task(served.run())
    async with asyncio.timeout(30):
        assert await handled == "house"
    running.cancel()
    await asyncio.wait([running])


@pytest.mark.parametrize(("meters", "room"), [(1, 2000), (1000, 20_000)])
def test_the_queue_of_a_sink_has_room_for_what_all_meters_tell_while_it_is_entered(meters: int, room: int) -> None:
    names = tuple(f"meter{number}" for number in range(meters))
    context = Context(version="1", gateway="here", meters=names)
    served = supervisor.Supervisor(ModuleType("sink"), None, context, "files")
    for number in range(room):
        served.offer(update(names[number % meters]))
    assert context.sinks["files"].lost == 0
    served.offer(update(names[0]))
    assert context.sinks["files"].lost == 1
    assert context.sinks["files"].waiting == room


@pytest.mark.parametrize(("entered", "said"), [({}, "files: connected."), ({"ENTERED": "ready"}, "files: ready.")])
async def test_a_sink_that_connects_later_does_not_say_that_it_is_connected(
    caplog: pytest.LogCaptureFixture, entered: dict[str, str], said: str
) -> None:
    caplog.set_level(logging.INFO)
    handled = asyncio.get_running_loop().create_future()

    @asynccontextmanager
    async def open_sink(options: object, context: Context) -> AsyncIterator[Callable[[Update], Awaitable[None]]]:
        del options, context

        async def handle(update: Update) -> None:
            handled.set_result(update.meter)

        yield handle

    sink = ModuleType("sink")
    sink.__dict__.update(SECTION="files", EXTRA="", open_sink=open_sink, **entered)
    served = supervisor.Supervisor(sink, None, Context(version="1", gateway="here", meters=("house",)))
    served.offer(update("house"))
    running = asyncio.create_task(served.run())
    async with asyncio.timeout(30):
        await handled
    running.cancel()
    await asyncio.wait([running])
    assert caplog.messages == [said]
