"""Settings and actions over the API; rule: only what is allowed here is written, and not too much at once."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Literal, NotRequired, TypedDict, cast

from starlette.exceptions import HTTPException
from starlette.requests import Request

from juntek.control import Change, NotAllowedError, carry_out, describe, plan, plan_action, require_confirmed
from juntek.errors import LinkError, NoReplyError, RequestError
from juntek.names import plain
from juntek.outputs.web.operation import METER, Api, operation
from juntek.outputs.web.parameters import read_object
from juntek.update import Outcome, Update

log = logging.getLogger(__name__)

LARGEST_BODY: Final = 16_384
MOST_WRITING: Final = 16
"""Requests that write at the same time: their commands wait for each other, also when who asked has gone."""

Value = Any
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


class SettingFacts(Limits):
    """A setting, its value and its limits; null is a protection that is off. `allowed`: it may be written here."""

    key: str
    label: str
    help: str
    risk: Risk
    allowed: bool
    value: Value
    writable: bool
    can_be_off: bool


class ActionFacts(TypedDict):
    """Something that a meter does when it is told; `argument` is null where nothing has to be said with it."""

    key: str
    label: str
    help: str
    risk: Risk
    allowed: bool
    argument: Limits | None


class MeterControls(TypedDict):
    """How a meter is set and what it can do; `writable`: something may be written here now."""

    meter: str
    writable: bool
    settings: list[SettingFacts]
    actions: list[ActionFacts]


class PlannedChange(TypedDict):
    """What would be written, and what a wrong value does."""

    key: str
    label: str
    old: Value
    new: Value
    unit: str
    risk: Risk
    warning: str


class CommandOutcome(TypedDict):
    """What became of a command, by what the meter says afterwards; `detail` is a sentence, or empty."""

    key: str
    label: str
    old: Value
    new: Value
    outcome: Outcome
    detail: str


Outcomes = dict[Literal["outcomes"], list[CommandOutcome]]
"""What became of all."""


class WishedSettings(TypedDict):
    """Settings as they are to be; with `action` what an action would change."""

    values: dict[str, Any]
    action: NotRequired[dict[str, Any]]


class ConfirmedSettings(TypedDict):
    """Settings as they are to be; `confirm` has the keys of those that are dangerous."""

    values: dict[str, Any]
    confirm: NotRequired[list[str]]


class ConfirmedAction(TypedDict):
    """What an action takes, and its key in `confirm` where it is dangerous."""

    value: NotRequired[Any]
    confirm: NotRequired[list[str]]


@operation(f"{METER}/settings")
async def show_settings(api: Api, request: Request) -> MeterControls:
    """All settings and actions of a meter, whoever may write them."""
    update = _look(api, request)
    try:
        return cast("MeterControls", describe(update, api.authenticator.permission))
    except RequestError as error:
        raise HTTPException(404, str(error)) from None


@operation(f"{METER}/settings/plan", "POST", body=WishedSettings, errors=(422,))
async def plan_settings(api: Api, request: Request) -> dict[Literal["changes"], list[PlannedChange]]:
    """What would be written; nothing is."""
    permission = api.authenticator.permission
    with _explained():
        api.authenticator.find_writer(request.headers)
        update = _look(api, request)
        body = await _read(api, request, WishedSettings)
        changes = plan(update, body.get("values", {}), permission)
        for key, value in body.get("action", {}).items():
            changes.append(plan_action(update, key, value, permission))
        return {"changes": [cast("PlannedChange", change.as_dict()) for change in changes]}


@operation(f"{METER}/settings", "POST", body=ConfirmedSettings, errors=(422,))
async def write_settings(api: Api, request: Request) -> Outcomes:
    """Write settings, and return what the meter says afterwards."""
    with _explained():
        who = api.authenticator.find_writer(request.headers)
        body = await _read(api, request, ConfirmedSettings)
        changes = plan(_look(api, request), body.get("values", {}), api.authenticator.permission)
        return await _carry_out(api, request, changes, body, who)


@operation(f"{METER}/actions/{{key}}", "POST", body=ConfirmedAction, errors=(422,))
async def act(api: Api, request: Request) -> Outcomes:
    """Let a meter act, and return what it says afterwards."""
    with _explained():
        who = api.authenticator.find_writer(request.headers)
        body = await _read(api, request, ConfirmedAction)
        key, value = request.path_params["key"], body.get("value")
        change = plan_action(_look(api, request), key, value, api.authenticator.permission)
        return await _carry_out(api, request, [change], body, who)


@contextmanager
def _explained() -> Iterator[None]:
    """Turn what cannot be into an HTTPException."""
    try:
        yield
    except NotAllowedError as error:
        log.info("web: refused: %s", error)
        raise HTTPException(403, str(error)) from None
    except RequestError as error:
        raise HTTPException(422, str(error)) from None
    except (NoReplyError, LinkError) as error:
        raise HTTPException(503, str(error)) from None


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
    if len(api.writing) >= MOST_WRITING:
        raise HTTPException(503, "Too much is written at once; try again in a moment.", {"retry-after": "2"})
    api.writing.append(who)
    try:
        results = await carry_out(api.context.send, lambda: _look(api, request), changes, who=who)
    finally:
        api.writing.remove(who)
    return {"outcomes": [cast("CommandOutcome", result.as_dict()) for result in results]}


async def _read(api: Api, request: Request, kind: Any) -> dict[str, Any]:  # noqa: ANN401 - a TypedDict
    return await read_object(request, kind, LARGEST_BODY, api.broadcaster.limits.request_time)
