"""A coulomb meter in front of a battery, as it is seen on the wire; rule: pure, it is sampled and it is asked.

Its numbers are made by the rows of its family. What no manual says and no capture shows is marked so here.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from math import inf
from typing import NamedTuple

from juntek.rs485.framing import Frame, encode
from juntek.simulator.meter_settings import FIRMWARE, RESET_CAPACITY, MeterSettings, Value, make_encoder
from juntek.simulator.registers import PROTECTIONS, Counters, Estimate, Protection, TimeLeft

OFF = 99
_NONE = 100  # what an unnamed adjustment has when there is none, as far as its row allows
_UNNAMED = ("echo", "counter", "flag")
_LOAD_STEP = 1 / 100  # of the current range: a change of current that is enough to tell the resistance


class Sample(NamedTuple):
    """What the meter measures at one moment: V, A (charging positive), °C, and the date and time it has."""

    voltage: float
    current: float
    temperature: float | None
    ordinal: int
    second: float


class Meter:
    """One meter; `sample` it once a second of its time, `answer` gives its reply to a request or None for silence."""

    def __init__(
        self,
        address: int,
        settings: MeterSettings,
        *,
        remaining: float,
        serial_number: int = 1,
        time_left: TimeLeft = "finer",
    ) -> None:
        self.variant = settings.variant
        self.address = address
        self.settings = settings
        self.counters = Counters(remaining)
        self.output = self.has_relay = True
        self._serial_number = serial_number
        self._protection = Protection()
        self._sample = Sample(0.0, 0.0, None, 1, 0.0)
        self._zero = 0.0
        self._resistance = 0.0
        self._full_seconds = 0.0
        self._estimate = Estimate(time_left, self.variant.fine_resolution, serial_number)
        rows = self.variant.model.readings.rows
        self._encode = make_encoder(self.variant.model.readings)
        self._unnamed = {kind: [row.index for row in rows if not row.key and row.kind == kind] for kind in _UNNAMED}
        self._calibrate()

    @property
    def status(self) -> int:
        """The output status of `r50`: 0 on, 1 to 6 a protection, 99 off."""
        return self._protection.code if self.output else OFF

    @property
    def connected(self) -> bool:
        """Whether loads and charger are connected to the battery; always so where no relay is fitted."""
        return not self.has_relay or self.status == 0

    def sample(self, seconds: float, sample: Sample) -> None:
        """Measure, and count what `sample` was for the last `seconds`."""
        voltage = sample.voltage * self._voltage_factor
        current = (sample.current - self._zero) * self._current_factor
        temperature = sample.temperature
        if temperature is not None:
            temperature += self._temperature_shift
        self._estimate_resistance(voltage - self._sample.voltage, current - self._sample.current)
        self._sample = Sample(voltage, current, temperature, sample.ordinal, sample.second)
        self.counters.count(seconds, voltage, current, self._nominal_capacity)
        # The time stands still while the output is off or tripped, the capacity does not (PO, MM, AT3).
        if self.status == 0:
            self.counters.run_time += seconds
        if self.output:
            self._protection.watch(seconds, voltage, current, temperature or 0.0)
        self._synchronise(seconds, voltage, current)
        shown = round(current / self._resolution) * self._resolution
        self._estimate.watch(seconds, current, shown, self.counters.remaining)

    def answer(self, request: Frame) -> bytes | None:
        """Return the reply to a request of any spelling, or None for the silence that follows what is not obeyed.

        What a meter does on a wrong value is not documented; this one stays silent. To address 0 it replies with
        its own address, which is not documented either.
        """
        if request.address not in (0, self.address):
            return None
        match request.command:
            case "R00":
                numbers = [self.variant.code, FIRMWARE, self._serial_number]
                return encode("r00", self.address, numbers)
            case "R50":
                return encode("r50", self.address, self.numbers())
            case "R51":
                return encode("r51", self.address, self.settings.numbers())
        if not request.command.startswith("W") or len(request.fields) != 1:
            return None
        # The fields of an acknowledgement are in no manual and no capture; one host took a 0 here for success (PJ).
        acknowledgement = encode(f"w{request.command[1:]}", self.address, [0])
        return acknowledgement if self.write(int(request.command[1:]), request.fields[0]) else None

    def numbers(self) -> list[int]:
        """Return the numbers after the checksum of `r50`."""
        sample, counters = self._sample, self.counters
        steps_shown = round(sample.current / self._resolution)
        values: dict[str | int, Value] = {
            "voltage": sample.voltage,
            "current": abs(steps_shown) * self._resolution,
            "remaining_capacity": counters.remaining,
            "discharged_capacity": counters.discharged_capacity,
            "charged_capacity": counters.charged_capacity,
            "charged_energy": counters.charged_energy,
            "discharged_energy": counters.discharged_energy,
            "counted_capacity": counters.counted_capacity,
            "counted_energy": counters.counted_energy,
            "run_time": int(counters.run_time),
            "temperature": sample.temperature,
            "output_state": self.status,
            "direction": 1 if steps_shown > 0 else 0,  # 0 as soon as 0.00 A is shown (JK)
            "internal_resistance": self._resistance,
            "date": _date_number(sample.ordinal),
            "clock": _clock_number(int(sample.second)),
        }
        # What an unnamed number means is known from its kind: the time left, a record of the run time (CK), or nothing.
        unnamed = {
            "echo": self._estimate.minutes(self._nominal_capacity),
            "counter": int(counters.run_time),
            "flag": _NONE,
        }
        for kind, places in self._unnamed.items():
            values.update(dict.fromkeys(places, unnamed[kind]))
        return self._encode(values)

    def _estimate_resistance(self, voltage: float, current: float) -> None:
        """Guess milliohms from a step of the load, as a meter must; poor where the voltage moved by itself."""
        if self._sample.voltage and abs(current) > self.variant.max_current * _LOAD_STEP:
            self._resistance += 0.5 * (min(abs(voltage / current) * 1000, 300.0) - self._resistance)

    def _synchronise(self, seconds: float, voltage: float, current: float) -> None:
        """Take the battery for full after a high voltage and a low charge current for long enough (KG-man p. 38)."""
        full = voltage > self._full_voltage and 0 <= current < self._full_current
        self._full_seconds = self._full_seconds + seconds if full else 0.0
        if self._full_seconds > self._full_time:
            self.counters.remaining = self._nominal_capacity

    def write(self, number: int, value: int) -> bool:
        """Do what a W command says and return True; False for one that this family has not, or not with this value."""
        actions = (a.key for a in self.variant.model.actions if a.write == number and a.low <= value <= a.high)
        match next(actions, None):
            case "set_address":
                self.address = value
            case "output":
                self.output = bool(value)
                self._protection.clear()
            case "factory_reset":  # address and counters stay, which no manual page at hand says or denies
                self.settings.reset()
                self._protection.clear()
            case "state_of_charge":
                self.counters.remaining = self._nominal_capacity * value / 100
            case "zero_current":  # with a current flowing this spoils all counting, as on the real one
                self._zero += self._sample.current / self._current_factor
            case "clear_totals":
                self.counters.clear()
            case _ if not self.settings.write(number, value):
                return False
        self._calibrate()
        return True

    def _calibrate(self) -> None:
        """Take over the settings that a sample needs; a calibration is a percentage, of temperature degrees."""
        value = self.settings.value
        self._resolution = self.variant.resolution
        self._nominal_capacity = value("nominal_capacity") or RESET_CAPACITY
        self._voltage_factor = 1 + (value("voltage_calibration") or 0) / 100
        self._current_factor = 1 + (value("current_calibration") or 0) / 100
        self._temperature_shift = value("temperature_calibration") or 0
        self._full_voltage = value("full_voltage") or inf  # only a KH-F can be asked for it
        self._full_current = (value("full_current") or 0) / 100 * self._nominal_capacity
        self._full_time = (value("full_detection_time") or 0) * 60
        protection = self._protection
        protection.limits = {code: limit for code, key in PROTECTIONS.items() if (limit := value(key)) is not None}
        protection.delay = value("protection_delay") or 0
        protection.recovery = value("protection_recovery_time") or 0
        self.counters.remaining = min(self.counters.remaining, self._nominal_capacity)


@lru_cache(maxsize=8)
def _date_number(ordinal: int) -> int:
    """YYMMDD; leading zeros are lost by themselves."""
    day = date.fromordinal(ordinal)
    return day.year % 100 * 10_000 + day.month * 100 + day.day


def _clock_number(second: int) -> int:
    """HHMMSS; leading zeros are lost by themselves."""
    return second // 3600 * 10_000 + second // 60 % 60 * 100 + second % 60
