"""Disks on their worst days: one that is full, and one that has lost a page. No total that was shown steps back."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.controlled import running_gateway
from gateway.test_totals import ZONE, configured, first, reading
from history.made import readings
from history.test_inspection import damage, pages_of
from juntek.gateway.totals import TotalsKeeper
from juntek.history import Database
from juntek.history.recorder import Recorder
from meter.served import until


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1M", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Write until nothing fits any more."""
    path = folder / "full"
    with path.open("wb", buffering=0) as file:
        for size in (4096, 1):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError:
                continue
    return path


async def keeper(path: Path) -> TotalsKeeper:
    totals = TotalsKeeper(lambda: Database(path, check=False), configured("house"), ZONE, lambda: 1_750_000_000.0)
    await totals.open()
    return totals


async def test_no_total_steps_back_that_was_shown_while_the_disk_was_full(small_disk: Path) -> None:
    path = small_disk / "juntek.db"
    totals = await keeper(path)
    first(totals)
    await totals.commit()
    fill(small_disk)
    shown, told = [], set()
    for second in range(1, 2000):
        shown.append(totals.accounts["house"].add(reading(second)).discharged_capacity or 0.0)
        if second % 10 == 0:
            await totals.commit()
            told.add(totals.accounts["house"].notice())
    assert any("full" in (notice or "") for notice in told)
    await totals.close()
    assert shown == sorted(shown)
    (small_disk / "full").unlink()
    again = await keeper(path)
    assert (again.accounts["house"].add(reading(2001)).discharged_capacity or 0.0) >= shown[-1]
    again.accounts["house"].add(reading(2002))
    await again.commit()
    assert again.accounts["house"].add(reading(2003)).discharged_capacity == pytest.approx(25.02)
    await again.close()


async def test_a_damaged_page_of_old_minutes_is_told_and_totals_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "juntek.db"
    totals = await keeper(path)
    first(totals)
    await totals.close()
    with Database(path) as database:
        Recorder(database).record({"house": [made for tick in range(0, 86_400, 20) for made in readings(tick, 1)]})
    damage(path, pages_of(path, "minute")[20])
    text = f'[[meters]]\nname = "house"\nlink = "socket://127.0.0.1:1"\n[history]\npath = "{path}"\n'
    async with running_gateway(tmp_path, text) as gateway:
        await until(lambda: gateway.context.look_at_history()[0] == "damaged")
        assert str(path) in (gateway.context.look_at_history()[1] or "")
        assert gateway.totals.accounts["house"].add(reading(1)).discharged_capacity == 5.0
        assert [record.message for record in caplog.records if "repair" in record.message]


async def test_a_damaged_ledger_is_told_and_leaves_the_totals_unknown(tmp_path: Path) -> None:
    path = tmp_path / "juntek.db"
    totals = await keeper(path)
    first(totals)
    await totals.close()
    with sqlite3.connect(path) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'ledger'").fetchone()
    connection.close()
    damage(Path(shutil.copy(path, tmp_path / "damaged.db")), root, zeros=True)
    totals = await keeper(tmp_path / "damaged.db")
    assert totals.accounts["house"].add(reading(1)).discharged_capacity is None
    assert "juntek history repair" in (totals.accounts["house"].notice() or "")
