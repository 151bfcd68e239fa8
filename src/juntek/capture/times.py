"""The time that a line of a log was written; rule: digits of a frame are never taken for one, and no offset is guessed.

A time with its offset, or seconds (milliseconds, microseconds, nanoseconds) since 1970, is taken wherever it stands. A
local time needs a zone that the owner has told; a date without its year the moment after which nothing can have been
written. In which order 05/01/2024 or 25-03-01 has its numbers is judged once for the file (`dates`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from juntek.capture.date_order import DateOrder

NO_TIME = "without a time and its offset from UTC"
NO_DATE = "with a time of day but without a date"
NO_ZONE = "with a local time and without its offset from UTC (--time-zone tells it)"
NO_YEAR = "with a date that lacks its year"
TWO_DAYS = "with a date that can be two days, such as 05/01/2024"
NOT_BELIEVED = "with a time before 1970 or after 2099"

_LATEST = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
_OLDEST_EPOCH = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
_MOST_REMARKS = 16
_DAY = timedelta(days=1)
_PLAIN_ISO = re.compile(
    rb"[\[\"'(]?(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d(?::?\d\d)?))(?=[\s,;|\"'\])]|$)"
)
"""At the start of a line; nearly all logs have it there."""
_FRACTION = r"(?:\.(?P<dot>\d+)|:(?P<third>\d{3})(?![\d:])|,(?P<comma>\d{3}(?:\d{3}){0,2})(?!\d|[.,]\d))?"
_ISO = re.compile(
    r"(?<![\d.])(?P<year>(?:19|20|99)\d\d)(?P<mark>[-/.]?)(?P<month>\d\d)(?P=mark)(?P<day>\d\d)"
    r"(?:[Tt_ -]|[\"']?[,;\t][\"']?|\s+|(?<=\d\d\d\d\d\d\d\d))"
    rf"(?P<hour>\d\d?)(?P<colon>[:.]?)(?P<minute>\d\d)(?:(?P=colon)(?P<second>\d\d){_FRACTION})?"
    r"(?:\s?(?P<half>[AaPp])\.?[Mm]\b\.?)?"
    r"(?:(?P<utc>\s?(?:[Zz]|UTC|GMT)(?![\w+-]))"
    r"|(?:Z|\s?(?:GMT|UTC))?(?P<offset>\s?[+-]\d\d:?\d\d(?=:00\b|(?![\d.:]))|[+-]\d\d?(?![\d.:])|\s[+-]\d\d(?![\d.,:]))"
    r"|\s\(?(?P<zone>[A-Z]{2,5}|[A-Z][a-z]+/[A-Z][\w/]+)\b\)?)?"
)
_MONTHS = {
    "Jan": "jan gen ene jän", "Feb": "feb fév fev", "Mar": "mar mär mrz mrt", "Apr": "apr avr abr",
    "May": "may mai mag mei maj", "Jun": "jun juin giu", "Jul": "jul juil lug", "Aug": "aug aoû ago", "Sep": "sep set",
    "Oct": "oct okt ott out", "Nov": "nov", "Dec": "dec dez déc dic des",
}  # fmt: skip
"""How months begin in the languages of Western Europe."""
_MONTH_OF = dict(
    sorted(((word, month) for month, words in _MONTHS.items() for word in words.split()), key=lambda one: -len(one[0]))
)
"""By its beginning, the longest first."""
_MONTH = rf"(?:(?i:{'|'.join(_MONTH_OF)})[a-zäûéç]*\.?)"
_CLOCK = r"\d{1,2}:\d\d(?::\d\d(?:\.\d+|,\d{3}(?!\d))?)?(?:\s?[AaPp]\.?[Mm]\b\.?)?"
_ZONE = r"(?:\s?(?:GMT|UTC)?[+-]\d\d:?\d\d\b|\s[A-Z]{3,4}\b)"
_IN_WORDS = re.compile(
    rf"(?<![\w.])(?:{_MONTH}\s+\d{{1,2}}(?:,?\s+\d{{4}})?,?\s+(?:@ )?{_CLOCK}(?:\s[A-Z]{{3,4}}\b)?(?:\s\d{{4}}\b)?"
    rf"|\d{{1,2}}\.?[ /-]{_MONTH}[ /-]\d{{2,4}}[:,T ]+{_CLOCK}"
    rf"|\d{{1,2}}\.?\s{_MONTH},?\s{_CLOCK}(?:\s[A-Z]{{3,4}}\b)?(?:\s\d{{4}}\b)?"
    rf"|\d{{1,2}}(?P<mark>[./-])\d{{1,2}}(?P=mark)(?:\d{{4}}|\d\d)[,;T_ \t\"]+{_CLOCK}"
    rf"|{_CLOCK}[, ]+(?:\d{{1,2}}[./]\d{{1,2}}[./]\d{{4}}|\d{{4}}-\d\d-\d\d)(?![ T]\d\d:)){_ZONE}?"
)
"""Dates with a month by its name, with dots or with slashes, which dateutil reads."""
_LOOSE = re.compile(
    r"(?<![\d.])(?P<year>(?:19|20)\d\d)(?:[年년.] ?|(?P<mark>[-/.]))(?P<month>\d{1,2})(?(mark)(?P=mark)|[月월.] ?)"
    r"(?P<day>\d{1,2})(?:[日일.]\.?)?[T, ]*(?P<half>[上下]午|오[전후]|午[前後])? ?"
    r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d))?"
)
"""A date with its year first and other marks or without zeros, as in China, Japan and Korea."""
_SHORT = re.compile(
    r"(?<![\d.,=])(?P<year>[12]\d)(?P<month>[01]\d)(?P<day>[0-3]\d)[ -]"
    r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
)
"""The year first in two digits, without marks."""
_STRUCT = re.compile(
    r"tm_year=(?P<year>\d{4}), tm_mon=(?P<month>\d+), tm_mday=(?P<day>\d+), tm_hour=(?P<hour>\d+)"
    r", tm_min=(?P<minute>\d+), tm_sec=(?P<second>\d+)"
)
_AFTERNOON = ("P", "p", "下午", "오후", "午後")
_EPOCH = re.compile(r"(?<![\w.+-])(\d{10}|\d{13}|\d{16}|\d{19})(\.\d+)?(?![\w.])")
_TIME_OF_DAY = re.compile(r"(?<!\d)\d{1,2}:\d\d:\d\d(?!\d)")
_OF_PYTHON = re.compile(
    r"\bdatetime\((\d{4}(?:, \d{1,6}){4,6}+)(?:, fold=1)?(?:, tzinfo=(?:tzlocal"
    r"|(?P<utc>datetime\.timezone\.utc|tzutc\(\)|<UTC>)"
    r"|(?:<DstTzInfo |[\w.]+\(key=|tzfile\()'(?:/usr/share/zoneinfo/)?(?P<zone>[\w/+-]+)'"
    r"|datetime\.timezone\(datetime\.timedelta\((?:days=(?P<days>-1))?(?:, )?(?:seconds=(?P<seconds>\d+))?\)))?+"
    r"(?!, tzinfo=)"  # one that is not known
)
"""As a program in Python prints a time."""
_HOURS = {
    "UTC": 0, "GMT": 0, "WET": 0, "WEST": 1, "BST": 1, "CET": 1, "MEZ": 1, "CEST": 2, "MESZ": 2, "EET": 2, "EEST": 3,
    "MSK": 3, "EDT": -4, "EST": -5, "CDT": -5, "CST": -6, "MDT": -6, "MST": -7, "PDT": -7, "PST": -8,
}  # fmt: skip


class LineTimes:
    """Reads the times of one recording. `until` is when it was closed, s since 1970: its year is that of no later."""

    def __init__(self, zone: tzinfo | None = None, until: float | None = None) -> None:
        self.zone = zone
        self.until = until
        self.lack = NO_TIME
        """What the last line without a time has lacked."""
        self.used_zone = False
        """Whether any time was read as one of `zone`."""
        self.remarks: list[str] = []
        """Sentences for the owner on how the recording was read."""
        self._order = DateOrder()
        self._last = 0.0

    def prepare(self, until: float, pieces: Iterable[bytes]) -> None:
        """Learn when a recording was closed, and from pieces of all over it."""
        self.until = until
        for piece in pieces:
            self.look_ahead(piece)

    def look_ahead(self, block: bytes) -> None:
        """Learn from a part of the recording in which order its dates have their numbers."""
        self._order.learn(block, self._last_day())

    def remark(self, sentence: str) -> None:
        """Note a sentence for the owner, once."""
        if len(self.remarks) < _MOST_REMARKS and sentence not in self.remarks:
            self.remarks.append(sentence)

    def read(self, content: bytes) -> float | None:
        """Return s since 1970 of a line whose frames were taken out; None where it does not tell."""
        plain = _PLAIN_ISO.match(content)
        if plain is not None:
            return self.read_iso(plain[1])
        text = content.decode("utf-8", "replace").replace("\u2212", "-")
        lack, local = NO_TIME, None
        for moment, problem in self._moments(text):
            if moment is None:
                lack = problem
            elif moment.tzinfo is not None:
                return self.believe(moment)
            elif local is None:
                local = moment
        epoch = _EPOCH.search(text)
        if epoch is not None and (seconds := _seconds_of(float(epoch[1] + (epoch[2] or "")))) is not None:
            return seconds
        if local is not None:
            return self._localise(local)
        self.lack = NO_DATE if lack == NO_TIME and _TIME_OF_DAY.search(text) else lack
        return None

    def read_iso(self, stamp: bytes) -> float | None:
        """Return s since 1970 of ISO 8601 with its offset; None for what is no date."""
        try:
            return self.believe(datetime.fromisoformat(stamp.decode()))
        except ValueError:
            return None

    def read_value(self, value: object) -> float | None:
        """Return s since 1970 of a value of JSON: text, or a number in s, ms, us or ns."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            with suppress(OverflowError, ValueError):
                return _seconds_of(float(value))
            return None
        return self.read(value.strip().encode("utf-8", "replace")) if isinstance(value, str) else None

    def believe(self, moment: datetime) -> float | None:
        """Return s since 1970 of a moment that a recording can be of, else None."""
        with suppress(OverflowError, ValueError):
            time = moment.timestamp()
            if 0 <= time < _LATEST:
                return time
        self.lack = NOT_BELIEVED
        return None

    def _localise(self, moment: datetime) -> float | None:
        if self.zone is None:
            self.lack = NO_ZONE
            return None
        self.used_zone = True
        time = self.believe(moment.replace(tzinfo=self.zone))
        again = self.believe(moment.replace(tzinfo=self.zone, fold=1))
        if time is not None and again is not None and time < self._last <= again:
            time = again  # the hour that comes twice when summer time ends
        self._last = time or self._last
        return time

    def _moments(self, text: str) -> Iterator[tuple[datetime | None, str]]:
        """Yield the times in a text, without an offset where there is none, or what is wrong with one."""
        is_found = False
        for form in (_ISO, _OF_PYTHON, _LOOSE, _SHORT, _STRUCT):  # the first that is there
            for found in form.finditer(text) if not is_found else ():
                with suppress(ValueError, OverflowError, LookupError, OSError):
                    yield (_moment_of_python if form is _OF_PYTHON else _moment_of)(found), ""
                    is_found = True
        for found in _IN_WORDS.finditer(text) if not is_found else ():
            yield self._in_words(found[0])

    def _last_day(self) -> date | None:
        return None if self.until is None else datetime.fromtimestamp(self.until, self.zone or UTC).date()

    def _in_words(self, text: str) -> tuple[datetime | None, str]:
        from dateutil.parser import parse  # noqa: PLC0415 - most logs do without

        order = self._order.of(text, self._last_day())
        if order is None:
            return None, TWO_DAYS
        if self._order.remark:
            self.remark(self._order.remark)
        plain = _for_dateutil(text)

        def read(year: int) -> datetime:
            return parse(
                plain,
                dayfirst=order == "day",
                yearfirst=order == "year",
                tzinfos=_known_zone,
                default=datetime(year, 1, 1),  # noqa: DTZ001
            )

        with suppress(ValueError, OverflowError):
            end = None if self.until is None else datetime.fromtimestamp(self.until, UTC).replace(tzinfo=None) + _DAY
            moment = read(2004 if end is None else end.year)
            if read(2000).year == moment.year:
                return moment, ""
            if end is None:
                return None, NO_YEAR
            return moment if moment.replace(tzinfo=None) <= end else read(end.year - 1), ""
        return None, NO_TIME


