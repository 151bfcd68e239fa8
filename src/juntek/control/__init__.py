"""What may be written to a meter, and what becomes of it; rule: pure, it sends nothing.

`controls_of` lists the settings and actions of a meter with their limits, `plan` turns wishes into changes or says why
not, `carry_out` gives the changes to whoever sends, one after the other, and says what became of each. All of a plan is
checked before any of it is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from juntek.control.controls import Control, Permission, Value, controls_of, find_control
from juntek.errors import JuntekError, LinkError, NoReplyError, RequestError
from juntek.exchange import Risk
from juntek.update import Outcome, Update

_RISKS: dict[Risk, str] = {
    "harmless": "changes what is shown only",
    "accounting": "a wrong value makes the percentage or the totals wrong",
    "dangerous": "can switch loads or the charger off, or lose the meter",
}
_OTHER = {
    "action": "{} is an action and no setting; ask for it as one.",
    "setting": "{} is a setting and no action; set it as one.",
}
"""What is said of one that is of the other kind."""
_FINAL = frozenset({"clear_totals", "factory_reset"})
"""Actions that nothing undoes."""
TRIPS: dict[str, Callable[[Any, float], bool]] = {
    "over_voltage_protection": lambda now, limit: now.voltage > limit,
    "over_current_protection": lambda now, limit: -now.current > limit,
    "under_voltage_protection": lambda now, limit: now.voltage < limit,
    "negative_over_current_protection": lambda now, limit: now.current > limit,
    "over_power_protection": lambda now, limit: abs(now.voltage * now.current) > limit,
    "over_temperature_protection": lambda now, limit: now.temperature is not None and now.temperature > limit,
}
"""Whether what is measured now is beyond a limit, in the order of the codes by which meters tell that it tripped."""


class NotAllowedError(RequestError):
    """What is asked for may not be written from where it comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing to write: from `old` to `new`, where None is off, unknown or nothing."""

    control: Control
    old: Value
    new: Value
    warning: str

    @property
    def key(self) -> str:
        """The setting or action."""
        return self.control.key

    def as_dict(self) -> dict[str, Any]:
        """Return the public keys and values, ready for JSON."""
        control = self.control
        told = {"key": control.key, "label": control.label, "old": self.old, "new": self.new}
        return {**told, "unit": control.unit, "risk": control.risk, "warning": self.warning}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of a change; `detail` is a sentence where it was not obeyed."""

    change: Change
    outcome: Outcome
    detail: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the public keys and values, ready for JSON."""
        facts = self.change.as_dict()
        told = {key: facts[key] for key in ("key", "label", "old", "new")}
        return {**told, "outcome": self.outcome, "detail": self.detail}


class Send(Protocol):
    """The door for commands; `who` sends, for the record. Raises RequestError for what is not possible, LinkError."""

    async def __call__(self, meter: str, key: str, value: Any, *, who: str = ...) -> Outcome:  # noqa: ANN401
        """Set a setting of a meter, or make it act; return what became of it."""


def plan(
    update: Update, values: Mapping[str, Any], permission: Permission, kind: Literal["setting", "action"] = "setting"
) -> list[Change]:
    """Return what has to be written so that the settings are `values`, nothing of what is so already; or every action.

    Raises NotAllowedError, NoReplyError, or RequestError for what the meter has not or does not take.
    """
    controls = _ready(update)
    changes: dict[str, Change] = {}
    for word, value in values.items():
        control = find_control(controls, word)
        if control.kind != kind:
            raise RequestError(_OTHER[control.kind].format(control.key))
        if not control.writable:
            raise RequestError(f"{control.key} can only be read from outside; set it at the meter's display.")
        if control.key in changes:
            raise RequestError(f"{control.key} is there twice; give it once.")
        changes[control.key] = _make_change(control, value, update, permission)
    return [change for change in changes.values() if kind == "action" or change.new != change.old]


def _make_change(control: Control, value: Any, update: Update, permission: Permission) -> Change:  # noqa: ANN401
    if not permission.allows(control):
        raise NotAllowedError(
            f"{control.key} may not be written from here; add it to allow_control of [mqtt] or [web] to allow that."
        )
    new, old = control.read(value), value_before(control.key, update)
    if new != old:  # what a meter says already need not be within the limits
        control.check(new)
    if control.key == "zero_current":
        _refuse_current(update)
    return Change(control=control, old=old, new=new, warning=_warn(control, new, update))


def require_confirmed(changes: Sequence[Change], confirmed: Collection[str]) -> None:
    """Raise RequestError where something dangerous was not confirmed by its key."""
    missing = [change.key for change in changes if change.control.risk == "dangerous" and change.key not in confirmed]
    if missing:
        raise RequestError(f"{missing[0]} is dangerous ({_RISKS['dangerous']}); confirm it by its key.")


async def carry_out(send: Send, look: Callable[[], Update], changes: Sequence[Change], *, who: str) -> list[Result]:
    """Send each change and return what became of it; `look` gives what is known of the meter then.

    After a link that was lost nothing more is sent.
    """
    results: list[Result] = []
    for change in changes:
        if results and results[-1].outcome == "unknown" and results[-1].change.control.kind == "setting":
            detail = "It was not sent, as the line failed before it."
            results.append(Result(change=change, outcome="refused", detail=detail))
            continue
        try:
            outcome = await send(look().meter, change.key, change.new, who=who)
        except LinkError as error:
            detail = f"{error} Whether the meter took it is not known; look when it answers again."
            results.append(Result(change=change, outcome="unknown", detail=detail))
        except JuntekError as error:
            results.append(Result(change=change, outcome="refused", detail=str(error)))
        else:
            results.append(Result(change=change, outcome=outcome, detail=_explain(change, outcome, look())))
    return results


def describe(update: Update, permission: Permission) -> dict[str, Any]:
    """Return all settings and actions with their limits, ready for JSON. Raises RequestError as `controls_of` does."""
    settings: list[dict[str, Any]] = []
    actions: list[dict[str, Any]] = []
    for control in controls_of(update).values():
        facts: dict[str, Any] = {"key": control.key, "label": control.label, "help": control.help}
        facts |= {"risk": control.risk, "allowed": permission.allows(control)}
        if control.kind == "action":
            actions.append({**facts, "argument": _range(control) if control.takes_value else None})
        else:
            value = update.settings.value(control.key) if update.settings is not None else None
            facts |= {"value": value, "writable": control.writable, "can_be_off": control.off is not None}
            settings.append(facts | _range(control))
    writable = bool(permission) and update.available
    return {"meter": update.meter, "writable": writable, "settings": settings, "actions": actions}


def _range(control: Control) -> dict[str, Any]:
    choices = [{"value": word, "label": word.replace("_", " ").capitalize()} for word in control.choices]
    ends = {"unit": control.unit, "minimum": control.minimum, "maximum": control.maximum, "step": control.step}
    return {**ends, "choices": choices or None}


def _ready(update: Update) -> dict[str, Control]:
    controls = controls_of(update)
    if not update.available:
        raise NoReplyError(f"{update.meter} does not answer at present; {update.health.error or 'try again later.'}")
    if update.settings is None:
        raise RequestError(f"{update.meter} has not said yet how it is set; try again in half a minute.")
    return controls


def _refuse_current(update: Update) -> None:
    """With a current flowing a new zero spoils all counting; an offset is less than a hundredth of the range."""
    most = max(1.0, update.identity.max_current / 100 if update.identity is not None else 0.0)
    if update.reading is not None and abs(update.reading.current) > most:
        raise RequestError(
            f"{abs(update.reading.current):g} A flow now; switch everything off before the current is zeroed."
        )


def value_before(key: str, update: Update) -> Value:
    """Return what a meter says of a setting, or of what an action would change; None where it says nothing."""
    reading, settings = update.reading, update.settings
    if key == "output":
        return reading.output_state if reading is not None else None
    if key == "set_address":
        return settings.address if settings is not None else None
    if key == "state_of_charge" and reading is not None and settings is not None and settings.nominal_capacity:
        return round(100 * reading.remaining_capacity / settings.nominal_capacity, 1)
    value: Value = settings.value(key) if settings is not None else None
    return value


def _warn(control: Control, new: Value, update: Update) -> str:
    text = _RISKS[control.risk]
    if control.key in _FINAL:
        text = "this cannot be undone" + (f"; {text}" if control.risk == "dangerous" else "")
    trips, now = TRIPS.get(control.key), update.reading
    if trips is not None and now is not None and isinstance(new, int | float) and trips(now, new):
        return f"the battery is beyond this limit now, so the output is switched off; {text}"
    return text


def _explain(change: Change, outcome: Outcome, now: Update) -> str:
    if outcome == "obeyed":
        return ""
    if outcome == "unknown":
        return "The meter says nothing from which one could see whether it was done."
    told = value_before(change.key, now)
    if told == change.old:
        return f"The meter did not take it and still says {change.control.show(told)}."
    return f"The meter says {change.control.show(told)} instead."
