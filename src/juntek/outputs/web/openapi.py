"""The API described in OpenAPI 3.1; rule: made of the types that handlers return and of the parameters they read.

No library does it: the one that would takes 14 MB of memory of a gateway.
"""

from __future__ import annotations

import builtins
import types
import typing
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from types import NoneType
from typing import Any, Final, get_args, get_origin, get_type_hints, is_typeddict

from juntek.outputs.web.api_types import OPEN_TYPES, Error, LiveUpdate, schema_of_quantity
from juntek.outputs.web.authentication import COOKIE
from juntek.outputs.web.operation import METER, Operation
from juntek.outputs.web.parameters import Parameter
from juntek.quantity import QUANTITIES

Schema = dict[str, Any]

_NAME: Final = Parameter("name", "Name of the meter.", str)
_KEY: Final = Parameter("key", "Key of the action.", str)
_ALWAYS = (400, 401, 405, 421, 500, 503)
_WITH_BODY = (403, 408, 413, 415)
_PLAIN: dict[Any, str] = {str: "string", float: "number", int: "integer", bool: "boolean", NoneType: "null"}


def describe_api(version: str, operations: Iterable[Operation]) -> Schema:
    """Return the whole description."""
    schemas = Schemas()
    paths: dict[str, Schema] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _describe(operation, schemas)
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
    has_name = operation.path.startswith(METER)
    result = operation.answer or get_type_hints(operation.handler, include_extras=True)["return"]
    content = operation.content or {"application/json": schemas.of(result)}
    error = {"application/json": schemas.of(Error)}
    errors = {*_ALWAYS, *operation.errors, *((404,) if has_name else ()), *(_WITH_BODY if operation.body else ())}
    described: Schema = {
        "operationId": operation.identity,
        "summary": operation.summary,
        "parameters": [
            *(
                _parameter(parameter, schemas) | {"in": "path", "required": True}
                for parameter in (_NAME, _KEY)
                if f"{{{parameter.name}}}" in operation.path
            ),
            *(_parameter(parameter, schemas) for parameter in operation.parameters),
        ],
        "responses": {
            "200": _content(operation.summary, content),
            **{str(status): _content(HTTPStatus(status).phrase, error) for status in sorted(errors)},
        },
    }
    if operation.is_public:
        described["security"] = []
    if operation.body is not None:
        body = {"application/json": {"schema": schemas.of(operation.body)}}
        schemas.named[operation.body.__name__]["additionalProperties"] = False
        described["requestBody"] = {"required": True, "content": body}
    return described


def _parameter(parameter: Parameter, schemas: Schemas) -> Schema:
    schema = schemas.of(parameter.type)
    if parameter.default is not None:
        schema = schema | {"default": parameter.default}
    described: Schema = {"name": parameter.name, "in": "query", "description": parameter.text, "schema": schema}
    if schema.get("type") == "array":
        described |= {"style": "form", "explode": False}
    return described


def _content(description: str, kinds: Mapping[str, Schema]) -> Schema:
    return {"description": description, "content": {kind: {"schema": schema} for kind, schema in kinds.items()}}


class Schemas:
    """Makes schemas of types; those with a name are kept and referred to."""

    def __init__(self) -> None:
        self.named: dict[str, Schema] = {}

    def of(self, kind: Any) -> Schema:  # noqa: ANN401 - any type
        """Return the schema of a type. Raises KeyError for one that no answer may have."""
        if is_typeddict(kind):
            return self._record(kind)
        arguments = get_args(kind)
        schema: Schema = {}
        match get_origin(kind):
            case None if kind is not Any:
                schema = {"type": _PLAIN[kind]}
            case typing.NotRequired:
                schema = self.of(arguments[0])
            case typing.Annotated:
                schema = self.of(arguments[0]) | {
                    key: list(value) if isinstance(value, tuple) else value for key, value in arguments[1:]
                }
            case typing.Literal:
                schema = {"enum": list(arguments)}
            case typing.Union | types.UnionType:
                schema = self._union(arguments)
            case builtins.list:
                schema = {"type": "array", "items": self.of(arguments[0])}
            case builtins.dict:
                schema = {"type": "object", "additionalProperties": self.of(arguments[1])}
        return schema

    def _record(self, kind: Any) -> Schema:  # noqa: ANN401 - a TypedDict
        name: str = kind.__name__
        if name not in self.named:
            self.named[name] = {}  # so that it may hold itself
            properties = {key: self.of(hint) for key, hint in get_type_hints(kind, include_extras=True).items()}
            more = {key: schema_of_quantity(QUANTITIES[key]) for key in OPEN_TYPES.get(name, ())}
            schema: Schema = {"type": "object", "description": kind.__doc__, "properties": properties | more}
            if kind.__required_keys__:
                schema["required"] = [key for key in schema["properties"] if key not in kind.__optional_keys__]
            else:
                schema["additionalProperties"] = False
            self.named[name] = schema
        return {"$ref": f"#/components/schemas/{name}"}

    def _union(self, kinds: tuple[Any, ...]) -> Schema:
        schemas = [self.of(kind) for kind in kinds if kind is not NoneType]
        if NoneType not in kinds:
            return {"oneOf": schemas}
        (schema,) = schemas
        if "type" in schema:
            return schema | {"type": [schema["type"], "null"]}
        return {"anyOf": [schema, {"type": "null"}]}
