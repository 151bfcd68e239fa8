"""The page and its API, put together; rule: what is missing is said before anybody is let in.

Whatever happens within a request, there is a response, and an error is a sentence.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from juntek.control import NotAllowedError
from juntek.control.controls import Permission
from juntek.errors import ConfigurationError, DatabaseError, JuntekError, LinkError, NoReplyError, RequestError
from juntek.listening import Address, HostCheck, Limits, hosts_problem, name_in, network_of, parse_ip
from juntek.listening.http_server import PROXIES
from juntek.listening.http_server import serve as listen
from juntek.outputs import Context, run_beside
from juntek.outputs.web import WebOptions, is_page_built
from juntek.outputs.web import api as _handlers  # noqa: F401 - it declares what can be asked
from juntek.outputs.web.authentication import Authenticator, LoginThrottle, Sessions
from juntek.outputs.web.history_queries import VISITOR, HistoryQueries
from juntek.outputs.web.live import GATEWAY, Broadcaster, HealthMonitor, LatestState
from juntek.outputs.web.operation import Api, routes_of
from juntek.outputs.web.parameters import DAY
from juntek.outputs.web.passwords import Token, hash_token, read_password_hash, read_tokens, token_path, write_token
from juntek.outputs.web.responses import NEVER_KEPT, PageFiles, json_response, security_headers
from juntek.update import Update

log = logging.getLogger(__name__)

_SENTENCES: Final = {
    "Not Found": "There is nothing at this address; the page is at / and the API is described at /api/openapi.json.",
    "Method Not Allowed": "This address does not take this method.",
}
"""In place of what the framework says, which is no more than the name of the status."""
_STATUSES: Final[dict[type[JuntekError], int]] = {
    NotAllowedError: 403,
    RequestError: 422,
    ConfigurationError: 501,  # of a library that is not installed
    DatabaseError: 503,
    LinkError: 503,
    NoReplyError: 503,
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
    authenticator = _authenticator(options, context, clock)
    queries = HistoryQueries(context)
    state = LatestState(context)
    broadcaster = Broadcaster(state.event, limits)
    api = Api(context=context, state=state, queries=queries, broadcaster=broadcaster, authenticator=authenticator)
    app = make_app(routes_of(api), HostCheck(context.gateway, options.allowed_hosts), authenticator.ingress)
    headers = security_headers([*(["'self'"] if authenticator.ingress else ()), *options.frame_ancestors])
    proxies = () if authenticator.ingress else PROXIES

    async def handle(update: Update) -> None:
        broadcaster.notify(update.meter)

    monitor = HealthMonitor(context, clock, limits.tell_every)
    try:
        async with (
            listen(app, options.address, "web.listen", headers=headers, limits=limits, proxies=proxies),
            run_beside(_look(monitor, broadcaster, authenticator.sessions, limits.look_every)),
        ):
            log.info("web: the page is at http://%s/", options.address.seen_from(context.gateway))
            if not is_page_built():
                log.warning("web: the page has not been built; install juntek once more where it reaches the internet.")
            try:
                yield handle
            finally:
                broadcaster.close()
    finally:
        await queries.close()
        if authenticator.is_needed and context.database is not None:
            with suppress(OSError):
                token_path(context.database).unlink()
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


def make_app(routes: Sequence[BaseRoute], hosts: HostCheck, ingress: frozenset[str] = frozenset()) -> ASGIApp:
    """Return what the server runs. With `ingress` these addresses are served, and nobody else."""
    router = Router(routes, redirect_slashes=False, default=PageFiles())

    async def admit(scope: Scope, receive: Receive, send: Send) -> None:
        _check_visitor(scope, hosts, ingress)
        VISITOR.set(network_of(scope["client"][0]))
        scope["app"] = router  # lets it raise what it finds wrong
        await router(scope, receive, send)

    explain = {kind: partial(_explain, status) for kind, status in _STATUSES.items()}
    return ExceptionMiddleware(admit, {HTTPException: _refuse, Exception: _fail, **explain})


def _check_visitor(scope: Scope, hosts: HostCheck, ingress: frozenset[str]) -> None:
    """Raise HTTPException for who may not ask here, or asks for a name that is not ours.

    Within Home Assistant the name is its own, and nobody can be led here whose address is not the Supervisor's.
    """
    if ingress:
        if str(parse_ip(scope["client"][0])) not in ingress:
            raise HTTPException(403, 'This page is seen within Home Assistant only, as web.auth = "ingress" says.')
        return
    names = Headers(scope=scope).getlist("host")
    if len(names) != 1 or not hosts.knows(names[0]):
        raise HTTPException(
            421, "This name is not known to be this gateway's; use its address, or add the name to web.allowed_hosts."
        )


async def _refuse(request: Request, error: Exception) -> Response:
    """Return a sentence for programs, and for somebody who looks at a page by an unknown name one with the mend."""
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
    status = error.status_code
    name = name_in(request.headers.get("host", "")) or ""
    if status == 421 and hosts_problem((name,)) is None and "text/html" in request.headers.get("accept", ""):
        page = _OTHER_NAME.format(name=name, address=Address(*request.scope["server"]))
        return HTMLResponse(page, status, NEVER_KEPT)
    return json_response({"error": _SENTENCES.get(error.detail, error.detail)}, status=status, headers=error.headers)


async def _explain(status: int, _: Request, error: Exception) -> Response:
    if status == 403:
        log.info("web: refused: %s", error)
    return json_response({"error": str(error)}, status=status)


async def _fail(request: Request, error: Exception) -> Response:
    log.error("web: %s %s failed; please report this.", request.method, request.url.path, exc_info=error)
    return json_response({"error": "Something unexpected happened; the gateway's log says what."}, status=500)


def _authenticator(options: WebOptions, context: Context, clock: Callable[[], float]) -> Authenticator:
    tokens = read_tokens(options.tokens_file) if options.tokens_file is not None else {}
    password_hash = options.password_hash if options.needs_password else None
    if options.needs_password and password_hash is None and options.password_hash_file is not None:
        password_hash = read_password_hash(options.password_hash_file)
    path = None
    if password_hash and context.database is not None:
        # Beside the database, as every gateway has a database of its own.
        path = context.database.with_suffix(".sessions")
        if (local := write_token(context.database)) is not None:
            tokens[hash_token(local)] = Token("", may_write=True)
    sessions = Sessions(options.session_days * DAY, context.time, password_hash or "", path)
    # Without a password anybody could write; Home Assistant has signed in whom it lets through.
    permission = Permission.of(options.allow_control if password_hash or options.ingress else ())
    return Authenticator(password_hash, sessions, LoginThrottle(clock), tokens, options.ingress, permission)
