"""Prints the types of the API for the page's checks: TypeScript, made of the schemas that the API describes itself with.

scripts/page runs it; what is built needs no types.
"""

from __future__ import annotations

import json
from typing import Any

from juntek.outputs.web.api import description
from juntek.outputs.web.api_types import OPEN_TYPES

_PLAIN = {"integer": "number"}
_HEAD = "/** What may stand in JSON as one value. */\nexport type Value = string | number | boolean | null;\n"


def type_of(schema: dict[str, Any]) -> str:
    """Return a schema as a type."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "enum" in schema:
        return " | ".join(map(json.dumps, schema["enum"]))
    if choices := schema.get("oneOf") or schema.get("anyOf"):
        return " | ".join(map(type_of, choices))
    kind = schema.get("type", [])
    if isinstance(kind, list):
        return " | ".join(type_of({**schema, "type": one}) for one in kind) or "Value"
    if kind == "array":
        return f"readonly ({type_of(schema['items'])})[]"
    if kind == "object":
        return f"Readonly<Record<string, {type_of(schema['additionalProperties'])}>>"
    return _PLAIN.get(kind, kind)


def interface_of(name: str, schema: dict[str, Any]) -> str:
    """Return a schema with a name as an interface; other packages may add quantities to some."""
    required = schema.get("required", ())
    rows = [
        f"  readonly {key}{'' if key in required else '?'}: {type_of(one)};" for key, one in schema["properties"].items()
    ]
    if name in OPEN_TYPES:
        lists = " | readonly string[]" if any(one.get("type") == "array" for one in schema["properties"].values()) else ""
        rows.append(f"  readonly [key: string]: Value{lists};")
    return "\n".join([f"/** {schema['description']} */", f"export interface {name} {{", *rows, "}"])


def main() -> None:
    """Print all of them."""
    schemas = description("")["components"]["schemas"]
    print("\n".join([_HEAD, *(interface_of(name, schema) for name, schema in schemas.items())]))


if __name__ == "__main__":
    main()
