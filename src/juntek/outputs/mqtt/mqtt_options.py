"""The keys of the [mqtt] section; rule: checks values only, opens no file and no connection."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from juntek.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_INTERVAL = 3600.0
PORTS = range(1, 65536)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to reach the broker and what to publish; raises ConfigurationError where a value cannot be right.

    `interval`: s between two states of one meter, averaged; 0 publishes every reading at once.
    `password` comes from the environment only and goes before `password_file`.
    `client_id`: empty means one made of the base topic, so that a restarted gateway takes its old session over.
    `site_topic`: the site follows the base topic, so that gateways of many sites share a broker.
    `topic_layout`: "juntek_kg" publishes the topics of the older program beside our own.
    """

    host: str = "127.0.0.1"
    port: int = 1883
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    password_file: Path | None = None
    tls: bool = False
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    client_id: str = ""
    protocol: Literal["auto", "5", "3.1.1"] = "auto"
    base_topic: str = "juntek"
    site_topic: bool = False
    topic_layout: Literal["juntek", "juntek_kg"] = "juntek"
    discovery: bool = True
    discovery_prefix: str = "homeassistant"
    interval: float = 1.0
    allow_control: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for complaint in self._complaints():
            raise ConfigurationError(complaint)

    @property
    def patience(self) -> float:
        """Seconds that a reading may come late: a tenth of what is averaged."""
        return self.interval / 10

    def _complaints(self) -> Iterator[str]:
        if not self.host.strip():
            yield "mqtt.host is empty; give the name or address of the broker."
        if self.port not in PORTS:
            yield f"mqtt.port is 1 to 65535, not {self.port}."
        if not 0 <= self.interval <= LONGEST_INTERVAL:
            yield f"mqtt.interval is 0 to {LONGEST_INTERVAL:.0f} seconds, not {self.interval}."
        if self.protocol not in ("auto", "5", "3.1.1"):
            yield f'mqtt.protocol is "auto", "5" or "3.1.1", not "{self.protocol}".'
        if self.topic_layout not in ("juntek", "juntek_kg"):
            yield f'mqtt.topic_layout is "juntek" or "juntek_kg", not "{self.topic_layout}".'
        if self.allow_control:
            yield "Control over MQTT is not built yet; leave mqtt.allow_control empty."
        yield from _topic_complaint("mqtt.base_topic", self.base_topic)
        yield from _topic_complaint("mqtt.discovery_prefix", self.discovery_prefix)
        yield from self._login_complaints()

    def _login_complaints(self) -> Iterator[str]:
        for key, value in (("password", self.password), ("password_file", self.password_file)):
            if value is not None and self.username is None:
                yield f"mqtt.{key} needs a user name; set mqtt.username too."
        files = (
            ("ca_file", self.ca_file),
            ("certificate_file", self.certificate_file),
            ("key_file", self.key_file),
        )
        for key, value in files:
            if value is not None and not self.tls:
                yield f"mqtt.{key} is for TLS only; set mqtt.tls = true too."
        if self.key_file is not None and self.certificate_file is None:
            yield "mqtt.key_file needs its certificate; set mqtt.certificate_file too."


def _topic_complaint(key: str, topic: str) -> Iterator[str]:
    if not topic or topic != topic.strip("/") or any(character in topic for character in "+#\0") or topic[0] == "$":
        yield f'{key} is a topic without +, #, a leading $ and a slash at its ends, not "{topic}".'
