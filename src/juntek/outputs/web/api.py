"""The API: what is asked at which address; rule: it looks; what writes to meters is `control`.

An operation is what its handler is: what it answers is the type that the handler returns.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from functools import cache, partial
from typing import Any, Final, cast

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from juntek.history.queries import SERIES_KEYS
from juntek.outputs import Context
from juntek.outputs.web import api_types as types
from juntek.outputs.web.authentication import COOKIE, Authenticator, refuse_foreign, session_in
from juntek.outputs.web.broadcast import Broadcaster
from juntek.outputs.web.control import OPERATIONS as CONTROL
from juntek.outputs.web.history_queries import PARQUET_TYPE, HistoryQueries, make_chart, make_days, stream_export
from juntek.outputs.web.latest_state import GATEWAY, LatestState
from juntek.outputs.web.openapi import METER, Operation, describe_api
from juntek.outputs.web.parameters import (
    CALENDAR,
    CHART,
    COMMANDS,
    EVENTS,
    EXPORT,
    read_calendar,
    read_chart,
    read_events,
    read_export,
    read_object,
    read_query,
)
from juntek.outputs.web.passwords import LONGEST_PASSWORD
from juntek.outputs.web.responses import NEVER_KEPT, json_response
from juntek.quantity import QUANTITIES, Quantity
from juntek.quantity.row import label_words
from juntek.rs485.family import find_models


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """All that handlers need."""

    context: Context
    state: LatestState
    queries: HistoryQueries
    broadcaster: Broadcaster
    authenticator: Authenticator
    writing: list[str] = field(default_factory=list)
    """Who is writing to a meter now."""

    def routes(self) -> list[Route]:
        """Return the paths of the API."""
        paths: dict[str, dict[str, Operation]] = {}
        for operation in (*OPERATIONS, *CONTROL):
            paths.setdefault(operation.path, {})[operation.method] = operation
        return [
            Route(path, partial(self._answer, operations), methods=list(operations))
            for path, operations in paths.items()
        ]

    async def _answer(self, operations: dict[str, Operation], request: Request) -> ASGIApp:
        operation = operations["GET" if request.method == "HEAD" else request.method]
        if not operation.is_public and not self.authenticator.admits(request.headers):
            raise HTTPException(401, "Sign in first, or send a token.", {"www-authenticate": 'Bearer realm="juntek"'})
        if not operation.parameters:
            read_query(_query(request), (), self.context.time_zone)
        answer = await operation.handler(self, request)
        if callable(answer):  # a response already
            return answer  # type: ignore[no-any-return]
        response = json_response(answer, request.headers.get("accept-encoding", ""))
        if (cookie := getattr(request.state, "cookie", None)) is not None:
            lifetime = int(self.authenticator.sessions.lifetime) if cookie else 0
            is_secure = request.url.scheme == "https"
            response.set_cookie(COOKIE, cookie, lifetime, httponly=True, samesite="strict", secure=is_secure)
        return response

    # Meters ---------------------------------------------------------------------------------------------------

    async def list_meters(self, _: Request) -> list[types.Meter]:
        """Return those of the configuration first, then those that only the history knows."""
        spans = await self._spans()
        names = dict.fromkeys((*self.state.names(), *spans))
        return [self.state.meter(name, spans.get(name)) for name in names]

    async def _spans(self) -> dict[str, tuple[float, float] | None]:
        try:
            return await self.queries.spans()
        except HTTPException:
            return {}  # what is now is shown all the same; /api/health says what the history lacks

    async def show_latest(self, request: Request) -> types.Reading:
        """Raise HTTPException where there is none yet."""
        name = await self._name(request)
        latest = self.state.reading(name)
        if latest is None:
            raise HTTPException(404, f'The meter "{name}" has said nothing yet; see /api/health.')
        return latest

    async def show_history(self, request: Request) -> Response:
        """Return it encoded by the thread that made it: with many points that takes longer than the database does."""
        chart = read_chart(_query(request), self.context.time(), self.context.time_zone)
        name = await self._name(request)
        accepted = request.headers.get("accept-encoding", "")
        return await self.queries.query(lambda reader: json_response(make_chart(reader, name, chart), accepted))

    async def show_days(self, request: Request) -> list[types.Day]:
        """Return none for a meter without a history."""
        calendar = read_calendar(_query(request), self.context.time(), self.context.time_zone)
        name = await self._name(request)
        return await self.queries.query(lambda reader: make_days(reader, name, calendar))

    async def list_battery_events(self, request: Request) -> types.BatteryEvents:
        """Return none for a meter whose battery is not watched."""
        start, end = read_events(_query(request), self.context.time_zone)
        name = await self._name(request)
        events = await self.queries.query(lambda reader: reader.battery_events(name, start, end))
        return {"events": [{"time": time, "event": event, "state_of_charge": state} for time, event, state in events]}

    async def show_commands(self, request: Request) -> types.Commands:
        """Return the audit."""
        meter, limit = read_query(_query(request), COMMANDS, self.context.time_zone).values()
        entries = await self.queries.query(lambda reader: reader.commands(meter=meter, limit=limit))
        return {"commands": [cast("types.Command", entry.as_dict()) for entry in entries]}

    async def export(self, request: Request) -> Response:
        """Send a file while it is read."""
        export = read_export(_query(request), self.context.time_zone)
        name = await self._name(request)
        if request.method == "HEAD":
            return Response(headers=NEVER_KEPT)
        return await stream_export(self.queries, name, export)

    async def _name(self, request: Request) -> str:
        """Return the meter that a path names; raises HTTPException where there is none."""
        name: str = request.path_params["name"]
        if name in self.state or name in await self._spans():
            return name
        names = ", ".join(self.state.names()) or "none"
        raise HTTPException(404, f"There is no such meter; there are {names}.")

    # The gateway ----------------------------------------------------------------------------------------------

    async def list_quantities(self, _: Request) -> list[types.QuantityFacts]:
        """Return what is public, in the order in which it is shown."""
        return [
            facts_of(row)
            for row in QUANTITIES.values()
            if not row.secret and (not row.optional or self.context.batteries)
        ]

    async def show_health(self, _: Request) -> types.Health:
        """Return how all does now."""
        return self.state.health()

    async def watch(self, request: Request) -> ASGIApp:
        """Stream for as long as the connection is open and may look."""
        if request.method == "HEAD":
            return Response(headers=NEVER_KEPT, media_type="text/event-stream")
        self.broadcaster.renew(GATEWAY)  # its uptime and lags change untold
        keys = [GATEWAY, *self.state.names()]
        return self.broadcaster.join(_visitor(request), keys, lambda: self.authenticator.admits(request.headers))

    async def describe(self, _: Request) -> dict[str, Any]:
        """Return what OPERATIONS are."""
        return description(self.context.version)

    # Sessions -------------------------------------------------------------------------------------------------

    async def show_session(self, request: Request) -> types.Session:
        """Tell, and let the browser keep its cookie as long as the session."""
        session = self.authenticator.session_of(request.headers) if self.authenticator.is_needed else None
        request.state.cookie = session
        is_in = session is not None or self.authenticator.admits(request.headers)
        return self._session(request, self.authenticator.page_token_for(request.headers), signed_in=is_in)

    async def sign_in(self, request: Request) -> types.Session:
        """Begin a session, and end the one before it."""
        refuse_foreign(request.headers)
        patience = self.broadcaster.limits.request_time
        body = await read_object(request, types.Password.__annotations__, 8 * LONGEST_PASSWORD, patience)
        password = body.get("password")
        if not isinstance(password, str) or not 0 < len(password) <= LONGEST_PASSWORD:
            raise HTTPException(400, f'Send {{"password": "…"}} with 1 to {LONGEST_PASSWORD} characters.')
        if not self.authenticator.is_needed:
            return self._session(request, None, signed_in=True)
        await self.authenticator.check(_visitor(request), password)
        self._end(request)
        request.state.cookie = session = self.authenticator.sessions.open()
        token = self.authenticator.page_token(session) if self.authenticator.permission else None
        return self._session(request, token, signed_in=True)

    async def sign_out(self, request: Request) -> types.Session:
        """End the session, here and in the browser."""
        refuse_foreign(request.headers)
        if self._end(request):
            request.state.cookie = ""
        return self._session(request, None, signed_in=not self.authenticator.is_needed)

    def _session(self, request: Request, token: str | None, *, signed_in: bool) -> types.Session:
        user = self.authenticator.user_of(request.headers)
        return {"required": self.authenticator.is_needed, "signed_in": signed_in, "user": user, "token": token}

    def _end(self, request: Request) -> bool:
        """End the session that a request shows; return whether it shows one."""
        session = session_in(request.headers)
        if session is not None:
            self.authenticator.sessions.close(session)
        return session is not None


OPERATIONS: Final = (
    Operation(path="/api/meters", summary="All meters, now", handler=Api.list_meters),
    Operation(path=f"{METER}/latest", summary="The latest reading of a meter", handler=Api.show_latest),
    Operation(
        path=f"{METER}/history", summary="A chart: the past at a resolution that fits", handler=Api.show_history,
        parameters=CHART, answer=types.History,
    ),
    Operation(
        path=f"{METER}/days", summary="Energy and extremes of days, months or years", handler=Api.show_days,
        parameters=CALENDAR,
    ),
    Operation(
        path=f"{METER}/battery/events", summary="When the battery was full, empty, or set by its voltage",
        handler=Api.list_battery_events, parameters=EVENTS,
    ),
    Operation(
        path="/api/commands", summary="What was written to meters, the newest first", handler=Api.show_commands,
        parameters=COMMANDS,
    ),
    Operation(
        path=f"{METER}/export", summary="All readings of a meter as a file", handler=Api.export, parameters=EXPORT,
        errors=(501,),
        content={
            "text/csv": {"type": "string"}, PARQUET_TYPE: {"type": "string", "contentMediaType": PARQUET_TYPE},
        },
    ),
    Operation(path="/api/quantities", summary="What each quantity is called", handler=Api.list_quantities),
    Operation(path="/api/health", summary="How the gateway, its links and its outputs do", handler=Api.show_health),
    Operation(
        path="/api/live", summary="Server-sent events: `update` holds a LiveUpdate, `gateway` a Health",
        handler=Api.watch, content={"text/event-stream": {"type": "string"}},
    ),
    Operation(path="/api/openapi.json", summary="This description", handler=Api.describe, is_public=True),
    Operation(
        path="/api/session", summary="Whether a password is needed, and given", handler=Api.show_session,
        is_public=True,
    ),
    Operation(
        method="POST", path="/api/session", summary="Sign in", handler=Api.sign_in, is_public=True,
        body=types.Password, errors=(403, 408, 413, 415, 429),
    ),
    Operation(
        method="DELETE", path="/api/session", summary="Sign out", handler=Api.sign_out, is_public=True, errors=(403,),
    ),
)  # fmt: skip


@cache
def description(version: str) -> dict[str, Any]:
    """Return the description of the whole API in OpenAPI 3.1."""
    return describe_api(version, (*OPERATIONS, *CONTROL))


def facts_of(row: Quantity) -> types.QuantityFacts:
    """Return a quantity as the API shows it."""
    return {
        "key": row.key,
        "label": row.label,
        "unit": row.unit,
        "digits": row.digits,
        "accumulation": row.accumulation,
        "history": row.key in SERIES_KEYS,
        "words": label_words(row.words, row.names),
        "chart": cast("types.ChartFacts | None", asdict(row.chart) if row.chart is not None else None),
        "families": [model.family for model in find_models() if row.key in {one.key for one in model.settings.rows}],
    }


def _visitor(request: Request) -> str:
    return request.client.host if request.client else ""


def _query(request: Request) -> list[tuple[str, str]]:
    return request.query_params.multi_items()
