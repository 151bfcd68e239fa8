"""What can be asked of the API, and its description in OpenAPI; rule: an operation is declared once, on its handler.

Its summary is the first line of the handler's docstring, and the type of its JSON is what the handler returns. No
library makes the description: the one that would takes 14 MB of memory of a gateway.
"""

from __future__ import annotations

import asyncio
import builtins
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, is_dataclass
from datetime import date
from functools import cache, partial
from http import HTTPStatus
from inspect import getdoc
from types import NoneType
from typing import Any, Final, Literal, TypeVar, get_args, get_origin, get_type_hints, is_typeddict

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from juntek.outputs import Context
from juntek.outputs.web.api_types import OPEN_TYPES, Error, LiveUpdate, schema_of_quantity
from juntek.outputs.web.authentication import COOKIE, Authenticator, refuse_foreign
from juntek.outputs.web.history_queries import HistoryQueries
from juntek.outputs.web.live import Broadcaster, LatestState
from juntek.outputs.web.parameters import Parameter, read_query
from juntek.outputs.web.responses import json_response
from juntek.quantity import QUANTITIES

H = TypeVar("H", bound=Callable[..., Any])

METER: Final = "/api/meters/{name}"
"""Path of what there is of one meter."""
OPERATIONS: Final[list[Operation]] = []
"""All that are declared, in the order in which they stand."""
Schema = dict[str, Any]

MOST_WRITING: Final = 16
"""Requests that write at the same time: their commands wait for each other, also when who asked has gone."""

_NAME: Final = Parameter("name", "Name of the meter.")
_KEY: Final = Parameter("key", "Key of the action.")
_ALWAYS = (400, 401, 405, 421, 500, 503)
_WITH_BODY = (403, 408, 413, 415)
_PLAIN: dict[Any, Schema] = {
    str: {"type": "string"},
    float: {"type": "number"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    NoneType: {"type": "null"},
    date: {"type": "string", "format": "date"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """All that handlers need."""

    context: Context
    state: LatestState
    queries: HistoryQueries
    broadcaster: Broadcaster
    authenticator: Authenticator
    writing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_WRITING))


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing that can be asked, and what answers it: `handler(api, request, *values)`, a value for each parameter.

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

    async def call(self, api: Api, request: Request) -> Response:
        """Return the response to a request. Raises HTTPException."""
        if self.method != "GET":
            refuse_foreign(request.headers)
        if not self.is_public and not api.authenticator.admits(request.headers):
            raise HTTPException(401, "Sign in first, or send a token.", {"www-authenticate": 'Bearer realm="juntek"'})
        values = read_query(request.query_params.multi_items(), self.parameters, api.context.time_zone)
        answer = await self.handler(api, request, *values)
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


# The description -------------------------------------------------------------------------------------------------


@cache
def describe_api(version: str) -> Schema:
    """Return the description of all operations."""
    schemas = Schemas()
    paths: dict[str, Schema] = {}
    for one in OPERATIONS:
        paths.setdefault(one.path, {})[one.method.lower()] = _describe(one, schemas)
    schemas.of(LiveUpdate)  # events have no schema of their own in OpenAPI
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "juntek",
            "version": version,
            "summary": "Batteries as their coulomb counters see them: now and in the past.",
            "description": (
                "Charging is positive, discharging negative; what is absent is null. Errors are one sentence under "
                "`error`. Where a password is set, scripts send `Authorization: Bearer TOKEN`."
            ),
        },
        "security": [{}, {"token": []}, {"session": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
            },
            "schemas": schemas.named,
        },
    }


