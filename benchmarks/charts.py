"""The charts of the page, answered by the gateway, VictoriaMetrics and InfluxDB; rule: same data, question and answer.

The data are a year of readings, one in ten seconds, so that all three are filled in minutes. Each is asked by the same
program, over HTTP on a connection that is kept; the time is that on the clock, from the question to the last byte. No
question is asked twice, and the quickest of five counts, for all alike. The answers are compared: who answers another
question has not been measured.
"""

from __future__ import annotations

import json
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

from benchmarks.broker import wait_until
from benchmarks.engines import ENGINES, MEASUREMENT, Answer, Engine, Question, is_installed
from benchmarks.figures import Figure, LeftOut
from benchmarks.history import DAY, POINTS, QUANTITIES, RANGES, START, fill_year, make_log, replay
from benchmarks.processes import JUNTEK, resident_megabytes, run, write_configuration
from juntek.reading import Reading
from servers.process import free_port

EVERY = 10
"""s between two readings."""
AIM = 50.0
QUESTIONS = 5
LONGEST = 20.0
"""s after which no further question is put to one server about one range."""
CHARTS = ("hour", "day", "week", "month", "year")
METER = "meter1"


def measure(*, quick: bool) -> Iterator[Figure | LeftOut]:
    """Yield the times of each range beside each other; `quick` takes ten days in place of a year."""
    days = 10 if quick else 365
    part = f"Charts over HTTP: {days} days, a reading in {EVERY} s, {len(QUANTITIES)} quantities (time on the clock)"
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        directory = Path(name)
        readings = replay(make_log(directory / "day.log"))[::EVERY]
        fill_year(directory / "juntek.db", readings, days, meter=METER)
        engines: list[Engine] = []
        for kind in ENGINES:
            if not is_installed(kind):
                yield LeftOut(f"{kind.name} is not installed; scripts/install-test-servers --engines brings it.")
                continue
            engine = kind(directory, QUANTITIES)
            stack.enter_context(engine.running())
            seconds = fill(engine, readings, days)
            engines.append(engine)
            yield Figure(
                part=part, name=f"fill {kind.name}, a reading", value=seconds / days / len(readings) * 1e6, unit="us"
            )
        gateway = stack.enter_context(running_gateway(directory))
        yield from _compare(part, gateway, engines, days)
        yield Figure(part=part, name="memory of juntek", value=resident_megabytes(gateway.process), unit="MB")
        for engine in engines:
            megabytes = resident_megabytes(engine.process_id)
            yield Figure(part=part, name=f"memory of {engine.name}", value=megabytes, unit="MB")


class Gateway:
    """A gateway's API as the page asks it."""

    def __init__(self, port: int, process: int) -> None:
        self.process = process
        self.address = f"http://127.0.0.1:{port}/"
        self._connection = HTTPConnection("127.0.0.1", port, timeout=60)

    def chart(self, start: int, end: int) -> bytes:
        """Return a chart as JSON; RuntimeError where it is a refusal."""
        query = urlencode({"from": start, "to": end, "points": POINTS, "quantities": ",".join(QUANTITIES)})
        return self.get(f"/api/meters/{METER}/history?{query}")

    def get(self, path: str) -> bytes:
        """Return a body; OSError where nobody listens."""
        try:
            self._connection.request("GET", path)
            response = self._connection.getresponse()
            body = response.read()
        except OSError:
            self._connection.close()
            raise
        if response.status != 200:
            raise RuntimeError(f"{path}: {response.status} {body[:200].decode(errors='replace')}")
        return body

    def connect_anew(self) -> None:
        """Make the next question come on a new connection."""
        self._connection.close()

    def is_up(self) -> bool:
        """Whether it answers."""
        try:
            self.get("/api/meters")
        except OSError:
            return False
        return True


