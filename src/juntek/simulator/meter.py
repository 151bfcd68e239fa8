"""A coulomb meter in front of a battery, as it is seen on the wire; rule: pure, it is sampled and it is asked.

Its numbers are made by the rows of its family. What no manual says and no capture shows is marked so here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf
from typing import NamedTuple

from juntek.rs485.framing import Frame, encode
from juntek.simulator.meter_settings import FIRMWARE, RESET_CAPACITY, MeterSettings, make_encoder

OFF = 99
_NONE = 100  # what an unnamed adjustment has when there is none, as far as its row allows
_LOAD_STEP = 1 / 100  # of the current range: a change of current that is enough to tell the resistance


class Sample(NamedTuple):
    """What the meter measures at one moment: V, A (charging positive), °C, and the date and time it has."""

    voltage: float
    current: float
    temperature: float | None
    ordinal: int
    second: float


@dataclass
class Counters:
    """Ah, Wh and seconds since they were cleared, and the Ah that are left, each by the key of its quantity.

    The true current and voltage are counted, never what is shown.
    """

    remaining_capacity: float
    discharged_capacity: float = 0.0
    charged_capacity: float = 0.0
    discharged_energy: float = 0.0
    charged_energy: float = 0.0
    run_time: float = 0.0

    def count(self, seconds: float, voltage: float, current: float, nominal_capacity: float) -> None:
        """Add `seconds` of a current; what is left stays between 0 and `nominal_capacity` (SH, CM)."""
        capacity = current * seconds / 3600
        self.remaining_capacity = min(max(self.remaining_capacity + capacity, 0.0), nominal_capacity)
        if current > 0:
            self.charged_capacity += capacity
            self.charged_energy += capacity * voltage
        else:
            self.discharged_capacity -= capacity
            self.discharged_energy -= capacity * voltage


class Protection:
    """Trips after the delay that is set, beyond one of the limits that are set; `code` is the status then, else 0.

    Where no recovery time is set a trip stays until the output is switched on again.
    """

    def __init__(self, settings: MeterSettings) -> None:
        self._settings = settings
        self.code = self._violation = 0
        self._seconds = 0.0

    def watch(self, seconds: float, sample: Sample) -> None:
        """Take what was measured for the last `seconds`."""
        values = self._settings.values
        violation = next((code for code, trips, limit in self._settings.limits if trips(sample, limit)), 0)
        self._seconds = self._seconds + seconds if self.code or violation == self._violation else seconds
        if self.code:
            if 0 < values.get("protection_recovery_time", 0) <= self._seconds and not violation:
                self.clear()
        elif violation and self._seconds > values.get("protection_delay", 0):
            self.code, self._seconds = violation, 0.0
        self._violation = violation

    def clear(self) -> None:
        """Forget a trip, as the OK button does."""
        self.code = self._violation = 0
        self._seconds = 0.0


class Meter:
    """One meter; `sample` it once a second of its time, `answer` gives its reply to a request or None for silence."""

    def __init__(self, address: int, settings: MeterSettings, *, remaining: float, serial_number: int = 1) -> None:
        self.variant = settings.variant
        self.address = address
        self.settings = settings
        self.counters = Counters(remaining)
        self.output = self.has_relay = True
        self.silent = False
        self._serial_number = serial_number
        self._protection = Protection(settings)
        self._sample = Sample(0.0, 0.0, None, 1, 0.0)
        self._resolution = 0.01 if self.variant.max_current <= 200 else 0.1  # A of the last digit (KG-man p. 4)
        self._steps = 0  # of this resolution, that are shown
        self._zero = 0.0
        self._resistance = 0.0
        self._full_seconds = 0.0
        self._encode = make_encoder(self.variant.model.readings)

    @property
    def status(self) -> int:
        """The output status of `r50`: 0 on, 1 to 6 a protection, 99 off."""
        return self._protection.code if self.output else OFF

    @property
    def connected(self) -> bool:
        """Whether loads and charger are connected to the battery; always so where no relay is fitted."""
        return not self.has_relay or self.status == 0

    @property
    def _nominal_capacity(self) -> float:
        return self.settings.values.get("nominal_capacity", RESET_CAPACITY)

    def sample(self, seconds: float, sample: Sample) -> None:
        """Measure, and count what `sample` was for the last `seconds`; calibrations are in percent, and in °C."""
        setting, temperature = self.settings.values.get, sample.temperature
        voltage = sample.voltage * (1 + setting("voltage_calibration", 0) / 100)
        current = (sample.current - self._zero) * self._current_factor
        if temperature is not None:
            temperature += setting("temperature_calibration", 0)
        self._estimate_resistance(voltage - self._sample.voltage, current - self._sample.current)
        self._sample = sample = Sample(voltage, current, temperature, sample.ordinal, sample.second)
        self._steps = round(current / self._resolution)
        self.counters.count(seconds, voltage, current, self._nominal_capacity)
        # The time stands still while the output is off or tripped, the capacity does not (PO, MM, AT3).
        if self.status == 0:
            self.counters.run_time += seconds
        if self.output:
            self._protection.watch(seconds, sample)
        self._synchronise(seconds, voltage, current)

    def answer(self, request: Frame) -> bytes | None:
        """Return the reply to a request of any spelling, or None for the silence that follows what is not obeyed.

        What a meter does on a wrong value is not documented; this one stays silent. To address 0 it replies with
        its own address, which is not documented either.
        """
        if self.silent or request.address not in (0, self.address):
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
        sample, counters, steps = self._sample, self.counters, self._steps
        moment = datetime.fromordinal(sample.ordinal) + timedelta(seconds=int(sample.second))
        return self._encode(
            {
                **vars(counters),
                "voltage": sample.voltage,
                "current": abs(steps) * self._resolution,
                # What KL-man says of the KL-F, in doubt (protocol: KL-F's counters).
                "counted_capacity": counters.charged_capacity + counters.discharged_capacity,
                "counted_energy": counters.charged_energy + counters.discharged_energy,
                "run_time": int(counters.run_time),
                "temperature": sample.temperature,
                "output_state": self.status,
                "direction": 1 if steps > 0 else 0,  # 0 as soon as 0.00 A is shown (JK)
                "internal_resistance": self._resistance,
                "date": (moment.year % 100 * 100 + moment.month) * 100 + moment.day,
                "clock": (moment.hour * 100 + moment.minute) * 100 + moment.second,
                # What a number without a name means is known from its kind; a counter is a record of the run time (CK).
                "echo": self._minutes_left(),
                "counter": int(counters.run_time),
                "flag": _NONE,
            }
        )

    def _minutes_left(self) -> int:
        """Return the minutes to empty or full by a finer current than is shown, 16 bit that wrap; 0 for none (JK)."""
        fine, remaining = self.variant.max_current / 64_000, self.counters.remaining_capacity  # 6.25 mA at 400 A
        current = round(self._sample.current / fine) * fine
        if not current:
            return 0
        amount = self._nominal_capacity - remaining if current > 0 else remaining
        return int(amount * 60 / abs(current)) & 0xFFFF

    def _estimate_resistance(self, voltage: float, current: float) -> None:
        """Guess milliohms from a step of the load, as a meter must; poor where the voltage moved by itself."""
        if self._sample.voltage and abs(current) > self.variant.max_current * _LOAD_STEP:
            self._resistance += 0.5 * (min(abs(voltage / current) * 1000, 300.0) - self._resistance)

    def _synchronise(self, seconds: float, voltage: float, current: float) -> None:
        """Take the battery for full after a high voltage and a low charge current for long enough (KG-man p. 38).

        Only a KH-F can be asked for the voltage.
        """
        setting = self.settings.values.get
        most = setting("full_current", 0) / 100 * self._nominal_capacity
        full = voltage > setting("full_voltage", inf) and 0 <= current < most
        self._full_seconds = self._full_seconds + seconds if full else 0.0
        if self._full_seconds > setting("full_detection_time", 0) * 60:
            self.counters.remaining_capacity = self._nominal_capacity

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
                self.counters.remaining_capacity = self._nominal_capacity * value / 100
            case "zero_current":  # with a current flowing this spoils all counting, as on the real one
                self._zero += self._sample.current / self._current_factor
            case "clear_totals":
                self.counters = Counters(self.counters.remaining_capacity)
            case _ if not self.settings.write(number, value):
                return False
        self.counters.remaining_capacity = min(self.counters.remaining_capacity, self._nominal_capacity)
        return True

    @property
    def _current_factor(self) -> float:
        return 1 + self.settings.values.get("current_calibration", 0) / 100
