"""The measurements themselves: that they run, and the ratio that is promised."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from benchmarks import fleet
from benchmarks.charts import hold_against
from benchmarks.engines import Answer, Engine, InfluxDB, VictoriaMetrics
from benchmarks.figures import Figure, markdown
from benchmarks.page import weigh

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.timeout(600)  # as each measures for a while


def run(*arguments: str, before: str = "") -> subprocess.CompletedProcess[str]:
    code = f"import runpy, sys\n{before}\nsys.argv[0] = 'bench'\nrunpy.run_module('benchmarks', run_name='__main__')"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": "tests"}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_checked_reading_takes_at_most_three_times_as_long_as_a_bare_loop() -> None:
    done = run("--quick", "--json", "--only", "decode")
    assert done.returncode == 0, done.stderr
    figures: list[dict[str, Any]] = json.loads(done.stdout)["figures"]
    ratios = [figure for figure in figures if figure["unit"] == "x"]
    assert len(ratios) == 5
    assert all(0 < ratio["value"] <= 3 for ratio in ratios), ratios
    assert all(ratio["limit"] == 3 for ratio in ratios)


def test_what_cannot_be_measured_is_said_and_fails_where_all_is_required() -> None:
    no_broker = "import servers.mosquitto; servers.mosquitto.find_program = lambda name: None"
    done = run("--quick", "--only", "delay", before=no_broker)
    assert done.returncode == 0
    assert "Not measured: delay: Mosquitto is not installed" in done.stderr
    assert run("--quick", "--only", "delay", "--require-all", before=no_broker).returncode == 1


def test_a_part_that_does_not_exist_is_named() -> None:
    done = run("--only", "decode,speed")
    assert done.returncode == 2
    parts = "decode, believe, charge, gateway, delay, start, history, charts, added, backfill, fleet, page"
    assert f"there is no part speed; there are {parts}" in done.stderr


def test_the_history_takes_no_more_of_the_disk_than_is_promised() -> None:
    done = run("--quick", "--json", "--only", "history")
    assert done.returncode == 0, done.stderr
    figures = {figure["name"]: figure for figure in json.loads(done.stdout)["figures"]}
    size = figures["on disk with all rollups, bytes a reading"]
    assert 1 < size["value"] <= size["aim"] == 45
    assert {name.split(":")[0] for name in figures if ": " in name} >= {
        "chart of hour",
        "chart of week",
        "chart of all",
    }


def test_a_page_weighs_what_is_sent_of_it(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    for name, size in {"index.html": 500, "assets/a.js": 9000, "assets/a.js.gz": 3000}.items():
        (tmp_path / name).write_bytes(bytes(size))
    (tmp_path / ".source").write_bytes(bytes(64))
    assert {figure.name: figure.value for figure in weigh(tmp_path)} == {"not compressed": 9.5, "gzip": 3.5}


def test_without_a_browser_that_is_said_and_the_rest_is_measured() -> None:
    done = run("--quick", "--only", "page", before="import shutil; shutil.which = lambda *_, **__: None")
    assert done.returncode == 0
    is_built = (ROOT / "src/juntek/outputs/web/static/index.html").exists()
    assert f"Not measured: page: {'Chromium is not installed' if is_built else 'The page is not built'}" in done.stderr
    assert ("gzip" in done.stdout) == is_built


@pytest.mark.broker
@pytest.mark.engines
@pytest.mark.parametrize("way", ["listen", "poll"])
def test_every_reading_of_a_fleet_comes_out_everywhere(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet, "SETTLE", 2.0)
    figures = {figure.name: figure for figure in fleet.run_fleet(5, way, 3.0)}
    assert figures["readings sent"].value >= 20
    counted = [figure for figure in figures.values() if figure.limit == 0]
    assert len(counted) == 4
    assert {figure.name: figure.value for figure in counted if figure.value} == {}


def test_figures_of_several_parts_with_the_same_names_share_a_table_in_the_documents() -> None:
    figures = [
        Figure(part=part, name=name, value=value, unit=unit)
        for part, factor in (("10 meters", 1), ("100 meters", 10))
        for name, value, unit in (("CPU", 1.234 * factor, "%"), ("lost", 0.0, ""))
    ]
    assert markdown(figures) == (
        "|  | 10 meters | 100 meters |\n| --- | --- | --- |\n| CPU, % | 1.2 | 12 |\n| lost | 0 | 0 |"
    )


QUANTITIES = ("voltage", "power")
OURS = Answer(points=2, voltage=26.5, power=300.0)


@pytest.mark.parametrize(
    ("engine", "body"),
    [
        (
            VictoriaMetrics,
            {"data": {"result": [
                {"metric": {"__name__": f"reading_{key}", "rollup": way}, "values": [[60, low], [120, high]]}
                for key, way, low, high in (("voltage", "avg", "26", "27"), ("power", "max", "300", "-5"))
            ]}},
        ),
        (
            InfluxDB,
            {"results": [{"series": [{"values": [
                [60, 25, 26, 28, 0, 1, 300], [120, 26, 27, 28, -9, -7, -5], [180, None, None, None, None, None, None]
            ]}]}]},
        ),
    ],
)  # fmt: skip
def test_each_engine_must_say_the_same(tmp_path: Path, engine: type[Engine], body: object) -> None:
    one = engine(tmp_path, QUANTITIES)
    assert one.read(json.dumps(body).encode()) == OURS
    hold_against(one, OURS, json.dumps(body).encode())
    with pytest.raises(RuntimeError, match=f"{one.name} says .* where juntek says"):
        hold_against(one, OURS._replace(power=500.0), json.dumps(body).encode())
