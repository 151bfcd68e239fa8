"""The endpoint: what is known is written when asked for; rule: whoever asks, and however often, meters are read on.

The text of a thousand meters takes a quarter of a second to write, so it is written beside the gateway's loop, once for
all who ask meanwhile; and no more often than leaves most of the time to others.
"""

from __future__ import annotations

import asyncio
import gzip
import html
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any, Final

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest, gzip_accepted
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from juntek.listening import HostCheck, Limits
from juntek.listening.http_server import serve as listen
from juntek.metric import ALL_METRICS, Metric
from juntek.outputs import Context, Handle, take_nothing
from juntek.outputs.metrics import MetricsOptions

log = logging.getLogger(__name__)

PATH: Final = "/metrics"
REST: Final = 4
"""They are shown again for that many times the time it took to write them."""
_TEXT: Final = "text/plain; charset=utf-8"
PIECE: Final = 64 * 1024
"""Bytes that are handed to a connection at once: of a slow one no more than that waits in memory twice."""

HEADERS: Final = (
    ("content-security-policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cache-control", "no-store"),
)
_OTHER_NAME: Final = (
    b"This name is not known to be this gateway's; use its address, or add the name to metrics.allowed_hosts.\n"
)
_FOR_PEOPLE: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>juntek: {site}</title>
<p>The gateway of {site} has its metrics for Prometheus at <a href="{path}">{path}</a>.</p></html>
"""

Family = GaugeMetricFamily | CounterMetricFamily | InfoMetricFamily
Scope = MutableMapping[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Meters(Collector):
    """What is known now of each meter, each sink and the gateway; it may be collected in any thread."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def collect(self) -> Iterator[Family]:
        """Yield all metrics, in the order of the tables in `metric`."""
        families = {metric: _family(metric) for metric in ALL_METRICS}
        for metric, labels, value in self._context.samples(readings=True):
            if metric not in families:  # of a battery that is watched
                families[metric] = _family(metric)
            families[metric].add_sample(metric.name, dict(labels), value)
        yield from families.values()


def _family(metric: Metric) -> Family:
    match metric.kind:
        case "counter":
            return CounterMetricFamily(metric.name, metric.help)
        case "gauge":
            return GaugeMetricFamily(metric.name, metric.help)
        case _:
            return InfoMetricFamily(metric.name.removesuffix("_info"), metric.help)


class Endpoint:
    """Writes the metrics of a registry, and answers with them."""

    def __init__(self, registry: CollectorRegistry, site: str, hosts: HostCheck) -> None:
        self._registry = registry
        self._hosts = hosts
        self._welcome = _FOR_PEOPLE.format(site=html.escape(site), path=PATH).encode()
        self._written: dict[tuple[bool, bool], asyncio.Future[tuple[bytes, float]]] = {}
        """The metrics, and until when they may be shown again; by whether they are OpenMetrics, and packed."""

    async def __call__(self, scope: Scope, _receive: object, send: Send) -> None:
        """Answer one request."""
        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1 or not self._hosts.knows(hosts[0]):
            await _answer(send, 421, _TEXT, _OTHER_NAME)
        elif scope["method"] not in ("GET", "HEAD"):
            await _answer(send, 405, _TEXT, b"Metrics can be read only.\n", {"allow": "GET, HEAD"})
        elif scope["path"] == "/":
            await _answer(send, 200, "text/html; charset=utf-8", self._welcome)
        elif scope["path"] != PATH:
            sentence = f"There is nothing at this address; the metrics are at {PATH}.\n"
            await _answer(send, 404, _TEXT, sentence.encode())
        else:
            await self._show(send, scope["headers"])

    async def _show(self, send: Send, headers: list[tuple[bytes, bytes]]) -> None:
        accepted, codings = (
            ",".join(value.decode("latin-1").lower() for name, value in headers if name == wanted)
            for wanted in (b"accept", b"accept-encoding")
        )
        is_open, is_packed = _wants_open_metrics(accepted), gzip_accepted(codings)
        try:
            body = await self._get((is_open, is_packed))
        except Exception:
            log.exception("metrics: writing them failed; please report this.")
            await _answer(send, 500, _TEXT, b"Something unexpected happened; the gateway's log says what.\n")
            return
        coding = {"content-encoding": "gzip"} if is_packed else {}
        kind = openmetrics.CONTENT_TYPE_LATEST if is_open else CONTENT_TYPE_PLAIN_0_0_4
        await _answer(send, 200, kind, body, {"vary": "accept, accept-encoding"} | coding)

    async def _get(self, form: tuple[bool, bool]) -> bytes:
        written = self._written.get(form)
        if written is None or (written.done() and (written.exception() or time.monotonic() > written.result()[1])):
            written = asyncio.get_running_loop().run_in_executor(None, self._write, *form)
            self._written[form] = written
        return (await asyncio.shield(written))[0]

    def _write(self, is_open: bool, is_packed: bool) -> tuple[bytes, float]:  # noqa: FBT001
        begun = time.monotonic()
        write = openmetrics.generate_latest if is_open else generate_latest
        body: bytes = write(self._registry)
        if is_packed:
            body = gzip.compress(body, 1)
        now = time.monotonic()
        return body, now + REST * (now - begun)


def _wants_open_metrics(accepted: str) -> bool:
    for part in accepted.replace(" ", "").split(","):
        kind, *parameters = part.split(";")
        if kind in ("text/plain", "text/*", "*/*"):
            return False
        versions = [parameter for parameter in parameters if parameter.startswith("version=")]
        if kind == "application/openmetrics-text" and versions in ([], ["version=1.0.0"]):
            return True
    return False


async def _answer(
    send: Send, status: int, content_type: str, body: bytes, headers: dict[str, str] | None = None
) -> None:
    values = {"content-type": content_type, "content-length": str(len(body))} | (headers or {})
    encoded = [(name.encode(), value.encode()) for name, value in values.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    for start in range(0, len(body), PIECE):
        await send({"type": "http.response.body", "body": body[start : start + PIECE], "more_body": True})
    await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def serve(options: MetricsOptions, context: Context, limits: Limits) -> AsyncIterator[Handle]:
    """Do what `open_sink` promises."""
    registry = CollectorRegistry()
    registry.register(Meters(context))
    ProcessCollector(registry=registry)
    endpoint = Endpoint(registry, context.site, HostCheck(context.gateway, options.allowed_hosts))
    async with listen(endpoint, options.address, "metrics.listen", headers=HEADERS, limits=limits):
        log.info("metrics: served at http://%s%s", options.address.seen_from(context.gateway), PATH)
        yield take_nothing
