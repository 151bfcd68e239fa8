"""Commands over MQTT; rule: nothing retained is obeyed, nothing twice, and nothing that `allow_control` does not name.

A message at `<base>/<meter>/set/<key>` is a value, or an object with `value` and an `id`, which is never obeyed again.
What became of it goes to `<base>/<meter>/outcome`.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from juntek.control import Change, carry_out, plan
from juntek.control.controls import controls_of, find_control
from juntek.errors import JuntekError
from juntek.names import plain, slug
from juntek.outputs.mqtt.messages import encode
from juntek.reading import iso_time

if TYPE_CHECKING:
    from juntek.outputs.mqtt.mqtt_session import Session
    from juntek.update import Update

log = logging.getLogger(__name__)

SECTION: Final = "mqtt commands"
LONGEST_MESSAGE: Final = 512
MOST_WAITING: Final = 20
MOST_KNOWN: Final = 2000
LOG_EVERY: Final = 60.0
"""s between two lines of the log about what was refused."""


class Message(NamedTuple):
    """A command as it came, and when by the loop's clock."""

    meter: str
    key: str
    payload: bytes
    is_retained: bool
    time: float


class NotObeyedError(Exception):
    """A command is refused; `reason` is the word under which that is counted."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(detail or _DETAILS[reason])
        self.reason = reason


@dataclass(slots=True)
class Memory:
    """What is remembered over connections: what was heard of late, and how much of it was refused, by reason."""

    heard: OrderedDict[str | tuple[str, str], tuple[str, float]] = field(default_factory=OrderedDict)
    """The value and its time, by the id that came with it, or by meter and key."""
    refused: Counter[str] = field(default_factory=Counter)
    logged: float = float("-inf")

    def repeats(self, place: str | tuple[str, str], value: str, now: float, repeat: float) -> bool:
        """Whether a command was heard before: its id ever, or the same last for this key in `repeat` seconds."""
        before = self.heard.pop(place, None)
        repeats = before is not None and (isinstance(place, str) or (before[0] == value and now - before[1] < repeat))
        self.heard[place] = before if before and repeats else (value, now)
        if len(self.heard) > MOST_KNOWN:
            self.heard.popitem(last=False)
        return repeats


class Commands:
    """What comes over one connection, one after the other."""

    def __init__(self, session: Session) -> None:
        self._session, self._context, self._permission = session, session.context, session.permission
        self._names = {slug(meter): meter for meter in self._context.meters}
        """Of each meter, by the name that it has in topics."""
        self._memory: Memory = self._context.carry_over.setdefault(SECTION, Memory())
        self._waiting: asyncio.Queue[Message] = asyncio.Queue(MOST_WAITING)

    def take(self, topic: str, payload: bytes, *, retained: bool) -> None:
        """Take a message of a set topic; one that finds no room is not remembered, so that it may be sent again."""
        meter, _, key = topic.rsplit("/", 3)[-3:]
        if meter not in self._names or self._waiting.full():
            self._count("too many" if meter in self._names else "unknown meter", topic)
        else:
            self._waiting.put_nowait(Message(meter, key, payload, retained, asyncio.get_running_loop().time()))

    async def run(self) -> None:
        """Carry out what was taken, and say what became of it, until cancelled. Raises BrokerError."""
        while True:
            message = await self._waiting.get()
            wish = _read(message.payload)
            value, identity = wish or (None, None)
            told: dict[str, Any] = {"key": message.key[:80], "value": value, "id": identity, "old": None, "new": None}
            try:
                told |= await self._obey(message, wish)
            except NotObeyedError as error:
                self._count(error.reason, f"{message.meter}/{message.key}")
                told |= {"outcome": "refused", "detail": str(error)}
            told |= {"time": iso_time(self._context.time()), "refused": dict(self._memory.refused)}
            topic = self._session.topics(message.meter).outcome
            await self._session.connection.publish(topic, encode(told), retain=False)

    async def _obey(self, message: Message, wish: tuple[Any, str | None] | None) -> dict[str, Any]:
        """Return what became of a command. Raises NotObeyedError."""
        if message.is_retained:
            raise NotObeyedError("retained")
        if wish is None:
            raise NotObeyedError("unreadable")
        try:
            changes = self._plan(message, *wish)
        except JuntekError as error:
            raise NotObeyedError("impossible", str(error)) from error
        if not changes:
            return {"outcome": "obeyed", "detail": "It was so already."}
        (result,) = await carry_out(self._context.send, lambda: self._look(message.meter), changes, who="MQTT")
        change = result.change
        return {"old": change.old, "new": change.new, "outcome": result.outcome, "detail": result.detail}

    def _plan(self, message: Message, value: Any, identity: str | None) -> list[Change]:  # noqa: ANN401 - as it came
        update = self._look(message.meter)
        control = find_control(controls_of(update), message.key)
        if not self._permission.allows(control):
            raise NotObeyedError("not allowed")
        place = (message.meter, control.key) if identity is None else identity
        if self._memory.repeats(place, repr(value), message.time, self._session.timing.repeat):
            raise NotObeyedError("repeated")
        return plan(update, {control.key: value}, self._permission, control.kind)

    def _count(self, reason: str, what: str) -> None:
        self._memory.refused[reason] += 1
        now = asyncio.get_running_loop().time()
        if now - self._memory.logged >= LOG_EVERY:
            self._memory.logged = now
            total = self._memory.refused.total()
            log.warning("mqtt: a command at %s was refused (%s); %d since the start.", plain(what[:80]), reason, total)

    def _look(self, meter: str) -> Update:
        update = self._context.latest.get(self._names[meter])
        if update is None:
            raise JuntekError(f"{self._names[meter]} has not been heard yet.")
        return update


_DETAILS = {
    "retained": "Retained messages are not obeyed; send it without the retain flag.",
    "unreadable": 'Send a value, or {"value": …, "id": "…"}.',
    "not allowed": "mqtt.allow_control does not name it.",
    "repeated": "It was sent before; send it with another id, or wait a moment.",
}


def _read(payload: bytes) -> tuple[Any, str | None] | None:
    """Return the value and the id of a message, or None where it cannot be read."""
    if len(payload) > LONGEST_MESSAGE:
        return None
    try:
        text = payload.decode()
        if not text.lstrip().startswith("{"):
            return text.strip(), None
        body = json.loads(text)
        # What became of it repeats it: no endless number, no half a surrogate.
        json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return None
    value, identity = body.get("value"), body.get("id")
    is_known = body.keys() <= {"value", "id"} and isinstance(identity, str | None)
    return (value, identity) if is_known and isinstance(value, str | int | float | None) else None
