"""What a request asks for, read from its address or body; rule: a wrong word is refused with a sentence, never guessed.

Times are ISO 8601 or seconds since 1970; a time without an offset is in the time zone of the gateway.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta, tzinfo
from typing import Annotated, Any, Final, Literal, NamedTuple, get_args, get_origin, get_type_hints

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from juntek.calendar import LATEST_TIME
from juntek.history.queries import SERIES_KEYS
from juntek.names import find_close, plain
from juntek.outputs.web.api_types import Date, Moment

By = Literal["day", "month", "year"]
Format = Literal["csv", "parquet"]

DAY: Final = 86400.0
MOST_POINTS: Final = 10_000
MOST_DAYS: Final = 36_600
MOST_COMMANDS: Final = 1000
FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(9998, 12, 31)
USUAL = ("voltage", "current", "power", "state_of_charge", "temperature")
_OFFSET_IN_ADDRESS = re.compile(r"(T.*\d) (\d\d:?\d\d)")
"""A plus sign in an address is read as a blank."""
_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,20})?([eE][+-]?\d{1,3})?", re.ASCII)


class Kind(NamedTuple):
    """What a parameter can be: its type, the same in words, and what reads it in the gateway's zone or raises."""

    type: Any
    words: str
    read: Callable[[str, tzinfo], Any]


class Parameter(NamedTuple):
    """One word of an address: its name, what it means, what it can be, and what holds without it."""

    name: str
    text: str
    kind: Kind = Kind(str, "text", lambda text, _: text)
    default: Any = None

    def read(self, text: str, zone: tzinfo) -> Any:  # noqa: ANN401 - what it can be
        """Return what the text means. Raises HTTPException."""
        try:
            return self.kind.read(text, zone)
        except (ValueError, OverflowError, OSError):
            raise HTTPException(400, f"{self.name} is {self.kind.words}, not {_show(text)}.") from None


def _read_time(text: str, zone: tzinfo) -> float:
    if _NUMBER.fullmatch(text):
        seconds = float(text)
    else:
        moment = datetime.fromisoformat(_OFFSET_IN_ADDRESS.sub(r"\1+\2", text))
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()
    if not 0 <= seconds <= LATEST_TIME:
        raise ValueError
    return seconds


def _read_date(text: str, _: tzinfo) -> date:
    day = date.fromisoformat(text)
    if text != day.isoformat() or not FIRST_DAY <= day <= LAST_DAY:  # other forms of ISO 8601 are not for people
        raise ValueError
    return day


def _read_quantities(text: str, _: tzinfo) -> tuple[str, ...]:
    keys = tuple(dict.fromkeys(text.split(",")))
    for key in keys:
        if key not in SERIES_KEYS:
            raise HTTPException(400, f"There is no history of {_show(key)}; {_mend(key, SERIES_KEYS)}")
    return keys


def _whole(low: int, high: int) -> Kind:
    def read(text: str, _: tzinfo) -> int:
        if not (re.fullmatch(r"\d{1,9}", text, re.ASCII) and low <= int(text) <= high):
            raise ValueError
        return int(text)

    return Kind(Annotated[int, ("minimum", low), ("maximum", high)], f"a whole number from {low} to {high}", read)


def _one_of(choices: Any) -> Kind:  # noqa: ANN401 - a Literal
    *others, last = words = get_args(choices)
    return Kind(choices, f"{', '.join(others)} or {last}", lambda text, _: words[words.index(text)])


def _mend(word: str, known: Sequence[str]) -> str:
    close = find_close(word, known, 0.6)
    return f'did you mean "{close}"?' if close else f"there are {', '.join(known)}."


def _show(text: str) -> str:
    return f'"{plain(text, 40)}"'


# All of an address -----------------------------------------------------------------------------------------------

_SINCE_1970: Final = ("pattern", r"^(19[7-9]\d|[2-9]\d{3})-")
_TIME = Kind(
    Annotated[Moment, _SINCE_1970] | Annotated[float, ("minimum", 0), ("maximum", LATEST_TIME)],
    "a time from 1970 to 9999, such as 2026-01-31T18:00:00Z or seconds since 1970",
    _read_time,
)
_DAY = Kind(Annotated[Date, _SINCE_1970], f"a date such as 2026-01-31, from {FIRST_DAY} to {LAST_DAY}", _read_date)
_QUANTITIES = Kind(Annotated[list[Annotated[str, ("enum", SERIES_KEYS)]], ("minItems", 1)], "", _read_quantities)

