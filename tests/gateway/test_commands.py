"""The gateway's one door for commands: an output sends, the line has its turn, the meter is asked what became of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.controlled import running_gateway
from juntek import LinkError, RequestError
from juntek.simulator import Options, Simulation
from meter.served import until

TWO = (
    '[[meters]]\nname = "house"\nlink = "{}"\nmode = "poll"\n[[meters]]\nname = "boat"\nlink = "socket://127.0.0.1:1"\n'
)


async def test_a_command_reaches_the_meter_it_names_and_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "juntek")
    async with Simulation(Options()) as simulation:
        text = f'{TWO.format(simulation.url)}[history]\npath = "{tmp_path / "juntek.db"}"\n'
        async with running_gateway(tmp_path, text) as gateway:
            latest = gateway.context.latest
            await until(lambda: "house" in latest and latest["house"].settings is not None)
            assert await gateway.context.send("house", "nominal_capacity", 123.0) == "obeyed"
            settings = latest["house"].settings
            assert settings is not None
            assert settings.nominal_capacity == 123.0
            assert await gateway.context.send("house", "clear_totals", None) == "obeyed"
            assert "None" not in caplog.text
            with pytest.raises(RequestError):
                await gateway.send("house", "full_voltage", 14.4)
            with pytest.raises(RequestError):
                await gateway.send("cellar", "nominal_capacity", 123.0)
            with pytest.raises(LinkError):
                await gateway.send("boat", "nominal_capacity", 123.0)
