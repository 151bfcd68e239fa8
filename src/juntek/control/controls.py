"""The settings and actions of a meter as things that can be written, and who may; rule: made of the rows of its family.

A value is a number, a word, or None for a protection that is off. What is read from elsewhere, as text or JSON, is
brought to that form here, or refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import isfinite
from typing import Any, Final, Literal

from juntek.errors import RequestError
from juntek.exchange import Risk
from juntek.names import find_close, plain
from juntek.quantity import QUANTITIES
from juntek.rs485.command import limits_of
from juntek.rs485.family import Action, Field, find_models, model_of_family
from juntek.update import Update

Value = float | int | str | None

ALIASES = {"charge": "state_of_charge"}
"""Shorter names that owners may write."""

_ACTIONS: dict[str, tuple[str, str, str]] = {
    "set_address": ("Address", "", "Gives the meter another address; the configuration has to follow."),
    "output": ("Output", "", "Switches the relay, and with it the meter's own record."),
    "factory_reset": ("Factory reset", "", "Sets everything in the meter as it came from the factory."),
    "state_of_charge": ("Set state of charge", "%", "Tells the meter how full the battery is."),
    "zero_current": ("Zero the current", "", "Takes the present current for none; only with everything switched off."),
    "clear_totals": ("Clear the totals", "", "Sets the meter's counters of energy, charge and time to 0."),
}
"""Label, unit and help of each action."""

_NUMBER = re.compile(r"[+-]?\d{1,9}([.,]\d{1,9})?", re.ASCII)
_OFF = ("off", "none", "null")


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One setting or action. `minimum`, `maximum` and `step` are in `unit`; None where it takes a word, or nothing.

    `choices` are its words. `off` is the number that a protection is switched off with, which is its value None. A
    setting that can only be read is not `writable`.
    """

    key: str
    label: str
    help: str
    kind: Literal["setting", "action"]
    risk: Risk
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    choices: tuple[str, ...] = ()
    off: float | None = None
    writable: bool = True

    @property
    def takes_value(self) -> bool:
        """Whether there is anything to say beside its name."""
        return bool(self.choices) or self.minimum is not None

    def limits(self) -> str:
        """Return what it takes, in words."""
        if self.choices:
            return " or ".join(self.choices)
        if self.minimum is None or self.maximum is None:
            return "nothing" if self.writable else "read only"
        unit = f" {self.unit}" if self.unit else ""
        return f"{self.minimum:g} to {self.maximum:g}{unit}{', or off' if self.off is not None else ''}"

    def read(self, value: Any) -> Value:  # noqa: ANN401 - whatever somebody sent
        """Return a wished value as the meter rounds it. Raises RequestError for what it does not take."""
        if not self.takes_value:
            if value in (None, "", 1, "1", "PRESS", "press") and value is not True:
                return None
            raise RequestError(f"{self.key} takes no value.")
        word = value.strip().lower() if isinstance(value, str) else value
        if self.choices:
            if not isinstance(word, str) or word not in self.choices:
                raise RequestError(f"{self.key} is {self.limits()}, not {_show(value)}.")
            return word
        if self.off is not None and (word is None or word in _OFF):
            return None
        if word is None:
            raise RequestError(f"{self.key} needs a value, {self.limits()}: write it behind a =.")
        number = _number(word)
        if number is None:
            raise RequestError(f"{self.key} is {self.limits()}, not {_show(value)}.")
        return self._round(number)

    def check(self, value: Value) -> None:
        """Raise RequestError for a value out of the limits."""
        if self.choices or value is None or isinstance(value, str):
            return
        if self.minimum is None or self.maximum is None or not self.minimum <= value <= self.maximum:
            raise RequestError(f"{self.key} is {self.limits()}, not {self.show(value)}.")

    def _round(self, number: float) -> Value:
        step = self.step or 1
        steps = round(number / step)
        if self.off is not None and steps == round(self.off / step):
            return None
        per_one = round(1 / step)
        return steps / per_one if per_one > 1 else steps

    def show(self, value: Value) -> str:
        """Return a value for people, with its unit; `off` for None where it can be off."""
        if value is None:
            return "off" if self.off is not None else "-"
        if isinstance(value, str):
            return value
        return f"{f'{value:g}' if abs(value) < 1e5 else value} {self.unit}".rstrip()


def controls_of(update: Update) -> dict[str, Control]:
    """Return all settings and actions of a meter by key; none of a secret.

    Raises RequestError where it is not known yet which family it is.
    """
    known = update.settings or update.identity or update.reading
    model = model_of_family(known.family) if known is not None else None
    if model is None:
        raise RequestError(f"{update.meter} has not said yet who it is; try again when it answers.")
    identity = update.identity
    controls = _make(model.family, (identity.max_voltage, identity.max_current) if identity is not None else None)
    settings = update.settings
    if settings is None:
        return dict(controls)
    # What a meter's reply leaves out, as most do with a few numbers at the end, cannot be read back.
    return {
        key: control
        for key, control in controls.items()
        if control.kind == "action" or control.off is not None or settings.value(key) is not None
    }


