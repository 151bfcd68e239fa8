"""VictoriaMetrics and InfluxDB, asked what a chart of the page asks; rule: real servers, one question, one answer.

Both get the readings as Influx line protocol, five fields of one meter, and are asked over HTTP on 127.0.0.1 as the
gateway is. None of them keeps rollups by itself, and none is told to.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from shutil import which
from typing import Any, NamedTuple
from urllib.parse import urlencode

from servers import engines

MEASUREMENT = "reading"


class Question(NamedTuple):
    """A chart: from, to and the width of a point, whole s."""

    start: int
    end: int
    width: int


class Answer(NamedTuple):
    """What must be the same whoever answers: points, the average of the voltage (V) and the highest power (W)."""

    points: int
    voltage: float
    power: float


class Engine(ABC):
    """One server, reached by one connection that is kept."""

    name: str
    server: type[engines.VictoriaMetrics | engines.InfluxDB]

    def __init__(self, directory: Path, quantities: Sequence[str]) -> None:
        self.quantities = quantities
        self.directory = directory
        self.process_id = 0
        self._connection: HTTPConnection

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the server while the context lasts."""
        with self.server(self.directory) as server:
            self.process_id = server.process_id
            self._connection = HTTPConnection(server.host, server.port, timeout=600)
            with closing(self._connection):
                yield

    def ask(self, path: str, **values: object) -> bytes:
        """Return the body of an answer; RuntimeError where it is a refusal."""
        return self._send("POST", path, urlencode(values).encode())

    def write(self, lines: str) -> None:
        """Hand over lines, times in ms."""
        self._send("POST", f"/write?{urlencode({'db': 'juntek', 'precision': 'ms'})}", lines.encode())

    @abstractmethod
    def prepare(self) -> None:
        """Make what must be there before the first line."""

    @abstractmethod
    def count(self, start: int, end: int) -> int:
        """Return how many readings it has."""

    @abstractmethod
    def chart(self, question: Question) -> bytes:
        """Return minimum, average and maximum of each quantity in each point, as the server says it."""

    @abstractmethod
    def read(self, body: bytes) -> Answer:
        """Return what a chart says."""

    def _send(self, method: str, path: str, body: bytes | None = None) -> bytes:
        form = {"content-type": "application/x-www-form-urlencoded"} if body is not None and "?" not in path else {}
        self._connection.request(method, path, body, form)
        response = self._connection.getresponse()
        data = response.read()
        if response.status >= 300:
            raise RuntimeError(f"{self.name}: {response.status} {data[:200].decode(errors='replace')}")
        return data


class VictoriaMetrics(Engine):
    """With its answers' cache left aside, as a page asks for another range each time."""

    name = "VictoriaMetrics"
    server = engines.VictoriaMetrics

    def prepare(self) -> None:
        """Nothing is needed."""

    def count(self, start: int, end: int) -> int:
        """Ask for the voltages."""
        query = f"count_over_time({MEASUREMENT}_voltage[{end - start + 60}s])"
        result = json.loads(self.ask("/api/v1/query", query=query, time=end, nocache=1))["data"]["result"]
        return int(result[0]["value"][1]) if result else 0

    def chart(self, question: Question) -> bytes:
        """Ask for all quantities at once."""
        start, end, width = question
        names = "|".join(f"{MEASUREMENT}_{key}" for key in self.quantities)
        query = f'rollup({{__name__=~"{names}"}}[{width}s]) keep_metric_names'
        # A point is what was before it.
        return self.ask("/api/v1/query_range", query=query, start=start + width, end=end, step=width, nocache=1)

    def read(self, body: bytes) -> Answer:
        """Take the answer apart."""
        columns: dict[tuple[str, str], list[float]] = {}
        for row in json.loads(body)["data"]["result"]:
            labels = row["metric"]
            columns[labels["__name__"], labels["rollup"]] = [float(value) for _, value in row["values"]]
        voltages = columns[f"{MEASUREMENT}_voltage", "avg"]
        return Answer(len(voltages), sum(voltages) / len(voltages), max(columns[f"{MEASUREMENT}_power", "max"]))


class InfluxDB(Engine):
    """Version 1, the one that a Raspberry Pi's package manager has."""

    name = "InfluxDB"
    server = engines.InfluxDB

    def prepare(self) -> None:
        """Make the database."""
        self.ask("/query", q="CREATE DATABASE juntek")

    def count(self, start: int, end: int) -> int:
        """Ask for the voltages."""
        query = f"SELECT count(voltage) FROM {MEASUREMENT} WHERE time >= {start}s AND time < {end}s"  # noqa: S608
        result = self._result(self.ask("/query", db="juntek", epoch="s", q=query))
        return int(result[0][1]) if result else 0

    def chart(self, question: Question) -> bytes:
        """Ask for all quantities at once."""
        start, end, width = question
        parts = ", ".join(f"min({key}), mean({key}), max({key})" for key in self.quantities)
        query = f"SELECT {parts} FROM {MEASUREMENT} WHERE time >= {start}s AND time < {end}s GROUP BY time({width}s)"  # noqa: S608
        return self.ask("/query", db="juntek", epoch="s", q=query)

    def read(self, body: bytes) -> Answer:
        """Take the answer apart."""
        rows = [row for row in self._result(body) if row[2] is not None]
        power = 1 + 3 * self.quantities.index("power") + 2
        return Answer(len(rows), sum(row[2] for row in rows) / len(rows), max(row[power] for row in rows))

    @staticmethod
    def _result(body: bytes) -> list[list[Any]]:
        (result,) = json.loads(body)["results"]
        if "error" in result:
            raise RuntimeError(f"InfluxDB: {result['error']}")
        rows: list[list[Any]] = result["series"][0]["values"] if "series" in result else []
        return rows


ENGINES: tuple[type[Engine], ...] = (VictoriaMetrics, InfluxDB)


def is_installed(engine: type[Engine]) -> bool:
    """Whether its program is on this machine."""
    return which(engine.server.program) is not None
