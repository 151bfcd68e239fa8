"""What Home Assistant made of our messages: devices, entities, states, complaints, seen over its WebSocket.

Rule: asks Home Assistant and judges nothing; only what came over MQTT counts as a device or an entity.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from servers.home_assistant_log import MARKER_LOGGER, LogRecord, complaints
from servers.websocket import JsonWebSocket, open_websocket

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from servers.process import ServerProcess

JsonObject = dict[str, Any]


class CommandRefusedError(Exception):
    """Home Assistant answered a command with an error."""


@dataclass(frozen=True, slots=True)
class Entity:
    """One entity: what the registry keeps of it, and its state now (None while it is disabled).

    `attributes` has what a user sees: unit_of_measurement, device_class, state_class, friendly_name, options.
    """

    entity_id: str
    unique_id: str
    device_id: str | None
    name: str | None
    category: str | None
    is_disabled: bool
    state: str | None
    attributes: JsonObject

    @classmethod
    def from_answers(cls, registered: JsonObject, state: JsonObject | None) -> Self:
        return cls(
            entity_id=registered["entity_id"],
            unique_id=registered["unique_id"],
            device_id=registered["device_id"],
            name=registered["name"] or registered["original_name"],
            category=registered["entity_category"],
            is_disabled=registered["disabled_by"] is not None,
            state=state["state"] if state else None,
            attributes=state["attributes"] if state else {},
        )


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything at one moment: MQTT devices as Home Assistant describes them, their entities, all states.

    An entity without unique_id reaches no registry: it is in `states` (state objects by entity id) only.
    """

    devices: tuple[JsonObject, ...]
    entities: tuple[Entity, ...]
    states: dict[str, JsonObject]

    def device(self, identifier: str) -> JsonObject | None:
        """The device that we announced under this identifier."""
        return next((each for each in self.devices if ["mqtt", identifier] in each["identifiers"]), None)

    def entity(self, unique_id: str) -> Entity | None:
        return next((each for each in self.entities if each.unique_id == unique_id), None)

    def entity_id(self, unique_id: str) -> str:
        """The name under which services and statistics know an entity; LookupError when there is none."""
        if (found := self.entity(unique_id)) is None:
            raise LookupError(f"Home Assistant has no entity {unique_id}")
        return found.entity_id

    def state(self, unique_id: str) -> str | None:
        """The state of an entity; None while there is no such entity."""
        found = self.entity(unique_id)
        return found.state if found else None


