"""What every test of the loop needs: less patience than an owner's, and nothing left open or running."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from juntek.simulator import wires
from links.peers import open_files
from meter.served import ENOUGH


@pytest.fixture(autouse=True)
def quick_displays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Displays that ask as often as the lines of these tests do."""
    monkeypatch.setattr(wires, "NEWER_PAUSE", 0.03)
    monkeypatch.setattr(wires, "OLDER_PAUSE", 0.04)


@pytest.fixture(autouse=True)
async def nothing_is_left_behind() -> AsyncIterator[None]:
    """No file descriptor and no task survives a test."""
    before = open_files()
    yield
    for _ in range(int(ENOUGH / 0.01)):
        if len(open_files()) <= len(before) and len(asyncio.all_tasks()) == 1:
            return
        await asyncio.sleep(0.01)
    assert open_files() == before
    assert {task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()} == set()


@pytest.fixture(params=["tcp", "pty"])
def port(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    """Where a simulation is served: None for TCP, else the path of a pseudo terminal."""
    return tmp_path / "meter" if request.param == "pty" else None
