"""In which order the dates of a recording have their numbers; rule: one order for all of it, and none is guessed.

05/01/2024 is a day in May or in January, 25-03-01 one in 2025 or in 2001. Of the orders in which all dates of a
recording are days, none of them after it was closed, it is the one whose last day is that on which it was closed, else
the one in which the days lie closest together, else what is usual for the mark between the numbers.
"""

from __future__ import annotations

import re
from datetime import date, timedelta

_NUMBERS = re.compile(r"(?<![\w./:-])(\d{1,2})([./-])(\d{1,2})\2(\d{4}|\d\d)(?=[,;T_ \t\"])")
_DOTS = re.compile(r"\b\d{1,2}\.\d{1,2}\.\d\d")
_OF_AMERICA = re.compile(r"\d [AP]M\b")
"""A clock of 12 h in capitals, as programs write it for the United States."""
_ORDERS = {"day": (2, 1, 0), "month": (2, 0, 1), "year": (0, 1, 2)}
"""Where year, month and day stand, by what comes first."""
_NAMES = {"day": "day, month, year", "month": "month, day, year", "year": "year, month, day"}
_USUAL = {".": "day", "-": "year"}
_FIRST_YEAR = 2016
"""Before there were meters; no year of two digits is an earlier one."""
_MOST_DATES = 1000

Numbers = tuple[str, ...]
"""The first number of a date, the mark, the second number and the third."""


class DateOrder:
    """Learns the order of one recording. Its `last` is the day on which it was closed, None where that is not known."""

    def __init__(self) -> None:
        self._dates: dict[Numbers, None] = {}
        self._learnt: str | None = None
        self.remark = ""
        """A sentence for the owner on an order that no single date tells."""

    def learn(self, block: bytes, last: date | None) -> None:
        """Learn from a part of the recording."""
        found = dict.fromkeys(map(re.Match.groups, _NUMBERS.finditer(block.decode("latin-1"))))
        if found.keys() - self._dates.keys() and len(self._dates) < _MOST_DATES:
            self._dates |= found
            self._learnt = _judge([*self._dates], last)

    def of(self, text: str, last: date | None) -> str | None:
        """Return what comes first in a date: day, month or year; None where nobody can know."""
        numbers = _NUMBERS.search(text)
        if numbers is None:
            return "day" if _DOTS.search(text) else "month"
        alone = _judge([numbers.groups()], last)
        if self._learnt is None and alone is None and _OF_AMERICA.search(text):
            self._learnt = "month"
        if self._learnt is None or not _days(numbers.groups(), order=self._learnt, last=last):
            return alone
        if alone != self._learnt and not self.remark:
            self.remark = f"Dates such as {numbers[0]} were read as {_NAMES[self._learnt]}."
        return self._learnt


def _judge(dates: list[Numbers], last: date | None) -> str | None:
    """Return what comes first in all of some dates, None where nobody can know."""
    days = {order: found for order in _ORDERS if (found := _days(*dates, order=order, last=last))}
    if len(days) > 1:
        closed = [order for order, found in days.items() if max(found) == last]
        spans = sorted((max(found) - min(found), order) for order, found in days.items())
        if len(closed) == 1:
            return closed[0]
        if spans[0][0] * 2 < spans[1][0]:
            return spans[0][1]
    usual = [order for order in days if _USUAL.get(dates[0][1]) == order]
    likely = usual or [order for order in days if order != "year"] or [*days]
    return likely[0] if len({tuple(days[order]) for order in likely}) == 1 else None


def _days(*dates: Numbers, order: str, last: date | None) -> list[date]:
    """Return dates read in an order; none where one is no day, or cannot be one of a recording."""
    year_at, month_at, day_at = _ORDERS[order]
    found = []
    for first, _, second, third in dates:
        parts = first, second, third
        is_short = len(parts[year_at]) < 4
        try:
            one = date(int(parts[year_at]) + 2000 * is_short, int(parts[month_at]), int(parts[day_at]))
        except ValueError:
            return []
        if (is_short and one.year < _FIRST_YEAR) or (last is not None and one > last + timedelta(days=1)):
            return []
        found.append(one)
    return found