CHART: Final = (
    Parameter("from", "First time: ISO 8601 or seconds since 1970. Default: a day before `to`.", _TIME),
    Parameter("to", "Last time. Default: now.", _TIME),
    Parameter("quantities", "What to draw, with commas between.", _QUANTITIES, list(USUAL)),
    Parameter("points", "At most this many points.", _whole(2, MOST_POINTS), 1000),
)
CALENDAR: Final = (
    Parameter("from", "First date. Default: 29 days before `to`.", _DAY),
    Parameter("to", "Last date. Default: today.", _DAY),
    Parameter("by", "What one row stands for.", _one_of(By), "day"),
)
EVENTS: Final = (
    Parameter("start", "First time. Default: the first of all.", _TIME, 0),
    Parameter("end", "Last time. Default: the last of all.", _TIME, LATEST_TIME),
)
EXPORT: Final = (
    EVENTS[0]._replace(name="from"),
    EVENTS[1]._replace(name="to"),
    Parameter("format", "Kind of file.", _one_of(Format), "csv"),
)
COMMANDS: Final = (
    Parameter("meter", "Name of a meter. Default: all."),
    Parameter("limit", "At most so many.", _whole(1, MOST_COMMANDS), 100),
)


def read_query(query: Iterable[tuple[str, str]], parameters: Iterable[Parameter], zone: tzinfo) -> list[Any]:
    """Return the value of each parameter: that given, else the default. Raises HTTPException."""
    known = {parameter.name: parameter for parameter in parameters}
    values: dict[str, Any] = {}
    for key, text in query:
        if key not in known:
            mend = _mend(key, tuple(known)) if known else "there are none here."
            raise HTTPException(400, f"There is no parameter {_show(key)}; {mend}")
        if key in values:
            raise HTTPException(400, f"The parameter {key} is there twice; give it once.")
        values[key] = known[key].read(text, zone)
    return [values.get(name, parameter.default) for name, parameter in known.items()]


def read_times(start: float | None, end: float | None, now: float) -> tuple[float, float]:
    """Return from when to when a chart is, s since 1970; the last day where no time is given. Raises HTTPException."""
    if end is None:
        end = now if start is None or start < now else start + DAY
    start = max(end - DAY, 0.0) if start is None else start
    check_order(start, end)
    return start, end


def check_order(start: float, end: float) -> None:
    """Raise HTTPException where nothing is between two times."""
    if not start < end:
        raise HTTPException(400, "from is before to and not before 1970; correct the times.")


def read_days(first: date | None, last: date | None, today: date) -> tuple[date, date]:
    """Return the first and the last day; the last thirty where none are given. Raises HTTPException."""
    last = last or max(today, first or today)
    first = first or max(last - timedelta(days=29), FIRST_DAY)
    if first > last:
        raise HTTPException(400, f"from ({first}) is after to ({last}); exchange them.")
    if (last - first).days > MOST_DAYS:
        raise HTTPException(400, f"from and to are at most {MOST_DAYS} days apart; ask for less at once.")
    return first, last


# A body ----------------------------------------------------------------------------------------------------------

LARGEST_BODY: Final = 16_384
_SHAPES: Final = {str: "text", list: "a list of keys", dict: "an object, such as {…: …}"}


async def read_object(request: Request, kind: Any, body_time: float) -> dict[str, Any]:  # noqa: ANN401 - a TypedDict
    """Return the JSON object of a request, that comes within `body_time` s. Raises HTTPException.

    It has no keys but those of `kind`, a TypedDict, and their types, but not all of them.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "Send JSON, with the header Content-Type: application/json.")
    body = b""
    try:
        async with asyncio.timeout(body_time):
            async for piece in request.stream():
                body += piece
                if len(body) > LARGEST_BODY:
                    raise HTTPException(413, f"Send at most {LARGEST_BODY} bytes.", {"connection": "close"})
        value = json.loads(body)
    except TimeoutError:
        raise HTTPException(408, "The request did not come in time; send it again.", {"connection": "close"}) from None
    except ClientDisconnect:
        raise HTTPException(400, "The request ended too early.") from None
    except (ValueError, RecursionError):
        raise HTTPException(400, "This is not JSON.") from None
    types = {key: get_origin(hint) or hint for key, hint in get_type_hints(kind).items()}
    if not isinstance(value, dict) or value.keys() - types.keys():
        raise HTTPException(400, f"Send an object with {', '.join(sorted(types))}.")
    for key, one in value.items():
        shape = types[key]
        has_shape = shape not in _SHAPES or isinstance(one, shape)
        if not has_shape or (shape is list and not all(isinstance(part, str) for part in one)):
            raise HTTPException(400, f"{key} is {_SHAPES[shape]}.")
    return value
