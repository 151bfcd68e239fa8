"""The past that the demo's meters have behind them: it ends where the live simulation begins."""

from __future__ import annotations

import asyncio
import runpy
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from history.made import TOTALS, rows_in
from juntek.battery.ledger import Ledger
from juntek.demo import fill_past, make_meters
from juntek.exchange import Options
from juntek.history import Database
from juntek.reading import Reading
from juntek.rs485.bus import Bus
from juntek.rs485.framing import encode

ROOT = Path(__file__).parents[2]
NOW = datetime.now(UTC).replace(microsecond=0)


def test_the_past_of_the_demo_goes_over_into_its_present(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("juntek.demo.STRETCHES", ((timedelta(days=2), 120.0), (timedelta(hours=2), 20.0)))
    path, told = tmp_path / "demo.db", []
    meters = make_meters(NOW)
    tell = lambda completed, total: told.append(completed / total)  # noqa: E731
    sites = asyncio.run(fill_past(path, meters, NOW, UTC, tell))
    assert all(a < b for a, b in pairwise(told))
    assert told[-1] == 1
    with Database(path) as database:
        ledgers = database.load_ledgers()
    for meter, site in zip(meters, sites, strict=True):
        name, options = meter.name, meter.options
        rows = rows_in(path, name)
        assert len(rows) == 46 * 30 + 2 * 180
        assert NOW.timestamp() - rows[-1]["time"] <= 20
        assert rows[-1]["charged_energy"] > 1000
        ledger = Ledger.restore(ledgers[name], UTC)
        bus = Bus({options.addresses[0]: Options()})
        (live,) = (
            event
            for event in bus.feed(encode("r50", site.meter.address, site.meter.numbers()), NOW.timestamp())
            if isinstance(event, Reading)
        )
        ledger.add(live)
        for key in TOTALS:
            assert 0 <= getattr(ledger.totals(), key) - rows[-1][key] < 100


def test_the_demo_of_compose_has_its_past(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("juntek.demo.STRETCHES", ((timedelta(hours=1), 20.0),))
    monkeypatch.setenv("JUNTEK_TIME_ZONE", "Europe/Berlin")
    script = tmp_path / "make_past.py"
    script.write_text((ROOT / "contrib/compose/make_past.py").read_text().replace("/var/lib/juntek", str(tmp_path)))
    runpy.run_path(str(script))
    assert {name: len(rows_in(tmp_path / "juntek.db", name)) for name in ("house", "boat")} == {
        "house": 180,
        "boat": 180,
    }
