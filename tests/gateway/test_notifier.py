"""What a service manager is told of the gateway."""

from __future__ import annotations

import asyncio
from pathlib import Path

from juntek.gateway import notifier
from juntek.gateway.notifier import Notifier, write_status
from juntek.outputs import Context, SinkHealth
from juntek.reading import Reading
from juntek.rs485.bus import Bus
from juntek.update import Health, LatestUpdates, Update

LINE = b":r50=1,105,5206,6054,295606,5353,1295308,14069,127,0,0,0,292,5499,\r\n"


def reading() -> Reading:
    (found,) = (event for event in Bus().feed(LINE) if isinstance(event, Reading))
    return found._replace(nominal_capacity=490.0)


def update(name: str, given: Reading | None, *, available: bool = True, error: str | None = None) -> Update:
    return Update(name, available, given, None, None, Health(error=error))


def context(*updates: Update, **sinks: SinkHealth) -> Context:
    latest = LatestUpdates({update.meter: update for update in updates})
    return Context(version="1", gateway="pi", meters=tuple(latest), latest=latest, sinks=sinks)


def test_the_status_tells_volts_charge_and_the_broker() -> None:
    told = context(update("house", reading()), mqtt=SinkHealth(connected=True))
    assert write_status(told) == "house: 52.1 V, 60 %, MQTT connected"


def test_the_status_tells_what_is_away() -> None:
    silent = update("house", reading(), available=False, error="No answer.")
    sinks = {"mqtt": SinkHealth(), "history": SinkHealth(), "web": SinkHealth(connected=True)}
    said = write_status(context(silent, update("boat", None), **sinks))
    assert said == "house: no answer, boat: waiting, MQTT away, history away"


def test_the_status_of_many_meters_stays_short() -> None:
    assert len(write_status(context(*(update(f"meter{number}", None) for number in range(1000))))) < 200


async def test_the_file_of_a_container_is_as_new_as_the_last_sign_of_life(tmp_path: Path) -> None:
    variables = {"RUNTIME_DIRECTORY": str(tmp_path), "WATCHDOG_USEC": "20000"}
    task = asyncio.create_task(Notifier(variables, lambda: "all is well").run())
    file = tmp_path / notifier.FILE
    async with asyncio.timeout(30):
        while not file.exists() or not file.read_text():  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(0.01)
    assert file.read_text() == "all is well\n"
    task.cancel()
