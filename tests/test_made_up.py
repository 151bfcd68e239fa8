"""A quantity, a family and an output are a file each: those of another package are found everywhere, by being there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

QUANTITY = '''
    """How often the battery was emptied and filled."""
    from juntek.quantity.row import Chart, Quantity

    ROWS = (
        Quantity("cycle_count", "Cycles", "", "", "instant", 1, per_unit=10, help="Full cycles.", chart=Chart(10)),
        Quantity("fullness", "Fullness", "%", "ratio", "instant", 0, help="How full, 0 to 1.",
                 source=lambda reading: 100 - (reading.state_of_charge or 0)),
    )
'''
FAMILY = '''
    """A family with its own digit in r00, another order of its fields, and counters of its own."""
    from juntek.rs485.family import Field, Layout, Model

    SOURCE = "made up"
    READINGS = Layout("r50", (
        Field(index=2, key="direction", high=1, kind="flag", source=SOURCE),
        Field(index=3, key="remaining_capacity", scale=1000, high=10**8, kind="stock", step=30, source=SOURCE),
        Field(index=4, key="current", scale=100, high=75_000, kind="level", step=40, source=SOURCE),
        Field(index=5, key="voltage", scale=100, high=62_000, kind="level", step=4, source=SOURCE),
        Field(index=6, key="charged_capacity", scale=1000, kind="counter", step=30, source=SOURCE),
        Field(index=7, key="discharged_capacity", scale=1000, kind="counter", step=30, source=SOURCE),
        Field(index=8, key="output_state", high=255, kind="flag", source=SOURCE),
        Field(index=9, key="cycle_count", scale=10, high=100_000, source=SOURCE),
        Field(index=10, key="temperature", offset=100, low=75, high=225, kind="level", step=1, absent=79,
              source=SOURCE),
    ))
    SETTINGS = Layout("r51", (
        Field(index=2, key="nominal_capacity", scale=10, low=1, high=99_999, write=28, source=SOURCE),
    ))
    MODEL = Model(family="KA-F", prefix="KA", series={7: "shunt"}, readings=READINGS, settings=SETTINGS)
'''


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder on the path that adds two files, and touches nothing else."""
    folder = tmp_path_factory.mktemp("package")
    for name, text in (("quantity/cycles.py", QUANTITY), ("rs485/families/ka_f.py", FAMILY)):
        path = folder / "juntek" / name
        path.parent.mkdir(parents=True)
        path.write_text(dedent(text))
    return folder


def run(package: Path, code: str, *arguments: str, stdin: bytes = b"") -> str:
    paths = [str(package), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(
        [sys.executable, "-c", dedent(code), *arguments],
        input=stdin, capture_output=True, check=False, env=environment, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


LINES = b"""
:r00=3,181,7140,110,7,
:r51=3,201,2000,
:r50=3,217,0,150000,3000,1320,5000,7000,0,123,120,
:r50=3,1,1,150008,3000,1340,5008,7000,0,124,120,
"""


def checked(lines: bytes) -> bytes:
    """Return the lines with checksums that are right."""
    told = []
    for line in lines.split():
        head, _, *numbers = line.rstrip(b",").split(b",")
        told.append(b",".join([head, b"%d" % (sum(map(int, numbers)) % 255 + 1), *numbers, b""]))
    return b"\r\n".join(told) + b"\r\n"


def decoded(package: Path) -> list[dict[str, Any]]:
    code = "import sys; sys.argv[0] = 'juntek'; from juntek.cli import main; sys.exit(main())"
    told = run(package, code, "decode", "-", "--format", "json", stdin=checked(LINES))
    return [json.loads(line) for line in told.splitlines()]


def test_decode_knows_the_family_and_the_quantity(package: Path) -> None:
    identity, settings, first, second = decoded(package)
    assert (identity["family"], identity["model"], identity["sensor"]) == ("KA-F", "KA140F", "shunt")
    assert settings["nominal_capacity"] == 200.0
    assert (first["kind"], first["voltage"], first["current"], first["cycle_count"]) == ("reading", 13.2, -30.0, 12.3)
    assert (second["current"], second["charged_capacity"], second["cycle_count"]) == (30.0, 5.008, 12.4)
    assert first["fullness"] == 25.0
    assert first["temperature"] == 20


def test_metrics_have_names_for_it(package: Path) -> None:
    code = "from juntek.metric import READING_METRICS; print(*(metric.name for metric in READING_METRICS))"
    assert {"juntek_cycle_count", "juntek_fullness_ratio"} <= set(run(package, code).split())


@pytest.mark.parametrize(("family", "status"), [("KA-F", "0"), ("KX-F", "2")])
def test_the_configuration_takes_the_family_and_no_other(
    package: Path, tmp_path: Path, family: str, status: str
) -> None:
    path = tmp_path / "juntek.toml"
    path.write_text(f'[[meters]]\nname = "house"\nlink = "replay:bus.log"\nmodel = "{family}"\n')
    code = """
        import sys
        from juntek.config import load
        from juntek.errors import ConfigurationError
        from pathlib import Path
        try:
            (meter,) = load(Path(sys.argv[1]), {}).meters
            print(0, meter.options.options.family)
        except ConfigurationError as error:
            print(2, error)
    """
    told = run(package, code, str(path))
    assert told.split()[0] == status
    assert "KA-F" in told


def test_a_program_without_the_package_knows_neither() -> None:
    code = """
        from juntek.quantity import QUANTITIES
        from juntek.rs485.family import find_models
        print(len(find_models()), "cycle_count" in QUANTITIES)
    """
    assert run(Path("/nowhere"), code).split() == ["3", "False"]


def test_the_simulator_makes_its_numbers_from_the_rows(package: Path) -> None:
    code = """
        from datetime import UTC, datetime, timedelta
        from juntek import Bus, Reading
        from juntek.simulator import Options, history
        start = datetime(2025, 6, 21, tzinfo=UTC)
        bus = Bus()
        replies = history(Options(models=("KA140F",)), start, start + timedelta(minutes=10), 10, settings_every=60)
        for time, reply in replies:
            for event in bus.feed(reply, time):
                if isinstance(event, Reading):
                    print(event.family, event.voltage, event.more["cycle_count"], event.discharged_capacity)
    """
    readings = [line.split() for line in run(package, code).splitlines()]
    assert len(readings) == 60
    assert {(family, cycles) for family, _, cycles, _ in readings} == {("KA-F", "0.0")}
    assert all(45 < float(voltage) < 56 for _, voltage, _, _ in readings)
    assert float(readings[-1][3]) > float(readings[0][3])


def test_the_command_simulates_the_family(package: Path) -> None:
    code = """
        from juntek.simulator.meter_settings import parse_variant
        print(parse_variant("ka140f").code, parse_variant("KA110F").max_current)
    """
    assert run(package, code).split() == ["7140", "100"]
