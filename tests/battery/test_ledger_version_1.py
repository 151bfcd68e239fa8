"""Totals that an earlier version saved go on: nothing is lost, nothing is made up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from juntek.battery.ledger import Ledger
from metered import MeteredBattery

ZONE = ZoneInfo("Europe/Amsterdam")
SAVED: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "fixtures" / "ledger_version_1.json").read_text()
)


@pytest.mark.parametrize("name", SAVED)
def test_totals_of_an_earlier_version_go_on(name: str) -> None:
    saved = SAVED[name]
    battery = MeteredBattery(saved["family"], saved["counting"], remaining=saved["remaining"])
    battery.capacity, battery.energy = list(saved["capacity"]), list(saved["energy"])
    battery.current, time = saved["current"], saved["time"]
    ledger = Ledger.restore(saved["snapshot"], ZONE)
    totals = ledger.totals()
    before = (totals.discharged_capacity, totals.charged_capacity, totals.discharged_energy, totals.charged_energy)
    assert before == tuple(saved["totals"])
    again = Ledger.restore(ledger.snapshot(), ZONE)
    assert again.totals() == totals
    for second in range(1200):
        battery.flow(1, -20.0 if second < 600 else 30.0)
        time += 1
        again.add(battery.reading(time))
    totals = again.totals()
    moved = [total - start for total, start in zip((*battery.capacity, *battery.energy),
                                                   (*saved["capacity"], *saved["energy"]), strict=True)]  # fmt: skip
    after = (totals.discharged_capacity, totals.charged_capacity, totals.discharged_energy, totals.charged_energy)
    grown = [new - old for new, old in zip(after, before, strict=True)]
    assert grown == pytest.approx(moved, rel=0.02, abs=0.03)
    assert totals.estimated == ()
    assert again.notice is None
