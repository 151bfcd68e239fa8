"""A gateway that is not there: the page's API over a made-up year; rule: every state of the page can be had at once.

By hand: PYTHONPATH=tests python -m web.fake_gateway [--port N] [--state NAME], where a name is one of STATES.
"""

from __future__ import annotations

import argparse
import json
import mimetypes
import queue
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from juntek.outputs.web.api import facts_of
from juntek.outputs.web.responses import security_headers
from juntek.quantity import QUANTITIES, READING_KEYS
from juntek.reading import Identity, Settings, iso_time
from juntek.update import Health
from web.fake_battery import BATTERY, estimate, events
from web.fake_control import TOKEN, FakeControl, RefusedError
from web.fake_past import NOMINAL, Past

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "src" / "juntek" / "outputs" / "web" / "static"
YEAR = 365 * 86400.0
STATES = (
    "live", "silent", "paused", "waiting", "young", "password", "trouble", "full", "low", "tripped", "off", "battery",
    "settings",
)  # fmt: skip
IDENTITY = Identity(
    address=1, family="KG-F", model="KG140F", sensor="hall", max_voltage=100, max_current=400, firmware="1.10",
    serial_number=21034,
).as_dict()  # fmt: skip
SETTINGS = Settings(
    address=1, family="KG-F", nominal_capacity=NOMINAL, over_voltage_protection=58.4, under_voltage_protection=44.0,
    over_current_protection=200.0, negative_over_current_protection=150.0, over_temperature_protection=60,
    protection_recovery_time=30, protection_delay=2, voltage_calibration=100, current_calibration=100,
    temperature_calibration=0, relay_type="normally_open",
).as_dict(secrets=False)  # fmt: skip
SINKS = ("mqtt", "history", "web", "timeseries workshop", "timeseries 192.168.1.7:8086", "metrics")
REFUSED = 'The broker refuses the user "juntek"; check mqtt.username and mqtt.password_file.'
GONE = (
    "The target workshop is not there; start it, or check host and port in timeseries.url. Nothing is lost: it is sent "
    "later."
)


SAID: dict[str, dict[str, Any]] = {
    "full": {"state_of_charge": 100.0, "remaining_capacity": 280.0, "direction": "discharging", "power": -212.0,
             "current": -3.98, "voltage": 53.3, "time_to_empty": 4220, "time_to_full": None},
    "low": {"state_of_charge": 8.0, "remaining_capacity": 22.4, "direction": "discharging", "power": -640.0,
            "current": -12.9, "voltage": 49.6, "time_to_empty": 104, "time_to_full": None},
    "tripped": {"output_state": "low_voltage", "current": 0.0, "power": 0.0, "direction": "idle",
                "state_of_charge": 0.0, "remaining_capacity": 0.0, "voltage": 43.9, "time_to_empty": None,
                "time_to_full": None},
    "off": {"output_state": "off", "current": 0.0, "power": 0.0, "direction": "idle", "time_to_empty": None,
            "time_to_full": None},
}  # fmt: skip
"""What readings say besides, by the state of the battery."""


