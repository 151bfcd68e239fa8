"""The API described in OpenAPI 3.1; rule: what an answer can be stands here, and the tests hold the API to it.

Written as tables of our own: the library that would derive it from types takes 14 MB of memory of a gateway.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from juntek.outputs.web.access import COOKIE
from juntek.outputs.web.parameters import CHARTED, FEW_POINTS, LATEST, MOST_POINTS, USUAL
from juntek.outputs.web.passwords import LONGEST_PASSWORD
from juntek.outputs.web.schemas import DATE, MOMENT, TEXT, Schema, list_of, make_schemas, part, record

_ERRORS = {
    400: "Something asked for cannot be; the sentence says what and how to ask.",
    401: "Nobody is signed in, or the password is wrong.",
    403: "The request comes from a page of somebody else.",
    404: "There is no such meter, or nothing of it yet.",
    405: "This address does not take this method.",
    408: "The request did not come in time.",
    413: "The request is too long.",
    415: "The request is not JSON.",
    421: "The Host header is not a name of this gateway.",
    429: "Too many wrong passwords; wait as long as Retry-After says.",
    500: "A fault of the gateway; its log says more.",
    501: "A library for this is not installed on the gateway.",
    503: "The history cannot be read now, or too much is asked at once.",
}
_ALWAYS = (400, 405, 421, 500, 503)


@cache
def describe_api(version: str) -> Schema:
    """Return the whole description."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "juntek",
            "version": version,
            "summary": "Batteries as their coulomb counters see them: now and in the past.",
            "description": (
                "Charging is positive, discharging negative; what is absent is null. Errors are one sentence under "
                "`error`. Where a password is set, scripts send `Authorization: Bearer TOKEN`."
            ),
        },
        "security": [{}, {"token": []}, {"session": []}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
            },
            "schemas": make_schemas(),
        },
    }


# Paths --------------------------------------------------------------------------------------------------------


def _paths() -> Schema:
    meter = "/api/meters/{name}"
    return {
        "/api/meters": {"get": _look("listMeters", "All meters, now", list_of("Meter"))},
        f"{meter}/latest": {"get": _look("showLatest", "The latest reading of a meter", part("Reading"), _NAME)},
        f"{meter}/history": {
            "get": _look("showHistory", "A chart: the past at a resolution that fits", part("History"), *_CHART)
        },
        f"{meter}/days": {
            "get": _look("showDays", "Energy and extremes of days, months or years", list_of("Day"), *_CALENDAR)
        },
        f"{meter}/export": {"get": _export()},
        "/api/health": {"get": _look("showHealth", "How the gateway, its links and its sinks do", part("Health"))},
        "/api/live": {"get": _live()},
        "/api/openapi.json": {"get": _open(_look("describe", "This description", {"type": "object"}))},
        "/api/session": {
            "get": _open(_look("showSession", "Whether a password is needed, and given", part("Session"))),
            "post": _open(_sign_in()),
            "delete": _open(_sign_out()),
        },
    }


def _parameter(name: str, description: str, schema: Schema, **more: Any) -> Schema:  # noqa: ANN401 - of OpenAPI
    return {"name": name, "in": "query", "description": description, "schema": schema} | more


_NAME = _parameter("name", "Name of the meter.", TEXT, **{"in": "path", "required": True})
_SINCE_1970 = r"^(19[7-9]\d|[2-9]\d{3})-"
_TIME: Schema = {"oneOf": [MOMENT | {"pattern": _SINCE_1970}, {"type": "number", "minimum": 0, "maximum": LATEST}]}
_DAY: Schema = DATE | {"pattern": _SINCE_1970}
_CHART = (
    _NAME,
    _parameter("from", "First time: ISO 8601 or seconds since 1970. Default: a day before `to`.", _TIME),
    _parameter("to", "Last time. Default: now.", _TIME),
    _parameter(
        "quantities",
        "What to draw, with commas between.",
        {"type": "array", "items": {"enum": list(CHARTED)}, "minItems": 1, "default": list(USUAL)},
        style="form",
        explode=False,
    ),
    _parameter(
        "points",
        "At most this many points.",
        {"type": "integer", "minimum": 2, "maximum": MOST_POINTS, "default": FEW_POINTS},
    ),
)
_CALENDAR = (
    _NAME,
    _parameter("from", "First date. Default: 29 days before `to`.", _DAY),
    _parameter("to", "Last date. Default: today.", _DAY),
    _parameter("by", "What one row stands for.", {"enum": ["day", "month", "year"], "default": "day"}),
)


def _look(identity: str, summary: str, answer: Schema, *parameters: Schema) -> Schema:
    errors = [*_ALWAYS, 401, *((404,) if _NAME in parameters else ())]
    return {
        "operationId": identity,
        "summary": summary,
        "parameters": list(parameters),
        "responses": {"200": _content(summary, {"application/json": answer}), **_refusals(errors)},
    }


def _open(operation: Schema) -> Schema:
    """Return an operation for which nobody has to be signed in."""
    return operation | {"security": []}


def _export() -> Schema:
    format_parameter = _parameter("format", "Kind of file.", {"enum": ["csv", "parquet"], "default": "csv"})
    operation = _look("export", "All readings of a meter as a file", {}, *_CHART[:3], format_parameter)
    binary = {"type": "string", "contentMediaType": "application/vnd.apache.parquet"}
    files = {"text/csv": TEXT, "application/vnd.apache.parquet": binary}
    operation["responses"]["200"] = _content("The file; without `from` and `to`, with everything there is.", files)
    operation["responses"] |= _refusals([501])
    return operation


def _live() -> Schema:
    operation = _look("watch", "Server-sent events: `update` for a meter, `gateway` for the gateway", {})
    operation["responses"]["200"] = _content(
        "Events for as long as the connection is open. An `update` holds a LiveUpdate, `gateway` a Health.",
        {"text/event-stream": TEXT},
    )
    return operation


def _sign_in() -> Schema:
    password = {"type": "string", "minLength": 1, "maxLength": LONGEST_PASSWORD}
    operation = _look("signIn", "Sign in", part("Session"))
    operation["requestBody"] = {
        "required": True,
        "content": {"application/json": {"schema": record(password=password) | {"additionalProperties": False}}},
    }
    operation["responses"] |= _refusals([403, 408, 413, 415, 429])
    return operation


def _sign_out() -> Schema:
    operation = _look("signOut", "Sign out", part("Session"))
    operation["responses"] |= _refusals([403])
    return operation


def _refusals(statuses: list[int]) -> Schema:
    error = {"application/json": part("Error")}
    return {str(status): _content(_ERRORS[status], error) for status in sorted(statuses)}


def _content(description: str, kinds: dict[str, Schema]) -> Schema:
    return {"description": description, "content": {kind: {"schema": schema} for kind, schema in kinds.items()}}
