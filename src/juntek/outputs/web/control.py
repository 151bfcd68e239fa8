"""Settings and actions over the API; rule: only what is allowed here is written."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal, NotRequired, Protocol, TypedDict, cast

from starlette.exceptions import HTTPException
from starlette.requests import Request

from juntek.control import (
    Change,
    NotAllowedError,
    Permission,
    carry_out,
    describe,
    plan,
    plan_action,
    require_confirmed,
)
from juntek.errors import LinkError, NoReplyError, RequestError
from juntek.outputs import Context
from juntek.outputs.web.authentication import Authenticator, Headers
from juntek.outputs.web.openapi import METER, Operation
from juntek.outputs.web.parameters import plain, read_object
from juntek.update import Outcome, Update

log = logging.getLogger(__name__)

LARGEST_BODY: Final = 16_384
BODY_TIME: Final = 10.0
"""s in which a request has to come."""
MOST_WRITING: Final = 16
"""Requests that write at the same time; their commands wait for each other on the line."""

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


class Changes(TypedDict):
    """What differs from what is."""

    changes: list[PlannedChange]


class CommandOutcome(TypedDict):
    """What became of a command, by what the meter says afterwards; `detail` is a sentence, or empty."""

    key: str
    label: str
    old: Value
    new: Value
    outcome: Outcome
    detail: str


class Outcomes(TypedDict):
    """What became of all."""

    outcomes: list[CommandOutcome]


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


@dataclass(slots=True, kw_only=True)
class Writing:
    """What may be written, and the way to the meters."""

    permission: Permission
    authenticator: Authenticator
    context: Context
    running: int = 0

    def page_token_for(self, headers: Headers) -> str | None:
        """Return what our page has to show to write, or None where this browser may not."""
        return self.authenticator.page_token_for(headers) if self.permission else None

    def find_writer(self, headers: Headers) -> str:
        """Return who wants to write, in words. Raises HTTPException for who may not."""
        if not self.permission:
            raise HTTPException(403, "Nothing may be written here; set web.allow_control and a password.")
        return self.authenticator.find_writer(headers)

    def look(self, name: str) -> Update:
        """Return what is known of a meter. Raises HTTPException where there is none."""
        update = self.context.latest.get(name)
        if update is None:
            raise HTTPException(404, f'The meter "{plain(name)}" has said nothing yet; see /api/health.')
        return update

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Turn what cannot be into an HTTPException."""
        self.running += 1
        try:
            if self.running > MOST_WRITING:
                raise HTTPException(503, "Too much is written at once; try again in a moment.", {"retry-after": "2"})
            yield
        except NotAllowedError as error:
            log.info("web: refused: %s", error)
            raise HTTPException(403, str(error)) from None
        except RequestError as error:
            raise HTTPException(422, str(error)) from None
        except (NoReplyError, LinkError) as error:
            raise HTTPException(503, str(error)) from None
        finally:
            self.running -= 1

    async def carry_out(self, changes: list[Change], body: Mapping[str, Any], who: str, name: str) -> Outcomes:
        """Write changes that are confirmed, and return what the meter says afterwards."""
        confirmed = body.get("confirm", [])
        if not isinstance(confirmed, list) or not all(isinstance(key, str) for key in confirmed):
            raise HTTPException(400, "confirm is a list of keys.")
        require_confirmed(changes, confirmed)
        results = await carry_out(self.context.send, lambda: self.look(name), changes, who=who)
        return {"outcomes": [cast("CommandOutcome", result.as_dict()) for result in results]}


class Api(Protocol):
    """What handlers here need of the API."""

    @property
    def writing(self) -> Writing:
        """What may be written."""


async def show_settings(api: Api, request: Request) -> MeterControls:
    """Return what there is, whoever may write it."""
    update = api.writing.look(request.path_params["name"])
    try:
        return cast("MeterControls", describe(update, api.writing.permission))
    except RequestError as error:
        raise HTTPException(404, str(error)) from None


async def plan_settings(api: Api, request: Request) -> Changes:
    """Return what would be written, and write nothing."""
    writing = api.writing
    with writing.attempt():
        writing.find_writer(request.headers)
        update = writing.look(request.path_params["name"])
        body = await _read(request, WishedSettings)
        changes = plan(update, _table(body, "values"), writing.permission)
        for key, value in _table(body, "action").items():
            changes.append(plan_action(update, key, value, writing.permission))
        return {"changes": [cast("PlannedChange", change.as_dict()) for change in changes]}


async def write_settings(api: Api, request: Request) -> Outcomes:
    """Write, and return what the meter says afterwards."""
    writing = api.writing
    with writing.attempt():
        who = writing.find_writer(request.headers)
        body = await _read(request, ConfirmedSettings)
        update = writing.look(request.path_params["name"])
        changes = plan(update, _table(body, "values"), writing.permission)
        return await writing.carry_out(changes, body, who, update.meter)


async def act(api: Api, request: Request) -> Outcomes:
    """Let the meter act, and return what it says afterwards."""
    writing = api.writing
    with writing.attempt():
        who = writing.find_writer(request.headers)
        body = await _read(request, ConfirmedAction)
        update = writing.look(request.path_params["name"])
        change = plan_action(update, request.path_params["key"], body.get("value"), writing.permission)
        return await writing.carry_out([change], body, who, update.meter)


async def _read(request: Request, kind: Any) -> dict[str, Any]:  # noqa: ANN401 - a TypedDict
    return await read_object(request, kind.__annotations__, LARGEST_BODY, BODY_TIME)


def _table(body: Mapping[str, Any], key: str) -> dict[str, Any]:
    table = body.get(key, {})
    if not isinstance(table, dict):
        raise HTTPException(400, f"{key} is an object, such as {{…: …}}.")
    return table


_ERRORS = (400, 403, 408, 413, 415, 422)
OPERATIONS: Final = (
    Operation(path=f"{METER}/settings", summary="All settings and actions of a meter", handler=show_settings),
    Operation(
        method="POST", path=f"{METER}/settings/plan", summary="What would be written", handler=plan_settings,
        body=WishedSettings, errors=_ERRORS,
    ),
    Operation(
        method="POST", path=f"{METER}/settings", summary="Write settings", handler=write_settings,
        body=ConfirmedSettings, errors=_ERRORS,
    ),
    Operation(
        method="POST", path=f"{METER}/actions/{{key}}", summary="Let a meter act", handler=act, body=ConfirmedAction,
        errors=_ERRORS,
    ),
)  # fmt: skip
