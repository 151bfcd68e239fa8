"""The web server within the gateway; rule: it starts or says why not, and its end leaves no connection behind."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.routing import Route
from uvicorn import Config

from juntek.database.history import HistoryReader
from juntek.errors import ConfigurationError, JuntekError
from juntek.sinks import Context
from juntek.sinks.web.access import DAY, Gate, HostCheck, Sessions, Tries
from juntek.sinks.web.api import Api
from juntek.sinks.web.connection import KEEP_ALIVE, LARGEST_HEAD, Connection, QuietServer
from juntek.sinks.web.files import Files
from juntek.sinks.web.live import Hub
from juntek.sinks.web.options import Address, Options
from juntek.sinks.web.passwords import is_hash, is_token_hash
from juntek.sinks.web.past import Past
from juntek.sinks.web.present import GATEWAY, Meters
from juntek.sinks.web.site import Site
from juntek.update import Update

log = logging.getLogger(__name__)

STOP_TIME = 2
"""s in which answers under way may end."""


class ListenError(JuntekError):
    """The address cannot be listened at: in use, not of this computer, not permitted."""


@asynccontextmanager
async def serve(options: Options, context: Context) -> AsyncIterator[Callable[[Update], Awaitable[None]]]:
    """Do what `open_sink` promises."""
    password_hash, tokens = _read_password_hash(options), _read_tokens(options)
    listener = _listen(options.address)
    try:
        past = Past(_open_history(context))
        meters = Meters(context)
        hub = Hub(meters.describe)
        clock = asyncio.get_running_loop().time
        gate = Gate(options.needs_password, Sessions(options.session_days * DAY, clock), Tries(clock), tokens)
        api = Api(
            meters=meters, past=past, hub=hub, gate=gate, password_hash=password_hash, version=context.version,
            time=context.time, zone=context.time_zone,
        )  # fmt: skip
        files = Files()
        routes = [*api.routes(), Route("/", files.show), Route("/{name:path}", files.show)]
        server = QuietServer(_configure(Site(list(routes), HostCheck(context.gateway, options.allowed_hosts))))
        work = asyncio.create_task(server.serve([listener]), name="web server")
    except BaseException:
        listener.close()
        raise

    async def handle(update: Update) -> None:
        if meters.notice_history():
            hub.tell(GATEWAY)
        meters.take(update)
        hub.tell(update.meter)

    try:
        await server.ready.wait()
        log.info("web: the page is at http://%s/", _place(options.address, context))
        yield handle
    finally:
        hub.close()
        server.stopping.set()
        server.should_exit = True
        try:
            await work
        finally:
            server.cut_all()
            await past.close()


def _place(address: Address, context: Context) -> str:
    """Return what to write into a browser; nobody can ask for all addresses at once."""
    return f"{context.gateway}:{address.port}" if address.is_any else str(address)


def _configure(site: Site) -> Config:
    logging.getLogger("uvicorn.error").propagate = False  # it tells of every stranger's bad request
    return Config(
        site,
        http=Connection,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=STOP_TIME,
        h11_max_incomplete_event_size=LARGEST_HEAD,
        forwarded_allow_ips="127.0.0.1,::1",
        workers=1,
    )


def _listen(address: Address) -> socket.socket:
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
        raise ListenError(_explain(address, error)) from None
    return listener


def _explain(address: Address, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"Another program already listens at {address}; stop it, or give another port in web.listen."
        case errno.EADDRNOTAVAIL:
            return f"{address.host} is not an address of this computer; correct web.listen, or use 0.0.0.0 for all."
        case errno.EACCES:
            return f"Port {address.port} is for the system's own services; give one above 1023 in web.listen."
        case _:
            return f"It is not possible to listen at {address} ({error.strerror}); correct web.listen."


def _read_password_hash(options: Options) -> str | None:
    if options.password_hash is not None or options.password_hash_file is None:
        return options.password_hash
    text = _read("password_hash_file", options.password_hash_file).strip()
    if not is_hash(text):
        raise ConfigurationError(
            f"web.password_hash_file {options.password_hash_file} does not hold what juntek web password writes; "
            "write it again with: juntek web password"
        )
    return text


def _read_tokens(options: Options) -> frozenset[str]:
    if options.tokens_file is None:
        return frozenset()
    hashes: set[str] = set()
    for number, line in enumerate(_read("tokens_file", options.tokens_file).splitlines(), start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 2 or not is_token_hash(words[1]):
            raise ConfigurationError(
                f"web.tokens_file {options.tokens_file}: line {number} is not a name and a hash; make it with: "
                "juntek web token NAME"
            )
        hashes.add(words[1])
    return frozenset(hashes)


def _read(key: str, path: Path) -> str:
    try:
        return path.expanduser().read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigurationError(f"web.{key} {path} does not exist; write it or correct the key.") from None
    except PermissionError:
        raise ConfigurationError(f"web.{key} {path} may not be read; give this user the right to.") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"web.{key} {path} is not text; write it again.") from None
    except OSError as error:
        raise ConfigurationError(f"web.{key} {path} cannot be read ({error.strerror}); correct the key.") from None


def _open_history(context: Context) -> HistoryReader | None:
    """Return what reads the history of the gateway; None where it keeps none."""
    if context.database is None:
        return None
    return HistoryReader(context.database, time_zone=context.time_zone, clock=context.time)
