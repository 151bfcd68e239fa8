"""The page and its API, put together; rule: what is missing is said before anybody is let in.

Every request goes through `App`: whatever happens within, there is a response, and an error is a sentence.
"""

from __future__ import annotations

import asyncio
import html
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Router
from starlette.types import Message, Receive, Scope, Send

from juntek.control import Permission
from juntek.errors import ConfigurationError
from juntek.files import read_bytes
from juntek.history.queries import HistoryReader
from juntek.listening.hosts import HostCheck, name_in
from juntek.listening.http_server import PROXIES
from juntek.listening.http_server import serve as listen
from juntek.listening.visitors import Limits, network_of, parse_ip
from juntek.outputs import DATABASE, Context
from juntek.outputs.web.api import Api
from juntek.outputs.web.authentication import DAY, Authenticator, LoginThrottle, Sessions
from juntek.outputs.web.broadcast import Broadcaster
from juntek.outputs.web.control import Writing
from juntek.outputs.web.history_queries import VISITOR, HistoryQueries
from juntek.outputs.web.latest_state import GATEWAY, HealthMonitor, LatestState
from juntek.outputs.web.local_token import remove_token, write_token
from juntek.outputs.web.passwords import WRITE, hash_token, is_hash, is_token_hash
from juntek.outputs.web.refusal import NEVER_KEPT, Refusal, security_headers
from juntek.outputs.web.static_files import PageFiles
from juntek.outputs.web.web_options import WebOptions
from juntek.update import Update

log = logging.getLogger(__name__)

