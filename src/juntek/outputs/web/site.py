"""Every request goes through here; rule: whatever happens within, there is an answer, and an error is a sentence."""

from __future__ import annotations

import logging
from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Router
from starlette.types import Message, Receive, Scope, Send

from juntek.outputs.web.access import HostCheck
from juntek.outputs.web.answers import Refusal

log = logging.getLogger(__name__)

_SENTENCES: Final = {
    404: "There is nothing at this address; the API is described at /api/openapi.json.",
    405: "This address does not take this method.",
}


class Site:
    """The application that the server runs."""

    def __init__(self, routes: list[BaseRoute], hosts: HostCheck) -> None:
        self._router = Router(routes, redirect_slashes=False)
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        begun = False

        async def send_on(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
            await send(message)

        try:
            self._check_host(scope)
            scope["app"] = self  # lets the router raise what it finds wrong
            await self._router(scope, receive, send_on)
        except (Refusal, HTTPException) as error:
            if begun:
                raise  # the connection is closed, so that nobody takes a part for the whole
            await _refusal_of(error).answer()(scope, receive, send_on)
        except Exception:
            if begun:
                raise  # nothing more can be said; the connection is closed
            log.exception("web: %s %s failed; please report this.", scope.get("method"), scope.get("path"))
            await Refusal(500, "Something unexpected happened; the gateway's log says what.").answer()(
                scope, receive, send_on
            )

    def _check_host(self, scope: Scope) -> None:
        hosts = Headers(scope=scope).getlist("host")
        if len(hosts) != 1 or not self._hosts.knows(hosts[0]):
            raise Refusal(
                421,
                "This name is not known to be this gateway's; use its address, or add the name to web.allowed_hosts.",
            )


def _refusal_of(error: Refusal | HTTPException) -> Refusal:
    if isinstance(error, Refusal):
        return error
    return Refusal(error.status_code, _SENTENCES.get(error.status_code, error.detail), dict(error.headers or {}))
