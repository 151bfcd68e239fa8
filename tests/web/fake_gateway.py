"""The page and its API over a made-up year; rule: all is the product's but the meters.

Every state of the page can be had at once. By hand, where a name is one of STATES:
PYTHONPATH=src:tests python -m web.fake_gateway [--port N] [--state NAME]
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from juntek.history import AuditEntry, Database
from juntek.listening import Limits
from juntek.outputs import Context, Handle, SinkHealth, run_beside, take_nothing
from juntek.outputs.web import WebOptions, open_sink
from juntek.reading import Reading, Settings
from juntek.update import Health, Outcome, Update
from outputs.served import HASH, context
from outputs.updates import KG140F
from servers.process import free_port
from web.fake_past import DAY, NOMINAL, Past, write, year

STATIC = Path(__file__).resolve().parents[2] / "src" / "juntek" / "outputs" / "web" / "static"
STATES = (
    "live", "silent", "paused", "waiting", "young", "password", "trouble", "full", "low", "tripped", "off", "battery",
    "settings",
)  # fmt: skip
IDENTITY = replace(KG140F, sensor="hall", firmware="1.10", serial_number=21034)
SETTINGS = Settings(
    address=1, family="KG-F", nominal_capacity=NOMINAL, over_voltage_protection=58.4, under_voltage_protection=44.0,
    over_current_protection=200.0, negative_over_current_protection=150.0, over_temperature_protection=60,
    protection_recovery_time=30, protection_delay=2, voltage_calibration=100, current_calibration=100,
    temperature_calibration=0, relay_type="normally_open",
)  # fmt: skip
SINKS = ("mqtt", "history", "web", "timeseries workshop", "timeseries 192.168.1.7:8086", "metrics")
WRITABLE = (
    "nominal_capacity", "voltage_calibration", "over_voltage_protection", "over_power_protection", "relay_type",
    "state_of_charge", "output",
)  # fmt: skip
OWNER = {"x-remote-user-id": "1"}
"""Headers of somebody who may write, where somebody may."""
SILENT = "The meter does not answer; check its power and that A and B are not swapped."
FULL = "The disk is full; make room on it and the history goes on by itself."
REFUSED = 'The broker refuses the user "juntek"; check mqtt.username and mqtt.password_file.'
GONE = (
    "The target workshop is not there; start it, or check host and port in timeseries.url. Nothing is lost: it is sent "
    "later."
)
SAID: dict[str, dict[str, Any]] = {
    "full": {"remaining_capacity": 280.0, "direction": "discharging", "power": -212.0, "current": -3.98,
             "voltage": 53.3},
    "low": {"remaining_capacity": 22.4, "direction": "discharging", "power": -640.0, "current": -12.9,
            "voltage": 49.6},
    "tripped": {"output_state": "low_voltage", "current": 0.0, "power": 0.0, "direction": "idle",
                "remaining_capacity": 0.0, "voltage": 43.9},
    "off": {"output_state": "off", "current": 0.0, "power": 0.0, "direction": "idle"},
}  # fmt: skip
"""What readings say, by the state of the battery."""
ESTIMATE = {
    "state_of_charge": 63.0, "meter_state_of_charge": 68.4, "state_of_charge_uncertainty": 1.8,
    "remaining_energy": 8.91, "time_since_full": 2370, "synchronisations": 31, "usable_capacity": 271.8,
    "state_of_health": 97.0, "zero_offset": -0.043, "measured_resistance": 11.2, "cycles": 118.4,
    "deepest_discharge": 241.0, "last_discharge": 101.2, "average_discharge": 88.0, "full_discharges": 2,
    "cumulative_discharge": 32_100.0, "minimum_voltage": 44.2, "maximum_voltage": 57.1,
}  # fmt: skip
"""What a reading says besides where a battery is estimated."""


@dataclass
class FakeGateway:
    """Serves on 127.0.0.1 while it is entered; pages hear every `interval` s, and of what is done to it at once."""

    context: Context
    pasts: dict[str, Past]
    interval: float = 1.0
    options: dict[str, Any] = field(default_factory=dict)
    said: dict[str, Any] = field(default_factory=dict)
    """What every reading says in place of what is made up."""
    outcome: Outcome = "obeyed"
    """What becomes of everything that is written."""
    told: list[tuple[str, str, Any]] = field(default_factory=list)
    """What meters were told: which, a key and a value."""
    port: int = field(default_factory=free_port)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _handle: Handle = take_nothing

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    async def __aenter__(self) -> Self:
        options = WebOptions(listen=f"127.0.0.1:{self.port}", **self.options)
        limits = Limits(look_every=0.05, tell_every=0.1)
        self._handle = await self._stack.enter_async_context(open_sink(options, self.context, limits))
        await self._stack.enter_async_context(run_beside(self._beat()))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Close the port and every connection; entering again opens the same port."""
        await self._stack.aclose()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self.interval)
            await self.tell()

    async def tell(self) -> None:
        """Let every meter that answers read, and every page that listens hear how it is."""
        for name, update in list(self.context.latest.items()):
            await self._handle(self.read(name) if update.available else update)

    def read(self, name: str) -> Update:
        """Return what a meter says now, which is known from then on."""
        before = self.context.latest.get(name)
        frames = before.health.frames + 1 if before is not None else 41_234
        health = Health("poll", connected=True, frames=frames, garbage=Counter(checksum=3, cut=12), reconnects=1,
                        last_frame=time.time())  # fmt: skip
        settings = before.settings if before is not None else SETTINGS
        return self.context.latest.take(Update(name, True, self._reading(name), IDENTITY, settings, health))  # noqa: FBT003

    def _reading(self, name: str) -> Reading:
        more = {key: value for key, value in self.said.items() if key not in Reading._fields}
        fields = {key: value for key, value in self.said.items() if key in Reading._fields}
        return self.pasts[name].reading(
            time.time(), charged_energy=812_345.67, discharged_energy=765_432.1, more=more, **fields
        )

    def silence(self, name: str, ago: float = 0.0) -> None:
        """Let a meter be silent from now on."""
        update = self.context.latest[name]
        assert update.reading is not None
        update.health.error = SILENT
        self.context.latest[name] = update._replace(
            available=False, reading=update.reading._replace(time=time.time() - ago)
        )

    def sink(
        self, name: str, *, connected: bool = True, error: str | None = None, lag: float = 0.0,
        failures: int = 0, lost: int = 0, refused: int = 0,
    ) -> None:  # fmt: skip
        """Let an output do so."""
        behind = time.time() - lag if lag else None
        self.context.sinks[name] = SinkHealth(connected, failures, lost, refused, behind)
        self.context.errors.pop(name, None)
        if error is not None:
            self.context.errors[name] = error

    async def send(self, meter: str, key: str, value: Any, *, who: str = "") -> Outcome:  # noqa: ANN401
        """Do as a meter does that is told something; what it was told is kept."""
        self.told.append((meter, key, value))
        update = self.context.latest[meter]
        assert update.settings is not None
        assert self.context.database is not None
        with Database(self.context.database, check=False) as database:
            entry = AuditEntry(time.time(), meter, who, key, update.settings.value(key), value, self.outcome)
            database.begin_command(entry)
        if self.outcome == "obeyed" and hasattr(update.settings, key):
            self.context.latest[meter] = update._replace(settings=replace(update.settings, **{key: value}))
        return self.outcome


