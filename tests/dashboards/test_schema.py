"""Grafana's own types say that the dashboards are right."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft7Validator  # type: ignore[import-untyped]

from dashboards import schema
from dashboards.asked import BOARDS, panels

pytestmark = pytest.mark.timeout(900)  # npm on a slow line


@pytest.fixture(scope="module")
def types() -> dict[str, Any]:
    return schema.load()


def faults(types: dict[str, Any], board: dict[str, Any]) -> Iterator[str]:
    """Everything in a dashboard that Grafana's types do not have, or have otherwise."""
    yield from _faults("dashboard", types["dashboard"], board)
    for panel in panels(board):
        title, kind = panel["title"], panel["type"]
        custom = types["custom"]["properties"].get(kind, {"properties": {}})
        yield from _faults(title, types["options"]["properties"][kind], panel["options"])
        yield from _faults(title, custom, panel["fieldConfig"]["defaults"].get("custom", {}))
        for item in (item for override in panel["fieldConfig"]["overrides"] for item in override["properties"]):
            words = item["id"].split(".")
            place = types["dashboard"] if len(words) == 1 else custom
            known = _field(place) if len(words) == 1 else place["properties"]
            yield from _faults(f"{title}: {item['id']}", known.get(words[-1], False), item["value"])


def _field(dashboard: dict[str, Any]) -> dict[str, Any]:
    """What a field of a panel can be given, which is also what an override can."""
    panel = dashboard["properties"]["panels"]["items"]["anyOf"][0]
    found: dict[str, Any] = panel["properties"]["fieldConfig"]["properties"]["defaults"]["properties"]
    return found


def _faults(what: str, rule: dict[str, Any] | bool, value: object) -> list[str]:
    return [f"{what} at {fault.json_path}: {fault.message[:200]}" for fault in Draft7Validator(rule).iter_errors(value)]


@pytest.mark.parametrize("uid", BOARDS)
def test_a_dashboard_is_what_grafana_says_a_dashboard_is(types: dict[str, Any], uid: str) -> None:
    assert list(faults(types, BOARDS[uid])) == []


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("refresh",), 30),
        (("panels", 1, "gridPos", "h"), "8"),
        (("panels", 1, "options", "colour"), 1),
        (("panels", 11, "fieldConfig", "defaults", "custom", "drawStyle"), "curve"),
        (("panels", 1, "fieldConfig", "defaults", "thresholds", "steps", 0, "color"), None),
        (("templating", "list", 1, "auto"), False),
    ],
)
def test_the_types_are_strict_enough_to_find_a_slip(
    types: dict[str, Any], place: tuple[str | int, ...], value: object
) -> None:
    board: Any = copy.deepcopy(BOARDS["juntek-battery"])
    inner = board
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    assert list(faults(types, board)) != []