class HomeAssistantClient:
    """One connection, and what was logged since the byte `log_start` of the log."""

    def __init__(self, websocket: JsonWebSocket, server: ServerProcess, log_start: int) -> None:
        self._websocket = websocket
        self._server = server
        self._log_start = log_start
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[JsonObject]] = {}

    async def command(self, command_type: str, **fields: object) -> Any:  # noqa: ANN401 - as the command has it
        """The result of a WebSocket command; raises CommandRefusedError or ConnectionError."""
        number = next(self._numbers)
        answer: asyncio.Future[JsonObject] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        await self._websocket.send({"id": number, "type": command_type, **fields})
        async with asyncio.timeout(30):
            message = await answer
        if not message["success"]:
            raise CommandRefusedError(f"{command_type}: {message['error']}")
        return message["result"]

    async def snapshot(self) -> Snapshot:
        registered = await self.command("config/entity_registry/list")
        devices = await self.command("config/device_registry/list")
        states = {state["entity_id"]: state for state in await self.command("get_states")}
        ours = [entity for entity in registered if entity["platform"] == "mqtt"]
        return Snapshot(
            devices=tuple(each for each in devices if any(pair[0] == "mqtt" for pair in each["identifiers"])),
            entities=tuple(Entity.from_answers(each, states.get(each["entity_id"])) for each in ours),
            states=states,
        )

    async def wait_until(
        self,
        predicate: Callable[[Snapshot], bool],
        timeout: float = 20,  # noqa: ASYNC109 - its end is told with what was there
    ) -> Snapshot:
        """The first snapshot that the predicate accepts; AssertionError with what was there after `timeout` s."""
        end = time.monotonic() + timeout
        while not predicate(snapshot := await self.snapshot()):
            if time.monotonic() > end:
                there = {entity.unique_id: entity.state for entity in snapshot.entities}
                complained = "\n".join(record.text for record in await self.complaints())
                raise AssertionError(f"not so in {timeout} s; there was {there}; complaints: {complained}")
            await asyncio.sleep(0.1)
        return snapshot

    async def complaints(self) -> list[LogRecord]:
        """What Home Assistant logged at WARNING and above since `log_start`.

        Complete up to now: a marker is written into the log and awaited, because the log is written late.
        """
        marker = uuid.uuid4().hex
        await self.call_service("system_log", "write", message=marker, level="warning", logger=MARKER_LOGGER)
        async with asyncio.timeout(30):
            while f"{marker}\n" not in (log := self._server.log_text(self._log_start)):  # noqa: ASYNC110 - a file
                await asyncio.sleep(0.02)
        return complaints(log)

    async def call_service(self, domain: str, service: str, entity_id: str | None = None, **data: object) -> None:
        """Do what a user's tap or automation does; returns when it is done."""
        target = {"target": {"entity_id": entity_id}} if entity_id else {}
        await self.command("call_service", domain=domain, service=service, service_data=data, **target)

    async def make_statistics(self) -> None:
        """Let Home Assistant make statistics of the states since the last call (at most five minutes) now."""
        await self.call_service("juntek_statistics", "make")

    async def repairs(self) -> list[JsonObject]:
        """The open issues of the Repairs page."""
        answer = await self.command("repairs/list_issues")
        issues: list[JsonObject] = answer["issues"]
        return issues

    async def statistics_issues(self) -> dict[str, list[JsonObject]]:
        """What the developer tools complain about in the statistics, by statistic id.

        Call make_statistics() before, and also before a fault: it compares states with statistics.
        """
        issues: dict[str, list[JsonObject]] = await self.command("recorder/validate_statistics")
        return issues

    async def statistics(self) -> dict[str, JsonObject]:
        """What can be put on a dashboard as statistics, by statistic id."""
        return {each["statistic_id"]: each for each in await self.command("recorder/list_statistic_ids")}

    async def energy_total(self, statistic_id: str) -> float:
        """What a counter has grown by since Home Assistant knows it, as the dashboard counts it (resets bridged).

        Call make_statistics() before; raises LookupError when there are none.
        """
        rows = await self.command(
            "recorder/statistics_during_period",
            start_time="2000-01-01T00:00:00Z",
            statistic_ids=[statistic_id],
            period="5minute",
            types=["sum"],
        )
        if not rows:
            raise LookupError(f"{statistic_id} has no statistics")
        return float(rows[statistic_id][-1]["sum"])

    async def save_battery(self, *, discharged: str, charged: str) -> None:
        """Put a battery on the energy dashboard, by the entity ids of its two counters."""
        source = {"type": "battery", "stat_energy_from": discharged, "stat_energy_to": charged}
        await self.command("energy/save_prefs", energy_sources=[source])

    async def energy_issues(self) -> list[JsonObject]:
        """What the energy dashboard has against its sources: each issue's `type` and `affected_entities`.

        Call make_statistics() before: an entity without any is `statistics_not_defined`.
        """
        answer = await self.command("energy/validate")
        return [issue for source in answer["energy_sources"] for issue in source]

    async def listen(self) -> None:
        """Hand answers to those who wait for them; ends with the connection."""
        try:
            while True:
                message = await self._websocket.receive()
                answer = self._answers.pop(message.get("id", 0), None)
                if answer is not None and not answer.done():
                    answer.set_result(message)
        except ConnectionError as error:
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(error)


@contextlib.asynccontextmanager
async def open_client(
    port: int, token: str, server: ServerProcess, log_start: int
) -> AsyncIterator[HomeAssistantClient]:
    """A client that has shown its token; raises ConnectionError when Home Assistant does not listen."""
    websocket = await open_websocket("127.0.0.1", port, "/api/websocket")
    try:
        await websocket.receive()
        await websocket.send({"type": "auth", "access_token": token})
        answer = await websocket.receive()
        if answer["type"] != "auth_ok":
            raise CommandRefusedError(f"Home Assistant refused the token: {answer}")
        client = HomeAssistantClient(websocket, server, log_start)
        listening = asyncio.create_task(client.listen())
        try:
            yield client
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
    finally:
        await websocket.close()
