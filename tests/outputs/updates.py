"""Updates as the gateway hands them out, of a KG-F and of a KH-F that discharge; rule: numbers are made by hand."""

from __future__ import annotations

from typing import Any

from juntek.reading import Identity, Reading, Settings
from juntek.update import Health, Update

KG140F = Identity(
    address=1, family="KG-F", model="KG140F", sensor="shunt", max_voltage=100, max_current=400,
    firmware="1.10", serial_number=837,
)  # fmt: skip
KH140F = Identity(
    address=2, family="KH-F", model="KH140F", sensor="shunt", max_voltage=120, max_current=400,
    firmware="1.32", serial_number=0,
)  # fmt: skip

KG_SETTINGS = Settings(
    address=1, family="KG-F", nominal_capacity=280.0, over_voltage_protection=14.6, protection_delay=10,
    relay_type="normally_open", temperature_calibration=-1,
)  # fmt: skip
KH_SETTINGS = Settings(
    address=2, family="KH-F", nominal_capacity=110.0, full_voltage=14.4, bluetooth_password=123456,
    data_logging="on", temperature_unit="celsius",
)  # fmt: skip

_KG_READING = Reading(
    time=1_700_000_000.25, address=1, family="KG-F", voltage=13.2, current=-12.5, power=-165.0,
    remaining_capacity=210.0, internal_resistance=12.34, discharged_capacity=1234.567, charged_capacity=1300.001,
    discharged_energy=16000.5, charged_energy=17123.45, counted_capacity=None, counted_energy=None, run_time=86400,
    temperature=21.0, output_code=0, output_state="on", direction="discharging", clock=None, nominal_capacity=280.0,
    message_count=7, raw=b"", discharged_energy_today=500.25, charged_energy_today=0.0, estimated=("charged_capacity",),
)  # fmt: skip
_KH_READING = _KG_READING._replace(
    address=2, family="KH-F", internal_resistance=None, run_time=None, temperature=None, nominal_capacity=110.0,
    remaining_capacity=99.0, clock="2026-01-02T03:04:05",
)  # fmt: skip


def kg_reading(**changes: Any) -> Reading:  # noqa: ANN401 - the fields of Reading
    return _KG_READING._replace(**changes)


def kh_reading(**changes: Any) -> Reading:  # noqa: ANN401 - the fields of Reading
    return _KH_READING._replace(**changes)


def listening(**changes: Any) -> Health:  # noqa: ANN401 - the fields of Health
    values: dict[str, Any] = {
        "mode": "listen", "connected": True, "frames": 9, "last_frame": 1_700_000_000.25,
    } | changes  # fmt: skip
    return Health(**values)


def kg_update(reading: Reading | None = _KG_READING, **changes: Any) -> Update:  # noqa: ANN401 - of Update
    return Update("house", True, reading, KG140F, KG_SETTINGS, _KG_HEALTH)._replace(**changes)  # noqa: FBT003


def kh_update(reading: Reading | None = _KH_READING, **changes: Any) -> Update:  # noqa: ANN401 - of Update
    return Update("boat", True, reading, KH140F, KH_SETTINGS, _KH_HEALTH)._replace(**changes)  # noqa: FBT003


_KG_HEALTH, _KH_HEALTH = listening(), listening(mode="poll")