@contextmanager
def running_gateway(directory: Path, link: str | None = None) -> Iterator[Gateway]:
    """Run `juntek run` on the database in the directory; without a `link` its meter is there and says nothing."""
    port = free_port()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        link = link or f"socket://127.0.0.1:{silent.getsockname()[1]}"
        path = write_configuration(directory, [link], None, web=port)
        with run(*JUNTEK, "run", "--config", str(path), log=directory / "log") as process:
            gateway = Gateway(port, process.pid)
            wait_until(gateway.is_up, 30, "the gateway's API")
            yield gateway


def fill(engine: Engine, readings: Sequence[Reading], days: int) -> float:
    """Write the same day again and again; return the s until all of it can be asked for."""
    rows = [(_fields(reading), round((reading.time or 0) * 1000)) for reading in readings]
    first, last = int(START.timestamp()), int(START.timestamp()) + days * DAY
    engine.prepare()
    spent = time.monotonic()
    for number in range(days):
        shift = number * DAY * 1000
        engine.write("\n".join(f"{fields} {at + shift}" for fields, at in rows))
    wait_until(lambda: engine.count(first, last) == days * len(rows), 60, f"what was written to {engine.name}")
    return time.monotonic() - spent


def _fields(reading: Reading) -> str:
    values = {key: getattr(reading, key) for key in QUANTITIES}
    fields = ",".join(f"{key}={float(value)}" for key, value in values.items() if value is not None)
    return f"{MEASUREMENT},meter={METER} {fields}"


def _compare(part: str, gateway: Gateway, engines: Sequence[Engine], days: int) -> Iterator[Figure]:
    last = int(START.timestamp()) + days * DAY
    for name, span in {**{name: RANGES[name] for name in CHARTS}, "all": days * DAY}.items():
        if span > days * DAY or (name == "year" and span == days * DAY):
            continue
        gateway.connect_anew()  # it has hung up, where another one took long
        chart = json.loads(gateway.chart(last - span, last))
        width = max(int(chart["resolution"]), EVERY)
        said = read(chart)
        # The same stretch a little earlier each time: whoever keeps answers has none for it.
        step = width * 3 if span < days * DAY else 0
        ends = [last - number * step for number in range(QUESTIONS)]
        milliseconds = _time([partial(gateway.chart, end - span, end) for end in ends])
        yield Figure(part=part, name=f"{name}, {said.points} points: juntek", value=milliseconds, unit="ms", aim=AIM)
        for engine in engines:
            hold_against(engine, said, engine.chart(Question(last - span, last, width)))
            asks = [partial(engine.chart, Question(end - span, end, width)) for end in ends]
            yield Figure(part=part, name=f"{name}: {engine.name}", value=_time(asks), unit="ms")


def read(chart: dict[str, dict[str, dict[str, list[float | None]]]]) -> Answer:
    """Return what the API's chart says."""
    columns = chart["quantities"]
    voltages = [value for value in columns["voltage"]["average"] if value is not None]
    powers = columns["power"].get("maximum") or columns["power"]["average"]
    return Answer(len(voltages), sum(voltages) / len(voltages), max(value for value in powers if value is not None))


def hold_against(engine: Engine, said: Answer, body: bytes) -> None:
    """Raise RuntimeError where another one's answer is another one."""
    other = engine.read(body)
    near = (abs(other.points - said.points) <= 2, abs(other.voltage / said.voltage - 1) < 0.005)
    if not all((*near, abs(other.power - said.power) <= 0.02 * abs(said.power))):
        raise RuntimeError(f"{engine.name} says {other} where juntek says {said}")


def _time(asks: Sequence[Callable[[], object]]) -> float:
    """Return the ms of the quickest: what took longer had to share the processor with somebody else."""
    spent: list[float] = []
    for ask in asks:
        begin = time.perf_counter()
        ask()
        spent.append((time.perf_counter() - begin) * 1e3)
        if sum(spent) > LONGEST * 1e3:
            break
    return min(spent)
