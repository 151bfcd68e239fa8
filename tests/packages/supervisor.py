"""What the Supervisor of Home Assistant accepts in an app's config.yaml, and a Supervisor that only knows a broker.

The table follows the developers' documents on the configuration of apps and what the Supervisor checks in 2026; keys
that are deprecated there are left out.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Final

TOKEN: Final = "secret-of-the-app"  # noqa: S105 - of a Supervisor that is none

Check = Callable[[Any], bool]


def _is(kind: type) -> Check:
    return lambda value: isinstance(value, kind)


def _one_of(*words: str) -> Check:
    return lambda value: value in words


def _like(pattern: str) -> Check:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def _list_of(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(check(item) for item in value)


REQUIRED: Final = ("name", "version", "slug", "description", "arch")

KEYS: Final[Mapping[str, Check]] = {
    "name": _is(str),
    "version": _like(r"\d+(\.\d+)*"),
    "slug": _like(r"[-_.A-Za-z0-9]+"),
    "description": _is(str),
    "arch": _list_of(_one_of("aarch64", "amd64")),
    "url": _like(r"https?://.+"),
    "startup": _one_of("initialize", "system", "services", "application", "once"),
    "boot": _one_of("auto", "manual", "manual_only"),
    "init": _is(bool),
    "stage": _one_of("stable", "experimental", "deprecated"),
    "uart": _is(bool),
    "tmpfs": _is(bool),
    "backup": _one_of("hot", "cold"),
    "backup_exclude": _list_of(_is(str)),
    "timeout": lambda value: isinstance(value, int) and 10 <= value <= 300,
    "watchdog": _like(r"(https?|\[PROTO:\w+\]|tcp)://\[HOST\]:(\[PORT:\d+\]|\d+).*"),
    "services": _list_of(_like(r"(mqtt|mysql):(provide|want|need)")),
    "ports": lambda value: all(re.fullmatch(r"\d+/(tcp|udp)", port) for port in value),
    "ingress": _is(bool),
    "ingress_port": lambda value: isinstance(value, int) and 0 <= value < 65536,
    "ingress_entry": _is(str),
    "ingress_stream": _is(bool),
    "panel_icon": _like(r"mdi:[a-z-]+"),
    "panel_title": _is(str),
    "panel_admin": _is(bool),
    "homeassistant": _like(r"\d+(\.\d+)*"),
    "image": _is(str),
    "map": _is(list),
    "environment": _is(dict),
    "options": _is(dict),
    "schema": _is(dict),
}

ELEMENT: Final = re.compile(
    r"(bool|email|url|port|device(\(subsystem=[a-z]+\))?|(str|password)(\(\d*,\d*\))?|int(\(\d*,\d*\))?"
    r"|float(\([\d.]*,[\d.]*\))?|match\(.*\)|list\(.+\))\??"
)


def find_faults(config: Mapping[str, Any]) -> list[str]:
    """Return the keys that the Supervisor would not take, with their values."""
    missing = [f"{key} is missing" for key in REQUIRED if key not in config]
    wrong = [f"{key}: {value}" for key, value in config.items() if key not in KEYS or not KEYS[key](value)]
    return [*missing, *wrong, *_find_elements("schema", config.get("schema", {}))]


def _find_elements(place: str, element: Any) -> Iterator[str]:  # noqa: ANN401 - as deep as YAML
    if isinstance(element, dict):
        for key, value in element.items():
            yield from _find_elements(f"{place}.{key}", value)
    elif isinstance(element, list) and len(element) == 1 and not isinstance(element[0], list):
        yield from _find_elements(place, element[0])
    elif not isinstance(element, str) or not ELEMENT.fullmatch(element):
        yield f"{place}: {element}"


def accepts(schema: Mapping[str, Any], options: Mapping[str, Any]) -> bool:
    """Whether the Supervisor would pass these options on: nothing is missing, null or not in the schema."""
    missing = [key for key, kind in schema.items() if key not in options and not str(kind).endswith("?")]
    if missing or any(key not in schema or value is None for key, value in options.items()):
        return False
    lists = [(schema[key][0], item) for key, value in options.items() if isinstance(value, list) for item in value]
    return all(accepts(inner, item) for inner, item in lists if isinstance(inner, dict))


@contextmanager
def supervisor(broker: Mapping[str, Any] | None, port: int = 0) -> Iterator[str]:
    """A Supervisor on loopback that tells of this broker, or that there is none; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                self._respond(401, {"result": "error"})
            elif self.path != "/services/mqtt" or broker is None:
                self._respond(400, {"result": "error", "message": "Service not enabled"})
            else:
                self._respond(200, {"result": "ok", "data": dict(broker)})

        def _respond(self, status: int, content: object) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            del format, args

    with HTTPServer(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
