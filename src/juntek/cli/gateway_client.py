"""The gateway that holds a link, asked by its API; rule: it is on this computer, and its token beside its database.

The token is made by the gateway and may be read by its user only, so whoever can read it may do what that user may.
"""

from __future__ import annotations

import getpass
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import ProxyHandler, Request, build_opener

from juntek.cli.formats import Facts
from juntek.config import Configuration
from juntek.errors import ConfigurationError, JuntekError, LinkError, RequestError
from juntek.files import hold, lock_of
from juntek.meter import MeterOptions
from juntek.names import hide_secrets
from juntek.outputs.web import WebOptions
from juntek.outputs.web.passwords import WHO, token_path
from juntek.quantity import READING_KEYS
from juntek.reading import Identity, Reading, Settings, fill_reading
from juntek.update import Health, Update

TIMEOUT = 120.0
"""s for an answer: on a busy line a few commands take a while."""

Action = tuple[str, Any]
"""The key of an action, and what it takes."""


@dataclass(frozen=True, slots=True)
class GatewayClient:
    """A meter by way of its gateway. `token` is None where the page asks for none; `interval` is s between readings."""

    meter: str
    address: str
    token: str | None
    interval: float = 1.0

    def list_meters(self) -> list[Facts]:
        """Return what the gateway says of all its meters."""
        meters: list[Facts] = self._ask("meters")
        return meters

    def describe(self) -> Facts:
        """Return all settings and actions."""
        facts: Facts = self._ask(f"{self._path}/settings")
        return facts

    def plan(self, values: Mapping[str, Any], action: Action | None = None) -> list[Facts]:
        """Return what would be changed."""
        wishes = {"values": dict(values), "action": dict([action] if action is not None else [])}
        changes: list[Facts] = self._ask(f"{self._path}/settings/plan", wishes)["changes"]
        return changes

    def write(self, values: Mapping[str, Any], action: Action | None, confirmed: Sequence[str]) -> list[Facts]:
        """Write the values, or let the meter act, and return what became of each."""
        path, wish = "settings", {"values": dict(values)}
        if action is not None:
            path, wish = f"actions/{quote(action[0], safe='')}", {"value": action[1]}
        outcomes: list[Facts] = self._ask(f"{self._path}/{path}", {**wish, "confirm": list(confirmed)})["outcomes"]
        return outcomes

    @property
    def _path(self) -> str:
        return f"meters/{quote(self.meter, safe='')}"

    def _ask(self, path: str, body: Facts | None = None) -> Any:  # noqa: ANN401 - what the API says
        with self.open(path, None if body is None else json.dumps(body).encode()) as answer:
            return json.load(answer)

    @contextmanager
    def open(self, path: str, data: bytes | None = None, timeout: float = TIMEOUT) -> Iterator[HTTPResponse]:
        """Ask, and yield the answer to be read; `timeout` is in s of silence. Raises what the gateway says."""
        headers = {"content-type": "application/json", WHO: user_name()}
        if self.token is not None:
            headers["authorization"] = f"Bearer {self.token}"
        opener = build_opener(ProxyHandler({}))  # it is on this computer
        try:
            with opener.open(Request(f"http://{self.address}/api/{path}", data, headers), timeout=timeout) as answer:
                yield answer
        except HTTPError as error:
            raise _explain(error) from None
        except (OSError, HTTPException, ValueError) as error:
            raise LinkError(
                f"The gateway reads this meter, and its page at {self.address} does not answer ({error}); "
                "look at its log, or stop the gateway."
            ) from None


def is_running(database: Path) -> bool:
    """Whether a gateway runs that uses this database."""
    if not lock_of(database).exists():
        return False
    with hold(lock_of(database)) as free:
        return not free


def meters_on(configuration: Configuration | None, link: str) -> list[MeterOptions]:
    """Return the meters that are configured on this link, however it is written."""
    meters = configuration.meters if configuration is not None else ()
    return [meter.options for meter in meters if _place(meter.link) == _place(link)]


def _place(link: str) -> str:
    return link.partition("?")[0] if "://" in link else os.path.realpath(link)


def meters_held(configuration: Configuration | None, link: str) -> list[MeterOptions]:
    """Return the meters that a running gateway reads on this link."""
    meters = meters_on(configuration, link)
    return meters if configuration is not None and meters and is_running(configuration.database) else []


