"""A frame and a model table in, an identity, settings or a reading out; rule: what no table explains is garbage.

Nothing here remembers anything: what follows from earlier frames is `station` and `validation`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from functools import lru_cache
from operator import itemgetter, truediv
from typing import Any

from juntek.exchange import Options
from juntek.quantity import READING_KEYS
from juntek.reading import NOTHING_MORE, Identity, Reading, Settings
from juntek.rs485.family import Field, Model, find_models
from juntek.rs485.framing import Frame, Garbage

LARGEST_RESISTANCE = 655.35
"""mΩ; what 16 bits can say."""

CLOCK_NEVER_SET = 101
"""Date of a KH-F whose clock was never set: 2000-01-01 without its leading zeros (SL, SC)."""


def find_model(frame: Frame, family: str | None, series: int | None) -> Model | None:
    """Return the model that most likely has sent this `r50` or `r51`, None where none has so many numbers there.

    The configured family decides, else the series digit of the meter's `r00`, else the number of fields alone: also
    where another meter, which has not said yet who it is, has taken the place of the one that did.
    """
    models = [
        m for m in find_models() if family in (None, m.family) and len(frame.fields) in m.layout(frame.command).counts
    ]
    return next((m for m in models if series in m.series), models[0] if models else None)


def decode_identity(frame: Frame, family: str | None, time: float | None) -> Identity | Garbage:
    """Return who the meter is. `r00` is the same for all families: model code `SVAA`, firmware x/100, serial."""
    if len(frame.fields) != 3:
        return Garbage("unknown_layout", frame.raw, f"r00 has 3 numbers, not {len(frame.fields)}", time)
    code, firmware, serial = frame.fields
    series, rest = divmod(code, 1000)
    classes, tens = divmod(rest, 100)
    model = next((m for m in find_models() if series in m.series and family in (None, m.family)), None)
    if model is None or classes == 0 or tens == 0:
        return Garbage("unknown_layout", frame.raw, f"no model table knows the model code {code}", time)
    sensor = model.series[series]
    return Identity(
        address=frame.address,
        family=model.family,
        model=f"{model.prefix}{rest}{'H' if sensor == 'hall' else 'F'}",
        sensor=sensor,
        max_voltage=120 if classes == 1 else classes * 100,
        max_current=tens * 10,
        firmware=f"{firmware // 100}.{firmware % 100:02d}",
        serial_number=serial,
        raw=frame.raw,
        time=time,
    )


def decode_settings(frame: Frame, model: Model, time: float | None) -> Settings | Garbage:
    """Return how the meter is set, by the table of `model`, which has as many numbers."""
    values: dict[str, Any] = {}
    for row, raw in zip(model.settings.rows, frame.fields, strict=False):
        if not row.low <= raw <= row.high:
            return Garbage("implausible", frame.raw, f"{row.key or 'a reserved number'} cannot be {raw}", time)
        if row.key:
            values[row.key] = value_of(row, raw)
    more = {key: values.pop(key) for key in list(values) if key not in _SETTINGS}
    return Settings(address=frame.address, family=model.family, raw=frame.raw, time=time, more=more, **values)


def value_of(row: Field, raw: int) -> float | int | str | None:
    """Return the value of one raw number in the unit of its quantity; None when absent or switched off."""
    if raw in (row.absent, row.off):
        return None
    if row.names:
        return row.names[raw] if raw < len(row.names) else None
    number = raw - row.offset
    return number / row.scale if row.scale != 1 else number


def raw_of(row: Field, value: float | str | None) -> int:
    """Return the raw number of a value: the inverse of `value_of`. Raises ValueError where there is none."""
    if value is None:
        for raw in (row.absent, row.off):
            if raw is not None:
                return raw
        raise ValueError(f"{row.key} has no raw number for nothing")
    if isinstance(value, str):
        return row.names.index(value)
    return round(value * row.scale) + row.offset


class ReadingDecoder:
    """Turns `r50` frames of one family into readings; the rows are laid out once, so that a frame costs little.

    A number out of its range that a reading can do without becomes None and is counted in `out_of_range`, by key.
    """

    __slots__ = (
        "_clock", "_direction", "_divisors", "_idle", "_is_inverted", "_more", "_out_of_range", "_output", "_pick",
        "_probe", "_run_time", "_states", "family",
    )  # fmt: skip

    def __init__(self, model: Model, options: Options, out_of_range: Counter[str]) -> None:
        self.family = model.family
        self._idle, self._is_inverted = options.idle_current, options.invert_current
        self._out_of_range = out_of_range
        self._states = model.output_states
        rows, places = model.readings.rows, model.readings.places
        self._divisors = [row.scale if row.scale != 1 else 1.0 for row in rows]
        self._direction, self._output = places["direction"], places["output_state"]
        self._probe = next(((row.place, row) for row in rows if row.key == "temperature"), None)
        self._run_time = places.get("run_time")
        self._clock = (places["date"], places["clock"]) if "clock" in places else None
        absent = len(rows)  # the place of a None behind the numbers
        self._pick = itemgetter(*(places.get(key, absent) for key in _SCALED))
        self._more = [row for row in rows if row.key in READING_KEYS and row.key not in _FIELDS]

    def decode(self, frame: Frame, nominal: float | None, count: int, time: float | None) -> Reading | Garbage:
        """Return what the frame says, with the nominal capacity (Ah) and how many readings it makes.

        The caller has chosen the layout by its number of fields. Garbage where the direction is neither 0 nor 1: a sign
        is never guessed.
        """
        fields = frame.fields
        charging = fields[self._direction]
        if charging > 1:
            return Garbage("unknown_layout", frame.raw, "the direction is neither 0 nor 1", time)
        voltage, current, remaining, resistance, out_ah, in_ah, out_wh, in_wh, any_ah, any_wh = self._pick(
            (*map(truediv, fields, self._divisors), None)
        )
        temperature = None
        if self._probe is not None:
            place, row = self._probe
            raw = fields[place]
            if not row.low <= raw <= row.high:
                self._out_of_range[row.key] += 1
            elif raw != row.absent:
                temperature = raw - row.offset
        if resistance is not None and resistance > LARGEST_RESISTANCE:
            self._out_of_range["internal_resistance"] += 1
            resistance = None
        if self._is_inverted:  # the meter counts the other way, too
            charging = not charging
            out_ah, in_ah, out_wh, in_wh = in_ah, out_ah, in_wh, out_wh
        if not charging:
            current = 0.0 - current  # not -current, which makes -0.0 of no current
        idle, code, clock = self._idle, fields[self._output], self._clock
        # All fields in their order, given to the tuple itself: Reading(...) takes three times as long.
        return _new(
            Reading,
            (
                time, frame.address, self.family, voltage, current, round(voltage * current, 2) + 0.0, remaining,
                resistance, out_ah, in_ah, out_wh, in_wh, any_ah, any_wh,
                fields[self._run_time] if self._run_time is not None else None,
                temperature, code, self._states.get(code, "unknown"),
                "idle" if -idle < current < idle else "charging" if current > 0 else "discharging",
                _clock_text(fields[clock[0]], fields[clock[1]]) if clock is not None else None,
                nominal, count, frame.raw, None, None, (),
                self._read_more(fields) if self._more else NOTHING_MORE, None,
            ),
        )  # fmt: skip

    def _read_more(self, fields: tuple[int, ...]) -> Mapping[str, Any]:
        return {
            row.key: value_of(row, fields[row.place]) if row.low <= fields[row.place] <= row.high else None
            for row in self._more
        }


_new = tuple.__new__

_FIELDS = frozenset(Reading._fields)
_SETTINGS = frozenset(field.name for field in fields(Settings))
_SCALED = (
    "voltage", "current", "remaining_capacity", "internal_resistance", "discharged_capacity", "charged_capacity",
    "discharged_energy", "charged_energy", "counted_capacity", "counted_energy",
)  # fmt: skip


def _clock_text(day: int, clock: int) -> str | None:
    minute, second = divmod(clock, 100)
    text = _minute_text(day, minute)
    return f"{text}:{second:02d}" if text is not None and second < 60 else None


@lru_cache(maxsize=64)
def _minute_text(day: int, minute: int) -> str | None:
    """Return YYMMDD and HHMM as ISO 8601; None for a clock that was never set and for what is no time."""
    year, rest = divmod(day, 10_000)
    if day == CLOCK_NEVER_SET or year > 99:
        return None
    try:
        return datetime(2000 + year, *divmod(rest, 100), *divmod(minute, 100)).isoformat(timespec="minutes")  # noqa: DTZ001
    except ValueError:
        return None