def _describe(operation: Operation, schemas: Schemas) -> Schema:
    first, *others = operation.handler.__name__.split("_")
    summary = (operation.handler.__doc__ or "").partition("\n")[0].removesuffix(".")
    of_path = [parameter for parameter in (_NAME, _KEY) if f"{{{parameter.name}}}" in operation.path]
    result = operation.answer or get_type_hints(operation.handler, include_extras=True)["return"]
    content = operation.content or {"application/json": schemas.of(result)}
    error = {"application/json": schemas.of(Error)}
    errors = {*_ALWAYS, *operation.errors, *((404,) if of_path else ()), *(_WITH_BODY if operation.body else ())}
    described: Schema = {
        "operationId": first + "".join(map(str.capitalize, others)),
        "summary": summary,
        "parameters": [
            *(_parameter(parameter, schemas, "path") for parameter in of_path),
            *(_parameter(parameter, schemas, "query") for parameter in operation.parameters),
        ],
        "responses": {"200": _content(summary, content)},
    }
    for status in sorted(errors):
        sentence = f"{HTTPStatus(status).phrase}: `error` says in a sentence how to ask instead."
        described["responses"][str(status)] = _content(sentence, error)
    if operation.is_public:
        described["security"] = []
    if operation.body is not None:
        body = {"application/json": {"schema": schemas.of(operation.body)}}
        schemas.named[operation.body.__name__]["additionalProperties"] = False
        described["requestBody"] = {"required": True, "content": body}
    return described


def _parameter(parameter: Parameter, schemas: Schemas, place: Literal["path", "query"]) -> Schema:
    schema = schemas.of(parameter.kind.type)
    if parameter.default is not None:
        schema = schema | {"default": parameter.default}
    form = {"style": "form", "explode": False} if schema.get("type") == "array" else {}
    facts = {"name": parameter.name, "in": place, "required": place == "path", "description": parameter.text}
    return {**facts, "schema": schema, **form}


def _content(description: str, kinds: Mapping[str, Schema]) -> Schema:
    return {"description": description, "content": {kind: {"schema": schema} for kind, schema in kinds.items()}}


class Schemas:
    """Makes schemas of types; those with a name are kept and referred to."""

    def __init__(self) -> None:
        self.named: dict[str, Schema] = {}

    def of(self, kind: Any) -> Schema:  # noqa: ANN401 - any type
        """Return the schema of a type. Raises KeyError for one that no answer may have."""
        if is_typeddict(kind) or is_dataclass(kind):
            return self._record(kind)
        arguments = get_args(kind)
        schema: Schema = {}
        match get_origin(kind):
            case None if kind is not Any:
                schema = _PLAIN[kind]
            case typing.Annotated:
                schema = self.of(arguments[0]) | {
                    key: list(value) if isinstance(value, tuple) else value for key, value in arguments[1:]
                }
            case typing.Literal:
                schema = {"enum": list(arguments)}
            case typing.Union | types.UnionType:
                schema = {"anyOf": [self.of(one) for one in arguments]}
            case builtins.list:
                schema = {"type": "array", "items": self.of(arguments[0])}
            case builtins.tuple:  # of so many values of one kind
                ends = {"minItems": len(arguments), "maxItems": len(arguments)}
                schema = {"type": "array", "items": self.of(arguments[0]), **ends}
            case builtins.dict if get_origin(arguments[0]) is typing.Literal:
                (key,) = get_args(arguments[0])
                schema = {"type": "object", "properties": {key: self.of(arguments[1])}, "required": [key]}
            case builtins.dict:
                schema = {"type": "object", "additionalProperties": self.of(arguments[1])}
        return schema

    def _record(self, kind: Any) -> Schema:  # noqa: ANN401 - a TypedDict or a data class
        name: str = kind.__name__
        if name not in self.named:
            self.named[name] = {}  # so that it may hold itself
            properties = {key: self.of(hint) for key, hint in get_type_hints(kind, include_extras=True).items()}
            properties |= {key: schema_of_quantity(QUANTITIES[key]) for key in OPEN_TYPES.get(name, ())}
            optional = getattr(kind, "__optional_keys__", ())
            required = [key for key in properties if key not in optional]
            rest = {"required": required} if required else {"additionalProperties": False}
            self.named[name] = {"type": "object", "description": getdoc(kind), "properties": properties, **rest}
        return {"$ref": f"#/components/schemas/{name}"}
