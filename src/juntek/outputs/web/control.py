"""Settings and actions over the API; rule: whoever writes has signed in and shows that it is our page, or has a token.

A page shows a token that only our own page can read, so that no page of somebody else can use the browser's session.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal, NotRequired, Protocol, TypedDict, cast

from starlette.requests import ClientDisconnect, Request

from juntek.control import (
    Change,
    NotAllowedError,
    Permission,
    Send,
    carry_out,
    describe,
    plan,
    plan_action,
    require_confirmed,
)
from juntek.errors import LinkError, NoReplyError, RequestError
from juntek.outputs.web.authentication import Authenticator, is_own_origin, session_of
from juntek.outputs.web.history_queries import HistoryQueries
from juntek.outputs.web.local_token import WHO
from juntek.outputs.web.openapi import METER, Operation
from juntek.outputs.web.parameters import Parameter
from juntek.outputs.web.passwords import digest
from juntek.outputs.web.refusal import Refusal
from juntek.update import Outcome, Update

log = logging.getLogger(__name__)

TOKEN: Final = "x-juntek-token"  # noqa: S105 - the name of a header
LARGEST_BODY: Final = 16_384
BODY_TIME: Final = 10.0
"""s in which a request has to come."""
MOST_WRITING: Final = 16
"""Requests that write at the same time; their commands wait for each other on the line."""
MOST_COMMANDS: Final = 1000

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


class Command(TypedDict):
    """What was written to a meter, when and by whom."""

    time: Annotated[str, ("format", "date-time")]
    meter: str
    who: str
    key: str
    old: Value
    new: Value
    outcome: str


class Commands(TypedDict):
    """What was written to meters, the newest first."""

    commands: list[Command]


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
    """Who may write what. `writers` has the names of tokens that may, by their hash; "" is that of this computer."""

    permission: Permission
    authenticator: Authenticator
    send: Send
    latest: Mapping[str, Update]
    writers: Mapping[str, str] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    """How often something was refused, by the status of the answer."""
    running: int = 0

    def token_of(self, headers: Mapping[str, str]) -> str | None:
        """Return what our page has to show to write, or None where this session may not."""
        session = session_of(headers)
        if not self.permission or session is None or not self.authenticator.is_signed_in(headers):
            return None
        return self._token(session)

    def find_writer(self, headers: Mapping[str, str]) -> str:
        """Return who wants to write, in words. Raises Refusal for who may not."""
        if not self.permission:
            raise Refusal(403, "Nothing may be written here; set web.allow_control and a password.")
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            name = self.writers.get(f"sha256:{digest(token.strip())}")
            if name is None:
                raise Refusal(403, "This token may only read; make one that may write: juntek web token NAME --write.")
            return f"token {name}" if name else f"command line {_plain(headers.get(WHO, ''))}"
        session = session_of(headers)
        shown = headers.get(TOKEN, "")
        is_ours = session is not None and is_own_origin(headers) and self.authenticator.is_signed_in(headers)
        if session is None or not is_ours or not hmac.compare_digest(shown.encode(), self._token(session).encode()):
            raise Refusal(403, "Only the gateway's own page may do this, signed in.")
        return f"page session {digest(session)[:8]}"

    def look(self, name: str) -> Update:
        """Return what is known of a meter. Raises Refusal where there is none."""
        update = self.latest.get(name)
        if update is None:
            raise Refusal(404, f'The meter "{_plain(name)}" has said nothing yet; see /api/health.')
        return update

    def _token(self, session: str) -> str:
        secret = (self.authenticator.password_hash or "").encode()
        return hmac.new(secret, b"write:" + session.encode("utf-8", "surrogateescape"), "sha256").hexdigest()

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Turn what cannot be into a Refusal, and count it."""
        try:
            self._refuse_too_many()
            self.running += 1
            try:
                with _explained():
                    yield
            finally:
                self.running -= 1
        except Refusal as refusal:
            self.refused[str(refusal.status)] += 1
            raise

    def _refuse_too_many(self) -> None:
        if self.running >= MOST_WRITING:
            raise Refusal(503, "Too much is written at once; try again in a moment.", {"retry-after": "2"})


class Api(Protocol):
    """What handlers here need of the API."""

    @property
    def writing(self) -> Writing:
        """Who may write what."""

    @property
    def queries(self) -> HistoryQueries:
        """What asks the history."""


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except NotAllowedError as error:
        log.info("web: refused: %s", error)
        raise Refusal(403, str(error)) from None
    except RequestError as error:
        raise Refusal(422, str(error)) from None
    except (NoReplyError, LinkError) as error:
        raise Refusal(503, str(error)) from None


