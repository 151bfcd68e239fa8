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

from juntek.control import NotAllowedError, carry_out, plan, plan_action
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


class Wish(NamedTuple):
    """A command as it came."""

    meter: str
    key: str
    value: Any
    identity: str | None


@dataclass(slots=True)
class Memory:
    """What is remembered over connections: what was heard of late, and how much of it was refused, by reason."""

    heard: OrderedDict[str | tuple[str, str], tuple[str, float]] = field(default_factory=OrderedDict)
    """The value and its time, by the id that came with it, or by meter and key."""
    refused: Counter[str] = field(default_factory=Counter)
    logged: float = float("-inf")

    def repeats(self, wish: Wish, now: float, repeat: float) -> bool:
        """Whether a command was heard before: its id ever, or the same last for this key in `repeat` seconds."""
        place, value = (wish.meter, wish.key) if wish.identity is None else wish.identity, repr(wish.value)
        before = self.heard.pop(place, None)
        repeats = before is not None and (
            wish.identity is not None or (before[0] == value and now - before[1] < repeat)
        )
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
        self._waiting: asyncio.Queue[tuple[Wish, str]] = asyncio.Queue()

    def take(self, topic: str, payload: bytes, *, retained: bool) -> None:
        """Take a message of a set topic; what may not be is refused, and told by `run`."""
        meter, _, key = topic.rsplit("/", 3)[-3:]
        if meter not in self._names or self._waiting.qsize() >= MOST_WAITING:
            self._count("too many" if meter in self._names else "unknown meter", topic)
            return  # and it is not remembered, so that it may be sent again
        wish = _read(meter, key, payload)
        self._waiting.put_nowait((wish or Wish(meter, key, None, None), self._reason(wish, retained=retained)))

    async def run(self) -> None:
        """Carry out what was taken, until cancelled. Raises BrokerError."""
        while True:
            wish, reason = await self._waiting.get()
            await self._tell(wish, reason) if reason else await self._obey(wish)

    def _reason(self, wish: Wish | None, *, retained: bool) -> str:
        """Return why a message is not obeyed; nothing where it is."""
        if retained:
            return "retained"
        if wish is None:
            return "unreadable"
        try:
            control = find_control(controls_of(self._look(wish.meter)), wish.key)
        except JuntekError:
            return ""  # said when it is carried out
        if not self._permission.allows(control):
            return "not allowed"
        now = asyncio.get_running_loop().time()
        repeats = self._memory.repeats(wish._replace(key=control.key), now, self._session.timing.repeat)
        return "repeated" if repeats else ""

    async def _obey(self, wish: Wish) -> None:
        try:
            update = self._look(wish.meter)
            control = find_control(controls_of(update), wish.key)
            if control.kind == "action":
                changes = [plan_action(update, wish.key, wish.value, self._permission)]
            else:
                changes = plan(update, {wish.key: wish.value}, self._permission)
        except NotAllowedError as error:
            await self._tell(wish, "not allowed", str(error))
            return
        except JuntekError as error:
            await self._tell(wish, "impossible", str(error))
            return
        if not changes:
            await self._publish(wish, {"outcome": "obeyed", "detail": "It was so already."})
            return
        (result,) = await carry_out(self._context.send, lambda: self._look(wish.meter), changes, who="MQTT")
        facts = {"old": result.change.old, "new": result.change.new}
        await self._publish(wish, facts | {"outcome": result.outcome, "detail": result.detail})

    async def _tell(self, wish: Wish, reason: str, detail: str = "") -> None:
        self._count(reason, f"{wish.meter}/{wish.key}")
        await self._publish(wish, {"outcome": "refused", "detail": detail or _DETAILS[reason]})

    async def _publish(self, wish: Wish, facts: dict[str, Any]) -> None:
        head = {"time": iso_time(self._context.time()), "key": wish.key[:80], "value": wish.value, "id": wish.identity}
        message = {"old": None, "new": None, **head, **facts, "refused": dict(self._memory.refused)}
        topic = self._session.topics(wish.meter).outcome
        await self._session.connection.publish(topic, encode(message), retain=False)

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


def _read(meter: str, key: str, payload: bytes) -> Wish | None:
    """Return what a message wishes, or None where it cannot be read."""
    if len(payload) > LONGEST_MESSAGE:
        return None
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return None
    if not text.lstrip().startswith("{"):
        return Wish(meter, key, text.strip(), None)
    try:
        body = json.loads(text)
        # What became of it repeats it: no endless number, no half a surrogate.
        json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return None
    identity = body.get("id")
    if not body.keys() <= {"value", "id"} or not isinstance(identity, str | None):
        return None
    value = body.get("value")
    return Wish(meter, key, value, identity) if isinstance(value, str | int | float | None) else None
