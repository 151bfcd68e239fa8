"""What the log of the gateway tells of a meter: once that it works, and every time that it falls silent or is back."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from gateway.controlled import running_gateway
from juntek.config import load
from juntek.gateway import Gateway
from juntek.gateway.account import MOST_TOLD
from juntek.meter import Timing
from juntek.simulator import Options, Simulation
from juntek.update import Health, Update
from meter.served import until


async def test_a_meter_that_falls_silent_twice_is_told_twice_and_so_is_its_return(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("juntek.meter.line.TIMING", Timing(patience=0.8, watch=0.05))
    caplog.set_level(logging.INFO, "juntek.gateway")

    async def told(words: str, times: int) -> None:
        await until(lambda: sum(words in message for message in caplog.messages) >= times)

    async with Simulation(Options()) as house:
        text = f'[[meters]]\nname = "house"\nlink = "{house.url}"\nmode = "poll"\ninterval = 0.1\n'
        async with running_gateway(tmp_path, text):
            await told("house: polling", 1)
            await told("firmware", 1)  # all that is told of it at first has been heard
            for time in (1, 2):
                house.silence()
                await told("house: No answer", time)
                house.silence(silent=False)
                await told("house: polling", time + 1)
    (introduction,) = (message for message in caplog.messages if "firmware" in message)
    assert re.fullmatch(r"house: KG140F, firmware \d\.\d\d, \d\d\.\d V, \d+ %", introduction)


def test_a_link_that_comes_and_goes_all_day_does_not_fill_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "juntek.gateway")
    path = tmp_path / "juntek.toml"
    path.write_text('[[meters]]\nname = "house"\nlink = "/dev/ttyUSB0"\n')
    gateway = Gateway(load(path, {"HOME": str(tmp_path)}))
    now = 0.0
    monkeypatch.setattr("juntek.gateway.account.time.monotonic", lambda: now)
    for now in range(0, 86_400, 4):  # noqa: B007 - the clock reads it
        for health in (Health(mode="poll", connected=True), Health(mode="poll", error="The link was lost.")):
            gateway._take(Update("house", available=False, reading=None, identity=None, settings=None, health=health))
    lines = [message for message in caplog.messages if message.startswith("house: ")]
    assert len(lines) <= 24 * (MOST_TOLD + 1)
    assert "house: The link was lost." in lines
    assert lines[MOST_TOLD] != lines[MOST_TOLD - 2], "it says that it says no more"
