"""The engines behind the tests must keep what they are told to keep, and must be able to say no."""

from __future__ import annotations

import http.server
import threading
import time
from typing import TYPE_CHECKING

import pytest

from servers import installed
from servers.certificates import ServerCertificate
from servers.engine import once_shown
from servers.engines import check_page
from servers.mosquitto import User

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from servers.engines import InfluxDB, Prometheus, VictoriaMetrics

LINE = "juntek,meter=house,site=home voltage_volts=26.5 1700000000000000000"
SERIES = 'juntek_voltage_volts{meter="house",site="home"}'
AT = 1_700_000_000_000
USER = User("house", "se cret")


def shows(engine: VictoriaMetrics, points: list[tuple[int, float]]) -> bool:
    written = {SERIES: points}
    return once_shown(lambda: engine.export("juntek_voltage_volts"), written) == written


def test_victoria_metrics_keeps_what_was_written_over_a_stop(victoria_metrics: VictoriaMetrics) -> None:
    victoria_metrics.write(LINE)
    assert shows(victoria_metrics, [(AT, 26.5)])
    victoria_metrics.restart()
    assert shows(victoria_metrics, [(AT, 26.5)])
    assert victoria_metrics.query("juntek_voltage_volts", time=AT / 1000) == {SERIES: 26.5}
    points = victoria_metrics.query_range("juntek_voltage_volts", AT / 1000, AT / 1000 + 10, 10)
    assert points == {SERIES: [(AT / 1000 + step, 26.5) for step in (0, 10)]}


def test_victoria_metrics_shows_what_was_written_twice(victoria_metrics: VictoriaMetrics) -> None:
    victoria_metrics.write(f"{LINE}\n{LINE}")
    assert shows(victoria_metrics, [(AT, 26.5)] * 2)
    assert victoria_metrics.export("juntek_voltage_volts", AT / 1000 - 1, AT / 1000 + 1)[SERIES]
    assert victoria_metrics.export("juntek_voltage_volts", AT / 1000 + 1) == {}


def test_victoria_metrics_that_died_comes_back_with_its_disk(victoria_metrics: VictoriaMetrics) -> None:
    victoria_metrics.write(LINE)
    victoria_metrics.save()
    victoria_metrics.kill()
    with pytest.raises(OSError, match="refused"):
        victoria_metrics.query("up")
    victoria_metrics.start()
    assert shows(victoria_metrics, [(AT, 26.5)])


def test_victoria_metrics_that_dies_forgets_what_it_has_just_taken(victoria_metrics: VictoriaMetrics) -> None:
    victoria_metrics.write(LINE)
    victoria_metrics.kill()
    victoria_metrics.start()
    assert victoria_metrics.export("juntek_voltage_volts") == {}


def test_victoria_metrics_with_a_password_and_tls(start_victoria_metrics: Callable[..., VictoriaMetrics]) -> None:
    engine = start_victoria_metrics(user=USER, certificate=ServerCertificate.GOOD)
    assert engine.url.startswith("https://")
    assert engine.authority_certificate.exists()
    engine.write(LINE)
    assert shows(engine, [(AT, 26.5)])
    engine.user = None
    assert engine.send("POST", "/write", LINE.encode())[0] == 401


def test_influxdb_keeps_what_was_written_when_it_dies(influxdb: InfluxDB) -> None:
    influxdb.create_database("home")
    influxdb.write("home", LINE)
    influxdb.kill()
    influxdb.start()
    rows = influxdb.query("SELECT * FROM juntek", "home")
    assert rows == [{"time": AT, "meter": "house", "site": "home", "voltage_volts": 26.5}]
    grouped = influxdb.query("SELECT last(voltage_volts) AS last FROM juntek GROUP BY meter", "home")
    assert grouped == [{"meter": "house", "time": AT, "last": 26.5}]


def test_influxdb_refuses_what_is_wrong(influxdb: InfluxDB) -> None:
    influxdb.create_database("home")
    influxdb.write("home", LINE)
    clash = LINE.replace("26.5", '"high"').encode()  # of the same week: each week has its own types
    assert influxdb.send("POST", "/write?db=home", clash)[0] == 400
    assert influxdb.send("POST", "/write?db=home", b"juntek voltage_volts=")[0] == 400
    assert influxdb.send("POST", "/write?db=nowhere", LINE.encode())[0] == 404
    with pytest.raises(AssertionError, match="error parsing query"):
        influxdb.query("SELECT")


def test_influxdb_with_a_password_and_tls(start_influxdb: Callable[..., InfluxDB]) -> None:
    engine = start_influxdb(user=USER, certificate=ServerCertificate.GOOD)
    engine.create_database("home")
    engine.restart()
    engine.write("home", LINE)
    engine.user = None
    assert engine.send("POST", "/write?db=home", LINE.encode())[0] == 401


class _Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"# TYPE water gauge\nwater 3\n")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def page() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Page) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_prometheus_scrapes_its_targets_and_keeps_what_it_saw(
    start_prometheus: Callable[..., Prometheus], page: str
) -> None:
    prometheus = start_prometheus(page)
    end = time.monotonic() + 30
    while prometheus.query("water") != {f'water{{instance="{page}",job="juntek"}}': 3.0}:
        assert time.monotonic() < end, prometheus.targets()
        time.sleep(0.2)
    assert [target["health"] for target in prometheus.targets()] == ["up"]
    prometheus.kill()
    prometheus.start()
    assert prometheus.query("last_over_time(water[5m])")


@pytest.mark.engines
def test_a_bad_page_is_told_by_promtool() -> None:
    assert check_page(b"# HELP water_celsius Of the bath.\n# TYPE water_celsius gauge\nwater_celsius 3\n") == ""
    assert "no help text" in check_page(b"# TYPE water_celsius gauge\nwater_celsius 3\n")
    assert "parsing error" in check_page(b"water\n")


@pytest.mark.parametrize(("required", "outcome"), [("", pytest.skip.Exception), ("tea,engines", pytest.fail.Exception)])
def test_missing_engines_are_left_out_with_a_remedy_or_fail_where_they_are_required(
    monkeypatch: pytest.MonkeyPatch, required: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("JUNTEK_REQUIRE", required)
    with pytest.raises(outcome, match=r"influxdb, prometheus, victoria-metrics; run .*install-test-servers --engines"):
        installed.need_engines()
