"""What a meter is, how it is set and what it says; rule: values only, frozen, in the units of `quantity`.

What is absent is None, never 0 and never a guess. Charging is positive, discharging negative; zero has no sign.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from operator import attrgetter
from types import MappingProxyType
from typing import Any, NamedTuple, cast

from juntek.quantity import BATTERY_KEYS, QUANTITIES, READING_KEYS, SETTING_KEYS

NOTHING_MORE: Mapping[str, Any] = MappingProxyType({})

FIRST_TIME, END_OF_TIME = -62_135_596_800.0, 253_402_300_799.0
"""s since 1970 of the years 1 and 9999, between which a time has a date."""

LONGEST_TIME = 60 * 24 * 365
"""Minutes beyond which a time to empty or full says nothing; it is None then."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the meter is, from its `r00` reply. The serial number may be 0 or shared: it identifies nobody."""

    address: int
    family: str
    model: str
    sensor: str
    max_voltage: int
    max_current: int
    firmware: str
    serial_number: int
    raw: bytes = b""
    time: float | None = None

    @property
    def mark(self) -> str:
        """What the meter says of itself but for its address; empty where that is not known. Two may say the same."""
        return self.raw.rpartition(b"=")[2].split(b",", 2)[-1].decode("ascii", "replace")

    def as_dict(self) -> dict[str, Any]:
        """Return the public keys and values, ready for JSON."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("raw", "time")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the meter is set, from its `r51` reply. A protection that is switched off is None."""

    address: int
    family: str
    nominal_capacity: float
    over_voltage_protection: float | None = None
    under_voltage_protection: float | None = None
    over_current_protection: float | None = None
    negative_over_current_protection: float | None = None
    over_power_protection: float | None = None
    over_temperature_protection: int | None = None
    low_temperature_protection: int | None = None
    protection_recovery_time: int | None = None
    protection_delay: int | None = None
    voltage_calibration: int | None = None
    current_calibration: int | None = None
    temperature_calibration: int | None = None
    relay_type: str | None = None
    current_ratio: int | None = None
    voltage_curve_scale: int | None = None
    current_curve_scale: int | None = None
    time_calibration: int | None = None
    data_logging: str | None = None
    full_voltage: float | None = None
    empty_voltage: float | None = None
    full_current: int | None = None
    full_detection_time: float | None = None
    temperature_unit: str | None = None
    bluetooth_password: int | None = None
    log_interval: int | None = None
    raw: bytes = b""
    time: float | None = None
    more: Mapping[str, Any] = field(default_factory=lambda: NOTHING_MORE)
    """What a family of another package has more, by key."""

    def value(self, key: str) -> Any:  # noqa: ANN401 - what the key says
        """Return a setting by its key, or None."""
        return self.more[key] if key in self.more else getattr(self, key, None)

    def as_dict(self, *, secrets: bool = True) -> dict[str, Any]:
        """Return the public keys and values, ready for JSON; without `secrets` what others may see of them."""
        keys = (key for key in SETTING_KEYS if secrets or not QUANTITIES[key].secret)
        return {"address": self.address, "family": self.family} | {key: self.value(key) for key in keys}