def has_time(content: bytes) -> bool:
    """Whether a text has a date with its time, or s since 1970."""
    times = LineTimes(UTC, _LATEST)
    return times.read(content) is not None or times.lack == TWO_DAYS


def _seconds_of(number: float) -> float | None:
    for scale in (1, 1e3, 1e6, 1e9):
        if _OLDEST_EPOCH <= number / scale < _LATEST:
            return number / scale
    return None


def _moment_of(found: re.Match[str]) -> datetime:
    said = defaultdict(str, {name: text for name, text in found.groupdict().items() if text})
    fraction = f"{said['dot'] or said['third'] or said['comma']}000000"[:6]
    year, month, day, hour, minute = (int(said[part]) for part in ("year", "month", "day", "hour", "minute"))
    if said["half"]:
        hour = hour % 12 + 12 * (said["half"] in _AFTERNOON)
    year += 2000 * (year < 100)
    moment = datetime(year, month, day, hour, minute, int(said["second"] or 0), int(fraction))  # noqa: DTZ001
    offset = said["offset"].strip()
    if offset:
        hours, _, rest = offset[1:].partition(":") if ":" in offset else (offset[1:3], "", offset[3:])
        shift = timedelta(hours=int(hours), minutes=int(rest or 0))
        return moment.replace(tzinfo=timezone(-shift if offset[0] == "-" else shift))
    return moment.replace(tzinfo=_zone_of(said["zone"] or ("UTC" if said["utc"] else "")))


