"""A real Home Assistant on 127.0.0.1 and a free port, onboarded, with MQTT set up against a given broker.

Rule: set up the way an owner does it, through onboarding and the configuration flow; no file of its store is forged
but the list of onboarding pages already seen.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import secrets
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from servers.home_assistant_client import open_client
from servers.process import Server, ServerFailedError

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from servers.home_assistant_client import HomeAssistantClient
    from servers.mosquitto import Mosquitto

VERSIONS: Final = tuple(Path(__file__).with_name("home_assistant_versions.txt").read_text(encoding="ascii").split())
"""Oldest first: what scripts/install-test-servers installs and what the tests run against."""

CONFIGURATION: Final = """\
homeassistant:
  name: Test
  latitude: 52
  longitude: 5
  elevation: 0
  unit_system: metric
  currency: EUR
  country: NL
  time_zone: UTC
http:
  server_host: 127.0.0.1
  server_port: {port}
logger:
  default: info
recorder:
  commit_interval: 1
api:
config:
energy:
history:
juntek_statistics:
system_log:
"""

_PAGES_SEEN: Final = {"done": ["core_config", "analytics", "integration"]}
"""Those pages would set up integrations that ask the internet; they have nothing to do with MQTT."""

_LAUNCH: Final = """\
import sys
from homeassistant import const
const.REQUIRED_PYTHON_VER = min(const.REQUIRED_PYTHON_VER, sys.version_info[:3])
from homeassistant.__main__ import main
sys.argv[0] = "hass"
sys.exit(main())
"""
"""The versions up to 2026.2 run on every 3.13, though the later ones ask for 3.13.2."""


def find_environment(version: str) -> Path | None:
    """Where scripts/install-test-servers put this version; None when it is not there or not complete."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    place = cache / "juntek-test" / f"home-assistant-{version}"
    return place if (place / ".installed").exists() and (place / "bin" / "python").exists() else None


class HomeAssistant(Server):
    """One installation, running and ready from the moment it is made; a context manager that stops it.

    Starting takes some seconds and blocks: in an async test use it in a thread, or as a fixture.
    `connect()` gives the client that sees what became of our messages.
    """

    def __init__(self, directory: Path, version: str, broker: Mosquitto) -> None:
        environment = find_environment(version)
        if environment is None:
            raise ServerFailedError(
                f"Home Assistant {version} is missing: run scripts/install-test-servers --home-assistant"
            )
        self.version = version
        self.broker = broker
        self._python = environment / "bin" / "python"
        self._configuration = directory / "configuration"
        super().__init__(f"Home Assistant {version}", directory / "home-assistant.log")
        self._token = ""
        self._log_start = 0
        self._write_configuration()
        self.start()

    def connect(self, *, log_from_start: bool = False) -> AbstractAsyncContextManager[HomeAssistantClient]:
        """A client for one test; it knows the log from now on, or from the last start of Home Assistant."""
        log_start = self._log_start if log_from_start else self._process.log_size()
        return open_client(self.port, self._token, self._process, log_start)

    def start(self) -> None:
        """Start on the same port as before; returns when it runs and has connected to the broker.

        It sees discovery from now on. Its birth message (`homeassistant/status`) comes about 10 s later, and it
        logs an error of its own when the broker goes away before that.
        """
        self._log_start = self._process.log_size()
        self._process.start(
            [str(self._python), "-c", _LAUNCH, "--config", str(self._configuration), "--skip-pip", "--log-no-color"],
            environment={
                "HOME": str(self._configuration),
                "LANG": "C.UTF-8",
                "PATH": f"{self._python.parent}:{os.environ.get('PATH', os.defpath)}",
                "TZ": "UTC",
            },
        )
        try:
            if not self._token:
                self._process.wait_until_ready(lambda: self._status("/api/onboarding") == 200, timeout=120)
                self._token = self._onboard()
            self._process.wait_until_ready(self._is_running, timeout=120)
            if not self._mqtt_entries():
                self._set_up_mqtt()
            self._process.wait_until_ready(self._is_mqtt_loaded, timeout=30)
        except BaseException:
            self.stop()
            raise

    def _write_configuration(self) -> None:
        storage = self._configuration / ".storage"
        storage.mkdir(parents=True)
        component = Path(__file__).with_name("juntek_statistics")
        shutil.copytree(component, self._configuration / "custom_components" / component.name)
        text = CONFIGURATION.format(port=self.port)
        (self._configuration / "configuration.yaml").write_text(text, encoding="utf-8")
        seen = {"version": 4, "minor_version": 1, "key": "onboarding", "data": _PAGES_SEEN}
        (storage / "onboarding").write_text(json.dumps(seen), encoding="utf-8")

    def _onboard(self) -> str:
        """Make the owner's account; returns a token that outlives every test."""
        client_id = f"http://{self.host}:{self.port}/"
        owner = {"name": "Owner", "username": "owner", "password": secrets.token_hex(), "language": "en"}
        created = self._request("POST", "/api/onboarding/users", {**owner, "client_id": client_id})
        grant = {"grant_type": "authorization_code", "code": created["auth_code"], "client_id": client_id}
        short_lived = self._request("POST", "/auth/token", urlencode(grant))["access_token"]

        async def ask() -> str:
            async with open_client(self.port, short_lived, self._process, 0) as client:
                command = "auth/long_lived_access_token"
                token: str = await client.command(command, client_name="juntek tests", lifespan=365)
                return token

        with ThreadPoolExecutor(1) as thread:  # a loop of its own: the caller's may be running
            return thread.submit(asyncio.run, ask()).result()

    def _set_up_mqtt(self) -> None:
        flows, user = "/api/config/config_entries/flow", self.broker.user
        flow = self._request("POST", flows, {"handler": "mqtt"})
        answers = {"broker": self.broker.host, "port": self.broker.port}
        account = {"username": user.name, "password": user.password} if user else {}
        result = self._request("POST", f"{flows}/{flow['flow_id']}", {**answers, **account})
        if result.get("type") != "create_entry":
            raise ServerFailedError(f"Home Assistant {self.version} did not take the broker: {result}")

    def _is_running(self) -> bool:
        if self._status("/api/config") != 200:
            return False
        return bool(self._request("GET", "/api/config")["state"] == "RUNNING")

    def _is_mqtt_loaded(self) -> bool:
        return [entry["state"] for entry in self._mqtt_entries()] == ["loaded"]

    def _mqtt_entries(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self._request("GET", "/api/config/config_entries/entry?domain=mqtt")
        return entries

    def _status(self, path: str) -> int:
        """The HTTP status of a path; 0 while nobody listens."""
        try:
            return self._exchange("GET", path, None)[0]
        except (ConnectionError, TimeoutError, http.client.HTTPException):
            return 0

    def _request(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - as the path has it
        """The decoded answer. `body`: a form as text, anything else as JSON."""
        status, answer = self._exchange(method, path, body)
        if status >= 300:
            raise ServerFailedError(f"{method} {path}: {status} {answer[:300]!r}")
        return json.loads(answer)

    def _exchange(self, method: str, path: str, body: object) -> tuple[int, bytes]:
        form = isinstance(body, str)
        headers = {"Content-Type": "application/x-www-form-urlencoded" if form else "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        data = str(body) if form else json.dumps(body) if body is not None else None
        connection = http.client.HTTPConnection(self.host, self.port, timeout=15)
        try:
            connection.request(method, path, data, headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()
