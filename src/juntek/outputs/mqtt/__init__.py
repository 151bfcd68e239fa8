"""States, availability and Home Assistant discovery over MQTT; rule: importing this loads no library."""

from __future__ import annotations

import re
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

from juntek.control.controls import check_words
from juntek.errors import ConfigurationError
from juntek.listening import parse_ip
from juntek.names import slug
from juntek.option import Option, check_options
from juntek.outputs import Context, Handle, Output

__all__ = ["OUTPUT", "TIMING", "MqttOptions", "Timing", "open_sink"]

_WITH_TLS = ("mqtts", "ssl", "tls", "wss")


def _topic_problem(topic: str) -> str | None:
    if not topic or topic != topic.strip("/") or any(character in topic for character in "+#\0") or topic[0] == "$":
        return f'is a topic without +, #, a leading $ and a slash at its ends, not "{topic}".'
    return None


def _host_problem(host: str) -> str | None:
    if not host.strip():
        return "is empty; give the name or address of the broker."
    if not any(character in host for character in "/@[") and (":" not in host or parse_ip(host)):
        return None
    scheme, _, rest = host.rpartition("://")
    user, _, place = rest.partition("/")[0].rpartition("@")
    found = re.fullmatch(r"(\[[0-9A-Fa-f:.%]+\]|[^:]+)(?::(\d{1,5}))?", place)
    if found is None:
        return "is the name or address of the broker alone; write it like 192.168.1.5."
    name, colon, _ = user.partition(":")
    lines = [f'host = "{found[1].strip("[]")}"', f"port = {found[2]}" if found[2] else ""]
    lines += [f'username = "{name}"' if name else "", "tls = true" if scheme in _WITH_TLS else ""]
    password = "; the password goes into a file (password_file)" if colon else ""
    settings = " and ".join(filter(None, lines))
    return f"is the name or address of the broker alone; write {settings}, each on its own line{password}."


_NEEDS = (
    *((key, "username", "needs a user name; set mqtt.username too.") for key in ("password", "password_file")),
    *((key, "tls", "is for TLS only; set mqtt.tls = true too.") for key in ("ca_file", "certificate_file", "key_file")),
    ("key_file", "certificate_file", "needs its certificate; set mqtt.certificate_file too."),
)
"""Keys that say nothing without another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttOptions:
    """How to reach the broker and what to publish; raises ConfigurationError where a value cannot be right.

    `password` comes from the environment only and takes precedence over `password_file`. An empty `client_id` means one
    made of the base topic, so that a restarted gateway takes its old session over.
    """

    host: Annotated[str, Option("", check=_host_problem, written=True)] = "127.0.0.1"
    port: Annotated[int, Option("with TLS usually 8883", low=1, high=65535)] = 1883
    username: Annotated[str | None, Option("", example="juntek")] = None
    password: Annotated[str | None, Option("")] = field(default=None, repr=False)
    password_file: Annotated[
        Path | None,
        Option("a file with the password as its only line; or set JUNTEK_MQTT__PASSWORD", example="mqtt-password"),
    ] = None
    tls: Annotated[bool, Option("")] = False
    ca_file: Annotated[Path | None, Option("default: the authorities that the system trusts", example="ca.pem")] = None
    certificate_file: Annotated[Path | None, Option("", example="client.pem")] = None
    key_file: Annotated[Path | None, Option("", example="client.key")] = None
    client_id: Annotated[str, Option("default: made of the base topic")] = ""
    protocol: Annotated[Literal["auto", "5", "3.1.1"], Option("auto, 5, 3.1.1")] = "auto"
    base_topic: Annotated[str, Option("", check=_topic_problem)] = "juntek"
    site_topic: Annotated[bool, Option("put the site after the base topic: juntek/SITE/house/state")] = False
    topic_layout: Annotated[
        Literal["juntek", "juntek_kg", "venus"],
        Option("beside our own, juntek_kg: those of the older program, venus: those for Venus OS"),
    ] = "juntek"
    discovery: Annotated[
        Literal["device", "entity", "off"],
        Option("of Home Assistant; entity: in the older form, which openHAB knows", truth=("off", "device")),
    ] = "device"
    discovery_prefix: Annotated[str, Option("", check=_topic_problem)] = "homeassistant"
    interval: Annotated[
        float,
        Option("between two states, averaged; a big change at once; 0: every reading", unit="s", low=0, high=3600),
    ] = 5.0

    allow_control: Annotated[
        tuple[str, ...], Option('what may be written to meters: "settings", or keys', check=check_words)
    ] = ()

    def __post_init__(self) -> None:
        check_options("mqtt", self)
        for key, other, problem in _NEEDS:
            if getattr(self, key) is not None and not getattr(self, other):
                raise ConfigurationError(f"mqtt.{key} {problem}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """What happens by the clock, all in seconds; no key of the configuration, only tests have others."""

    answer: float = 10.0  # what a broker has for it
    check: float = 1.0  # between two looks at what may be due
    link: float = 30.0  # between two messages about a link whose counts go on and which is otherwise as it was
    settle: float = 5.0  # between two discovery messages of a meter: Home Assistant drops parts of one that is too soon
    birth: tuple[float, float] = (0.1, 0.6)  # until one is answered, so that not all gateways do so at once
    change: float = 1.0  # from a state to one that goes out at once
    repeat: float = 10.0  # in which the same command again is taken for the one before
    goodbye: float = 3.0  # what a clean leave may take


TIMING = Timing()


def open_sink(options: MqttOptions, context: Context, timing: Timing = TIMING) -> AbstractAsyncContextManager[Handle]:
    """Return what connects and yields `handle(update)`; leaving says that the gateway is offline.

    Raises ConfigurationError for what the owner must mend in the configuration or its files, BrokerError for a
    broker that refuses, cannot be reached or goes away; the latter also while the body only waits. Raises
    ModuleNotFoundError where the library is missing.
    """
    from juntek.outputs.mqtt.mqtt_session import open_session  # noqa: PLC0415 - only whoever publishes needs the library

    if options.site_topic:
        options = replace(options, base_topic=f"{options.base_topic}/{slug(context.site)}")
    return open_session(options, context, timing)


OUTPUT = Output(
    section="mqtt",
    options=MqttOptions,
    open=open_sink,
    about="Home Assistant finds the meters by itself through its MQTT broker.",
    requires=("paho",),
    extra="mqtt",
    max_latency=lambda options: min(options.interval / 10, 0.1),
)
