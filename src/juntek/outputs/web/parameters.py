"""What a request asks for, read from its address or body; rule: a wrong word is refused with a sentence, never guessed.

Times are ISO 8601 or seconds since 1970; a time without an offset is in the time zone of the gateway.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta, tzinfo
from difflib import get_close_matches
from math import inf, isfinite
from typing import Annotated, Any, Final, Literal, NamedTuple, get_args

from starlette.requests import ClientDisconnect, Request

from juntek.history.queries import SERIES_KEYS
from juntek.outputs.web.api_types import Date, Moment
from juntek.outputs.web.passwords import LONGEST_PASSWORD
from juntek.outputs.web.refusal import Refusal

By = Literal["day", "month", "year"]
Format = Literal["csv", "parquet"]

DAY: Final = 86400.0
LATEST: Final = 253_402_128_000.0
"""Seconds since 1970 at the end of the year 9999, less a day for time zones and one for the midnight that follows."""
MOST_POINTS: Final = 10_000
FEW_POINTS: Final = 1000
MOST_DAYS: Final = 36_600
LARGEST_BODY: Final = 8 * LONGEST_PASSWORD
FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(9998, 12, 31)
CHARTED = SERIES_KEYS
"""Quantities of which there is a history."""
USUAL = ("voltage", "current", "power", "state_of_charge", "temperature")
_OFFSET_IN_ADDRESS = re.compile(r"(T.*\d) (\d\d:?\d\d)")
"""A plus sign in an address is read as a blank."""


_SINCE_1970: Final = ("pattern", r"^(19[7-9]\d|[2-9]\d{3})-")
_Time = Annotated[Moment, _SINCE_1970] | Annotated[float, ("minimum", 0), ("maximum", LATEST)]
_Day = Annotated[Date, _SINCE_1970]
_Quantity = Annotated[str, ("enum", CHARTED)]
_Points = Annotated[int, ("minimum", 2), ("maximum", MOST_POINTS)]


class Parameter(NamedTuple):
    """One word of an address: its name, what it means, its type, and what holds without it."""

    name: str
    text: str
    type: Any
    default: Any = None


CHART: Final = (
    Parameter("from", "First time: ISO 8601 or seconds since 1970. Default: a day before `to`.", _Time),
    Parameter("to", "Last time. Default: now.", _Time),
    Parameter("quantities", "What to draw, with commas between.", Annotated[list[_Quantity], ("minItems", 1)],
              list(USUAL)),
    Parameter("points", "At most this many points.", _Points, FEW_POINTS),
)  # fmt: skip
CALENDAR: Final = (
    Parameter("from", "First date. Default: 29 days before `to`.", _Day),
    Parameter("to", "Last date. Default: today.", _Day),
    Parameter("by", "What one row stands for.", By, "day"),
)
EVENTS: Final = (
    Parameter("start", "First time. Default: the first of all.", _Time),
    Parameter("end", "Last time. Default: the last of all.", _Time),
)
EXPORT: Final = (
    Parameter("from", "First time. Default: the first of all.", _Time),
    Parameter("to", "Last time. Default: the last of all.", _Time),
    Parameter("format", "Kind of file.", Format, "csv"),
)


class Range(NamedTuple):
    """From and to, s since 1970; the first is before the second."""

    start: float
    end: float


class Chart(NamedTuple):
    """What a chart shows."""

    range: Range
    quantities: tuple[str, ...]
    points: int


class Calendar(NamedTuple):
    """Days from the first to the last, both included."""

    first: date
    last: date
    by: By


class Export(NamedTuple):
    """What is exported; without a range, everything."""

    start: float | None
    end: float | None
    format: Format


def read_chart(query: Iterable[tuple[str, str]], now: float, zone: tzinfo) -> Chart:
    """Return what a chart asks for; the last day where no time is given. Raises Refusal."""
    values = _collect(query, CHART)
    start, end = _read_range(values, zone)
    if end is None:
        end = now if start is None or start < now else start + DAY
    start = max(end - DAY, 0.0) if start is None else start
    points = _read_points(values.get("points"))
    return Chart(_ordered(start, end), _read_quantities(values.get("quantities")), points)


def read_calendar(query: Iterable[tuple[str, str]], now: float, zone: tzinfo) -> Calendar:
    """Return which days are asked for; the last thirty where none are given. Raises Refusal."""
    values = _collect(query, CALENDAR)
    today = datetime.fromtimestamp(now, zone).date()
    first = _read_date("from", values["from"]) if "from" in values else None
    last = _read_date("to", values["to"]) if "to" in values else max(today, first or today)
    first = first or max(last - timedelta(days=29), FIRST_DAY)
    if first > last:
        raise Refusal(400, f"from ({first}) is after to ({last}); exchange them.")
    if (last - first).days > MOST_DAYS:
        raise Refusal(400, f"from and to are at most {MOST_DAYS} days apart; ask for less at once.")
    return Calendar(first, last, _read_choice("by", values.get("by", "day"), get_args(By)))


def read_export(query: Iterable[tuple[str, str]], zone: tzinfo) -> Export:
    """Return what is to be exported. Raises Refusal."""
    values = _collect(query, EXPORT)
    start, end = _read_range(values, zone)
    if start is not None and end is not None:
        _ordered(start, end)
    return Export(start, end, _read_choice("format", values.get("format", "csv"), get_args(Format)))


def read_events(query: Iterable[tuple[str, str]], zone: tzinfo) -> tuple[float, float]:
    """Return from when to when events are asked for. Raises Refusal."""
    values = _collect(query, EVENTS)
    start = _read_time("start", values["start"], zone) if "start" in values else 0.0
    end = _read_time("end", values["end"], zone) if "end" in values else inf
    return start, end


async def read_password(request: Request, body_time: float) -> str:
    """Return the password that a browser signs in with, and sends within `body_time` s. Raises Refusal."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refusal(415, "Send JSON, with the header Content-Type: application/json.")
    try:
        value = json.loads(await _read_body(request, body_time))
    except (ValueError, RecursionError):
        raise Refusal(400, 'Send JSON such as {"password": "…"}.') from None
    password = value.get("password") if isinstance(value, dict) else None
    if not isinstance(password, str) or len(value) != 1 or not 0 < len(password) <= LONGEST_PASSWORD:
        raise Refusal(400, f'Send {{"password": "…"}} with 1 to {LONGEST_PASSWORD} characters.')
    return password


