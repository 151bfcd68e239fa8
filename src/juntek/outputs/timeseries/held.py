"""Which readings a target has already; rule: only VictoriaMetrics is asked, as others keep a point once anyhow.

It keeps a point twice that is written twice, so after a write of unknown effect it has to be asked before the next.
"""

from __future__ import annotations

import json
import re
import ssl
from collections import defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import httpx

from juntek.metric import MEASUREMENT
from juntek.outputs.timeseries.answers import Answer, read_answer
from juntek.outputs.timeseries.complaints import TargetError, explain_failure, name_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterable, Mapping

    from juntek.outputs.timeseries.connection import Connection
    from juntek.outputs.timeseries.options import Options

_WRITE_PATHS: Final = ("/influx/api/v2/write", "/api/v2/write", "/influx/write", "/write")
_PREFIX: Final = f"{MEASUREMENT}_"
_SEARCH_TIME: Final = 40.0
"""s that it may search before its next byte; by itself it gives up after 30."""
_FLUSH_TIME: Final = 10.0
_LONGEST_ROW: Final = 16 * 2**20
_NO_ROUTE = re.compile(r"missing route")
"""What vmauth says, which stands before VictoriaMetrics."""
_NO_SUCH_PATH = re.compile(rf"unsupported path|{_NO_ROUTE.pattern}")
_FAILURES: Final = (httpx.HTTPError, ssl.SSLError, OSError, TimeoutError)


class Held:
    """What a target holds, asked for at the path where VictoriaMetrics exports what it has."""

    def __init__(
        self, client: httpx.AsyncClient, options: Options, secrets: Collection[str], connection: Connection
    ) -> None:
        self._client = client
        self._options = options
        self._secrets = secrets
        self._connection = connection
        self._base = _find_base(options.url)
        self._is_taking = False
        """Whether it took what it was sent last: then a path that is not there is none of its own."""
        self.denial = ""
        """Why it does not say what it has, where it is probably a VictoriaMetrics."""

    def note_write(self, *, taken: bool) -> None:
        """Hear what became of what was sent, or that the target is in trouble."""
        self._is_taking = taken

    async def find(
        self, labels: Mapping[str, str], start: int, end: int, *, field: str, flush: bool
    ) -> dict[str, set[int]] | None:
        """Return the times, ms since 1970 from `start` to `end`, by field; None where it cannot be asked.

        With a `field` only those of that one.
        """
        if self._base is None:
            return None
        if flush:
            await self._flush(self._base)
        query = {
            "match[]": _match(labels, field),
            # In whole seconds and looked at more closely here: fractions are not kept exactly on the way.
            "start": str(start // 1000),
            "end": str(end // 1000 + 1),
            # Not `reduce_mem_usage`: after somebody's export without, 1.79.5 gives one series the times of another.
        }
        request = self._client.stream(
            "POST",
            f"{self._base}/api/v1/export",
            data=query,
            headers={"accept-encoding": "gzip"},
            timeout=httpx.Timeout(_SEARCH_TIME, connect=10),
            extensions={"trace": self._connection.trace},
        )
        try:
            async with request as response:
                if response.status_code == 200 and "json" in response.headers.get("content-type", ""):
                    held = await self._read(response, start, end)
                    self._connection.note_answer(response)
                    return held
                answer = await read_answer(response, self._secrets)
                self._connection.note_answer(response)
        except _FAILURES as error:
            failure = explain_failure(self._options, error, has_answered=self._connection.has_answered)
            failure.uncertain = False
            raise failure from None
        self._check(answer)
        return None

    async def _flush(self, base: str) -> None:
        """Let it show what it has just taken, which takes a second otherwise; what goes wrong is told afterwards."""
        with suppress(*_FAILURES):
            await self._client.post(
                f"{base}/internal/force_flush", timeout=_FLUSH_TIME, extensions={"trace": self._connection.trace}
            )

    def _check(self, answer: Answer) -> None:
        """Raise TargetError where it should have answered; otherwise it cannot be asked, or we may not."""
        if answer.status in (408, 425, 429) or answer.status >= 500:
            raise self._error(answer)
        if answer.status == 400 and not _NO_SUCH_PATH.search(answer.words):
            raise self._error(answer)
        if answer.status in (401, 403) or _NO_ROUTE.search(answer.words):
            self.denial = answer.shown
        # No VictoriaMetrics, or one that lets nobody read: it will stay so. A proxy may say it of one that is away.
        if answer.is_good or answer.status == 400 or (answer.status in (404, 405) and self._is_taking):
            self._base = None

    def _error(self, answer: Answer) -> TargetError:
        return TargetError(
            f"{name_of(self._options)} does not say what it has already ({answer.shown}); look at its log.",
            wait=answer.wait,
            lives=answer.status <= 500,  # as in `complaints`
        )

    async def _read(self, response: httpx.Response, start: int, end: int) -> dict[str, set[int]] | None:
        held: defaultdict[str, set[int]] = defaultdict(set)
        is_first = True
        async for line in _split(response):
            row = _parse(line)
            if row is None and is_first:
                self._base = None
                return None
            if row is None:
                raise TargetError(
                    f"{name_of(self._options)} broke off while it said what it has already; look at its log."
                )
            is_first = False
            metric, times = row
            # What was scraped has its own times and is not what we sent.
            if not metric.keys() >= {"job", "instance"}:
                name = str(metric.get("__name__", "")).removeprefix(_PREFIX)
                held[name].update(time for time in times if start <= time <= end)
        return {name: times for name, times in held.items() if times}


def _find_base(url: str) -> str | None:
    """Return the URL below which VictoriaMetrics would have its other paths; None where it cannot be one."""
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    for ending in _WRITE_PATHS:
        if path.endswith(ending):
            return urlunsplit((parts.scheme, parts.netloc, path.removesuffix(ending), "", ""))
    return None


def _match(labels: Mapping[str, str], field: str) -> str:
    name = f'="{_PREFIX}{field}"' if field else f'=~"{_PREFIX}.+"'
    pairs = [f"__name__{name}", *(f'{name}="{_escape(value)}"' for name, value in labels.items())]
    # It remembers for ten seconds which series a question was about, without those that came since: ask no two alike.
    pairs.append(f'asked!="{uuid4().hex}"')
    return f"{{{','.join(pairs)}}}"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


async def _split(response: httpx.Response) -> AsyncIterator[bytes]:
    """Yield the lines. Not those of the library: it also splits at signs that may stand in a label."""
    waiting = bytearray()
    async for part in response.aiter_bytes():
        waiting += part
        if b"\n" in part:
            *lines, rest = bytes(waiting).split(b"\n")
            waiting = bytearray(rest)
            for line in lines:
                if line.strip():
                    yield line
        elif len(waiting) > _LONGEST_ROW:
            break
    if waiting.strip():
        yield bytes(waiting)


def _parse(line: bytes) -> tuple[Mapping[str, Any], Iterable[int]] | None:
    try:
        row = json.loads(line)
        metric, times = row["metric"], row["timestamps"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return (metric, times) if isinstance(metric, dict) and isinstance(times, list) else None
