"""From a fresh Debian with a clone of the repository to a page and entities, by one more line."""

from __future__ import annotations

import json
import sys
import time

import pytest

from packages.machine import Machine

pytestmark = [pytest.mark.packaging, pytest.mark.timeout(300)]

PORT = "/run/meter"
METER = f"""
import asyncio, pathlib
from juntek.simulator import Options, Simulation
async def main():
    async with Simulation(Options(pty=pathlib.Path("{PORT}"))) as meter:
        await meter.run()
asyncio.run(main())
"""
"""A meter at a serial port, on a computer on which nothing is installed yet."""
WHEELS = "/var/wheels"
PAGE = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8140/{}').read().decode())"


@pytest.fixture(scope="module")
def ready(machine: Machine, source: str) -> Machine:
    """A computer with a meter and a broker; what pip would fetch lies there, as it has no network but its own."""
    serve = ("systemd-run", "--quiet", "--unit=meter", f"--setenv=PYTHONPATH={source}/src", "python3", "-c", METER)
    machine.run(*serve)
    machine.run("python3", "-m", "venv", "/var/pip")
    fetch = ("/var/pip/bin/pip", "download", "--quiet", "--dest", WHEELS, "--constraint", "/var/constraints")
    machine.write(
        "/var/constraints", machine.ask("sed", "-f", f"{source}/packaging/smaller.sed", f"{source}/constraints.txt")
    )
    machine.run(*fetch, f"{source}[mqtt,web,timeseries,metrics]", "hatchling>=1.27", network=True)
    machine.wait_for("a meter", lambda: machine.exists(PORT))
    machine.run("sh", "-c", f"chgrp dialout $(readlink {PORT}) && chmod 660 $(readlink {PORT})")
    return machine


def test_one_line_leads_to_a_page_with_numbers_and_to_entities(
    ready: Machine, source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    start = time.monotonic()
    variables = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": WHEELS}
    done = ready.run(f"{source}/scripts/install", "--yes", "--link", PORT, "--page", "local", environment=variables)
    assert ready.show("ActiveState") == "active"
    assert "http://127.0.0.1:8140" in done.stdout
    assert "<html" in ready.ask("python3", "-c", PAGE.format(""))

    def has_numbers() -> bool:
        told = ready.ask("python3", "-c", PAGE.format("api/meters"))
        return '"voltage":5' in told.replace(" ", "")

    ready.wait_for("numbers on the page", has_numbers)
    hear = "import paho.mqtt.subscribe as s; print(s.simple('homeassistant/device/+/config').payload.decode())"
    entities = json.loads(ready.run("timeout", "10", "/opt/juntek/bin/python", "-c", hear).stdout)["components"]
    assert len(entities) > 5
    ready.wait_for("a status", lambda: ready.show("StatusText").endswith("MQTT connected"))
    with capsys.disabled():
        seconds = time.monotonic() - start
        sys.stdout.write(f"\nFrom a Debian with a copy of juntek to page and entities: {seconds:.0f} s.\n")


def test_the_same_line_again_asks_nothing_and_keeps_what_was_written_by_hand(ready: Machine, source: str) -> None:
    file = "/etc/juntek/juntek.toml"
    ready.write(file, (ready.root / file.lstrip("/")).read_text() + "# by hand\n")
    before = (ready.root / file.lstrip("/")).read_text()
    ready.run(f"{source}/scripts/install", environment={"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": WHEELS})
    assert (ready.root / file.lstrip("/")).read_text() == before
    assert ready.show("ActiveState") == "active"
