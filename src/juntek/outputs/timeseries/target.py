"""The far end of a `timeseries` sink: Influx line protocol over HTTP; rule: every failure is one sentence.

The library's own errors end here. VictoriaMetrics, InfluxDB 1, 2 and 3, QuestDB and Telegraf take the same lines and
differ in how they answer; what is known of that stands in `answers` and `complaints`.
"""

from __future__ import annotations

import asyncio
import gzip
import logging
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import httpx

from juntek.errors import ConfigurationError
from juntek.outputs.timeseries.access import read_access
from juntek.outputs.timeseries.answers import read_answer
from juntek.outputs.timeseries.complaints import (
    AllRefusedError,
    TargetError,
    explain_answer,
    explain_failure,
    explain_refusal,
)
from juntek.outputs.timeseries.connection import IDLE_TIME, Connection
from juntek.outputs.timeseries.held import Held
from juntek.outputs.timeseries.isolation import TAKEN, NothingTakenError, Refusal, Verdict, isolate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping, Sequence

    from juntek.outputs.timeseries.answers import Answer
    from juntek.outputs.timeseries.options import Options

__all__ = ["AllRefusedError", "Refusal", "Target", "TargetError", "open_target"]

CONNECT_TIME: Final = 10.0
ANSWER_TIME: Final = 30.0
"""s between two signs of life; InfluxDB gives up a write after 10."""
REQUEST_TIME: Final = 120.0
"""s for a whole request, whatever signs of life there are."""

MOST_CONNECTIONS: Final = 1
"""So that a second one tells that the first is no more."""

_SMALL: Final = 1_000
"""Bytes that are not worth packing."""
_LARGE: Final = 32_000
"""Bytes that take a slow computer more than a few ms to pack."""

_UNREADABLE: Final = (400, 415, 422)
"""What those answer who cannot unpack: QuestDB before 9.1 (415), and who takes it for lines."""

logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells of every request


@asynccontextmanager
async def open_target(options: Options, version: str) -> AsyncIterator[Target]:
    """Yield the target; connects with the first request only.

    Raises ConfigurationError for a URL or a file that is no use.
    """
    access = await asyncio.to_thread(read_access, options)
    headers = {
        "user-agent": f"juntek/{version}",
        "accept-encoding": "identity",
        **access.headers,
    }
    try:
        httpx.URL(options.url)
    except httpx.InvalidURL:
        raise ConfigurationError("timeseries.url cannot be right; check the name of the host in it.") from None
    transport = httpx.AsyncHTTPTransport(
        verify=access.tls,
        # A proxy that the environment names for browsers and the like must not get the values, nor the password: the
        # way goes where the configuration says, from a service and from a terminal alike.
        trust_env=False,
        limits=httpx.Limits(
            max_connections=MOST_CONNECTIONS, max_keepalive_connections=MOST_CONNECTIONS, keepalive_expiry=IDLE_TIME
        ),
    )
    client = httpx.AsyncClient(
        transport=transport,
        trust_env=False,
        headers=headers,
        timeout=httpx.Timeout(ANSWER_TIME, connect=CONNECT_TIME),
    )
    async with client:
        yield Target(options, client, access.secrets)


