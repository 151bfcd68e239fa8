"""Settings and actions over the API; rule: only what is allowed here is written, and not too much at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypedDict, cast

from starlette.exceptions import HTTPException
from starlette.requests import Request

from juntek.control import Change, carry_out, describe, plan, require_confirmed
from juntek.names import plain
from juntek.outputs.web.api_types import Written
from juntek.outputs.web.operation import METER, Api, operation
from juntek.outputs.web.parameters import read_object
from juntek.update import Outcome, Update

Risk = Literal["harmless", "accounting", "dangerous"]


class Choice(TypedDict):
    """A word that a setting can be."""

    value: str
    label: str


class Limits(TypedDict):
    """What a setting or an action takes; numbers in `unit`, null where it takes a word."""

    unit: str
    minimum: float | None
    maximum: float | None
    step: float | None
    choices: list[Choice] | None


class ControlFacts(TypedDict):
    """Something that can be written; `allowed`: it may be written here."""

    key: str
    label: str
    help: str
    risk: Risk
    allowed: bool


class SettingFacts(ControlFacts, Limits):
    """A setting, its value and its limits; null is a protection that is off. `allowed`: it may be written here."""

    value: Any
    writable: bool
    can_be_off: bool


class ActionFacts(ControlFacts):
    """Something that a meter does when it is told; `argument` is null where nothing has to be said with it."""

    argument: Limits | None


class MeterControls(TypedDict):
    """How a meter is set and what it can do; `writable`: something may be written here now."""

    meter: str
    writable: bool
    settings: list[SettingFacts]
    actions: list[ActionFacts]


class PlannedChange(Written):
    """What would be written, and what a wrong value does."""

    unit: str
    risk: Risk
    warning: str


class CommandOutcome(Written):
    """What became of a command, by what the meter says afterwards; `detail` is a sentence, or empty."""

    outcome: Outcome
    detail: str


Outcomes = dict[Literal["outcomes"], list[CommandOutcome]]
"""What became of all."""


class _Settings(TypedDict):
    values: dict[str, Any]


class WishedSettings(_Settings, total=False):
    """Settings as they are to be; with `action` what an action would change."""

    action: dict[str, Any]


class ConfirmedSettings(_Settings, total=False):
    """Settings as they are to be; `confirm` has the keys of those that are dangerous."""

    confirm: list[str]


class ConfirmedAction(TypedDict, total=False):
    """What an action takes, and its key in `confirm` where it is dangerous."""

    value: Any
    confirm: list[str]


@operation(f"{METER}/settings", errors=(422,))
async def show_settings(api: Api, request: Request) -> MeterControls:
    """All settings and actions of a meter, whoever may write them."""
    return cast("MeterControls", describe(_look(api, request), api.authenticator.permission))


@operation(f"{METER}/settings/plan", "POST", body=WishedSettings, errors=(422,))
async def plan_settings(api: Api, request: Request) -> dict[Literal["changes"], list[PlannedChange]]:
    """What would be written; nothing is."""
    _, update, body = await _read(api, request, WishedSettings)
    permission = api.authenticator.permission
    changes = plan(update, body.get("values", {}), permission)
    changes += plan(update, body.get("action", {}), permission, "action")
    return {"changes": [cast("PlannedChange", change.as_dict()) for change in changes]}


@operation(f"{METER}/settings", "POST", body=ConfirmedSettings, errors=(422,))
async def write_settings(api: Api, request: Request) -> Outcomes:
    """Write settings, and return what the meter says afterwards."""
    who, update, body = await _read(api, request, ConfirmedSettings)
    changes = plan(update, body.get("values", {}), api.authenticator.permission)
    return await _carry_out(api, request, changes, body, who)


@operation(f"{METER}/actions/{{key}}", "POST", body=ConfirmedAction, errors=(422,))
async def act(api: Api, request: Request) -> Outcomes:
    """Let a meter act, and return what it says afterwards."""
    who, update, body = await _read(api, request, ConfirmedAction)
    wish = {request.path_params["key"]: body.get("value")}
    changes = plan(update, wish, api.authenticator.permission, "action")
    return await _carry_out(api, request, changes, body, who)


async def _read(api: Api, request: Request, kind: Any) -> tuple[str, Update, dict[str, Any]]:  # noqa: ANN401 - a TypedDict
    """Return who wants to write, what is known of the meter, and what was sent. Raises HTTPException."""
    who = api.authenticator.find_writer(request.headers)
    body = await read_object(request, kind, api.broadcaster.limits.request_time)
    return who, _look(api, request), body


def _look(api: Api, request: Request) -> Update:
    """Return what is known of the meter. Raises HTTPException where there is none."""
    name = request.path_params["name"]
    update = api.context.latest.get(name)
    if update is None:
        raise HTTPException(404, f'The meter "{plain(name[:40])}" has said nothing yet; see /api/health.')
    return update


async def _carry_out(api: Api, request: Request, changes: list[Change], body: Mapping[str, Any], who: str) -> Outcomes:
    """Write changes that are confirmed, and return what the meter says afterwards."""
    require_confirmed(changes, body.get("confirm", []))
    if api.writing.locked():
        raise HTTPException(503, "Too much is written at once; try again in a moment.", {"retry-after": "2"})
    async with api.writing:
        results = await carry_out(api.context.send, lambda: _look(api, request), changes, who=who)
    return {"outcomes": [cast("CommandOutcome", result.as_dict()) for result in results]}
