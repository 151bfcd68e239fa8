"""A setting or an action in, a `W` frame out; rule: the only builder of W lines, and nothing is sent from here.

Each command says what a wrong one can do: "harmless", "accounting" (what is counted goes wrong) or "dangerous"
(switches a relay, disconnects a load or a charger, loses settings).
"""

from __future__ import annotations

from typing import Any

from juntek.errors import RequestError
from juntek.exchange import Command
from juntek.quantity import QUANTITIES
from juntek.reading import Identity, Reading, Settings
from juntek.rs485.decode import raw_of, value_of
from juntek.rs485.family import Action, Field, Model
from juntek.rs485.framing import encode

SETTLE = 1.5
"""s until a new measurement shows what an action has done: a meter measures once a second (KG-man, KL-man)."""


def set_value(
    model: Model, address: int, key: str, value: float | str | None, identity: Identity | None = None
) -> Command:
    """Return the command that sets a setting, in the unit of its quantity (None: off).

    Raises RequestError for a setting the family cannot write, or a value outside of its limits and the meter's own.
    """
    row = model.settable.get(key)
    if row is None:
        known = ", ".join(sorted(model.settable))
        raise RequestError(f"A {model.family} has no setting '{key}' that can be written; it has {known}.")
    low, high = limits_of(row, (identity.max_voltage, identity.max_current) if identity is not None else None)
    try:
        raw = raw_of(row, value)
    except (ValueError, OverflowError, TypeError):
        raw = None
    if raw is None or (raw != row.off and not low <= raw <= high):
        takes = " or ".join(row.names) or f"{value_of(row, low) or 0} to {value_of(row, high)}"
        off = "" if row.off is None else ", or nothing for off"
        raise RequestError(f"{key} cannot be {value!r}; it takes {takes}{off}.")
    assert row.write is not None  # noqa: S101 - only rows with a write are settable
    # What is read back is compared as the meter rounds it.
    line = encode(f"W{row.write:02d}", address, (raw,))
    return Command(key, line, row.risk, "settings", value_of(row, raw))


def limits_of(row: Field, ranges: tuple[int, int] | None) -> tuple[int, int]:
    """Return the least and the most raw number that may be written, by the row and by what the meter can measure.

    `ranges` are its largest voltage (V) and current (A), where they are known.
    """
    low, high = row.writable or (row.low, row.high)
    quantity = QUANTITIES.get(row.key)
    if ranges is None or quantity is None:
        return low, high
    volts, amperes = ranges
    most = {"voltage": volts, "current": amperes, "power": volts * amperes}.get(quantity.dimension)
    return low, high if most is None else min(high, most * row.scale + row.offset)


def act(model: Model, address: int, key: str, operand: float | str | None = 1) -> Command:
    """Return the command of an action, such as `clear_totals`, or `output` with "on", "off", 1 or 0.

    Raises RequestError for an action the family has not, or an operand outside of its limits.
    """
    action = next((action for action in model.actions if action.key == key), None)
    if action is None:
        known = ", ".join(action.key for action in model.actions)
        raise RequestError(f"A {model.family} has no action '{key}'; it has {known}.")
    number = _operand(action, operand)
    line = encode(f"W{action.write:02d}", address, (number,))
    value = action.names[number] if action.names else number
    match key:
        case "output":
            return Command(key, line, action.risk, "reading", value, lambda reading, _: reading.output_state)
        case "state_of_charge":
            return Command(key, line, action.risk, "reading", value, _percent, 1.0)
        case "zero_current":
            # Each takes off what was last measured: a second one before the next measurement would do so twice.
            return Command(
                key, line, action.risk, "reading", 0, lambda reading, _: abs(reading.current), 0.2, once=True,
                settle=SETTLE,
            )  # fmt: skip
        case "clear_totals":
            return Command(key, line, action.risk, "reading", 0, _longest_counter, 60.0)
        case "set_address":
            return Command(key, line, action.risk, moves_to=number)
    return Command(key, line, action.risk)


def _operand(action: Action, operand: Any) -> int:  # noqa: ANN401 - what somebody else asks for
    if operand is None and action.low == action.high:
        operand = action.low
    if operand in action.names:
        return action.names.index(operand)
    if operand not in range(action.low, action.high + 1):
        takes = " or ".join(action.names) or " to ".join(map(str, dict.fromkeys((action.low, action.high))))
        raise RequestError(f"{action.key} takes {takes}, not {operand}.")
    return int(operand)


def _percent(reading: Reading, settings: Settings | None) -> float | None:
    """Return the meter's own state of charge: by the capacity that it is set to, not by what an owner says."""
    capacity = settings.nominal_capacity if settings is not None else reading.nominal_capacity
    return 100 * reading.remaining_capacity / capacity if capacity else None


def _longest_counter(reading: Reading, _: Settings | None) -> float | None:
    """Return the run time (s) where the family tells it, else the energy (Wh): both are 0 once they were cleared."""
    counted = (reading.run_time, reading.discharged_energy, reading.charged_energy, reading.counted_energy)
    return max((float(count) for count in counted if count is not None), default=None)
