"""The far end: Influx line protocol over HTTP; rule: every failure is one sentence, and the library's errors end here.

VictoriaMetrics, InfluxDB 1, 2 and 3, QuestDB and Telegraf take the same lines and differ in how they respond; what is
known of that stands in `line_protocol`. The files of a login are read once, and what is in them is shown nowhere.
"""

from __future__ import annotations

import asyncio
import gzip
import logging
import re
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from juntek.errors import ConfigurationError
from juntek.extras import leave_out
from juntek.files import read_secret
from juntek.network import Mend, explain_no_connection, make_tls_context
from juntek.outputs.timeseries import RESPONSE_TIME, TimeseriesOptions
from juntek.outputs.timeseries.line_protocol import Response, TargetError, explain_response, find_message, shorten

leave_out("httpx._main", "main")  # with click, rich and pygments: 6 MB

import httpx  # noqa: E402

CONNECT_TIME: Final = 10.0
IDLE_TIME: Final = 3700.0
"""s after which we let go of an idle connection: beyond the longest interval, as a new one tells of a restart."""
LARGEST_RESPONSE: Final = 65_536
"""Bytes of a response that are looked at."""
LONGEST_WAIT: Final = 300.0
"""s that a target may ask to be left alone."""
HABIT, SHORT_LIFE = 5, 100
"""Who lets go of so many connections in a row, each after fewer requests, does it with everybody, as Telegraf where it
is idle."""

_MEND: Final = Mend(
    host="timeseries.url",
    port="host and port in timeseries.url",
    authority="timeseries.ca_file",
    tls="begin timeseries.url with http://, or correct its port",
)
_SMALL: Final = 1_000
"""Bytes that are not worth compressing."""
_UNREADABLE: Final = (400, 415, 422)
"""What those answer who cannot decompress: QuestDB before 9.1 (415), and who takes it for lines."""
_HANG_UP = re.compile(r"disconnect|closed", re.IGNORECASE)
_HEADER_WORD = re.compile(r"[\x21-\x7e]+")

logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells of every request


@asynccontextmanager
async def open_target(
    options: TimeseriesOptions, version: str, *, response_time: float = RESPONSE_TIME
) -> AsyncIterator[Target]:
    """Yield the target, not connected yet. Raises ConfigurationError for a URL or a file that is no use."""
    login, secrets = await asyncio.to_thread(_read_login, options)
    try:
        url = httpx.URL(options.url)
    except httpx.InvalidURL:
        raise ConfigurationError("timeseries.url cannot be right; check the name of the host in it.") from None
    if url.path.rstrip("/").endswith("/api/v3/write_lp"):
        # InfluxDB 3 guesses the precision there; all others take nanoseconds where nothing is said.
        url = url.copy_set_param("precision", "nanosecond")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # one that is never used, made without reading any file
    if url.scheme == "https":
        tls = await asyncio.to_thread(make_tls_context, options.ca_file, "timeseries.ca_file")
    client = httpx.AsyncClient(
        verify=tls,
        # A proxy that the environment names for browsers and the like must not get the values, nor the password.
        trust_env=False,
        headers={"user-agent": f"juntek/{version}"} | login,
        timeout=httpx.Timeout(None, connect=CONNECT_TIME),
        # One at a time, so that a second one tells that the first is no more.
        limits=httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=IDLE_TIME),
    )
    async with client:
        yield Target(options, client, url, secrets, response_time)


