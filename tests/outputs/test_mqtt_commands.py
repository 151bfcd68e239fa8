"""Commands over MQTT and what becomes of them, without a broker: what was not begun may be sent again."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any, cast

from juntek.control.controls import Permission
from juntek.outputs import Context
from juntek.outputs.mqtt import Timing
from juntek.outputs.mqtt.messages import Topics
from juntek.outputs.mqtt.mqtt_commands import Commands
from juntek.outputs.mqtt.mqtt_session import Session
from juntek.update import LatestUpdates, Outcome
from outputs.updates import kg_update

SET = "juntek/house/set"


class Meter:
    """Takes what it is told when it may."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.was_told, self.may_answer = asyncio.Event(), asyncio.Event()

    async def send(self, meter: str, key: str, value: Any, *, who: str = "") -> Outcome:  # noqa: ANN401 - the door's
        assert (meter, key, who) == ("house", "nominal_capacity", "MQTT")
        self.told.append(value)
        self.was_told.set()
        await self.may_answer.wait()
        return "obeyed"


class Broker:
    """What came to the topic of outcomes over one connection, and the commands that came over it."""

    def __init__(self, context: Context) -> None:
        self.outcomes: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        permission, connection = Permission(frozenset({"settings"})), SimpleNamespace(publish=self._publish)
        session = SimpleNamespace(
            context=context, permission=permission, timing=Timing(), topics=Topics, connection=connection
        )
        self.commands = Commands(cast("Session", session))

    async def _publish(self, topic: str, message: str, *, retain: bool) -> None:
        assert (topic, retain) == ("juntek/house/outcome", False)
        self.outcomes.put_nowait(json.loads(message))

    def take(self, key: str, payload: str) -> None:
        self.commands.take(f"{SET}/{key}", payload.encode(), retained=False)


def context_of(meter: Meter) -> Context:
    latest = LatestUpdates({"house": kg_update()})
    return Context(version="1", gateway="pi", meters=("house",), latest=latest, send=meter.send)


async def test_a_command_that_a_lost_connection_took_along_before_its_turn_can_be_sent_again() -> None:
    meter = Meter()
    context = context_of(meter)
    first = Broker(context)
    run = asyncio.create_task(first.commands.run())
    for value, identity in ((200, "begun"), (210, "waits")):
        first.take("nominal_capacity", json.dumps({"value": value, "id": identity}))
    async with asyncio.timeout(10):
        await meter.was_told.wait()
    run.cancel()
    await asyncio.wait([run])
    assert first.outcomes.empty()
    meter.may_answer.set()
    second = Broker(context)
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        run = tasks.create_task(second.commands.run())
        for value, identity in ((200, "begun"), (210, "waits"), (210, "waits")):
            second.take("nominal_capacity", json.dumps({"value": value, "id": identity}))
        told = [await second.outcomes.get() for _ in range(3)]
        run.cancel()
    assert [(one["id"], one["outcome"]) for one in told] == [
        ("begun", "refused"), ("waits", "obeyed"), ("waits", "refused"),
    ]  # fmt: skip
    assert meter.told == [200, 210], "what was begun is not sent twice"
    assert told[-1]["refused"] == {"repeated": 2}