async def show_settings(api: Api, request: Request) -> MeterControls:
    """Return what there is, whoever may write it."""
    update = api.writing.look(request.path_params["name"])
    try:
        return cast("MeterControls", describe(update, api.writing.permission))
    except RequestError as error:
        raise Refusal(404, str(error)) from None


async def plan_settings(api: Api, request: Request) -> Changes:
    """Return what would be written, and write nothing."""
    with api.writing.attempt():
        api.writing.find_writer(request.headers)
        update = api.writing.look(request.path_params["name"])
        body = await _read_object(request, {"values", "action"})
        changes = plan(update, _table(body, "values"), api.writing.permission)
        for key, value in _table(body, "action").items():
            changes.append(plan_action(update, key, value, api.writing.permission))
        return {"changes": [cast("PlannedChange", change.as_dict()) for change in changes]}


async def write_settings(api: Api, request: Request) -> Outcomes:
    """Write, and return what the meter says afterwards."""
    with api.writing.attempt():
        who = api.writing.find_writer(request.headers)
        body = await _read_object(request, {"values", "confirm"})
        update = api.writing.look(request.path_params["name"])
        return await _carry_out(api, plan(update, _table(body, "values"), api.writing.permission), body, who, update)


async def act(api: Api, request: Request) -> Outcomes:
    """Let the meter act, and return what it says afterwards."""
    with api.writing.attempt():
        who = api.writing.find_writer(request.headers)
        body = await _read_object(request, {"value", "confirm"})
        update = api.writing.look(request.path_params["name"])
        change = plan_action(update, request.path_params["key"], body.get("value"), api.writing.permission)
        return await _carry_out(api, [change], body, who, update)


async def show_commands(api: Api, request: Request) -> Commands:
    """Return the audit."""
    query = dict(request.query_params.multi_items())
    if unknown := query.keys() - {"meter", "limit"}:
        raise Refusal(400, f"There is no parameter {_plain(min(unknown))}; there are meter, limit.")
    limit = query.get("limit", "100")
    if not (limit.isascii() and limit.isdigit() and len(limit) <= 4 and 1 <= int(limit) <= MOST_COMMANDS):
        raise Refusal(400, f"limit is a whole number from 1 to {MOST_COMMANDS}.")
    entries = await api.queries.query(lambda reader: reader.commands(meter=query.get("meter"), limit=int(limit)))
    return {"commands": [cast("Command", entry.as_dict()) for entry in entries]}


async def _carry_out(api: Api, changes: list[Change], body: Mapping[str, Any], who: str, update: Update) -> Outcomes:
    confirmed = body.get("confirm", [])
    if not isinstance(confirmed, list) or not all(isinstance(key, str) for key in confirmed):
        raise Refusal(400, "confirm is a list of keys.")
    require_confirmed(changes, confirmed)
    look: Callable[[], Update] = lambda: api.writing.look(update.meter)  # noqa: E731
    results = await carry_out(api.writing.send, look, changes, who=who)
    return {"outcomes": [cast("CommandOutcome", result.as_dict()) for result in results]}


async def _read_object(request: Request, keys: set[str]) -> dict[str, Any]:
    """Return the JSON object of a request with these keys. Raises Refusal."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refusal(415, "Send JSON, with the header Content-Type: application/json.")
    body = b""
    try:
        async with asyncio.timeout(BODY_TIME):
            async for piece in request.stream():
                body += piece
                if len(body) > LARGEST_BODY:
                    raise Refusal(413, f"Send at most {LARGEST_BODY} bytes.", {"connection": "close"})
        value = json.loads(body)
    except TimeoutError:
        raise Refusal(408, "The request did not come in time; send it again.", {"connection": "close"}) from None
    except ClientDisconnect:
        raise Refusal(400, "The request ended too early.") from None
    except (ValueError, RecursionError):
        raise Refusal(400, "This is not JSON.") from None
    if not isinstance(value, dict) or value.keys() - keys:
        raise Refusal(400, f"Send an object with {', '.join(sorted(keys))}.")
    return value


def _table(body: Mapping[str, Any], key: str) -> dict[str, Any]:
    table = body.get(key, {})
    if not isinstance(table, dict):
        raise Refusal(400, f"{key} is an object, such as {{…: …}}.")
    return table


def _plain(text: str) -> str:
    shown = "".join(character if character.isprintable() else "?" for character in text)
    return shown[:40] or "unknown"


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
    Operation(
        path="/api/commands", summary="What was written to meters, the newest first", handler=show_commands,
        parameters=(
            Parameter("meter", "Name of a meter. Default: all.", str),
            Parameter("limit", "At most so many.", Annotated[int, ("minimum", 1), ("maximum", MOST_COMMANDS)], 100),
        ),
    ),
)  # fmt: skip
