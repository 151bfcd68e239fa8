"""A setting or an action in, a `W` frame out; rule: the only builder of W lines, and nothing is sent from here.

Each command says what a wrong one can do: "harmless", "accounting" (what is counted goes wrong) or "dangerous"
(switches a relay, disconnects a load or a charger, loses settings).
"""

from __future__ import annotations

from juntek.errors import RequestError
from juntek.exchange import Command
from juntek.rs485.decode import raw_of, value_of
from juntek.rs485.family import Action, Field, Model
from juntek.rs485.framing import encode

_TELLS = {"output": "output_state", "state_of_charge": "state_of_charge"}
"""What a reading says after an action, by the action; of the others nothing can be read back."""


def set_value(model: Model, address: int, key: str, value: float | str | None) -> Command:
    """Return the command that sets a setting, in the unit of its quantity (None: off).

    Raises RequestError for a setting the family cannot write, or a value outside of its limits.
    """
    row = model.settable.get(key)
    if row is None:
        known = ", ".join(sorted(model.settable))
        raise RequestError(f"A {model.family} has no setting '{key}' that can be written; it has {known}.")
    try:
        raw = raw_of(row, value)
    except ValueError:
        raise RequestError(f"{key} cannot be {value!r}; it takes {_limits(row)}.") from None
    if raw != row.off and not row.low <= raw <= row.high:
        raise RequestError(f"{key} cannot be {value}; it takes {_limits(row)}.")
    assert row.write is not None  # noqa: S101 - only rows with a write are settable
    # What is read back is compared as the meter rounds it.
    line = encode(f"W{row.write:02d}", address, (raw,))
    return Command(key, line, row.risk, "settings", value_of(row, raw))


def act(model: Model, address: int, key: str, operand: int = 1) -> Command:
    """Return the command of an action, such as `clear_totals` or `output` with operand 0 or 1.

    Raises RequestError for an action the family has not, or an operand outside of its limits.
    """
    action = next((action for action in model.actions if action.key == key), None)
    if action is None:
        known = ", ".join(action.key for action in model.actions)
        raise RequestError(f"A {model.family} has no action '{key}'; it has {known}.")
    if not action.low <= operand <= action.high:
        raise RequestError(f"{key} takes {_operands(action)}, not {operand}.")
    line = encode(f"W{action.write:02d}", address, (operand,))
    told = _TELLS.get(key)
    value = ("off", "on")[operand] if key == "output" else operand
    return Command(told or key, line, action.risk, "reading" if told else None, value)


def _limits(row: Field) -> str:
    if row.names:
        return " or ".join(row.names)
    text = f"{value_of(row, row.low) or 0} to {value_of(row, row.high)}"
    return text if row.off is None else f"{text}, or nothing for off"


def _operands(action: Action) -> str:
    return str(action.low) if action.low == action.high else f"{action.low} to {action.high}"