def sink(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - what JSON can hold
    """How a sink does that is well, but for the changes."""
    well = {"connected": True, "waiting": 0, "lag": 0, "failures": 0, "lost": 0, "refused": 0, "error": None}
    assert changes.keys() <= well.keys()
    return well | changes


@dataclass
class Unit:
    """One meter. `shift` moves its day, so that two meters do not say the same."""

    name: str
    past: Past | None
    shift: float = 0.0
    available: bool = True
    silent_since: float | None = None
    frames: int = 41234


@dataclass
class FakeGateway:
    """Serves on 127.0.0.1 while it is entered; change what it says by its attributes, then `tell()`."""

    port: int = 0
    static: Path = STATIC
    interval: float = 1.0
    units: list[Unit] = field(default_factory=list)
    trouble: str | None = None
    keeps_history: bool = True
    sinks: dict[str, dict[str, Any]] = field(default_factory=lambda: {name: sink() for name in SINKS})
    password: str | None = None
    time_zone: str = "Europe/Berlin"
    exports: tuple[str, ...] = ("csv", "parquet")
    share_of_days: float = 1.0
    """What is left of the energy of every day."""
    control: FakeControl | None = None
    events: list[dict[str, Any]] | None = None
    quantities: list[Any] = field(default_factory=lambda: [facts_of(row) for row in QUANTITIES.values()])
    more: dict[str, Any] = field(default_factory=dict)
    """What every reading says besides."""
    asked: list[str] = field(default_factory=list)
    clients: list[queue.SimpleQueue[bytes | None]] = field(default_factory=list)
    _server: ThreadingHTTPServer | None = None
    _stop: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def __enter__(self) -> Self:
        gateway: FakeGateway = self

        class Handler(_Handler):
            owner = gateway

        self._stop.clear()
        self._server = _Server(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        threading.Thread(target=self._beat, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Close the port and every connection; entering again opens the same port."""
        self._stop.set()
        for client in list(self.clients):
            client.put(None)
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def silence(self, unit: Unit, ago: float = 0.0) -> None:
        unit.available, unit.silent_since = False, time.time() - ago
        self.tell()

    def tell(self) -> None:
        """Send the state of every meter to every page that listens."""
        for unit in self.units:
            keys = ("available", "latest", "health")
            meter = self.meter(unit)
            data = {"meter": unit.name, **{key: meter[key] for key in keys}}
            for client in list(self.clients):
                client.put(f"event: update\ndata: {json.dumps(data)}\n\n".encode())

    def tell_gateway(self) -> None:
        """Send how the gateway does to every page that listens."""
        for client in list(self.clients):
            client.put(f"event: gateway\ndata: {json.dumps(self.health())}\n\n".encode())

    def _beat(self) -> None:
        while not self._stop.wait(self.interval):
            for unit in self.units:
                if unit.available:
                    unit.frames += 1
            if any(unit.available for unit in self.units):
                self.tell()

    def latest(self, unit: Unit) -> dict[str, Any] | None:
        if unit.past is None:
            return None
        moment = unit.silent_since or time.time()
        values = unit.past.values(moment + unit.shift)
        current = values["current"]
        direction = "charging" if current > 0.05 else "discharging" if current < -0.05 else "idle"
        left, room = values["remaining_capacity"], NOMINAL - values["remaining_capacity"]
        return {
            **dict.fromkeys(READING_KEYS), "address": 1, "family": "KG-F", "output_code": 0, "clock": None,
            "estimated": [], "time": iso_time(moment), **values,
            "charge_power": max(values["power"], 0),
            "discharge_power": max(-values["power"], 0),
            "nominal_capacity": NOMINAL,
            "internal_resistance": 11.9,
            "time_to_empty": round(left / -current * 60) if direction == "discharging" else None,
            "time_to_full": round(room / current * 60) if direction == "charging" else None,
            "charged_energy": 812_345.67,
            "discharged_energy": 765_432.1,
            "charged_energy_today": 3214.5,
            "discharged_energy_today": 2140.8,
            "direction": direction,
            "output_state": "on",
            "run_time": 5_574_048,
            "message_count": unit.frames,
            **self.more,
        }  # fmt: skip

    def meter(self, unit: Unit) -> dict[str, Any]:
        latest = self.latest(unit)
        known = latest is not None
        error = None
        if not unit.available:
            error = "The meter does not answer; check its power and that A and B are not swapped." if known else None
        health = Health(mode="starting")
        if latest is not None:
            heard = datetime.fromisoformat(latest["time"]).timestamp()
            rejected = Counter({"checksum": 3, "cut": 12})
            health = Health(mode="poll", connected=True, frames=unit.frames, garbage=rejected, reconnects=1,
                            last_frame=heard, error=error)  # fmt: skip
        return {
            "name": unit.name,
            "configured": True,
            "available": unit.available and known,
            "identity": IDENTITY if known else None,
            "settings": SETTINGS if known else None,
            "health": health.as_dict(),
            "latest": latest,
            "first": unit.past and unit.past.first,
            "last": unit.past and unit.past.last,
        }

    def health(self) -> dict[str, Any]:
        return {
            "version": "0.1.0",
            "gateway": "pi",
            "time": iso_time(time.time()),
            "uptime": 86400 * 12.3,
            "time_zone": self.time_zone,
            "exports": list(self.exports),
            "meters": {
                meter["name"]: {"available": meter["available"], **meter["health"]}
                for meter in map(self.meter, self.units)
            },
            "history": {
                "state": "off" if not self.keeps_history else "paused" if self.trouble else "ok",
                "reason": self.trouble,
            },
            "sinks": self.sinks,
        }


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """A page that goes away is no news."""


class _Handler(BaseHTTPRequestHandler):
    owner: FakeGateway

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        if not parts.path.startswith("/api/"):
            self._file(parts.path)
            return
        self.owner.asked.append(self.path)
        if parts.path == "/api/session":
            needed = self.owner.password is not None
            session: dict[str, Any] = {"required": needed, "signed_in": not needed or self._signed_in(), "user": None}
            if self.owner.control is not None:
                session["token"] = TOKEN if self.owner.control.writable else None
            self._json(session)
        elif self.owner.password is not None and not self._signed_in():
            self._json({"error": "Sign in first."}, 401)
        elif parts.path == "/api/live":
            self._live()
        elif parts.path == "/api/health":
            self._json(self.owner.health())
        elif parts.path == "/api/quantities":
            self._json(self.owner.quantities)
        elif parts.path == "/api/commands" and self.owner.control is not None:
            self._json({"commands": self.owner.control.commands[: int(query["limit"])]})
        elif parts.path == "/api/meters":
            self._json([self.owner.meter(unit) for unit in self.owner.units])
        else:
            self._of_meter([unquote(part) for part in parts.path.split("/")[3:]], query)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        path = urlsplit(self.path).path.split("/")[3:]
        if self.owner.control is not None and len(path) > 1:
            if self.headers["x-juntek-token"] != TOKEN:
                self._json({"error": "This session may not write."}, 403)
                return
            try:
                self._json(self.owner.control.write(unquote(path[0]), path[1:], body))
            except RefusedError as refused:
                self._json({"error": str(refused)}, 422)
        elif body.get("password") == self.owner.password:
            self._json({}, 200, {"set-cookie": "session=1; HttpOnly; SameSite=Strict; Path=/"})
        else:
            self._json({"error": "The password is wrong."}, 401)

    def do_DELETE(self) -> None:
        self._json({}, 200, {"set-cookie": "session=; Max-Age=0; Path=/"})

    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    def _signed_in(self) -> bool:
        return "session=1" in (self.headers.get("cookie") or "")

    def _of_meter(self, path: list[str], query: dict[str, str]) -> None:
        unit = next((unit for unit in self.owner.units if unit.name == path[0]), None)
        if unit is None:
            self._json({"error": f"There is no meter {path[0]}."}, 404)
        elif path[1] == "history":
            self._json(_series(unit, query))
        elif path[1] == "days":
            self._json(_days(unit, query, self.owner.share_of_days))
        elif path[1:] == ["settings"] and self.owner.control is not None:
            self._json(self.owner.control.settings(unit.name))
        elif path[1:] == ["battery", "events"] and self.owner.events is not None:
            self._json({"events": self.owner.events})
        else:
            self._json({"error": "There is nothing here."}, 404)

    def _json(self, value: object, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self._send(json.dumps(value).encode(), "application/json", status, headers)

    def _file(self, path: str) -> None:
        file = self.owner.static / (path.lstrip("/") or "index.html")
        if file.is_file():
            kind = {".webmanifest": "application/manifest+json"}.get(file.suffix) or mimetypes.guess_type(file.name)[0]
            self._send(file.read_bytes(), kind or "text/plain", 200, dict(security_headers()))
        else:
            self._send(b"", "text/plain", 404)

    def _send(self, body: bytes, kind: str, status: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _live(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("cache-control", "no-store")
        self.send_header("connection", "close")
        self.end_headers()
        events: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self.owner.clients.append(events)
        if self.owner._stop.is_set():  # it stops while a page begins to listen
            events.put(None)
        try:
            self.wfile.write(f"event: gateway\ndata: {json.dumps(self.owner.health())}\n\n".encode())
            while (event := events.get()) is not None:
                self.wfile.write(event)
        except OSError:
            pass
        finally:
            self.owner.clients.remove(events)
            self.close_connection = True


def _series(unit: Unit, query: dict[str, str]) -> dict[str, Any]:
    start, end = float(query["from"]), float(query["to"])
    keys = query["quantities"].split(",")
    answer: dict[str, Any] = {"resolution": 0, "time": [], "quantities": {key: {} for key in keys}}
    if unit.past is not None:
        unit.past.last = unit.silent_since or time.time()
        answer = unit.past.series(keys, start + unit.shift, end + unit.shift, int(query["points"]))
        answer["time"] = [moment - unit.shift for moment in answer["time"]]
    return {"meter": unit.name, "from": start, "to": end, **answer}


def _days(unit: Unit, query: dict[str, str], share: float) -> list[dict[str, Any]]:
    if unit.past is None:
        return []
    first, last = date.fromisoformat(query["from"]), date.fromisoformat(query["to"])
    by, rows = query.get("by", "day"), []
    begin = first.replace(day=1) if by == "month" else first.replace(month=1, day=1) if by == "year" else first
    while begin <= last:
        following = begin + timedelta(days={"day": 1, "month": 32, "year": 367}[by])
        if by == "month":
            following = following.replace(day=1)
        elif by == "year":
            following = following.replace(month=1, day=1)
        start, end = (datetime(d.year, d.month, d.day, tzinfo=UTC).timestamp() for d in (begin, following))
        if end > unit.past.first and start < time.time():
            day = unit.past.day(start, end)
            scaled = {key: day[key] * share for key in ("charged_energy", "discharged_energy")}
            rows.append({"date": begin.isoformat(), "count": round(end - start), **day, **scaled})
        begin = following
    return rows


def make_gateway(state: str = "live", *, port: int = 0, static: Path = STATIC, interval: float = 1.0) -> FakeGateway:
    """Return a gateway with two meters in the state named; enter it to serve."""
    moment = time.time()
    gap = (moment - 40.2 * 86400, moment - 39.9 * 86400)
    gaps = (gap, (moment - 20 * 3600, moment - 19.2 * 3600))
    length = {"young": 200.0, "waiting": 0.0}.get(state, YEAR)
    house = Unit("house", None if state == "waiting" else Past(moment - length, moment, gaps=gaps))
    boat = Unit("boat", None if state == "waiting" else Past(moment - min(length, 60 * 86400), moment, seed=4))
    gateway = FakeGateway(port=port, static=static, interval=interval, units=[house, boat])
    if state == "silent":
        house.available, house.silent_since = False, moment - 320
    elif state == "paused":
        gateway.trouble = "The disk is full; make room on it and the history goes on by itself."
    elif state == "password":
        gateway.password = "open sesame"  # noqa: S105 - it is the test's
    elif state in {"full", "low", "tripped", "off"}:
        gateway.more = SAID[state]
    elif state == "battery":
        gateway.more, gateway.events = estimate(), events(moment)
        said = {row["key"] for row in BATTERY}
        gateway.quantities = [*(row for row in gateway.quantities if row["key"] not in said), *BATTERY]
    elif state == "settings":
        gateway.control = FakeControl()
    elif state == "trouble":
        gateway.sinks["mqtt"] = sink(connected=False, waiting=300, lag=302, failures=1, error=REFUSED)
        gateway.sinks["timeseries workshop"] = sink(connected=False, lag=187_000, failures=3, error=GONE)
        gateway.sinks["timeseries 192.168.1.7:8086"] = sink(lag=11_000, refused=1234, lost=1)
    return gateway


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve the page over a made-up year.")
    parser.add_argument("--port", type=int, default=8140)
    parser.add_argument("--state", default="live", choices=STATES)
    chosen = parser.parse_args()
    with make_gateway(chosen.state, port=chosen.port) as gateway:
        print(gateway.url, flush=True)  # noqa: T201
        threading.Event().wait()


if __name__ == "__main__":
    main()