def _read_login(options: TimeseriesOptions) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the headers of a login, and what of it is never shown."""
    if options.username is not None:
        password = read_secret("timeseries.password", options.password, options.password_file)
        login = b64encode(f"{options.username}:{password}".encode()).decode()
        return {"authorization": f"Basic {login}"}, (login, password)
    if options.token is None and options.token_file is None:
        return {}, ()
    token = read_secret("timeseries.token", options.token, options.token_file).strip()
    if not _HEADER_WORD.fullmatch(token):
        source = "timeseries.token" if options.token is not None else f"timeseries.token_file {options.token_file}"
        raise ConfigurationError(
            f"{source} holds a token with blanks or strange signs in it; write the token alone, as one line."
        )
    # `Token` is InfluxDB 2's own word, and Telegraf's influxdb_v2_listener compares the whole header with it. `Bearer`
    # is everybody else's: the first versions of InfluxDB 3 took no other, vmauth and QuestDB Enterprise want it.
    word = "Token" if urlsplit(options.url).path.rstrip("/").endswith("/api/v2/write") else "Bearer"
    return {"authorization": f"{word} {token}"}, (token,)


@dataclass(repr=False)  # which would show the secrets
class Target:
    """An open target, for one request after the other."""

    _options: TimeseriesOptions
    _client: httpx.AsyncClient
    _url: httpx.URL
    _secrets: tuple[str, ...]
    _response_time: float
    _decompresses: bool | None = None
    """Whether it understands gzip, once that is known."""
    _connection: object = None
    """What the last request went over; None where the target has said that it lets go of it."""
    is_new: bool = False
    """Whether the target let go of a connection unseen, as in a restart; whoever heeds it takes it back."""
    _requests: int = 0
    """Those over this connection that were answered."""
    _short_lives: int = 0
    """Connections in a row that had few."""

    async def write(self, lines: Sequence[bytes]) -> Response:
        """Hand lines over, each with its line end; return a response that is good, or says that lines are wrong.

        Raises TargetError where it takes nothing at present.
        """
        body = b"".join(lines)
        compress = len(body) >= _SMALL and self._decompresses is not False
        response = await self._post(body, compress=compress)
        if compress and self._decompresses is None:
            self._decompresses = response.is_good or None
            if response.status in _UNREADABLE:
                response = await self._post(body, compress=False)
                self._decompresses = False if response.is_good else None
        if error := explain_response(self._options, response):
            raise error
        return response

    async def _post(self, body: bytes, *, compress: bool) -> Response:
        headers = {"content-type": "text/plain; charset=utf-8"}
        if compress:
            headers["content-encoding"] = "gzip"
            body = await asyncio.to_thread(gzip.compress, body, 1)  # other levels take several times as long
        try:
            async with (
                asyncio.timeout(self._response_time),
                self._client.stream("POST", self._url, content=body, headers=headers) as stream,
            ):
                response = await self._read(stream)
        except (httpx.HTTPError, ssl.SSLError, OSError) as error:  # a TimeoutError is one
            self._connection = None
            failure = TargetError(self._explain(error))
            failure.is_slow = isinstance(error, TimeoutError)
            raise failure from None
        self._look_at_connection(stream)
        return response

    async def _read(self, response: httpx.Response) -> Response:
        """Read a response, or its beginning where it is long."""
        body, headers = bytearray(), response.headers
        with suppress(httpx.DecodingError):  # what it says is lost then, and its status tells enough
            async for part in response.aiter_bytes():
                body += part
                if len(body) > LARGEST_RESPONSE:
                    break
        return Response(
            status=response.status_code,
            message=shorten(find_message(bytes(body[:LARGEST_RESPONSE]), headers), self._secrets),
            is_page="html" in headers.get("content-type", ""),
            location=shorten(re.sub(r"[?#].*|(?<=//)[^/]*@", "", headers.get("location", "")), self._secrets),
            wait=_find_wait(headers),
        )

    def _look_at_connection(self, stream: httpx.Response) -> None:
        connection = stream.extensions["network_stream"]
        if self._connection not in (None, connection):
            self._short_lives = self._short_lives + 1 if self._requests < SHORT_LIFE else 1
            self._requests = 0
            self.is_new |= self._short_lives < HABIT
        self._requests += 1
        # VictoriaMetrics says every two minutes that it lets go of one, and loses nothing by that.
        stays = stream.http_version == "HTTP/1.1" and stream.headers.get("connection", "").lower() != "close"
        self._connection = connection if stays else None

    def _explain(self, error: BaseException) -> str:
        """Return the sentence for a request without a response.

        What a library's error says may hold a header, and with it a secret: only its kind is told.
        """
        target = f"The target {self._options.label}"
        match error:
            case httpx.ConnectError() | httpx.ConnectTimeout():
                return explain_no_connection(error, target, _MEND, host=self._url.host)
            case TimeoutError():
                return f"{target} takes too long to answer; look at its log and its load."
            case httpx.RemoteProtocolError() if not _HANG_UP.search(str(error)):
                return f"{target} does not speak HTTP there; check host and port in timeseries.url."
        mend = "look at its log and the network"
        if not self._requests:
            tls = ", and https:// where it speaks TLS" if self._url.scheme == "http" else ""
            mend = f"check that it runs, and that timeseries.url has its port{tls}"
        return f"The connection to the target {self._options.label} broke; {mend}."


def _find_wait(headers: Mapping[str, str]) -> float:
    """Return the s after which to ask again; a date in their place, which no engine sends, says nothing here."""
    text = headers.get("retry-after", "").strip()
    return min(float(text[:10]), LONGEST_WAIT) if text.isascii() and text.isdigit() else 0.0
