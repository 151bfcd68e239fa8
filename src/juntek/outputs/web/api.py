"""The API: what is asked at which address; rule: it looks; what writes to meters is `control`.

An operation is what its handler is: its answer is the type that the handler returns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import tzinfo
from functools import cache, partial
from typing import Any, Final, Generic, TypeVar, cast

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from juntek.history.queries import SERIES_KEYS
from juntek.outputs.web import api_types as types
from juntek.outputs.web.authentication import COOKIE, Authenticator, is_own_origin, session_of
from juntek.outputs.web.broadcast import Broadcaster, Stream
from juntek.outputs.web.control import OPERATIONS as CONTROL
from juntek.outputs.web.control import Writing
from juntek.outputs.web.history_queries import PARQUET_TYPE, HistoryQueries, make_chart, make_days, open_export
from juntek.outputs.web.latest_state import GATEWAY, LatestState
from juntek.outputs.web.openapi import METER, Operation, describe_api
from juntek.outputs.web.parameters import (
    CALENDAR,
    CHART,
    EVENTS,
    EXPORT,
    read_calendar,
    read_chart,
    read_events,
    read_export,
    read_password,
    refuse_any,
)
from juntek.outputs.web.refusal import NEVER_KEPT, Refusal, compress, encode
from juntek.quantity import QUANTITIES, Quantity
from juntek.quantity.row import label_words
from juntek.rs485.family import find_models

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Encoded(Generic[T]):
    """JSON of a T, made and compressed already."""

    body: bytes
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class WithCookie(Generic[T]):
    """An answer that leaves a session in the browser, or with an empty `cookie` takes it away."""

    value: T
    cookie: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """All that handlers need."""

    state: LatestState
    queries: HistoryQueries
    broadcaster: Broadcaster
    authenticator: Authenticator
    writing: Writing
    version: str
    time: Callable[[], float]
    zone: tzinfo
    body_time: float
    """s in which what a browser signs in with has to come."""

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
            raise Refusal(401, "Sign in first, or send a token.", {"www-authenticate": 'Bearer realm="juntek"'})
        if not operation.parameters:
            refuse_any(request.query_params.multi_items())
        answer = await operation.handler(self, request)
        if callable(answer):  # a response already
            return answer  # type: ignore[no-any-return]
        return self._respond(request, answer)

    def _respond(self, request: Request, answer: Any) -> Response:  # noqa: ANN401 - what a handler returns
        if isinstance(answer, WithCookie):
            response = self._respond(request, answer.value)
            if answer.cookie is not None:
                lifetime = int(self.authenticator.sessions.lifetime) if answer.cookie else 0
                secure = request.url.scheme == "https"
                response.set_cookie(COOKIE, answer.cookie, lifetime, httponly=True, samesite="strict", secure=secure)
            return response
        if not isinstance(answer, Encoded):
            answer = Encoded(*compress(encode(answer), request.headers.get("accept-encoding", "")))
        return Response(answer.body, headers=NEVER_KEPT | answer.headers, media_type="application/json")

    # Meters ---------------------------------------------------------------------------------------------------

    async def list_meters(self, _: Request) -> list[types.Meter]:
        """Return those of the configuration first, then those that only the history knows."""
        spans = await self._spans()
        names = dict.fromkeys((*self.state.names(), *spans))
        return [self.state.meter(name, spans.get(name)) for name in names]

    async def _spans(self) -> dict[str, tuple[float, float] | None]:
        try:
            return await self.queries.spans()
        except Refusal:
            return {}  # what is now is shown all the same; /api/health says what the history lacks

    async def show_latest(self, request: Request) -> types.Reading:
        """Raise Refusal where there is none yet."""
        name = await self._name(request)
        latest = self.state.reading(name)
        if latest is None:
            raise Refusal(404, f'The meter "{name}" has said nothing yet; see /api/health.')
        return latest

    async def show_history(self, request: Request) -> Encoded[types.History]:
        """Return it encoded by the thread that made it: with many points that takes longer than the database does."""
        chart = read_chart(request.query_params.multi_items(), self.time(), self.zone)
        name = await self._name(request)
        accepted = request.headers.get("accept-encoding", "")
        return await self.queries.query(
            lambda reader: Encoded(*compress(encode(make_chart(reader, name, chart)), accepted))
        )

    async def show_days(self, request: Request) -> list[types.Day]:
        """Return none for a meter without a history."""
        calendar = read_calendar(request.query_params.multi_items(), self.time(), self.zone)
        name = await self._name(request)
        return await self.queries.query(lambda reader: make_days(reader, name, calendar))

    async def list_battery_events(self, request: Request) -> types.BatteryEvents:
        """Return none for a meter whose battery is not watched."""
        start, end = read_events(request.query_params.multi_items(), self.zone)
        name = await self._name(request)
        events = await self.queries.query(lambda reader: reader.battery_events(name, start, end))
        return {"events": [{"time": time, "event": event, "state_of_charge": state} for time, event, state in events]}

    async def export(self, request: Request) -> Response:
        """Send a file while it is read."""
        export = read_export(request.query_params.multi_items(), self.zone)
        name = await self._name(request)
        if request.method == "HEAD":
            return Response(headers=NEVER_KEPT)
        file = await open_export(self.queries, name, export)
        headers = NEVER_KEPT | {"content-disposition": f'attachment; filename="{file.name}"'}
        return StreamingResponse(file.pieces, headers=headers, media_type=file.media_type)

    async def _name(self, request: Request) -> str:
        """Return the meter that a path names; raises Refusal where there is none."""
        name: str = request.path_params["name"]
        if name in self.state or name in await self._spans():
            return name
        names = ", ".join(self.state.names()) or "none"
        raise Refusal(404, f"There is no such meter; there are {names}.")

    # The gateway ----------------------------------------------------------------------------------------------

    async def list_quantities(self, _: Request) -> list[types.QuantityFacts]:
        """Return what is public, in the order in which it is shown."""
        return [
            facts_of(row)
            for row in QUANTITIES.values()
            if not row.secret and (not row.optional or self.state.watches_batteries)
        ]

    async def show_health(self, _: Request) -> types.Health:
        """Return how all does now."""
        return self.state.health()

    async def watch(self, request: Request) -> ASGIApp:
        """Stream for as long as the connection is open and may look."""
        if request.method == "HEAD":
            return Response(headers=NEVER_KEPT, media_type="text/event-stream")
        headers = request.headers
        self.broadcaster.renew(GATEWAY)
        return Stream(self.broadcaster, [GATEWAY, *self.state.names()], lambda: self.authenticator.admits(headers),
                      _visitor(request))  # fmt: skip

    async def describe(self, _: Request) -> dict[str, Any]:
        """Return what OPERATIONS are."""
        return description(self.version)

    # Sessions -------------------------------------------------------------------------------------------------

    async def show_session(self, request: Request) -> WithCookie[types.Session]:
        """Tell, and let the browser keep its cookie as long as the session."""
        needed = self.authenticator.is_needed
        session = session_of(request.headers)
        is_open = needed and session is not None and self.authenticator.sessions.visit(session)
        signed_in = is_open or self.authenticator.admits(request.headers)
        return WithCookie(
            self._session(request, self.writing.token_of(request.headers), signed_in=signed_in),
            session if is_open else None,
        )

    def _session(self, request: Request, token: str | None, *, signed_in: bool) -> types.Session:
        authenticator = self.authenticator
        user = authenticator.user_of(request.headers)
        return {"required": authenticator.is_needed, "signed_in": signed_in, "user": user, "token": token}

    async def sign_in(self, request: Request) -> WithCookie[types.Session]:
        """Begin a session, and end the one before it."""
        _refuse_foreign(request)
        password = await read_password(request, self.body_time)
        cookie = None
        if self.authenticator.is_needed:
            await self.authenticator.check(_visitor(request), password)
            self._end(request)
            cookie = self.authenticator.sessions.open()
        token = self.writing.token_of({"cookie": f"{COOKIE}={cookie}"})
        return WithCookie(self._session(request, token, signed_in=True), cookie)

    async def sign_out(self, request: Request) -> WithCookie[types.Session]:
        """End the session, here and in the browser."""
        _refuse_foreign(request)
        self._end(request)
        had_session = session_of(request.headers) is not None
        answer = self._session(request, None, signed_in=not self.authenticator.is_needed)
        return WithCookie(answer, "" if had_session else None)

    def _end(self, request: Request) -> None:
        session = session_of(request.headers)
        if session is not None:
            self.authenticator.sessions.close(session)


OPERATIONS: Final = (
    Operation(path="/api/meters", summary="All meters, now", handler=Api.list_meters),
    Operation(path=f"{METER}/latest", summary="The latest reading of a meter", handler=Api.show_latest),
    Operation(
        path=f"{METER}/history", summary="A chart: the past at a resolution that fits", handler=Api.show_history,
        parameters=CHART,
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


def _refuse_foreign(request: Request) -> None:
    if not is_own_origin(request.headers):
        raise Refusal(403, "Only the gateway's own page may do this.")
