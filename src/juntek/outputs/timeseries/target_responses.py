"""What a target responds, and what that says of it in one sentence with the mend; rule: a secret is never in it."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit

import httpx

from juntek.errors import JuntekError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from juntek.outputs.timeseries.timeseries_options import TimeseriesOptions

LARGEST_RESPONSE: Final = 65_536
"""Bytes of a response that are looked at."""
LONGEST_WAIT: Final = 300.0
"""s that a target may ask to be left alone."""
_LONGEST_MESSAGE: Final = 200

_PREFIX = re.compile(r"remoteAddr: .*?requestURI: \S+; ")
"""VictoriaMetrics begins with who asked."""
_DROPPED = re.compile(r"^partial write: .* dropped=(\d{1,9})$")
_TITLE = re.compile(r"<title>(.*?)</title>", re.IGNORECASE | re.DOTALL)

# What the real ones say with a 400; each is long enough not to be met in a line that is repeated.
_LOGIN = re.compile(r"cannot find the provided auth token")  # vmauth 1.79
_NO_DATABASE = re.compile(r"^database is required|missing (?:field|query \w+) .?db\b")  # InfluxDB 1 and 3
_NO_PATH = re.compile(r"unsupported path requested: |missing route for ")  # VictoriaMetrics and vmauth
_TLS = re.compile(r"HTTP request .*HTTPS (?:server|port)")  # Go's server and nginx
_CLASH = re.compile(r"field type conflict|already exists as type")  # InfluxDB 1 and 2
_NO_BUCKET = re.compile(r"database|bucket|organization|retention policy", re.IGNORECASE)


class TargetError(JuntekError):
    """The target cannot be reached, or takes nothing at present.

    `wait`: s that it asks to be left alone. `is_slow`: whether it took too long over what it was sent.
    """

    def __init__(self, sentence: str, *, wait: float | None = None, is_slow: bool = False) -> None:
        super().__init__(sentence)
        self.wait = wait
        self.is_slow = is_slow


class Response(NamedTuple):
    """One response; `message` is the target's own, shortened, and empty where it said nothing."""

    status: int
    message: str = ""
    is_page: bool = False
    """Whether it is meant for a browser."""
    location: str = ""
    """Where else to ask, without what may be secret."""
    wait: float | None = None
    """s after which to ask again, where it says so."""

    @property
    def is_good(self) -> bool:
        """Whether it took all that it was sent; InfluxDB 3 Cloud says 201 where it took a part."""
        return 200 <= self.status < 300 and not (self.status == HTTPStatus.CREATED and self.message)

    @property
    def reason(self) -> str:
        """Its message, or what its status stands for."""
        with suppress(ValueError):
            return self.message or HTTPStatus(self.status).phrase
        return "no reason is given"

    @property
    def dropped(self) -> int:
        """How many points it says that it has left out, as InfluxDB 1 and 2 do; 0 where it says nothing of that."""
        found = _DROPPED.search(self.message)
        return int(found[1]) if found else 0


async def read_response(response: httpx.Response, secrets: Collection[str]) -> Response:
    """Read a response, or its beginning where it is long."""
    body, headers = bytearray(), response.headers
    with suppress(httpx.DecodingError):  # what it says is lost then, and its status tells enough
        async for part in response.aiter_bytes():
            body += part
            if len(body) > LARGEST_RESPONSE:
                break
    return Response(
        status=response.status_code,
        message=find_message(bytes(body[:LARGEST_RESPONSE]), headers, secrets),
        is_page="html" in headers.get("content-type", ""),
        location=_shorten(_redact(re.sub(r"[?#].*|(?<=//)[^/]*@", "", headers.get("location", "")), secrets)),
        wait=find_wait(headers),
    )


def find_message(body: bytes, headers: Mapping[str, str], secrets: Collection[str]) -> str:
    """Return what a target says went wrong, as one short line; empty where it says nothing."""
    text = body.decode(errors="replace").strip()
    if text.startswith("<"):
        title = _TITLE.search(text)
        text = title[1] if title else ""
    elif text.startswith("{"):
        try:
            text = _find_in_json(json.loads(text))
        except (ValueError, RecursionError):
            text = text[:_LONGEST_MESSAGE]
    text = text or headers.get("x-influxdb-error", "")
    return _shorten(_redact(_PREFIX.sub("", text), secrets))


def _find_in_json(found: dict[str, Any]) -> str:
    # InfluxDB 1: {"error": ...}; 2, QuestDB and Telegraf: {"message": ...}; 3: {"error": ..., "data": [{...}]}.
    data = found.get("data")
    first = data[0] if isinstance(data, list) and data else data
    inner = first.get("error_message") if isinstance(first, dict) else None
    candidates = (inner, found.get("message"), found.get("error"))
    return next((text for text in candidates if text and isinstance(text, str)), "")