def refuse_port_of_gateway(configuration: Configuration | None, link: str) -> None:
    """Raise LinkError, with what to do, where a gateway runs that reads this link."""
    if meters := meters_held(configuration, link):
        raise LinkError(
            f"The gateway reads {meters[0].name} at this port, and only one program can; stop it while you "
            "record: sudo systemctl stop juntek"
        )


def find_gateway(configuration: Configuration | None, link: str, address: int) -> GatewayClient | None:
    """Return the way by a gateway that runs and reads this meter.

    Raises ConfigurationError where the gateway reads it and cannot be asked, with what to do.
    """
    meters = {meter.address: meter for meter in meters_held(configuration, link)}
    if configuration is None or not meters:
        return None
    if address not in meters:
        raise RequestError(
            f"The gateway reads {hide_secrets(link)}, and knows no meter with the address {address} there; add it to "
            "[[meters]], or stop the gateway."
        )
    return open_gateway(configuration, meters[address])


def open_gateway(configuration: Configuration, meter: MeterOptions) -> GatewayClient:
    """Return the way by a gateway that runs. Raises ConfigurationError where it cannot be asked, with what to do."""
    web = configuration.sinks.get("web")
    if not isinstance(web, WebOptions):
        raise ConfigurationError(
            f"The gateway reads {meter.name} and has no page to ask it by; add [web] to its configuration, or stop it."
        )
    token, path = None, token_path(configuration.database)
    try:
        if web.needs_password:
            token = path.read_text(encoding="ascii").strip()
    except PermissionError:
        raise ConfigurationError(
            f"The gateway reads {meter.name}, and {path} is for its own user; run this with sudo, or stop the gateway."
        ) from None
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(
            f"The gateway reads {meter.name}, and there is no {path} to ask it with; restart or stop the gateway."
        ) from None
    address = web.address.seen_from("[::1]" if ":" in web.address.host else "127.0.0.1")
    return GatewayClient(meter.name, address, token, meter.interval)


def _explain(error: HTTPError) -> JuntekError:
    try:
        sentence = str(json.load(error)["error"])
    except (ValueError, KeyError, TypeError, OSError):
        sentence = f"The gateway answers {error.code}; look at its log."
    if error.code in (401, 403):
        return ConfigurationError(f"The gateway refuses: {sentence}")
    return RequestError(sentence) if error.code < 500 else LinkError(sentence)


def user_name() -> str:
    """Return who is at the command line."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name
        return "unknown"


# What it says ------------------------------------------------------------------------------------------------


def read_events(lines: Iterable[bytes]) -> Iterator[Facts]:
    """Yield the `update` events of a stream of server-sent events."""
    event = b""
    for line in lines:  # our own server writes an event in one line of data
        name, _, value = line.rstrip(b"\r\n").partition(b": ")
        if name == b"event":
            event = value
        elif name == b"data" and event == b"update":
            yield json.loads(value)


def update_of(facts: Facts) -> Update:
    """Return what the API says of a meter as the value that it was in the gateway."""
    identity, settings, latest = facts["identity"], facts["settings"], facts["latest"]
    health = {field.name: facts["health"][field.name] for field in fields(Health)}
    health |= {key: Counter(health[key]) for key in ("garbage", "out_of_range")}
    return Update(
        facts.get("meter") or facts["name"],
        available=facts["available"],
        reading=_reading(latest) if latest is not None else None,
        identity=Identity(**identity) if identity is not None else None,
        settings=_settings(settings) if settings is not None else None,
        health=Health(**health | {"last_frame": _moment(health["last_frame"])}),
    )


def _reading(facts: Facts) -> Reading:
    known = {key: facts[key] for key in facts if key in Reading._fields}
    more = {key: facts[key] for key in READING_KEYS if key in facts and key not in known}
    known |= {"time": _moment(facts["time"]), "raw": b"", "estimated": tuple(facts["estimated"]), "more": more}
    return fill_reading(**known)


def _settings(facts: Facts) -> Settings:
    known = facts.keys() & {field.name for field in fields(Settings)}
    more = {key: value for key, value in facts.items() if key not in known}
    return Settings(**{key: facts[key] for key in known}, more=more)


def _moment(text: str | None) -> float | None:
    return None if text is None else datetime.fromisoformat(text).timestamp()