def make_gateway(state: str = "live", *, pasts: dict[str, Past] | None = None, **changes: Any) -> FakeGateway:  # noqa: ANN401
    """Return a gateway with two meters in the state named; enter it to serve. `changes` are those of FakeGateway."""
    own = {"young": {"house": Past(200.0)}, "waiting": {}, "settings": {"house": Past(DAY)},
           "battery": {"house": Past(30 * DAY, more=ESTIMATE)}}.get(state, pasts)  # fmt: skip
    pasts, database = (own, write(own)) if own is not None else year()
    where = context(
        time=time.time, database=database, sections=("history", "web"),
        batteries=frozenset({"house"} if state == "battery" else ()),
    )  # fmt: skip
    gateway = FakeGateway(context=where, pasts=pasts, said=dict(SAID.get(state, {})), **changes)
    gateway.context = replace(where, send=gateway.send)
    for name in SINKS:
        gateway.sink(name)
    _prepare(gateway, state, database)
    for name in pasts:
        gateway.read(name)
    if state == "silent":
        gateway.silence("house", ago=320)
    return gateway


def _prepare(gateway: FakeGateway, state: str, database: Path) -> None:
    if state == "paused":
        gateway.sink("history", connected=False, error=FULL)
    elif state == "password":
        gateway.options["password_hash"] = HASH
    elif state == "settings":
        gateway.options |= {"auth": "ingress", "ingress_from": ("127.0.0.1",), "allow_control": WRITABLE}
        with Database(database) as file:
            file.begin_command(AuditEntry(1_767_632_580.0, "house", "mqtt", "state_of_charge", 88.0, 100, "obeyed"))
    elif state == "battery":
        gateway.said |= ESTIMATE
        found = ((5 * DAY, "empty", 0.0), (2 * DAY, "full", 100.0), (DAY / 2, "full", 100.0))
        events = [("house", time.time() - ago, event, charge) for ago, event, charge in found]
        with Database(database) as file:
            file.save_ledgers({}, time.time(), events)
    elif state == "trouble":
        gateway.sink("mqtt", connected=False, lag=302, failures=1, error=REFUSED)
        gateway.sink("timeseries workshop", connected=False, lag=187_000, failures=3, error=GONE)
        gateway.sink("timeseries 192.168.1.7:8086", lag=11_000, refused=1234, lost=1)


async def main() -> None:
    parser = argparse.ArgumentParser(description="Serve the page over a made-up year.")
    parser.add_argument("--port", type=int, default=8140)
    parser.add_argument("--state", default="live", choices=STATES)
    chosen = parser.parse_args()
    async with make_gateway(chosen.state, port=chosen.port) as gateway:
        print(gateway.url, flush=True)  # noqa: T201
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
