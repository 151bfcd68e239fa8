"""What the answers of the API hold, in OpenAPI 3.1; rule: tables only; `description` says what is answered where."""

from __future__ import annotations

from typing import Any, Final

from juntek.outputs.web.parameters import CHARTED
from juntek.quantity import DIRECTIONS, OUTPUT_STATES, QUANTITIES, READING_KEYS, SENSORS, SETTING_KEYS

Schema = dict[str, Any]

TEXT: Final[Schema] = {"type": "string"}
NUMBER: Final[Schema] = {"type": "number"}
MOMENT: Final[Schema] = {"type": "string", "format": "date-time"}
DATE: Final[Schema] = {"type": "string", "format": "date"}
_WHOLE: Schema = {"type": "integer"}
_COUNT: Schema = _WHOLE | {"minimum": 0}
_TRUTH: Schema = {"type": "boolean"}
_WORDS = {"direction": DIRECTIONS, "output_state": OUTPUT_STATES}


def make_schemas() -> Schema:
    """Return every schema by its name."""
    extremes = record(minimum=_or_null(NUMBER), maximum=_or_null(NUMBER))
    energies = ("charged_energy", "discharged_energy", "charged_capacity", "discharged_capacity", "efficiency")
    ranged = ("voltage", "current", "power", "temperature", "state_of_charge")
    column = {"type": "array", "items": _or_null(NUMBER)}
    return {
        "Error": record(error=TEXT),
        "Session": record(required=_TRUTH, signed_in=_TRUTH),
        "Identity": record(
            address=_WHOLE, family=TEXT, model=TEXT, sensor={"enum": list(SENSORS)}, max_voltage=_WHOLE,
            max_current=_WHOLE, firmware=TEXT, serial_number=_WHOLE,
        ),
        "Settings": {"type": "object", "properties": {key: _setting(key) for key in SETTING_KEYS}},
        "Reading": _reading(),
        "LinkHealth": _link_health(),
        "SinkHealth": _sink_health(),
        "Meter": record(
            name=TEXT, configured=_TRUTH, available=_TRUTH, identity=_or_null(part("Identity")),
            settings=_or_null(part("Settings")), health=part("LinkHealth"), latest=_or_null(part("Reading")),
            first=_or_null(NUMBER), last=_or_null(NUMBER),
        ),
        "LiveUpdate": record(
            meter=TEXT, available=_TRUTH, identity=_or_null(part("Identity")), settings=_or_null(part("Settings")),
            health=part("LinkHealth"), latest=_or_null(part("Reading")),
        ),
        "Health": record(
            version=TEXT, gateway=TEXT, time=MOMENT, uptime=NUMBER,
            history=record(state={"enum": ["ok", "paused", "off"]}, reason=_or_null(TEXT)),
            sinks={"type": "object", "additionalProperties": part("SinkHealth")},
            meters={"type": "object", "additionalProperties": part("LinkHealth")},
        ),
        "History": {
            "description": "`resolution` is s between points, 0 for readings themselves; a gap is one point of nulls.",
            **record(
                **{"from": NUMBER, "to": NUMBER}, meter=TEXT, resolution=NUMBER,
                time={"type": "array", "items": NUMBER},
                quantities={"type": "object", "propertyNames": {"enum": list(CHARTED)},
                            "additionalProperties": part("Column")},
            ),
        },
        "Column": {
            "type": "object",
            "properties": dict.fromkeys(("minimum", "average", "maximum", "last", "increase"), column),
            "additionalProperties": False,
        },
        "Day": {
            "description": "Energy in Wh, capacity in Ah, efficiency a part of 1; `date` begins a month or year.",
            "type": "object",
            "required": ["date", *energies, *ranged],
            "properties": {
                "date": DATE, "count": _WHOLE,
                **dict.fromkeys(energies, _or_null(NUMBER)), **dict.fromkeys(ranged, extremes),
            },
        },
    }  # fmt: skip


def _reading() -> Schema:
    values = {key: _value(key) for key in READING_KEYS}
    estimated = {"type": "array", "items": TEXT, "description": "Totals that hold an estimated part."}
    return record(
        time=_or_null(MOMENT), address=_WHOLE, family=TEXT, output_code=_WHOLE, clock=_or_null(TEXT),
        estimated=estimated, **values,
    )  # fmt: skip


def _value(key: str) -> Schema:
    quantity = QUANTITIES[key]
    text = f"{quantity.label} ({quantity.unit})" if quantity.unit else quantity.label
    if key in _WORDS:
        return {"enum": list(_WORDS[key]), "description": text}
    return {"type": ["number", "null"], "description": text}


def _setting(key: str) -> Schema:
    quantity = QUANTITIES[key]
    text = f"{quantity.label} ({quantity.unit})" if quantity.unit else quantity.label
    return {"type": ["number", "null"] if quantity.unit else ["number", "string", "null"], "description": text}


def _link_health() -> Schema:
    health = record(
        mode={"enum": ["starting", "listen", "poll", "closed"]}, connected=_TRUTH, frames=_WHOLE,
        garbage={"type": "object", "additionalProperties": _WHOLE}, garbage_count=_WHOLE, reconnects=_WHOLE,
        last_frame=_or_null(MOMENT), error=_or_null(TEXT), notice=_or_null(TEXT),
    )  # fmt: skip
    health["properties"]["available"] = _TRUTH  # where it does not stand beside it
    return health


def _sink_health() -> Schema:
    return {
        "description": (
            "Where readings go. `waiting` counts those in its queue; `lag` is s since the oldest reading was received "
            "that it does not have yet; `failures`, `lost` and `refused` count since the gateway started; `error` says "
            "what is wrong at present."
        ),
        **record(
            connected=_TRUTH, waiting=_COUNT, lag=_COUNT, failures=_COUNT, lost=_COUNT, refused=_COUNT,
            error=_or_null(TEXT),
        ),
    }  # fmt: skip


def record(**properties: Schema) -> Schema:
    """Return the schema of an object that has all these keys."""
    return {"type": "object", "required": list(properties), "properties": properties}


def part(name: str) -> Schema:
    """Return what stands for a schema with a name."""
    return {"$ref": f"#/components/schemas/{name}"}


def list_of(name: str) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": part(name)}


def _or_null(schema: Schema) -> Schema:
    if "type" in schema:
        return schema | {"type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}
