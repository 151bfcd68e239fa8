"""A target for line protocol that does what the real ones do not: strict about HTTP, and wrong in every way asked for.

Rule: it judges a request before it answers, and raises what it finds at the end of the test.
"""

from __future__ import annotations

import asyncio
import gzip
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable, Collection

ALWAYS_SENT = {"host", "user-agent", "accept-encoding", "content-length"}


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    """Unpacked."""

    @property
    def lines(self) -> list[bytes]:
        return self.body.splitlines(keepends=True)

    @property
    def is_packed(self) -> bool:
        return self.headers.get("content-encoding") == "gzip"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, or with `fault` what comes instead of one."""

    status: int = 204
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    fault: Literal["", "cut", "mute", "garbage", "short", "endless", "slow"] = ""


GOOD = Reply()


@dataclass(slots=True)
class LineServer:
    """What came in; `taken` are the lines of the requests that were answered with a status below 300."""

    port: int = 0
    scheme: str = "http"
    requests: list[Request] = field(default_factory=list)
    taken: list[bytes] = field(default_factory=list)
    connections: int = 0
    let_go: asyncio.Event = field(default_factory=asyncio.Event)
    """Ends what is `mute`, `slow` or `endless`."""
    writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def hang_up(self) -> None:
        """End every connection, as a server that is started anew does."""
        for writer in self.writers:
            writer.transport.abort()

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"


def refuse(bad: Collection[bytes], words: str = "unable to parse") -> Callable[[Request], Reply]:
    """Answer as InfluxDB 2 does: a batch with a bad line in it is refused as a whole, with the first one named."""

    def judge(request: Request) -> Reply:
        first = next((line for line in request.lines if line in bad), None)
        if first is None:
            return GOOD
        return Reply(400, b'{"code":"invalid","message":"%s %s"}' % (words.encode(), first.strip()))

    return judge


@asynccontextmanager
async def serve_lines(
    judge: Callable[[Request], Reply] = lambda _: GOOD,
    *,
    cut_before_body: bool = False,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[LineServer]:
    """Serve until the body ends. With `cut_before_body` a connection is cut as soon as its headers are there."""
    server = LineServer(scheme="https" if tls else "http")
    faults: list[BaseException] = []
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        server.writers.add(writer)
        try:
            while (request := await _read(reader, cut_before_body=cut_before_body)) is not None:
                server.requests.append(request)
                reply = judge(request)
                if reply.status < 300 and not reply.fault:
                    server.taken += request.lines
                if not await _answer(writer, reply, server.let_go):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        except Exception as error:  # noqa: BLE001 - told at the end
            faults.append(error)
        finally:
            tasks.discard(task)
            server.writers.discard(writer)
            if cut_before_body:
                writer.transport.abort()
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        server.let_go.set()
        listener.close()
        server.hang_up()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if faults:
        raise faults[0]


async def _read(reader: asyncio.StreamReader, *, cut_before_body: bool) -> Request | None:
    head = await reader.readexactly(1)
    if head == b"\x16":  # TLS begins with it, and no method does
        return None
    head += await reader.readuntil(b"\r\n\r\n")
    first, *rest = head.decode("ascii").split("\r\n")[:-2]
    method, target, version = first.split(" ")
    assert (method, version) == ("POST", "HTTP/1.1"), first
    headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in rest)}
    assert not ALWAYS_SENT - set(headers), headers
    if cut_before_body:
        return None
    body = await reader.readexactly(int(headers["content-length"]))
    if headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    url = urlsplit(target)
    assert "content-type" in headers or not body, headers
    if headers.get("content-type") == "text/plain; charset=utf-8":
        assert body.endswith(b"\n"), body[-100:]
    return Request(method, url.path, parse_qs(url.query, strict_parsing=bool(url.query)), headers, body)


async def _answer(writer: asyncio.StreamWriter, reply: Reply, let_go: asyncio.Event) -> bool:
    """Write an answer; return whether the connection goes on."""
    if reply.fault in ("mute", "endless"):
        if reply.fault == "endless":
            writer.write(b"HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n")
            while not let_go.is_set():
                writer.write(b"2000\r\n%s\r\n" % (b"no " * 0x2000)[:0x2000])
                await writer.drain()
        await let_go.wait()
    if reply.fault == "slow":
        writer.write(b"HTTP/1.1 204 No Content\r\n")
        while not let_go.is_set():
            writer.write(b"x: y\r\n")
            await writer.drain()
            await asyncio.sleep(0.02)
    if reply.fault == "garbage":
        writer.write(b"220 mail.example ESMTP\r\n500 What is that?\r\n\r\n")
    if reply.fault:
        if reply.fault == "short":
            writer.write(_head(reply, len(reply.body) + 100) + reply.body)
        await writer.drain()
        return False
    writer.write(_head(reply, len(reply.body)) + reply.body)
    await writer.drain()
    return reply.headers.get("Connection") != "close"


def _head(reply: Reply, length: int) -> bytes:
    headers = {"Content-Type": "application/json", **reply.headers}
    if reply.status != 204:
        headers["Content-Length"] = str(length)
    lines = [f"HTTP/1.1 {reply.status} Whatever", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()
