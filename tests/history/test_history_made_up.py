"""Quantities of another package are kept, charted and exported, in a database that is there already too."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from history.made import readings, record, rows_in, run

QUANTITIES = """
    from juntek.quantity.row import Chart, Quantity

    ROWS = (
        Quantity("cell_spread", "Cell spread", "mV", "voltage", "instant", 1, per_unit=10, chart=Chart(10)),
        Quantity("solar_energy", "Solar energy", "Wh", "energy", "total", 1, per_unit=10),
        Quantity("alarm_count", "Alarms", "", "", "state", per_unit=1),
        Quantity("fullness", "Fullness", "%", "ratio", "instant", 0, per_unit=100,
                 source=lambda reading: 100 - (reading.state_of_charge or 0)),
    )
"""
KEYS = ("cell_spread", "solar_energy", "alarm_count", "fullness")
WRITE = """
    import json, sys
    from pathlib import Path
    from history.made import START, readings, record
    from juntek.history.queries import HistoryReader, SERIES_KEYS, csv_pieces

    path = Path(sys.argv[1])
    record(path, [
        reading._replace(more={"cell_spread": 3.5 + n % 2, "solar_energy": n / 10, "alarm_count": n})
        for n, reading in enumerate(readings(3000, 7200))
    ])
    with HistoryReader(path, clock=lambda: START) as reader:
        keys = ("cell_spread", "solar_energy", "fullness")
        told = {}
        for name, points in (("readings", 20_000), ("seconds", 500), ("minutes", 60), ("days", 5)):
            span = (START, START + 10_800) if name != "days" else (START - 2 * 86_400, START + 2 * 86_400)
            series = reader.series("house", keys, *span, points)
            column = series.columns
            told[name] = [series.resolution, column["cell_spread"].average[-1], column["solar_energy"].last[-1],
                          sum(step or 0 for step in column["solar_energy"].increase), column["fullness"].average[-1]]
        csv = b"".join(csv_pieces(reader.readings("house", START, START + 20_000))).decode().splitlines()
    print(json.dumps({"keys": SERIES_KEYS, "told": told, "csv": [csv[0], csv[1], csv[-1]]}))
"""
READ = """
    import sys
    from pathlib import Path
    from history.made import assert_rollups_are_right
    from datetime import UTC
    assert_rollups_are_right(Path(sys.argv[1]), UTC)
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half an hour that was written before the package was there."""
    path = tmp_path_factory.mktemp("made-up") / "history.db"
    record(path, readings(0, 2000))
    return path


@pytest.fixture(scope="module")
def answer(path: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the history says with the package."""
    package = tmp_path_factory.mktemp("package")
    file = package / "juntek" / "quantity" / "more.py"
    file.parent.mkdir(parents=True)
    file.write_text(dedent(QUANTITIES))
    told: dict[str, Any] = json.loads(run(WRITE, path, package=package).stdout)
    return told


def test_it_is_charted(answer: dict[str, Any]) -> None:
    assert {"cell_spread", "solar_energy", "fullness"} < set(answer["keys"])
    assert "alarm_count" not in answer["keys"]
    told = answer["told"]
    assert told["readings"][:3] == [0, 4.5, 719.9]
    assert told["seconds"][2] == told["minutes"][2] == told["days"][2] == 719.9
    assert told["minutes"][3] == pytest.approx(719.9)
    assert told["days"][3] == pytest.approx(719.9)
    assert told["days"][1] == pytest.approx(4.0)
    assert {round(some[4]) for some in told.values()} <= set(range(20, 60))


def test_it_is_exported(answer: dict[str, Any]) -> None:
    headings, first, last = (line.split(",") for line in answer["csv"])
    assert [dict(zip(headings, first, strict=True))[key] for key in KEYS[:3]] == ["", "", ""]
    assert [dict(zip(headings, last, strict=True))[key] for key in KEYS[:3]] == ["4.5", "719.9", "7199"]


def test_without_the_package_all_else_is_there(path: Path, answer: dict[str, Any]) -> None:
    assert answer
    rows = rows_in(path)
    assert len(rows) == 9200
    assert not set(KEYS) & set(rows[0])
    record(path, readings(10_200, 100))
    run(READ, path)
