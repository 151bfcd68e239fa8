"""Settings and actions of a meter that is not there, as the API has them; rule: it keeps what was written."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

TOKEN = "a-token-of-this-session"  # noqa: S105 - it is the test's


class RefusedError(Exception):
    """The API refuses, with a sentence."""


def _setting(key: str, label: str, value: Any, unit: str = "", risk: str = "accounting", **more: Any) -> dict[str, Any]:  # noqa: ANN401
    empty = {"minimum": None, "maximum": None, "step": None, "choices": None, "help": "", "allowed": True}
    empty |= {"writable": True, "can_be_off": key.endswith("_protection")}
    return {"key": key, "label": label, "value": value, "unit": unit, "risk": risk, **empty, **more}


def _settings() -> list[dict[str, Any]]:
    relay = [
        {"value": "normally_open", "label": "Normally open"}, {"value": "normally_closed", "label": "Normally closed"},
    ]  # fmt: skip
    return [
        _setting("nominal_capacity", "Nominal capacity", 280.0, "Ah", minimum=0.1, maximum=6553.5, step=0.1,
                 help="What the battery holds when it is full; the percentage is counted from it."),
        _setting("voltage_calibration", "Voltage calibration", 100, minimum=50, maximum=200, step=1),
        _setting("over_voltage_protection", "Over-voltage protection", 58.4, "V", "dangerous", minimum=0, maximum=500,
                 step=0.01, help="Above it the output is switched off."),
        _setting("over_power_protection", "Over-power protection", None, "W", "dangerous", minimum=0, maximum=90000,
                 step=0.01),
        _setting("relay_type", "Relay type", "normally_open", "", "dangerous", choices=relay),
        _setting("address", "Address", 1, "", "dangerous", minimum=1, maximum=99, step=1, allowed=False),
    ]  # fmt: skip


def _actions() -> list[dict[str, Any]]:
    percent = {"unit": "%", "minimum": 0, "maximum": 100, "step": 1, "choices": None}
    switch = {
        "unit": "", "minimum": None, "maximum": None, "step": None,
        "choices": [{"value": "on", "label": "On"}, {"value": "off", "label": "Off"}],
    }  # fmt: skip
    rows = (
        ("zero_current", "Set the current to zero", "Do it while nothing flows.", "accounting", None),
        ("state_of_charge", "Set state of charge", "What the meter counts from now on.", "accounting", percent),
        ("output", "Switch the output", "It cuts off or connects what hangs on the relay.", "dangerous", switch),
    )
    keys = ("key", "label", "help", "risk", "argument")
    return [dict(zip(keys, row, strict=True)) | {"allowed": True} for row in rows]


def _columns(table: dict[str, Any]) -> tuple[list[str], list[Any]]:
    return list(table), list(table.values())


@dataclass
class FakeControl:
    """What may be written; `outcome` is what becomes of everything that is."""

    writable: bool = True
    outcome: str = "obeyed"
    rows: list[dict[str, Any]] = field(default_factory=_settings)
    actions: list[dict[str, Any]] = field(default_factory=_actions)
    commands: list[dict[str, Any]] = field(default_factory=lambda: [
        {"time": "2026-01-05T17:03:00+00:00", "meter": "house", "who": "mqtt", "key": "state_of_charge", "old": 88.0,
         "label": "Set state of charge", "new": 100, "outcome": "obeyed"},
    ])  # fmt: skip

    def settings(self, meter: str) -> dict[str, Any]:
        return {"meter": meter, "writable": self.writable, "settings": self.rows, "actions": self.actions}

    def write(self, meter: str, path: list[str], body: dict[str, Any]) -> dict[str, Any]:
        """Answer a POST; raises RefusedError."""
        if path == ["settings", "plan"]:
            return {"changes": [*self._plan(body["values"]), *map(self._act, *_columns(body.get("action", {})))]}
        changes = self._plan(body["values"]) if path == ["settings"] else [self._act(path[1], body["value"])]
        if missing := [
            row["key"] for row in changes if row["risk"] == "dangerous" and row["key"] not in body["confirm"]
        ]:
            raise RefusedError(f"{missing[0]} is dangerous; confirm it by its key.")
        outcomes = [{key: row[key] for key in ("key", "label", "old", "new")} for row in changes]
        for row in outcomes:
            self._keep(meter, row)
            row |= {
                "outcome": self.outcome,
                "detail": "The meter says another value." if self.outcome == "refused" else "",
            }
        return {"outcomes": outcomes}

    def _plan(self, values: dict[str, Any]) -> list[dict[str, Any]]:
        changes = []
        for row in self.rows:
            new = values.get(row["key"], row["value"])
            if row["maximum"] is not None and new is not None and not row["minimum"] <= new <= row["maximum"]:
                raise RefusedError(f"{row['label']} is {row['minimum']} to {row['maximum']} {row['unit']}, not {new}.")
            if new != row["value"]:
                is_dangerous = row["risk"] == "dangerous"
                warning = "A wrong value can leave the battery without protection." if is_dangerous else ""
                changes.append({**{key: row[key] for key in ("key", "label", "unit", "risk")}, "old": row["value"],
                                "new": new, "warning": warning})  # fmt: skip
        return changes

    def _act(self, key: str, value: Any) -> dict[str, Any]:  # noqa: ANN401 - what it takes
        action = next(row for row in self.actions if row["key"] == key)
        unit = (action["argument"] or {"unit": ""})["unit"]
        return {
            "key": key, "label": action["label"], "old": 63.0 if key == "state_of_charge" else None, "new": value,
            "unit": unit, "risk": action["risk"], "warning": action["help"],
        }  # fmt: skip

    def _keep(self, meter: str, change: dict[str, Any]) -> None:
        for row in self.rows:
            if row["key"] == change["key"] and self.outcome == "obeyed":
                row["value"] = change["new"]
        entry = {"time": datetime.now(UTC).isoformat(), "meter": meter, "who": "page", "outcome": self.outcome}
        self.commands.insert(0, {**entry, **{key: change[key] for key in ("key", "label", "old", "new")}})
