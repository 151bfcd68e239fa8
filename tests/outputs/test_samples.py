"""A quantity of another package has its name in the metrics and in line protocol by being there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

QUANTITIES = """
    from juntek.quantity.row import Quantity

    ROWS = (
        Quantity("cell_spread", "Cell spread", "V", "voltage", "instant", 1, per_unit=10, help="Of the cells."),
        Quantity("solar_energy", "Solar energy", "Wh", "energy", "total", 1, per_unit=10, help="From the roof."),
        Quantity("fullness", "Fullness", "%", "ratio", "instant", 0, help="What is gone, 0 to 1.",
                 source=lambda reading: 100 - (reading.state_of_charge or 0)),
        Quantity("float_voltage", "Float voltage", "V", "voltage", "setting", 1, help="Set in the charger."),
        Quantity("hidden", "Hidden", "", "", "state", per_unit=1),
    )
"""
ASK = """
    import json
    from dataclasses import replace
    from juntek.history.fields import batch_of
    from juntek.outputs.metrics.endpoint import Meters
    from juntek.outputs.timeseries.line_protocol import lines_of
    from outputs.scraped import context
    from outputs.updates import KG_SETTINGS, kg_reading, kg_update

    more = {"cell_spread": 3.5, "solar_energy": 100.1, "hidden": 5}
    reading = kg_reading(more=more)
    meters = Meters(where := context())
    where.latest.take(kg_update(reading, settings=replace(KG_SETTINGS, more={"float_voltage": 13.5})))
    page = {sample.name: sample.value for family in meters.collect() for sample in family.samples}
    line = lines_of("home", "house", batch_of([kg_reading(), reading]))[1].decode().split(" ")[1]
    print(json.dumps({"page": page, "line": dict(field.split("=") for field in line.split(","))}))
"""


def test_further_quantities_are_there_by_themselves(tmp_path: Path) -> None:
    file = tmp_path / "juntek" / "quantity" / "more.py"
    file.parent.mkdir(parents=True)
    file.write_text(dedent(QUANTITIES))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    done = subprocess.run(
        [sys.executable, "-c", dedent(ASK)], capture_output=True, check=False, env=environment, timeout=60, text=True
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    page, line = told["page"], told["line"]
    assert page["juntek_cell_spread_volts"] == 3.5
    assert page["juntek_solar_energy_joules_total"] == 360_360
    assert page["juntek_fullness_ratio"] == 0.25
    assert page["juntek_float_voltage_volts"] == 13.5
    assert float(line["cell_spread_volts"]) == 3.5
    assert float(line["solar_energy_joules_total"]) == 360_360
    assert not any("hidden" in name for name in (*page, *line))
    assert page["juntek_voltage_volts"] == float(line["voltage_volts"]) == 13.2
