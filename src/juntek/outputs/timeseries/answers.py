"""What a target answers, and what it says with it; rule: a secret is never in it, nor more than one line."""

from __future__ import annotations

import json
import re
import zlib
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import httpx

LARGEST_ANSWER: Final = 65_536
"""Bytes of an answer that are looked at."""

LONGEST_WAIT: Final = 300.0
"""s that a target may ask to be left alone."""

_LONGEST_WORDS: Final = 200
_PREFIX = re.compile(r"remoteAddr: .*?requestURI: \S+; ")
"""VictoriaMetrics begins with who asked."""
_DROPPED = re.compile(r"^partial write: .* dropped=(\d{1,9})$")
_TITLE = re.compile(r"<title>(.*?)</title>", re.IGNORECASE | re.DOTALL)


class Answer(NamedTuple):
    """One answer; `words` are the target's own, shortened, and empty where it said nothing."""

    status: int
    words: str
    is_page: bool
    """Whether it is meant for a browser."""
    location: str
    """Where else to ask, without what may be secret."""
    wait: float | None
    """s after which to ask again, where it says so."""

    @property
    def is_good(self) -> bool:
        """Whether it took what it was sent."""
        return 200 <= self.status < 300

    @property
    def why(self) -> str:
        """Its words, or what its status stands for."""
        return self.words or _phrase(self.status)

    @property
    def dropped(self) -> int:
        """How many points it says that it has left out, as InfluxDB 1 and 2 do; 0 where it says nothing of that."""
        found = _DROPPED.search(self.words)
        return int(found[1]) if found else 0

    @property
    def shown(self) -> str:
        """Number and words."""
        return f"{self.status}: {self.why}"


async def read_answer(response: httpx.Response, secrets: Collection[str]) -> Answer:
    """Read an answer, or its beginning where it is long."""
    body = bytearray()
    async for part in response.aiter_raw():
        body += part
        if len(body) > LARGEST_ANSWER:
            break
    headers = response.headers
    if headers.get("content-encoding") == "gzip":
        # As much as there is of it: VictoriaMetrics packs what it says where that is long.
        with suppress(zlib.error):
            body = bytearray(zlib.decompressobj(31).decompress(body, LARGEST_ANSWER))
    return Answer(
        status=response.status_code,
        words=find_words(bytes(body[:LARGEST_ANSWER]), headers, secrets),
        is_page="html" in headers.get("content-type", ""),
        location=_shorten(_redact(re.sub(r"[?#].*|(?<=//)[^/]*@", "", headers.get("location", "")), secrets)),
        wait=find_wait(headers),
    )


def find_words(body: bytes, headers: Mapping[str, str], secrets: Collection[str]) -> str:
    """Return what a target says went wrong, as one short line; empty where it says nothing."""
    text = body.decode(errors="replace").strip()
    if text.startswith("<"):
        title = _TITLE.search(text)
        text = title[1] if title else ""
    elif text.startswith("{"):
        try:
            text = _find_message(json.loads(text))
        except (ValueError, RecursionError):
            text = text[:_LONGEST_WORDS]
    text = text or headers.get("x-influxdb-error", "")
    return _shorten(_redact(_PREFIX.sub("", text), secrets))


def _find_message(found: dict[str, Any]) -> str:
    # InfluxDB 1: {"error": ...}; 2, QuestDB and Telegraf: {"message": ...}; 3: {"error": ..., "data": [{...}]}.
    data = found.get("data")
    first = data[0] if isinstance(data, list) and data else data
    inner = first.get("error_message") if isinstance(first, dict) else None
    candidates = (inner, found.get("message"), found.get("error"))
    return next((words for words in candidates if words and isinstance(words, str)), "")


def _redact(text: str, secrets: Collection[str]) -> str:
    # vmauth repeats a token that it does not know.
    for secret in secrets:
        text = text.replace(secret, "…")
    return text


def _shorten(text: str) -> str:
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split()).rstrip(".")
    # Where a target repeats a long line, the reason stands after it.
    return line if len(line) <= _LONGEST_WORDS else f"{line[:80]} … {line[83 - _LONGEST_WORDS :]}"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "no reason is given"


def find_wait(headers: Mapping[str, str]) -> float | None:
    """Return the s after which to ask again, by the target's clock; None where it does not say."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:10]), LONGEST_WAIT)
    moment = _read_date(text)
    if moment is None:
        return None
    now = _read_date(headers.get("date", "")) or datetime.now(UTC)
    return min(max((moment - now).total_seconds(), 0.0), LONGEST_WAIT)


def _read_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
