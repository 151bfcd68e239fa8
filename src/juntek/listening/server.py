"""A web server within the gateway; rule: it starts or says why not, and its end leaves no connection behind."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from uvicorn import Config

from juntek.errors import JuntekError
from juntek.listening.address import Address
from juntek.listening.connection import KEEP_ALIVE, LARGEST_HEAD, Connection, QuietServer

STOP_TIME = 2
"""s in which answers under way may end."""


class ListenError(JuntekError):
    """The address cannot be listened at: in use, not of this computer, not permitted."""


@asynccontextmanager
async def serve(
    application: Callable[..., Any],
    address: Address,
    key: str,
    *,
    headers: Iterable[tuple[str, str]],
    connection: type[Connection] = Connection,
) -> AsyncIterator[None]:
    """Let an ASGI application answer at an address; leaving ends every answer and cuts every connection.

    Every answer has the `headers`, errors and refusals too. `key` is what the owner has to correct. Raises ListenError.
    """
    listener = listen(address, key)
    try:
        server = QuietServer(_configure(application, list(headers), connection))
        work = asyncio.create_task(server.serve([listener]), name=f"server of {key}")
    except BaseException:
        listener.close()
        raise
    try:
        await server.ready.wait()
        yield
    finally:
        server.stopping.set()
        server.should_exit = True
        try:
            await work
        finally:
            server.cut_all()


def _configure(application: Callable[..., Any], headers: list[tuple[str, str]], connection: type[Connection]) -> Config:
    logging.getLogger("uvicorn.error").propagate = False  # it tells of every stranger's bad request
    return Config(
        application,
        http=connection,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        headers=headers,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=STOP_TIME,
        h11_max_incomplete_event_size=LARGEST_HEAD,
        forwarded_allow_ips="127.0.0.1,::1",
        workers=1,
    )


def listen(address: Address, key: str) -> socket.socket:
    """Return a listening socket; raises ListenError. The library would end the process where it cannot."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    # asyncio sends small pieces at once only where the protocol is named; else each answer waits 40 ms for the client.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6 and address.is_any:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(tuple(address))
        listener.listen(128)
        listener.setblocking(False)  # noqa: FBT003 - the library's signature
    except OSError as error:
        listener.close()
        raise ListenError(_explain(address, key, error)) from None
    return listener


def _explain(address: Address, key: str, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"Another program already listens at {address}; stop it, or give another port in {key}."
        case errno.EADDRNOTAVAIL:
            return f"{address.host} is not an address of this computer; correct {key}, or use 0.0.0.0 for all."
        case errno.EACCES:
            return f"Port {address.port} is for the system's own services; give one above 1023 in {key}."
        case _:
            return f"It is not possible to listen at {address} ({error.strerror}); correct {key}."
