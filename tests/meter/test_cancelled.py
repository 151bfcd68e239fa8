"""Cancelled at any point, the loop ends at once and leaves no task and no open file."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

import juntek
from juntek.errors import LinkError
from juntek.links import Link, open_link
from juntek.meter import Line
from juntek.simulator import Options, Simulation
from juntek.update import Update
from links.peers import open_files
from meter.served import ENOUGH, IMPATIENT, Told, meters, until
from meter.test_lost_links import READING, peer


async def stopped(task: asyncio.Task[None]) -> None:
    """Cancel a task and see that it ends so."""
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=ENOUGH)
    assert done, "the cancellation was lost"
    assert task.cancelled()


async def settled(before: list[str], tasks: int) -> None:
    await until(lambda: len(open_files()) <= len(before) and len(asyncio.all_tasks()) <= tasks)


@pytest.mark.parametrize("mode", ["poll", "listen"])
async def test_a_line_that_is_cancelled_at_any_point_leaves_nothing(port: Path | None, mode: str) -> None:
    options = Options(pty=port, display="none" if mode == "poll" else "newer", latency=0.005)
    async with Simulation(options) as simulation:
        before, tasks = open_files(), len(asyncio.all_tasks())
        for turns in range(60):
            line = Line(simulation.url, meters(mode="poll" if mode == "poll" else "listen"), Told(), timing=IMPATIENT)
            task = asyncio.create_task(line.run())
            for _ in range(turns):
                # Some turns of the loop alone, then with time for the other end and for threads.
                await asyncio.sleep(0 if turns < 30 else 0.001)
            await stopped(task)
            await settled(before, tasks)


async def test_a_meter_that_is_closed_as_soon_as_it_is_open_leaves_nothing(port: Path | None) -> None:
    async with Simulation(Options(pty=port)) as simulation:
        before, tasks = open_files(), len(asyncio.all_tasks())
        for turns in range(10):
            async with juntek.open_meter(simulation.url, mode="poll"):
                for _ in range(turns):
                    await asyncio.sleep(0)
            await settled(before, tasks)


@pytest.mark.parametrize("late", range(8))
async def test_a_cancellation_while_the_link_is_lost_is_not_lost(late: int) -> None:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(READING)
        await writer.drain()
        writer.transport.abort()

    async with peer(talk) as url:
        for _ in range(20):
            connected = asyncio.Event()

            def tell(update: Update, connected: asyncio.Event = connected) -> None:
                if update.health.connected:
                    connected.set()

            task = asyncio.create_task(Line(url, meters(mode="poll"), tell, timing=IMPATIENT).run())
            await connected.wait()
            for _ in range(late):
                await asyncio.sleep(0)
            await stopped(task)


async def test_what_the_owner_of_the_line_raises_ends_it_as_it_is() -> None:
    def refuse(_: object) -> None:
        raise OSError("the disk is full")

    async with Simulation(Options(display="newer")) as simulation:
        with pytest.raises(OSError, match="the disk is full"):
            await Line(simulation.url, meters(), Told(), tap=refuse).run()


@pytest.mark.parametrize("opens", [True, False], ids=["opens", "fails"])
async def test_a_cancellation_that_a_library_loses_while_it_opens_a_link_ends_the_line(
    opens: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Simulation(Options(display="newer")) as simulation:

        async def open_late(url: str) -> Link:
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            if not opens:
                raise LinkError("the library failed while it was stopped")
            return await open_link(url)

        monkeypatch.setattr("juntek.meter.line.open_link", open_late)
        before, tasks = open_files(), len(asyncio.all_tasks())
        slow = replace(IMPATIENT, shortest_wait=10 * ENOUGH, longest_wait=10 * ENOUGH)
        task = asyncio.create_task(Line(simulation.url, meters(), Told(), timing=slow).run())
        await asyncio.sleep(0)
        await stopped(task)
        await settled(before, tasks)
