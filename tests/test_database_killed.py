"""A gateway that is killed at any moment: no total that was shown steps back, and nothing is counted twice.

Run as a program, this file is the gateway: it reads a simulated battery from a tick on, commits every ten readings
and prints the totals of each commit.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from juntek.battery.ledger import Ledger
from juntek.history import Database
from metered import MeteredBattery

START = 1_780_000_000.0
ZONE = ZoneInfo("Europe/Amsterdam")
COMMIT_EVERY = 10
KILLS = 20
LIFETIME = ("discharged_capacity", "charged_capacity", "discharged_energy", "charged_energy")


def battery_from(family: str) -> Iterator[tuple[float, MeteredBattery]]:
    """Yield the battery at each second of its life, the same life each time."""
    battery, dice = MeteredBattery(family, remaining=200.0), random.Random(7)
    current = 0.0
    for tick in count():
        if tick % 60 == 0:
            current = round(dice.uniform(-90, 90), 2)
        battery.step(current, 52.0 + current / 100)
        battery.flow(1, current)
        yield START + tick, battery


def run(path: str, family: str, first: int, ticks: int) -> None:
    """Be the gateway."""
    with Database(path) as database:
        saved = database.load_ledgers().get("house")
        ledger = Ledger.restore(saved, ZONE) if saved else Ledger(ZONE)
        if saved:
            show(first - 1, ledger)
        for tick, (now, battery) in enumerate(islice(battery_from(family), first + ticks)):
            if tick < first:
                continue
            ledger.add(battery.reading(now))
            if tick % COMMIT_EVERY == 0 or tick == first + ticks - 1:
                database.save_ledgers({"house": ledger.snapshot()}, now)
                show(tick, ledger)


def show(tick: int, ledger: Ledger) -> None:
    """Publish what is committed."""
    totals = ledger.totals()
    line = {"tick": tick, "estimated": totals.estimated, **{key: getattr(totals, key) for key in LIFETIME}}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def gateway(path: Path, family: str, first: int, ticks: int) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, str(path), family, str(first), str(ticks)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize(("family", "longest_stop"), [("KG-F", 1500), ("KH-F", 1500), ("unknown", 30)])
def test_a_gateway_killed_at_random_moments_shows_totals_that_only_grow(
    tmp_path: Path, family: str, longest_stop: int
) -> None:
    dice = random.Random(family)
    path, tick, shown = tmp_path / "history.db", 0, dict.fromkeys(LIFETIME, 0.0)
    for kill in range(KILLS + 1):
        last = kill == KILLS
        process = gateway(path, family, tick, 500 if last else 1_000_000)
        assert process.stdout is not None
        lines = islice(process.stdout, None if last else dice.randint(1, 40))
        seen = [json.loads(line) for line in lines]
        if not last:
            time.sleep(dice.uniform(0, 0.004))
            process.send_signal(signal.SIGKILL)
            # What it had shown by then is already in the pipe; the last line may be half a line.
            seen += [json.loads(line) for line in process.stdout if line.endswith("\n")]
        process.wait()
        process.stdout.close()
        for line in seen:
            assert all(line[key] >= shown[key] for key in LIFETIME), (shown, line)
            shown = line
        tick = max(line["tick"] for line in seen) + 1 + (0 if last else dice.randint(0, longest_stop))
    now, battery = next(islice(battery_from(family), tick - 1, None))
    truth = dict(zip(LIFETIME, (*battery.capacity, *battery.energy), strict=True))
    exact = {
        "KG-F": {"discharged_capacity": 0.0011, "charged_energy": 0.011},
        "KH-F": {"discharged_energy": 0.011, "charged_energy": 0.011},
        "unknown": {},
    }[family]
    for key, true in truth.items():
        # Without counters the stops are bridged by straight lines, and a load that changed in one is missed.
        tolerance = exact.get(key, true * (0.02 if family != "unknown" else 0.1))
        assert shown[key] == pytest.approx(true, abs=tolerance), key
        assert true > 1
    assert now == START + tick - 1


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
