"""Prints the types of the API for the page's checks: TypeScript, made of the API's description of itself.

scripts/page runs it; what is built needs no types.
"""

from __future__ import annotations

import json
from typing import Any

from juntek.outputs.web.api import description
from juntek.outputs.web.api_types import OPEN_TYPES

_HEAD = "/** What may stand in JSON as one value. */\nexport type Value = string | number | boolean | null;\n"


def type_of(schema: dict[str, Any]) -> str:
    """Return a schema as a type."""
    choices = schema.get("oneOf") or schema.get("anyOf")
    match schema.get("type"):
        case _ if choices:
            return " | ".join(map(type_of, choices))
        case list() as kinds:
            return " | ".join(type_of({**schema, "type": kind}) for kind in kinds)
        case "array":
            kind = f"readonly ({type_of(schema['items'])})[]"
        case "object":
            kind = f"Readonly<Record<string, {type_of(schema['additionalProperties'])}>>"
        case "integer":
            kind = "number"
        case None if "$ref" in schema:
            kind = str(schema["$ref"]).rpartition("/")[2]
        case _ if "enum" in schema:
            kind = " | ".join(map(json.dumps, schema["enum"]))
        case other:
            kind = other or "Value"
    return kind


def interface_of(name: str, schema: dict[str, Any]) -> str:
    """Return a schema with a name as an interface; other packages may add quantities to some."""
    rows = []
    for key, one in schema["properties"].items():
        mark = "" if key in schema.get("required", ()) else "?"
        rows.append(f"  readonly {key}{mark}: {type_of(one)};")
    if name in OPEN_TYPES:
        lists = any(one.get("type") == "array" for one in schema["properties"].values())
        rows.append(f"  readonly [key: string]: Value{' | readonly string[]' if lists else ''};")
    return "\n".join([f"/** {schema['description']} */", f"export interface {name} {{", *rows, "}"])


def main() -> None:
    """Print all of them."""
    schemas = description("")["components"]["schemas"]
    print("\n".join([_HEAD, *(interface_of(name, schema) for name, schema in schemas.items())]))


if __name__ == "__main__":
    main()
