"""Real VictoriaMetrics, InfluxDB 1 and Prometheus; rule: each answers in its own words, and `engine` says how it lives.

All calls block: in an async test, ask in a thread.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from servers.engine import Engine
from servers.process import free_port

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from servers.certificates import KeyPair, ServerCertificate
    from servers.mosquitto import User

PACKAGES: Final = {
    "victoria-metrics": "victoria-metrics",
    "influxd": "influxdb",
    "prometheus": "prometheus",
    "docker-compose": "docker-compose",  # no engine itself: it only reads compose.yaml
}
"""The Debian package of each program."""


def missing_engines() -> list[str]:
    """Debian packages that are not on this machine."""
    programs = [*PACKAGES.items(), ("promtool", "prometheus"), ("vmalert", "victoria-metrics")]
    return sorted({package for program, package in programs if shutil.which(program) is None})


def series_name(labels: Mapping[str, str]) -> str:
    """Write name and labels as the engines' query language does: `juntek_meter_up{meter="house",site="home"}`."""
    pairs = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()) if key != "__name__")
    return f"{labels.get('__name__', '')}{{{pairs}}}"


class _PromQL(Engine):
    """What VictoriaMetrics and Prometheus have in common: their query API; times are s since 1970."""

    def query(self, query: str, **values: object) -> dict[str, float]:
        """Return the value of each series now, or at `time`."""
        rows = self._result("/api/v1/query", query=query, **values)
        return {series_name(row["metric"]): float(row["value"][1]) for row in rows}

    def query_range(self, query: str, start: float, end: float, step: float) -> dict[str, list[tuple[float, float]]]:
        """Return the points of each series, as (s since 1970, value)."""
        rows = self._result("/api/v1/query_range", query=query, start=start, end=end, step=step, nocache=1)
        return {series_name(row["metric"]): [(at, float(value)) for at, value in row["values"]] for row in rows}

    def _result(self, path: str, **values: object) -> list[dict[str, Any]]:
        answer = json.loads(self.ask(path, **values))
        result: list[dict[str, Any]] = answer["data"]["result"]
        return result


class VictoriaMetrics(_PromQL):
    """Keeps data of any age and shows them at once; `flags` are added to its command line.

    It takes line protocol at /write, and answers 204 to bad lines too. What it has taken is safe from kill() only
    after about ten seconds, or after `save`. The same point written twice stays twice, unless started with the flag
    "-dedup.minScrapeInterval=1ms".
    """

    program = "victoria-metrics"
    ready_path = "/health"

    def __init__(
        self,
        directory: Path,
        *flags: str,
        user: User | None = None,
        certificate: ServerCertificate | None = None,
    ) -> None:
        self._flags = flags
        super().__init__(directory, user=user, certificate=certificate)

    def export(
        self, match: str, start: float | None = None, end: float | None = None
    ) -> dict[str, list[tuple[int, float]]]:
        """Return all points of all series that `match`, as (ms since 1970, value), exactly as they were written.

        `start` and `end` are s since 1970. What was written twice stands here twice.
        """
        self.flush()
        limits = {name: value for name, value in (("start", start), ("end", end)) if value is not None}
        points: dict[str, list[tuple[int, float]]] = {}
        for line in self.ask("/api/v1/export", **{"match[]": match}, **limits).splitlines():
            row = json.loads(line)
            pairs = zip(row["timestamps"], row["values"], strict=True)
            points.setdefault(series_name(row["metric"]), []).extend(pairs)
        return {name: sorted(values) for name, values in points.items()}

    def flush(self) -> None:
        """Let queries see all that was written; without this it takes a second."""
        self.ask("/internal/force_flush")

    def save(self) -> None:
        """Bring all that was written to the disk, by way of a snapshot."""
        self.ask("/snapshot/create")

    def write(self, lines: str, **values: object) -> None:
        """Hand over line protocol, times in ns unless `precision` says otherwise."""
        status, body = self.send("POST", f"/write?{urlencode(values)}", lines.encode())
        assert status < 300, body

    def _command(self, key_pair: KeyPair | None) -> list[str]:
        command = [
            self.program,
            f"-storageDataPath={self._directory / 'victoria-metrics'}",
            f"-httpListenAddr={self.host}:{self.port}",
            "-retentionPeriod=100y",
            "-search.latencyOffset=0s",
            *self._flags,
        ]
        if self.user:
            command += [f"-httpAuth.username={self.user.name}", f"-httpAuth.password={self.user.password}"]
        if key_pair:
            command += ["-tls", f"-tlsCertFile={key_pair.certificate}", f"-tlsKeyFile={key_pair.key}"]
        return command


