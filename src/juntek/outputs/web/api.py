"""The API: what is asked at which address; rule: it looks; what writes to meters is `control`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any, Literal, cast

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from juntek.control.controls import label_of
from juntek.history.days import Day
from juntek.history.queries import SERIES_KEYS
from juntek.outputs.web import api_types as types
from juntek.outputs.web import control as _control  # noqa: F401 - it declares operations too
from juntek.outputs.web.authentication import COOKIE, session_in
from juntek.outputs.web.history_queries import PARQUET_TYPE, VISITOR, make_chart, stream_export
from juntek.outputs.web.live import GATEWAY
from juntek.outputs.web.operation import METER, Api, describe_api, operation
from juntek.outputs.web.parameters import (
    CALENDAR,
    CHART,
    COMMANDS,
    EVENTS,
    EXPORT,
    By,
    Format,
    check_order,
    read_days,
    read_object,
    read_times,
)
from juntek.outputs.web.passwords import LONGEST_PASSWORD
from juntek.outputs.web.responses import NEVER_KEPT, json_response
from juntek.quantity import QUANTITIES, Chart, Quantity
from juntek.quantity.row import label_words
from juntek.rs485.family import find_models

# Meters ----------------------------------------------------------------------------------------------------------


@operation("/api/meters")
async def list_meters(api: Api, _: Request) -> list[types.Meter]:
    """All meters, now: those of the configuration first, then those that only the history knows."""
    spans = await api.queries.spans()
    meters: list[types.Meter] = []
    for name in dict.fromkeys((*api.state.names(), *spans)):
        first, last = spans.get(name) or (None, None)
        is_configured = name in api.context.meters
        meters.append(
            {"name": name, "configured": is_configured, **api.state.meter(name), "first": first, "last": last}
        )
    return meters


@operation(f"{METER}/latest")
async def show_latest(api: Api, request: Request) -> types.Reading:
    """The latest reading of a meter."""
    name = await _name(api, request)
    latest = api.state.meter(name)["latest"]
    if latest is None:
        raise HTTPException(404, f'The meter "{name}" has said nothing yet; see /api/health.')
    return latest


@operation(f"{METER}/history", parameters=CHART, answer=types.History)
async def show_history(  # noqa: PLR0913, PLR0917 - its parameters
    api: Api, request: Request, start: float | None, end: float | None, quantities: Sequence[str], points: int
) -> Response:
    """A chart: the past at a resolution that fits.

    It is encoded by the thread that made it: with many points that takes longer than the database does.
    """
    first, last = read_times(start, end, api.context.time())
    name = await _name(api, request)
    accepted = request.headers.get("accept-encoding", "")
    return await api.queries.query(
        lambda reader: json_response(make_chart(reader, name, quantities, first, last, points), accepted)
    )


@operation(f"{METER}/days", parameters=CALENDAR, answer=list[Day])
async def show_days(api: Api, request: Request, start: date | None, end: date | None, by: By) -> Response:
    """Energy and extremes of days, months or years; none for a meter without a history.

    Encoded by that thread too: many years of days take a second.
    """
    first, last = read_days(start, end, datetime.fromtimestamp(api.context.time(), api.context.time_zone).date())
    name = await _name(api, request)
    accepted = request.headers.get("accept-encoding", "")
    return await api.queries.query(
        lambda reader: json_response(reader.days(name, first, last, by) if name in reader.meters() else [], accepted)
    )


@operation(f"{METER}/battery/events", parameters=EVENTS)
async def list_battery_events(api: Api, request: Request, start: float, end: float) -> types.BatteryEvents:
    """When the battery was full, empty, or set by its voltage."""
    name = await _name(api, request)
    events = await api.queries.query(lambda reader: reader.battery_events(name, start, end))
    return {"events": [{"time": time, "event": event, "state_of_charge": state} for time, event, state in events]}


@operation("/api/commands", parameters=COMMANDS)
async def show_commands(
    api: Api, _: Request, meter: str | None, limit: int
) -> dict[Literal["commands"], list[types.Command]]:
    """What was written to meters, the newest first."""
    entries = await api.queries.query(lambda reader: reader.commands(meter=meter, limit=limit))
    return {"commands": [cast("types.Command", {**one.as_dict(), "label": label_of(one.key)}) for one in entries]}


@operation(
    f"{METER}/export",
    parameters=EXPORT,
    errors=(501,),
    content={"text/csv": {"type": "string"}, PARQUET_TYPE: {"type": "string", "contentMediaType": PARQUET_TYPE}},
)
async def export(api: Api, request: Request, start: float, end: float, kind: Format) -> Response:
    """All readings of a meter as a file, which is sent while it is read."""
    check_order(start, end)
    name = await _name(api, request)
    if request.method == "HEAD":
        return Response(headers=NEVER_KEPT)
    return await stream_export(api.queries, name, start, end, kind)


async def _name(api: Api, request: Request) -> str:
    """Return the meter that a path names; raises HTTPException where there is none."""
    name: str = request.path_params["name"]
    names = api.state.names()
    if name in names or name in await api.queries.spans():
        return name
    raise HTTPException(404, f"There is no such meter; there are {', '.join(names) or 'none'}.")


# The gateway -----------------------------------------------------------------------------------------------------


@operation("/api/quantities")
async def list_quantities(api: Api, _: Request) -> list[types.QuantityFacts]:
    """What each quantity is called, in the order in which they are shown."""
    return [
        facts_of(row) for row in QUANTITIES.values() if not row.secret and (not row.optional or api.context.batteries)
    ]


@operation("/api/health")
async def show_health(api: Api, _: Request) -> types.Health:
    """How the gateway, its links and its outputs do."""
    return api.state.health()


@operation("/api/live", content={"text/event-stream": {"type": "string"}})
async def watch(api: Api, request: Request) -> Response:
    """Server-sent events: `update` holds a LiveUpdate, `gateway` a Health."""
    if request.method == "HEAD":
        return Response(headers=NEVER_KEPT, media_type="text/event-stream")
    keys = [GATEWAY, *api.state.names()]
    return api.broadcaster.join(VISITOR.get(), keys, lambda: api.authenticator.admits(request.headers))


@operation("/api/openapi.json", is_public=True)
async def describe(api: Api, _: Request) -> dict[str, Any]:
    """The description of this API."""
    return describe_api(api.context.version)


# Sessions --------------------------------------------------------------------------------------------------------


@operation("/api/session", is_public=True, answer=types.Session)
async def show_session(api: Api, request: Request) -> Response:
    """Whether a password is needed, and given; the browser keeps its cookie as long as the session."""
    return _session(api, request, api.authenticator.session_of(request.headers))


@operation("/api/session", "POST", is_public=True, body=types.Password, answer=types.Session, errors=(429,))
async def sign_in(api: Api, request: Request) -> Response:
    """Sign in, and end the session before it."""
    body = await read_object(request, types.Password, api.broadcaster.limits.request_time)
    password = body.get("password", "")
    if not 0 < len(password) <= LONGEST_PASSWORD:
        raise HTTPException(400, f'Send {{"password": "…"}} with 1 to {LONGEST_PASSWORD} characters.')
    session = None
    if api.authenticator.is_needed:
        await api.authenticator.check(request.scope["client"][0], password)
        _end(api, request)
        session = api.authenticator.sessions.open()
    return _session(api, request, session)


@operation("/api/session", "DELETE", is_public=True, answer=types.Session, errors=(403,))
async def sign_out(api: Api, request: Request) -> Response:
    """Sign out, here and in the browser."""
    return _session(api, request, "" if _end(api, request) else None)


def _session(api: Api, request: Request, session: str | None) -> Response:
    """Return how a browser stands; it is to keep the cookie of its session, to forget it where that is empty."""
    authenticator, headers = api.authenticator, request.headers
    answer: types.Session = {
        "required": authenticator.is_needed,
        "signed_in": bool(session) or authenticator.admits(headers),
        "user": authenticator.user_of(headers),
        "token": authenticator.page_token_for(headers, session),
    }
    response = json_response(answer)
    if session is not None:
        lifetime = int(authenticator.sessions.lifetime) if session else 0
        is_secure = request.url.scheme == "https"
        response.set_cookie(COOKIE, session, lifetime, httponly=True, samesite="strict", secure=is_secure)
    return response


def _end(api: Api, request: Request) -> bool:
    """End the session that a request shows; return whether it shows one."""
    session = session_in(request.headers)
    if session is not None:
        api.authenticator.sessions.close(session)
    return session is not None


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
        "chart": cast("Chart | None", asdict(row.chart) if row.chart is not None else None),
        "families": [model.family for model in find_models() if row.key in {one.key for one in model.settings.rows}],
    }


description = describe_api
"""Of the whole API, as all operations are declared by now."""