class Reading(NamedTuple):
    """What the meter says at one moment, and what follows from it.

    A named tuple, because it is built for every frame: a frozen data class takes five times as long to make.
    Totals and today's energies are the meter's own, or those of `battery.ledger` in the gateway.
    """

    time: float | None
    """Seconds since 1970 when the frame was received; None when a file does not tell, or the clock is not set yet."""
    address: int
    family: str
    voltage: float
    current: float
    power: float
    """W; in an averaged reading the average of the products, not the product of averages."""
    remaining_capacity: float
    internal_resistance: float | None
    discharged_capacity: float | None
    charged_capacity: float | None
    discharged_energy: float | None
    charged_energy: float | None
    counted_capacity: float | None
    """Ah of a counter whose direction is in doubt (KL-F); not published."""
    counted_energy: float | None
    """Wh of a counter whose direction is in doubt (KL-F); not published."""
    run_time: int | None
    temperature: float | None
    output_code: int
    output_state: str
    direction: str
    clock: str | None
    """The meter's own date and time (KH-F), ISO 8601 without offset; None when it was never set."""
    nominal_capacity: float | None
    message_count: int | None
    raw: bytes
    discharged_energy_today: float | None = None
    charged_energy_today: float | None = None
    estimated: tuple[str, ...] = ()
    """Keys of totals that hold an estimated part."""
    more: Mapping[str, Any] = NOTHING_MORE
    """Quantities that are no field here, by key: those of other packages, and what is believed of a battery that is
    watched, which goes before what follows from the meter."""
    elapsed: float | None = None
    """Seconds since the meter's reading before, by a clock that nobody sets; None for the first, and in a file."""

    def at(self, time: float | None, elapsed: float | None) -> Reading:
        """Return the reading with another time, and another time since the one before."""
        values = list(self)  # by their places, which takes a third of the time of `_replace`
        values[0], values[-1] = time, elapsed
        return tuple.__new__(Reading, values)

    @property
    def charge_power(self) -> float:
        """W, never negative."""
        return max(0.0, self.power)  # of two zeros the first one, which has no sign

    @property
    def discharge_power(self) -> float:
        """W, never negative."""
        return max(0.0, -self.power)

    @property
    def state_of_charge(self) -> float | None:
        """Percent, 0 to 100: what is believed, else by the meter; None while the nominal capacity is unknown."""
        if "state_of_charge" in self.more:
            return cast("float", self.more["state_of_charge"])
        return percent_of(self.remaining_capacity, self.nominal_capacity)

    @property
    def time_to_empty(self) -> int | None:
        """Minutes at the present current; None unless discharging.

        The meter's own time wraps at 65536 minutes and uses another current: protocol.md, time left.
        """
        if "time_to_empty" in self.more:
            return cast("int | None", self.more["time_to_empty"])
        if self.direction != "discharging":
            return None
        return minutes(self.remaining_capacity, -self.current)

    @property
    def time_to_full(self) -> int | None:
        """Minutes at the present current; None unless charging with a known nominal capacity."""
        if "time_to_full" in self.more:
            return cast("int | None", self.more["time_to_full"])
        if self.direction != "charging" or self.nominal_capacity is None:
            return None
        return minutes(max(self.nominal_capacity - self.remaining_capacity, 0.0), self.current)

    def as_dict(self) -> dict[str, Any]:
        """Return the public keys and values, ready for JSON; `time` is ISO 8601 with offset."""
        return {
            "time": iso_time(self.time),
            "address": self.address,
            "family": self.family,
            **{key: read(self) for key, read in READERS.items()},
            **{key: self.more[key] for key in BATTERY_KEYS if key in self.more},
            "output_code": self.output_code,
            "clock": self.clock,
            "estimated": list(self.estimated),
        }


_UNKNOWN: dict[str, Any] = dict.fromkeys(Reading._fields) | {"raw": b""} | Reading._field_defaults


def fill_reading(**known: Any) -> Reading:  # noqa: ANN401 - what each field takes
    """Return a reading of which only this is known."""
    return Reading(**_UNKNOWN | known)


def _reader(key: str) -> Callable[[Reading], Any]:
    """Return what reads a quantity out of a reading: worked out, or said by the meter; None where it is not."""
    source = QUANTITIES[key].source
    if source is not None:
        return source
    return attrgetter(key) if hasattr(Reading, key) else lambda reading: reading.more.get(key)


READERS = {key: _reader(key) for key in READING_KEYS}
"""How each quantity of a reading is read out of it, by its key."""


def average(readings: list[Reading]) -> Reading:
    """Return the last reading with the instants averaged over all; totals, words and counts are the last.

    A direction follows the averaged current only where the readings disagree.
    """
    last = readings[-1]
    if len(readings) == 1:
        return last
    count = len(readings)
    current = sum(r.current for r in readings) / count
    temperatures = [r.temperature for r in readings if r.temperature is not None]
    direction = last.direction
    if any(r.direction != direction for r in readings):
        direction = "charging" if current > 0 else "discharging" if current < 0 else "idle"
    return last._replace(
        voltage=round(sum(r.voltage for r in readings) / count, 3),
        current=round(current, 3) + 0.0,  # which takes the sign from a -0.0
        power=round(sum(r.power for r in readings) / count, 2) + 0.0,
        temperature=round(sum(temperatures) / len(temperatures), 1) + 0.0 if temperatures else None,
        direction=direction,
    )


def iso_time(seconds: float | None) -> str | None:
    """Return ISO 8601 in UTC with offset, or None, also for a time that has no date (after the year 9999)."""
    if seconds is None or not FIRST_TIME <= seconds < END_OF_TIME:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def percent_of(left: float | None, nominal: float | None, *, scale: int = 1, digits: int = 2) -> float | None:
    """Return the state of charge, 0 to 100, of what is left (Ah); `scale` of the nominal capacity are 1 Ah."""
    if left is None or not nominal:
        return None
    return round(min(max(100 * scale * left / nominal, 0.0), 100.0), digits)


def minutes(capacity: float, current: float) -> int | None:
    """Return for how long a capacity (Ah) lasts at a current (A), None where that says nothing."""
    if current <= 0 or capacity * 60 > current * LONGEST_TIME:
        return None
    return round(capacity * 60 / current)