def _redact(text: str, secrets: Collection[str]) -> str:
    # vmauth repeats a token that it does not know.
    for secret in secrets:
        text = text.replace(secret, "…")
    return text


def _shorten(text: str) -> str:
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split()).rstrip(".")
    # Where a target repeats a long line, the reason stands after it.
    return line if len(line) <= _LONGEST_MESSAGE else f"{line[:80]} … {line[83 - _LONGEST_MESSAGE :]}"


def find_wait(headers: Mapping[str, str]) -> float | None:
    """Return the s after which to ask again, by the target's clock; None where it does not say."""
    text, date = headers.get("retry-after", "").strip(), headers.get("date")
    try:
        if text.isascii() and text.isdigit():
            wait = float(text[:10])
        else:
            now = parsedate_to_datetime(date) if date else datetime.now(UTC)
            wait = (parsedate_to_datetime(text) - now).total_seconds()
    except (ValueError, TypeError):  # no date, or one without a zone
        return None
    return min(max(wait, 0.0), LONGEST_WAIT)


# What it says of the target -----------------------------------------------------------------------------------


def explain_refusal(options: TimeseriesOptions, reason: str) -> TargetError:
    """Return the error of a target that takes no line at all."""
    mend = "check timeseries.url, and the target's own log"
    if _CLASH.search(reason):
        mend = "remove that field there, or name an empty database in timeseries.url"
    return TargetError(f"The target {options.label} refuses all that it is sent ({reason}); {mend}.")


def explain_response(options: TimeseriesOptions, response: Response) -> TargetError | None:
    """Return what a response says of the target; None where it is about the lines that were sent, or good."""
    sentence = _explain_status(options, response)
    return TargetError(f"The target {options.label} {sentence}", wait=response.wait) if sentence else None


def _explain_status(options: TimeseriesOptions, response: Response) -> str | None:  # noqa: PLR0911 - one a status
    reason = f"({response.status}: {response.reason})"
    match response.status:
        case 400 | 413 | 422:
            return _explain_request(options, response)
        case 401 | 403:
            return _explain_login(options, response)
        case 404 | 405 | 501:
            return _explain_path(options, response)
        case 429:
            return f"asks to be sent less {reason}; if that stays so, lower timeseries.rate."
        case 503:
            return f"is not ready {reason}; if that stays so, look at its log."
        case status if status < 300:  # some servers say yes to everything
            is_page = response.is_page
            return "answers with a web page; check host, port and path in timeseries.url." if is_page else None
        case status if status < 400:
            where = f"to {response.location}" if response.location else "elsewhere"
            return f"sends us {where} ({status}); write into timeseries.url where it is itself."
        case status if status >= 500:
            return f"failed {reason}; look at its log."
    return f"does not take what it is sent {reason}; check timeseries.url."


def _explain_request(options: TimeseriesOptions, response: Response) -> str | None:
    """Some say that the request is bad where another status was meant; None where they mean the lines."""
    message = response.message
    if _LOGIN.search(message):
        return _explain_login(options, response)
    if _NO_DATABASE.search(message):
        return f"wants to know the database ({message}); add ?db=... with its name to timeseries.url."
    if _NO_PATH.search(message):
        return _explain_path(options, response)
    is_tls = urlsplit(options.url).scheme == "http" and _TLS.search(message)
    return "speaks TLS there; begin timeseries.url with https://." if is_tls else None


def _explain_path(options: TimeseriesOptions, response: Response) -> str:
    if response.status == HTTPStatus.NOT_FOUND and _NO_BUCKET.search(response.message):
        return f"does not know what timeseries.url names ({response.message}); create it there, or correct the URL."
    path = urlsplit(options.url).path
    paths = "/write, /api/v2/write or /api/v3/write_lp"
    return f"takes nothing at {path}; check host, port and path in timeseries.url ({paths})."


def _explain_login(options: TimeseriesOptions, response: Response) -> str:
    who, keys = None, ""
    if options.username is not None:
        key = "password_file" if options.password is None else "password"
        who, keys = f'the user "{options.username}"', f"timeseries.username and timeseries.{key}"
    elif options.token is not None or options.token_file is not None:
        who, keys = "the token", f"timeseries.{'token_file' if options.token is None else 'token'}"
    if response.status != HTTPStatus.FORBIDDEN:
        if who is None:
            return "wants a login; set timeseries.username and timeseries.password_file, or timeseries.token_file."
        return f"refuses {who}; check {keys}."
    if who is None:
        mend = "set timeseries.username or timeseries.token_file"
        return f"lets nobody write without a login ({response.reason}); {mend}."
    who = who.replace("the token", "the owner of the token")
    return f"does not let {who} write ({response.reason}); give it the right to."
