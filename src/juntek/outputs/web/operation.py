"""What can be asked of the API; rule: an operation is declared once, on its handler.

Its summary is the first line of the handler's docstring, and the type of its JSON is what the handler returns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from juntek.outputs import Context
from juntek.outputs.web.authentication import Authenticator
from juntek.outputs.web.broadcast import Broadcaster
from juntek.outputs.web.history_queries import HistoryQueries
from juntek.outputs.web.latest_state import LatestState
from juntek.outputs.web.parameters import Parameter, read_query
from juntek.outputs.web.responses import json_response

H = TypeVar("H", bound=Callable[..., Any])

METER: Final = "/api/meters/{name}"
"""Path of what there is of one meter."""
OPERATIONS: Final[list[Operation]] = []
"""All that are declared, in the order in which they stand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """All that handlers need."""

    context: Context
    state: LatestState
    queries: HistoryQueries
    broadcaster: Broadcaster
    authenticator: Authenticator
    writing: list[str] = field(default_factory=list)
    """Who is writing to a meter now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing that can be asked, and what answers it: `handler(api, request)`, with the values of its parameters.

    `is_public`: nobody has to be signed in. `content` is what it answers where that is not JSON, `answer` the type of
    its JSON where the handler returns a response; `body` is the type of what it is sent.
    """

    path: str
    handler: Callable[..., Any]
    method: str = "GET"
    parameters: tuple[Parameter, ...] = ()
    errors: tuple[int, ...] = ()
    is_public: bool = False
    content: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    body: Any = None
    answer: Any = None

    @property
    def identity(self) -> str:
        """Name of the operation, as `showLatest`."""
        first, *others = self.handler.__name__.split("_")
        return first + "".join(map(str.capitalize, others))

    @property
    def summary(self) -> str:
        """What it is for, in a line."""
        return (self.handler.__doc__ or "").partition("\n")[0].removesuffix(".")

    async def call(self, api: Api, request: Request) -> Response:
        """Return the response to a request. Raises HTTPException."""
        if not self.is_public and not api.authenticator.admits(request.headers):
            raise HTTPException(401, "Sign in first, or send a token.", {"www-authenticate": 'Bearer realm="juntek"'})
        values = read_query(request.query_params.multi_items(), self.parameters, api.context.time_zone)
        answer = await self.handler(api, request, *([values] if values else []))
        if isinstance(answer, Response):
            return answer
        return json_response(answer, request.headers.get("accept-encoding", ""))


def operation(path: str, method: str = "GET", **facts: Any) -> Callable[[H], H]:  # noqa: ANN401 - fields of Operation
    """Declare that a handler answers at a path."""

    def declare(handler: H) -> H:
        OPERATIONS.append(Operation(path=path, method=method, handler=handler, **facts))
        return handler

    return declare


def routes_of(api: Api) -> list[Route]:
    """Return the paths of the API."""
    paths: dict[str, dict[str, Operation]] = {}
    for one in OPERATIONS:
        paths.setdefault(one.path, {})[one.method] = one
    return [Route(path, partial(_answer, api, methods), methods=list(methods)) for path, methods in paths.items()]


async def _answer(api: Api, methods: Mapping[str, Operation], request: Request) -> Response:
    return await methods["GET" if request.method == "HEAD" else request.method].call(api, request)