_SENTENCES: Final = {
    404: "There is nothing at this address; the page is at / and the API is described at /api/openapi.json.",
    405: "This address does not take this method.",
}
_OTHER_NAME: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>juntek</title>
<h1>This gateway does not know the name {name}</h1>
<p>Only names that it knows are answered, so that no page of somebody else reads your battery. If the name is yours,
add it to the gateway's configuration and restart the gateway:</p>
<pre>[web]
allowed_hosts = ["{name}"]</pre>
<p>By its address the page is here: <a href="http://{address}/">http://{address}/</a></p></html>
"""


@asynccontextmanager
async def serve(
    options: WebOptions, context: Context, limits: Limits
) -> AsyncIterator[Callable[[Update], Awaitable[None]]]:
    """Do what `open_sink` promises."""
    clock = asyncio.get_running_loop().time
    tokens = _read_tokens(options)
    local = write_token(context.database) if options.needs_password and context.database is not None else None
    if local is not None:
        tokens[hash_token(local)] = Token("", may_write=True)
    authenticator = _authenticator(options, context, clock, frozenset(tokens))
    writing = Writing(
        permission=Permission.of(options.allow_control) if options.needs_password else Permission(),
        authenticator=authenticator, send=context.send, latest=context.latest,
        writers={hashed: token.name for hashed, token in tokens.items() if token.may_write},
    )  # fmt: skip
    queries = HistoryQueries(_open_history(context), partial(_tell_damage, context))
    state = LatestState(context)
    broadcaster = Broadcaster(state.event, limits)
    api = Api(
        state=state, queries=queries, broadcaster=broadcaster, authenticator=authenticator, writing=writing,
        version=context.version, time=context.time, zone=context.time_zone, body_time=limits.request_time,
    )  # fmt: skip
    app = App(api.routes(), HostCheck(context.gateway, options.allowed_hosts), authenticator.ingress)
    headers = security_headers([*(["'self'"] if authenticator.ingress else ()), *options.frame_ancestors])
    proxies = () if authenticator.ingress else PROXIES

    async def handle(update: Update) -> None:
        state.take(update)
        broadcaster.notify(update.meter)

    try:
        async with listen(app, options.address, "web.listen", headers=headers, limits=limits, proxies=proxies):
            log.info("web: the page is at http://%s/", options.address.seen_from(context.gateway))
            monitor = HealthMonitor(context, clock, limits.tell_every)
            looking = asyncio.create_task(_look(monitor, broadcaster, authenticator.sessions, limits.look_every))
            try:
                yield handle
            finally:
                looking.cancel()
                broadcaster.close()
    finally:
        await queries.close()
        if local is not None and context.database is not None:
            remove_token(context.database)
        if authenticator.sessions.changed:
            authenticator.sessions.save()


async def _look(monitor: HealthMonitor, broadcaster: Broadcaster, sessions: Sessions, every: float) -> None:
    """Tell every page when an output goes away or comes back, and keep the file of sessions up to date."""
    while True:
        await asyncio.sleep(every)
        if monitor.has_news():
            broadcaster.notify(GATEWAY)
        if sessions.changed:
            await asyncio.to_thread(sessions.save)


class App:
    """The application that the server runs. With `ingress` these addresses are served, and nobody else."""

    def __init__(self, routes: Sequence[BaseRoute], hosts: HostCheck, ingress: frozenset[str] = frozenset()) -> None:
        self._router = Router(routes, redirect_slashes=False, default=PageFiles())
        self._hosts = hosts
        self._ingress = ingress

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        begun = False

        async def send_on(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
            await send(message)

        try:
            await self._admit(scope)
            VISITOR.set(network_of(scope["client"][0]) if scope["client"] else "")
            scope["app"] = self  # lets the router raise what it finds wrong
            await self._router(scope, receive, send_on)
        except (Refusal, HTTPException) as error:
            if begun:
                raise  # the connection is closed, so that nobody takes a part for the whole
            await _response_to(error, scope)(scope, receive, send_on)
        except Exception:
            if begun:
                raise  # nothing more can be said; the connection is closed
            log.exception("web: %s %s failed; please report this.", scope.get("method"), scope.get("path"))
            await Refusal(500, "Something unexpected happened; the gateway's log says what.").response()(
                scope, receive, send_on
            )

    async def _admit(self, scope: Scope) -> None:
        """Raise Refusal for who may not ask here, or asks for a name that is not ours.

        Within Home Assistant the name is its own, and nobody can be led here whose address is not the Supervisor's.
        """
        if self._ingress:
            if str(parse_ip(scope["client"][0])) not in self._ingress:
                raise Refusal(403, 'This page is seen within Home Assistant only, as web.auth = "ingress" says.')
            return
        hosts = Headers(scope=scope).getlist("host")
        if len(hosts) != 1 or not await self._hosts.knows(hosts[0]):
            raise Refusal(
                421,
                "This name is not known to be this gateway's; use its address, or add the name to web.allowed_hosts.",
            )


def _response_to(error: Refusal | HTTPException, scope: Scope) -> Response:
    """Return a sentence for programs, and for somebody who looks at a page by an unknown name one with the mend."""
    if isinstance(error, HTTPException):
        sentence = _SENTENCES.get(error.status_code, error.detail)
        return Refusal(error.status_code, sentence, dict(error.headers or {})).response()
    headers = Headers(scope=scope)
    name = name_in(headers.get("host", ""))
    if error.status != 421 or name is None or "text/html" not in headers.get("accept", ""):
        return error.response()
    host, port = scope["server"]
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    page = _OTHER_NAME.format(name=html.escape(name), address=html.escape(address))
    return HTMLResponse(page, error.status, NEVER_KEPT)


def _authenticator(
    options: WebOptions, context: Context, clock: Callable[[], float], tokens: frozenset[str]
) -> Authenticator:
    password_hash = _read_password_hash(options) if options.needs_password else None
    # Beside the database, as every gateway has a database of its own.
    path = context.database.with_suffix(".sessions") if context.database and password_hash else None
    sessions = Sessions(options.session_days * DAY, context.time, password_hash or "", path)
    sessions.load()
    return Authenticator(password_hash, sessions, LoginThrottle(clock), tokens, options.ingress)


def _read_password_hash(options: WebOptions) -> str | None:
    if options.password_hash is not None or options.password_hash_file is None:
        return options.password_hash
    text = _read("password_hash_file", options.password_hash_file).strip()
    if not is_hash(text):
        raise ConfigurationError(
            f"web.password_hash_file {options.password_hash_file} does not hold what juntek web password writes; "
            "write it again with: juntek web password"
        )
    return text


class Token(NamedTuple):
    """A token of a script."""

    name: str
    may_write: bool


def _read_tokens(options: WebOptions) -> dict[str, Token]:
    """Return the tokens by their hashes."""
    if options.tokens_file is None:
        return {}
    tokens: dict[str, Token] = {}
    for number, line in enumerate(_read("tokens_file", options.tokens_file).splitlines(), start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) < 2 or words[2:] not in ([], [WRITE]) or not is_token_hash(words[1]):
            raise ConfigurationError(
                f"web.tokens_file {options.tokens_file}: line {number} is not a name and a hash; make it with: "
                "juntek web token NAME"
            )
        tokens[words[1]] = Token(words[0], may_write=words[2:] == [WRITE])
    return tokens


def _read(key: str, path: Path) -> str:
    try:
        return read_bytes(path, f"web.{key}").decode()
    except UnicodeDecodeError:
        raise ConfigurationError(f"web.{key} {path} is not text; write it again.") from None


def _tell_damage(context: Context, sentence: str) -> None:
    """Let all who show how the history does know of it, unless they do already."""
    if context.errors.setdefault(DATABASE, sentence) is sentence:
        log.warning("%s", sentence)


def _open_history(context: Context) -> HistoryReader | None:
    """Return what reads the history of the gateway; None where it keeps none."""
    if context.database is None:
        return None
    return HistoryReader(context.database, time_zone=context.time_zone, clock=context.time)