def _moment_of_python(found: re.Match[str]) -> datetime:
    year, month, day, hour, minute, second, micros = [*map(int, found[1].split(", ")), 0, 0][:7]
    moment = datetime(year, month, day, hour, minute, second, micros)  # noqa: DTZ001
    if found["utc"] or found["zone"]:
        return moment.replace(tzinfo=UTC if found["utc"] else ZoneInfo(found["zone"]))
    if found["seconds"] or found["days"]:
        return moment.replace(tzinfo=timezone(timedelta(int(found["days"] or 0), int(found["seconds"] or 0))))
    return moment


@lru_cache(maxsize=64)
def _zone_of(name: str) -> tzinfo | None:
    if "/" in name:  # where there is no such zone it is a topic
        with suppress(LookupError, ValueError, OSError):
            return ZoneInfo(name)
    return timezone(timedelta(hours=_HOURS[name])) if name in _HOURS else None


def _known_zone(name: str | None, offset: int | None) -> Any:  # noqa: ANN401 - as dateutil has it
    return timezone(timedelta(seconds=offset)) if offset else _zone_of(name or "")


def _for_dateutil(text: str) -> str:
    """Return a date in words as dateutil understands it."""
    text = re.sub(r"(?<=\d)\"?[,;T_]\"?(?=\d{1,2}:)", " ", text)
    text = re.sub(r"(\d/[A-Z][a-z]{2}/\d{4}):", r"\1 ", text).replace(",", ".") if ":" in text else text
    text = re.sub(r"(?:GMT|UTC)(?=[+-]\d)|@ ", "", text)  # whose sign dateutil turns round, as POSIX does
    text = re.sub(r"(\d)\.(?= )|(?<=[a-z])\.", r"\1", text)
    return re.sub(rf"(?<![^\W\d_]){_MONTH}", _english_month, text)


def _english_month(found: re.Match[str]) -> str:
    word = found[0].lower()
    return next(month for start, month in _MONTH_OF.items() if word.startswith(start))