def find_control(controls: Mapping[str, Control], word: str) -> Control:
    """Return a setting or action by its key, with - or _, or by a shorter name. Raises RequestError."""
    key = plain_key(word)
    if key in controls:
        return controls[key]
    close = find_close(key, tuple(controls), 0.6)
    mend = f'did you mean "{close}"?' if close else f"there are {', '.join(controls)}."
    raise RequestError(f"This meter has no setting or action {_show(word)}; {mend}")


def plain_key(word: str) -> str:
    """Return the key that an owner's word means."""
    key = word.strip().lower().replace("-", "_")
    return ALIASES.get(key, key)


def parse_pair(text: str) -> tuple[str, str | None]:
    """Return key and value of KEY=VALUE, or of a KEY alone."""
    key, equals, value = text.partition("=")
    return key, value if equals else None


@cache
def _make(family: str, ranges: tuple[int, int] | None) -> Mapping[str, Control]:
    model = model_of_family(family)
    assert model is not None  # noqa: S101 - it was found by its family
    settings = (
        _setting(row, ranges) for row in model.settings.rows if row.key in QUANTITIES and not QUANTITIES[row.key].secret
    )
    return {control.key: control for control in (*settings, *map(_action, model.actions))}


def _setting(row: Field, ranges: tuple[int, int] | None) -> Control:
    quantity = QUANTITIES[row.key]
    low, high = limits_of(row, ranges)
    is_number = row.write is not None and not row.names
    return Control(
        key=row.key,
        label=quantity.label,
        help=quantity.about,
        kind="setting",
        risk=row.risk,
        unit=quantity.unit,
        minimum=(low - row.offset) / row.scale if is_number else None,
        maximum=(high - row.offset) / row.scale if is_number else None,
        step=1 / row.scale if is_number else None,
        choices=row.names,
        off=(row.off - row.offset) / row.scale if row.off is not None else None,
        writable=row.write is not None,
    )


def label_of(key: str) -> str:
    """Return what an owner calls a setting or an action."""
    if key in _ACTIONS:
        return _ACTIONS[key][0]
    return QUANTITIES[key].label if key in QUANTITIES else key.replace("_", " ").capitalize()


def _action(action: Action) -> Control:
    _, unit, text = _ACTIONS.get(action.key, ("", "", ""))
    is_number = not action.names and action.low < action.high
    return Control(
        key=action.key,
        label=label_of(action.key),
        help=text,
        kind="action",
        risk=action.risk,
        unit=unit,
        minimum=action.low if is_number else None,
        maximum=action.high if is_number else None,
        step=1 if is_number else None,
        choices=action.names,
    )


def _number(value: object) -> float | None:
    """Return what is a number beyond doubt; True is none."""
    if isinstance(value, str):
        return float(value.replace(",", ".")) if _NUMBER.fullmatch(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e9 and isfinite(value) else None


def _show(value: object) -> str:
    return f'"{plain(str(value), 40)}"'


# Permission --------------------------------------------------------------------------------------------------

SETTINGS: Final = "settings"
"""The word for all that is harmless or accounting."""


@dataclass(frozen=True, slots=True)
class Permission:
    """What may be written; nothing by default."""

    words: frozenset[str] = frozenset()
    everything: bool = False

    @classmethod
    def of(cls, words: tuple[str, ...]) -> Permission:
        """Return the permission that a key of the configuration gives."""
        return cls(frozenset(map(plain_key, words)))

    def __bool__(self) -> bool:
        return self.everything or bool(self.words)

    def allows(self, control: Control) -> bool:
        """Return whether this may be written."""
        if not control.writable:
            return False
        if self.everything or control.key in self.words:
            return True
        return SETTINGS in self.words and control.risk != "dangerous"


ALL = Permission(everything=True)
"""That of an owner at the command line."""


def check_words(words: tuple[str, ...]) -> str | None:
    """Return what is wrong with an `allow_control`, as the end of a sentence that begins with the key."""
    known = _known()
    wrong = next((word for word in words if plain_key(word) not in known), None)
    if wrong is None:
        return None
    close = find_close(plain_key(wrong), known, 0.6)
    mend = f'did you mean "{close}"?' if close else f"write {', '.join(known)}."
    return f'has "{wrong}", which is no setting and no action; {mend}'


@cache
def _known() -> tuple[str, ...]:
    models = find_models()
    settings = dict.fromkeys(key for model in models for key in model.settable)
    actions = dict.fromkeys(action.key for model in models for action in model.actions)
    return SETTINGS, *settings, *actions