class Target:
    """An open target, for one request after the other."""

    def __init__(self, options: Options, client: httpx.AsyncClient, secrets: Collection[str]) -> None:
        self._options = options
        self._client = client
        self._secrets = secrets
        self._url = _add_precision(options.url)
        self._connection = Connection()
        self._held = Held(client, options, secrets, self._connection)
        self._unpacks: bool | None = None
        """Whether it understands gzip, once that is known."""

    async def write(self, lines: Sequence[bytes], *, thorough: bool = False) -> list[Refusal]:
        """Hand lines over, each with its line end; return those it will not have, in order: all others are taken.

        Raises TargetError where it takes nothing at present, and AllRefusedError where it says that all lines are
        wrong. That is said after a few of them, as all is refused too when something else is wrong with what we send;
        `thorough` asks for every single line instead, and returns all as refused.
        """
        has_sent = False

        async def send(some: Sequence[bytes]) -> Verdict:
            nonlocal has_sent
            verdict = await self._send(some)
            # InfluxDB keeps the good points of a batch that it refuses.
            has_sent |= verdict.taken or (len(some) > 1 and not verdict.too_large)
            return verdict

        try:
            return await isolate(send, lines, thorough=thorough)
        except NothingTakenError as nothing:
            raise AllRefusedError(
                explain_refusal(self._options, str(nothing)), uncertain=has_sent, lives=True
            ) from None
        except TargetError as error:
            error.uncertain |= has_sent
            raise

    async def find_held(
        self, labels: Mapping[str, str], start: int, end: int, *, field: str = "", flush: bool = True
    ) -> dict[str, set[int]] | None:
        """Return when it has a value already of the series with these labels, by field (a name without `juntek_`).

        With `field` only of that one.

        Times are ms since 1970, from `start` to `end`, both included. None where it cannot be asked: then it is one
        that keeps a point once, however often it is written, or nothing is known of it. Raises TargetError where it
        should answer and does not.

        What was written a moment ago is there if the target lets us `flush` it (some tenths of a second late where it
        is busy), otherwise after about a second, and a write that was cut off may still be under way. Who has to be
        sure waits before.
        """
        return await self._held.find(labels, start, end, field=field, flush=flush)

    async def answers(self) -> bool:
        """Return whether it could be asked something, and answered. Raises TargetError where it does not answer."""
        return await self.find_held({"meter": ""}, 0, 0, flush=False) is not None

    @property
    def denial(self) -> str:
        """Why it would not say what it has, where it is probably one that keeps a point twice; empty otherwise."""
        return self._held.denial

    def distrust(self) -> None:
        """Take note that it was found in trouble another way: a proxy may answer in its place."""
        self._held.note_write(taken=False)

    def take_hang_up(self) -> bool:
        """Return whether it let go of the connection since this was last asked, as it does when it is started anew."""
        return self._connection.take_hang_up()

    async def _send(self, lines: Sequence[bytes]) -> Verdict:
        size = sum(map(len, lines))
        pack = size >= _SMALL and self._unpacks is not False
        answer = await self._post(await _join(lines, size, pack=pack), packed=pack)
        if pack and self._unpacks is None:
            answer = await self._learn(lines, size, answer)
        error = explain_answer(self._options, answer)
        self._held.note_write(taken=error is None and answer.is_good)
        if error:
            raise error
        # InfluxDB 3 Cloud says 201 where it took a part, and what was wrong with the rest.
        if answer.is_good and not (answer.status == 201 and answer.words):
            return TAKEN
        return Verdict(taken=False, why=answer.why, too_large=answer.status == 413, dropped=answer.dropped)

    async def _learn(self, lines: Sequence[bytes], size: int, answer: Answer) -> Answer:
        """Find out from the answer to a packed batch whether it can be unpacked; return what the lines get."""
        if answer.is_good:
            self._unpacks = True
        if answer.status not in _UNREADABLE:
            return answer
        plain = await self._post(await _join(lines, size, pack=False), packed=False)
        if plain.is_good or answer.status == 415:
            self._unpacks = False
        return plain

    async def _post(self, body: bytes, *, packed: bool) -> Answer:
        self._connection.begin(len(body))
        headers = {"content-type": "text/plain; charset=utf-8"} | ({"content-encoding": "gzip"} if packed else {})
        try:
            async with (
                asyncio.timeout(REQUEST_TIME),
                self._client.stream(
                    "POST", self._url, content=body, headers=headers, extensions={"trace": self._connection.trace}
                ) as response,
            ):
                answer = await read_answer(response, self._secrets)
                self._connection.note_answer(response)
                return answer
        except (httpx.HTTPError, ssl.SSLError, OSError, TimeoutError) as error:
            self._held.note_write(taken=False)
            raise explain_failure(self._options, error, has_answered=self._connection.has_answered) from None


async def _join(lines: Sequence[bytes], size: int, *, pack: bool) -> bytes:
    if not pack:
        return b"".join(lines)
    # The quickest level: the others save a few percent more and take several times as long.
    if size < _LARGE:
        return _pack(lines)
    return await asyncio.to_thread(_pack, lines)


def _pack(lines: Sequence[bytes]) -> bytes:
    return gzip.compress(b"".join(lines), compresslevel=1, mtime=0)


def _add_precision(url: str) -> str:
    """InfluxDB 3 guesses the precision at its own path; all others take nanoseconds where nothing is said."""
    parts = urlsplit(url)
    if not parts.path.rstrip("/").endswith("/api/v3/write_lp"):
        return url
    return f"{url}{'&' if parts.query else '?'}precision=nanosecond"
