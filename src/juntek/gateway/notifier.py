"""Tells a service manager that the gateway is ready, that it is alive, and how it does; rule: in words for its owner.

systemd gets it by its socket. A container has none: what looks after it looks at the age of a file in
RUNTIME_DIRECTORY, which has the same words in it.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from juntek.outputs import Context
from juntek.reading import Identity, Reading
from juntek.update import Update

BEAT: Final = 5.0
"""s between two signs of life; less where the watchdog wants it."""

MOST_METERS: Final = 4
"""Meters that are named in the status; the others are counted."""

FILE: Final = "juntek.status"


class Notifier:
    """Tells about one gateway; `status` says how it does."""

    def __init__(self, environment: Mapping[str, str], status: Callable[[], str]) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        watchdog = int(environment.get("WATCHDOG_USEC", "0")) / 2e6
        self._interval = min(watchdog or BEAT, BEAT)
        folder = environment.get("RUNTIME_DIRECTORY", "").split(":")[0]
        self._file = Path(folder) / FILE if folder else None
        self._status = status

    def notify(self, state: str) -> None:
        """Send a state; without a service manager nothing happens."""
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.connect(self._address.replace("@", "\0", 1) if self._address.startswith("@") else self._address)
            notify.sendall(state.encode())

    async def run(self) -> None:
        """Say that all is up, then that it still is, for ever."""
        self.notify("READY=1")
        while self._address or self._file:
            if self._file:
                with suppress(OSError):
                    self._file.write_text(f"{self._status()}\n", encoding="utf-8")
            await asyncio.sleep(self._interval)
            self.notify("WATCHDOG=1")
            self.notify(f"STATUS={self._status()}")


def write_status(context: Context) -> str:
    """Return how a gateway does in one line, such as `house: 52.2 V, 60 %, MQTT connected`."""
    parts = [_write_meter(name, context.latest.get(name)) for name in context.meters[:MOST_METERS]]
    if len(context.meters) > MOST_METERS:
        parts.append(f"{len(context.meters) - MOST_METERS} more")
    for name, health in context.sinks.items():
        if name == "mqtt":
            parts.append(f"MQTT {'connected' if health.connected else 'away'}")
        elif not health.connected:
            parts.append(f"{name} away")
    return ", ".join(parts)


def _write_meter(name: str, update: Update | None) -> str:
    if update is None or update.reading is None or not update.available:
        return f"{name}: {'no answer' if update is not None and update.health.error else 'waiting'}"
    return f"{name}: {describe(None, update.reading)}"


def describe(identity: Identity | None, reading: Reading) -> str:
    """Return the little that shows an owner that a meter works: KG140F, firmware 1.32, 52.2 V, 60 %."""
    parts = [f"{identity.model}, firmware {identity.firmware}"] if identity is not None else []
    parts.append(f"{reading.voltage:.1f} V")
    if reading.state_of_charge is not None:
        parts.append(f"{reading.state_of_charge:.0f} %")
    return ", ".join(parts)
