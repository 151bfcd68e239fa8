"""The API: what is asked at which address; rule: it looks, and changes nothing but who is signed in.

Every path is in `description`, with its answers; a test holds the two together.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any, Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from juntek.outputs.web.access import COOKIE, Gate, is_own_origin, session_of
from juntek.outputs.web.answers import NEVER_KEPT, Refusal, encode, pack
from juntek.outputs.web.description import describe_api
from juntek.outputs.web.export import open_export
from juntek.outputs.web.live import Hub, Stream
from juntek.outputs.web.parameters import read_calendar, read_chart, read_export, refuse_any
from juntek.outputs.web.passwords import LONGEST_PASSWORD, matches
from juntek.outputs.web.past import Past, make_chart, make_days
from juntek.outputs.web.present import GATEWAY, Meters

LARGEST_BODY: Final = 8 * LONGEST_PASSWORD
BODY_TIME: Final = 10.0
MOST_CHECKS: Final = 4
"""Passwords that wait to be checked; each takes 16 MB and a part of a second, one after the other."""

Endpoint = Callable[[Request], Awaitable[ASGIApp]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """All that answers need."""

    meters: Meters
    past: Past
    hub: Hub
    gate: Gate
    password_hash: str | None
    version: str
    time: Callable[[], float]
    zone: tzinfo
    checking: list[None] = field(default_factory=list)
    one_check: asyncio.Lock = field(default_factory=asyncio.Lock)

    def routes(self) -> list[Route]:
        """Return the paths of the API."""
        looks: dict[str, Endpoint] = {
            "/api/meters": self._list_meters,
            "/api/meters/{name}/latest": self._show_latest,
            "/api/meters/{name}/history": self._show_history,
            "/api/meters/{name}/days": self._show_days,
            "/api/meters/{name}/export": self._export,
            "/api/health": self._show_health,
            "/api/live": self._stream,
        }
        return [
            *(Route(path, self._guarded(look), methods=["GET"]) for path, look in looks.items()),
            Route("/api/openapi.json", self._describe, methods=["GET"]),
            Route("/api/session", self._serve_session, methods=["GET", "POST", "DELETE"]),
        ]

    def _guarded(self, look: Endpoint) -> Endpoint:
        async def answer(request: Request) -> ASGIApp:
            if not self.gate.admits(request.headers):
                raise Refusal(401, "Sign in first, or send a token.", {"www-authenticate": 'Bearer realm="juntek"'})
            return await look(request)

        return answer

    # Meters ---------------------------------------------------------------------------------------------------

    async def _list_meters(self, request: Request) -> Response:
        refuse_any(request.query_params.multi_items())
        spans = await self._spans()
        names = dict.fromkeys((*self.meters.names(), *spans))
        return _json(request, [self.meters.entry(name, spans.get(name)) for name in names])

    async def _spans(self) -> dict[str, tuple[float, float] | None]:
        try:
            return await self.past.spans()
        except Refusal:
            return {}  # what is now is shown all the same; /api/health says what the history lacks

    async def _show_latest(self, request: Request) -> Response:
        refuse_any(request.query_params.multi_items())
        name = await self._name(request)
        latest = self.meters.get(name).latest()
        if latest is None:
            raise Refusal(404, f'The meter "{name}" has said nothing yet; see /api/health.')
        return _json(request, latest)

    async def _show_history(self, request: Request) -> Response:
        chart = read_chart(request.query_params.multi_items(), self.time(), self.zone)
        name = await self._name(request)
        accepted = request.headers.get("accept-encoding", "")
        # Made into text in the thread too: with many points that takes longer than the database does.
        body, headers = await self.past.ask(lambda reader: pack(encode(make_chart(reader, name, chart)), accepted))
        return Response(body, headers=NEVER_KEPT | headers, media_type="application/json")

    async def _show_days(self, request: Request) -> Response:
        calendar = read_calendar(request.query_params.multi_items(), self.time(), self.zone)
        name = await self._name(request)
        return _json(request, await self.past.ask(lambda reader: make_days(reader, name, calendar)))

    async def _export(self, request: Request) -> Response:
        export = read_export(request.query_params.multi_items(), self.zone)
        name = await self._name(request)
        if request.method == "HEAD":
            return Response(headers=NEVER_KEPT)
        file = await open_export(self.past, name, export)
        headers = NEVER_KEPT | {"content-disposition": f'attachment; filename="{file.name}"'}
        return StreamingResponse(file.pieces, headers=headers, media_type=file.media_type)

    async def _name(self, request: Request) -> str:
        """Return the meter that a path names; raises Refusal where there is none."""
        name: str = request.path_params["name"]
        if name in self.meters or name in await self._spans():
            return name
        names = ", ".join(self.meters.names()) or "none"
        raise Refusal(404, f"There is no such meter; there are {names}.")

    # The gateway ----------------------------------------------------------------------------------------------

    async def _show_health(self, request: Request) -> Response:
        refuse_any(request.query_params.multi_items())
        return _json(request, self.meters.health())

    async def _stream(self, request: Request) -> ASGIApp:
        refuse_any(request.query_params.multi_items())
        if request.method == "HEAD":
            return Response(headers=NEVER_KEPT, media_type="text/event-stream")
        headers = request.headers
        self.hub.renew(GATEWAY)
        return Stream(self.hub, [GATEWAY, *self.meters.names()], lambda: self.gate.admits(headers))

    async def _describe(self, request: Request) -> Response:
        refuse_any(request.query_params.multi_items())
        return _json(request, describe_api(self.version))

    # Sessions -------------------------------------------------------------------------------------------------

    async def _serve_session(self, request: Request) -> Response:
        refuse_any(request.query_params.multi_items())
        if request.method == "POST":
            return await self._sign_in(request)
        if request.method == "DELETE":
            return self._sign_out(request)
        return _json(request, {"required": self.gate.needed, "signed_in": self.gate.admits(request.headers)})

    async def _sign_in(self, request: Request) -> Response:
        _refuse_foreign(request)
        password = await _read_password(request)
        if self.gate.needed:
            await self._check(request.client.host if request.client else "", password)
        response = _json(request, {"required": self.gate.needed, "signed_in": True})
        if self.gate.needed:
            self._end(request)
            lifetime = int(self.gate.sessions.lifetime)
            _set_cookie(request, response, self.gate.sessions.open(), lifetime)
        return response

    async def _check(self, address: str, password: str) -> None:
        wait = self.gate.tries.wait(address)
        if wait > 0:
            seconds = int(wait) + 1
            raise Refusal(
                429, f"Too many wrong passwords; try again in {seconds} seconds.", {"retry-after": str(seconds)}
            )
        if len(self.checking) >= MOST_CHECKS:
            raise Refusal(503, "Too many sign in at once; try again in a moment.", {"retry-after": "2"})
        self.gate.tries.note(address)  # before the check, as several may be under way
        self.checking.append(None)
        try:
            async with self.one_check:
                right = await asyncio.to_thread(matches, password, self.password_hash or "")
        finally:
            self.checking.pop()
        if not right:
            raise Refusal(401, "That is not the password.")
        self.gate.tries.forgive(address)

    def _sign_out(self, request: Request) -> Response:
        _refuse_foreign(request)
        self._end(request)
        response = _json(request, {"required": self.gate.needed, "signed_in": not self.gate.needed})
        if session_of(request.headers) is not None:
            _set_cookie(request, response, "", 0)
        return response

    def _end(self, request: Request) -> None:
        session = session_of(request.headers)
        if session is not None:
            self.gate.sessions.close(session)


def _json(request: Request, value: Any) -> Response:  # noqa: ANN401 - anything that JSON can hold
    body, headers = pack(encode(value), request.headers.get("accept-encoding", ""))
    return Response(body, headers=NEVER_KEPT | headers, media_type="application/json")


def _set_cookie(request: Request, response: Response, value: str, lifetime: int) -> None:
    response.set_cookie(
        COOKIE,
        value,
        max_age=lifetime,
        path="/",
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


def _refuse_foreign(request: Request) -> None:
    if not is_own_origin(request.headers):
        raise Refusal(403, "Only the gateway's own page may do this.")


async def _read_password(request: Request) -> str:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refusal(415, "Send JSON, with the header Content-Type: application/json.")
    try:
        value = json.loads(await _read_body(request))
    except (ValueError, RecursionError):
        raise Refusal(400, 'Send JSON such as {"password": "…"}.') from None
    password = value.get("password") if isinstance(value, dict) else None
    if not isinstance(password, str) or len(value) != 1 or not 0 < len(password) <= LONGEST_PASSWORD:
        raise Refusal(400, f'Send {{"password": "…"}} with 1 to {LONGEST_PASSWORD} characters.')
    return password


async def _read_body(request: Request) -> bytes:
    body = b""
    try:
        async with asyncio.timeout(BODY_TIME):
            async for piece in request.stream():
                body += piece
                if len(body) > LARGEST_BODY:
                    raise Refusal(413, f"Send at most {LARGEST_BODY} bytes.", {"connection": "close"})
    except TimeoutError:
        raise Refusal(408, "The request did not come in time; send it again.", {"connection": "close"}) from None
    except ClientDisconnect:
        raise Refusal(400, "The request ended too early.") from None
    return body