class InfluxDB(Engine):
    """Version 1, the strictest judge of line protocol: a bad line or a clash of types is 400, no database is 404."""

    program = "influxd"
    ready_path = "/ping"

    def start(self) -> None:
        """Start as before; the `user` is made at the first start and may do everything."""
        super().start()
        if self.user:
            self.query(f"CREATE USER \"{self.user.name}\" WITH PASSWORD '{self.user.password}' WITH ALL PRIVILEGES")

    def create_database(self, name: str) -> None:
        self.query(f'CREATE DATABASE "{name}"')

    def query(self, query: str, database: str = "", epoch: str = "ms") -> list[dict[str, Any]]:
        """Return the rows of all series, columns and tags by name; times are whole `epoch` since 1970."""
        answer = json.loads(self.ask("/query", db=database, epoch=epoch, q=query))
        rows: list[dict[str, Any]] = []
        for result in answer["results"]:
            if "error" in result:
                raise AssertionError(f"InfluxDB: {result['error']}")
            for series in result.get("series", ()):
                tags = series.get("tags", {})
                rows += [tags | dict(zip(series["columns"], values, strict=True)) for values in series["values"]]
        return rows

    def write(self, database: str, lines: str, precision: str = "ns") -> None:
        """Hand over line protocol."""
        query = urlencode({"db": database, "precision": precision})
        status, body = self.send("POST", f"/write?{query}", lines.encode())
        assert status < 300, body

    def _command(self, key_pair: KeyPair | None) -> list[str]:
        data, settings = self._directory / "influxdb", self._directory / "influxdb.conf"
        lines = [
            "reporting-disabled = true",
            f'bind-address = "{self.host}:{free_port()}"',
            f'[meta]\ndir = "{data}/meta"',
            f'[data]\ndir = "{data}/data"\nwal-dir = "{data}/wal"\nquery-log-enabled = false',
            f'[http]\nbind-address = "{self.host}:{self.port}"\nlog-enabled = false',
            f"auth-enabled = {str(self.user is not None).lower()}",
        ]
        if key_pair:
            lines += [
                "https-enabled = true",
                f'https-certificate = "{key_pair.certificate}"',
                f'https-private-key = "{key_pair.key}"',
            ]
        settings.write_text("\n".join([*lines, ""]), encoding="utf-8")
        return [self.program, "-config", str(settings)]


class Prometheus(_PromQL):
    """Scrapes `targets` (HOST:PORT) every second; `rules` are files of alert or recording rules."""

    program = "prometheus"
    ready_path = "/-/ready"

    def __init__(self, directory: Path, *targets: str, rules: Sequence[Path] = ()) -> None:
        self._targets, self._rules = targets, rules
        super().__init__(directory)

    def targets(self) -> list[dict[str, Any]]:
        """What it says of each target: `health` (up, down, unknown), `lastError`, `lastScrapeDuration` and more."""
        body = json.loads(self.send("GET", "/api/v1/targets")[1])
        found: list[dict[str, Any]] = body["data"]["activeTargets"]
        return found

    def _command(self, _: KeyPair | None) -> list[str]:
        settings = self._directory / "prometheus.yml"
        configuration = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(path) for path in self._rules],
            "scrape_configs": [{"job_name": "juntek", "static_configs": [{"targets": list(self._targets)}]}],
        }
        settings.write_text(json.dumps(configuration), encoding="utf-8")  # JSON is YAML
        return [
            self.program,
            f"--config.file={settings}",
            f"--storage.tsdb.path={self._directory / 'prometheus'}",
            f"--web.listen-address={self.host}:{self.port}",
        ]


def check_page(page: bytes) -> str:
    """Return what the real `promtool check metrics` finds wrong with a page; empty when nothing is."""
    done = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, check=False)
    said = (done.stdout + done.stderr).decode(errors="replace").strip()
    return said or ("" if done.returncode == 0 else f"promtool: status {done.returncode}")
