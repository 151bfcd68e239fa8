"""A whole gateway on a simulated line, that takes commands over MQTT and HTTP; what it writes is watched."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from juntek.config import load
from juntek.gateway import Gateway
from juntek.meter import Timing
from juntek.outputs.web.passwords import hash_password
from juntek.simulator import Options
from juntek.update import Update
from meter.served import Wires, running, until
from servers.process import NO_TLS, free_port

PASSWORD = "kilowatt hour"  # noqa: S105 - it is the test's
HASH = hash_password(PASSWORD)


@dataclass
class Controlled:
    wires: Wires
    gateway: Gateway
    port: int
    database: Path
    config: Path

    @property
    def house(self) -> Update:
        return self.gateway.context.latest["house"]

    @property
    def writes(self) -> int:
        """How many commands were on the wire."""
        return self.wires.said["program"].count(b":W")

    def browser(self, **headers: str) -> httpx.AsyncClient:
        url = f"http://127.0.0.1:{self.port}"
        return httpx.AsyncClient(base_url=url, timeout=30, trust_env=False, verify=NO_TLS, headers=headers)

    @asynccontextmanager
    async def signed_in(self) -> AsyncIterator[httpx.AsyncClient]:
        """A browser with a session and what it needs to write."""
        async with self.browser() as browser:
            answer = await browser.post("/api/session", json={"password": PASSWORD})
            browser.headers["x-juntek-token"] = answer.json()["token"] or ""
            yield browser

    def setting(self, key: str) -> Any:  # noqa: ANN401 - what the meter says
        assert self.house.settings is not None
        return self.house.settings.value(key)


@asynccontextmanager
async def running_gateway(folder: Path, text: str) -> AsyncIterator[Gateway]:
    """A gateway with this configuration."""
    config = folder / "juntek.toml"
    config.write_text(text)
    gateway = Gateway(load(config, {"HOME": str(folder)}))
    async with running(gateway):
        yield gateway


@asynccontextmanager
async def controlled(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    broker: int | None = None,
    web: str = '["settings"]',
    mqtt: str = '["settings"]',
    options: Options | None = None,
) -> AsyncIterator[Controlled]:
    monkeypatch.setattr("juntek.meter.line.TIMING", Timing(listen_first=0.05))
    wires = Wires(options or Options())
    port = free_port()
    async with wires.simulation as simulation:
        (folder / "password").write_text(HASH)
        (folder / "password").chmod(0o600)
        lines = [
            f'[[meters]]\nname = "house"\nlink = "{simulation.url}"\ninterval = 0.05',
            f'[history]\npath = "{folder / "juntek.db"}"',
            f'[web]\nlisten = "127.0.0.1:{port}"\npassword_hash_file = "password"\nallow_control = {web}',
        ]
        if broker is not None:
            lines.append(f"[mqtt]\nport = {broker}\nallow_control = {mqtt}")
        async with running_gateway(folder, "\n".join(lines)) as gateway:
            latest, sinks = gateway.context.latest, gateway.context.sinks
            await until(lambda: "house" in latest and latest["house"].settings is not None)
            await until(lambda: latest["house"].identity is not None and latest["house"].reading is not None)
            await until(lambda: all(sink.connected for sink in sinks.values()))
            yield Controlled(wires, gateway, port, folder / "juntek.db", folder / "juntek.toml")