async def _read_body(request: Request, body_time: float) -> bytes:
    body = b""
    try:
        async with asyncio.timeout(body_time):
            async for piece in request.stream():
                body += piece
                if len(body) > LARGEST_BODY:
                    raise Refusal(413, f"Send at most {LARGEST_BODY} bytes.", {"connection": "close"})
    except TimeoutError:
        raise Refusal(408, "The request did not come in time; send it again.", {"connection": "close"}) from None
    except ClientDisconnect:
        raise Refusal(400, "The request ended too early.") from None
    return body


def refuse_any(query: Iterable[tuple[str, str]]) -> None:
    """Raise Refusal where an address has parameters and should have none."""
    _collect(query, ())


def _collect(query: Iterable[tuple[str, str]], parameters: tuple[Parameter, ...]) -> dict[str, str]:
    known = tuple(parameter.name for parameter in parameters)
    values: dict[str, str] = {}
    for key, value in query:
        if key not in known:
            close = get_close_matches(key, known, n=1)
            there_are = f"there are {', '.join(known)}." if known else "there are none here."
            mend = f'did you mean "{close[0]}"?' if close else there_are
            raise Refusal(400, f"There is no parameter {_show(key)}; {mend}")
        if key in values:
            raise Refusal(400, f"The parameter {key} is there twice; give it once.")
        values[key] = value
    return values


def _read_range(values: Mapping[str, str], zone: tzinfo) -> tuple[float | None, float | None]:
    start, end = (_read_time(key, values[key], zone) if key in values else None for key in ("from", "to"))
    return start, end


def _ordered(start: float, end: float) -> Range:
    if not 0 <= start < end:
        raise Refusal(400, "from is before to and not before 1970; correct the times.")
    return Range(start, end)


def _read_time(key: str, text: str, zone: tzinfo) -> float:
    seconds = _number(text)
    if seconds is None:
        try:
            moment = datetime.fromisoformat(_OFFSET_IN_ADDRESS.sub(r"\1+\2", text))
            seconds = (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()
        except (ValueError, OverflowError, OSError):
            raise Refusal(
                400, f"{key} is a time such as 2026-01-31T18:00:00Z or seconds since 1970, not {_show(text)}."
            ) from None
    if not 0 <= seconds <= LATEST:
        raise Refusal(400, f"{key} is a time from 1970 to 9999, not {_show(text)}.")
    return seconds


def _read_date(key: str, text: str) -> date:
    try:
        if len(text) != len("2026-01-31"):
            raise ValueError  # noqa: TRY301 - other forms of ISO 8601 are not for people
        day = date.fromisoformat(text)
    except ValueError:
        raise Refusal(400, f"{key} is a date such as 2026-01-31, not {_show(text)}.") from None
    if not FIRST_DAY <= day <= LAST_DAY:
        raise Refusal(400, f"{key} is a date from {FIRST_DAY} to {LAST_DAY}, not {_show(text)}.")
    return day


def _read_points(text: str | None) -> int:
    if text is None:
        return FEW_POINTS
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MOST_POINTS)) and 2 <= int(text) <= MOST_POINTS):
        raise Refusal(400, f"points is a whole number from 2 to {MOST_POINTS}, not {_show(text)}.")
    return int(text)


def _read_quantities(text: str | None) -> tuple[str, ...]:
    if text is None:
        return USUAL
    keys = tuple(dict.fromkeys(text.split(",")))
    for key in keys:
        if key not in CHARTED:
            close = get_close_matches(key, CHARTED, n=1)
            mend = f'did you mean "{close[0]}"?' if close else f"there are {', '.join(CHARTED)}."
            raise Refusal(400, f"There is no history of {_show(key)}; {mend}")
    return keys


def _read_choice(key: str, text: str, choices: tuple[Any, ...]) -> Any:  # noqa: ANN401 - one of the choices
    if text not in choices:
        raise Refusal(400, f"{key} is {', '.join(choices[:-1])} or {choices[-1]}, not {_show(text)}.")
    return text


def _number(text: str) -> float | None:
    if not re.fullmatch(r"-?\d{1,15}(\.\d{1,20})?([eE][+-]?\d{1,3})?", text, re.ASCII):
        return None
    value = float(text)
    return value if isfinite(value) else None


def _show(text: str) -> str:
    """Return what was given, short, and without what a terminal or a log would take for a command."""
    shown = "".join(character if character.isprintable() else "?" for character in text)
    return f'"{shown if len(shown) <= 40 else shown[:37] + "…"}"'
