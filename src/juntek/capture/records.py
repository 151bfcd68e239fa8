"""JSON in logs: objects on a line, over several lines or in a list; rule: a record has one time and what was said.

`RecordLines` joins the lines of one object. A record of a list of pairs, such as `[time, text]`, is one as well.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import warnings
from ast import literal_eval
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from juntek.capture.forms import FRAME_START
from juntek.capture.times import LineTimes

LONGEST = 64 * 1024
"""Bytes of an object over several lines."""

_TIME_KEYS = (
    "__realtime_timestamp", "tst", "time", "timestamp", "@timestamp", "ts", "datetime", "date", "_time", "t",
    "_source_realtime_timestamp", "when", "received", "received_at", "last_changed", "created_at", "epoch",
)  # fmt: skip
_TIME_KEY = re.compile(r"time|date|stamp|epoch|(?:^|_|d|^create)at$|^@t$")
_NO_TIME_KEYS = re.compile(r"monotonic|uptime|cursor|boot|pid|seq|offset|size|serial|run_?time", re.IGNORECASE)
NAME_KEYS = ("topic", "entity_id", "item", "_field", "metric", "statistic_id", "name")
"""Of what a value is, where a record has one value."""
_NUMBERS_OF_ROW = 2
"""Numbers in a record that so is a row, whatever lists it has."""
_FORMER_KEYS = ("old_state", "from_state")
"""Of what was before."""
_NESTING = 8
_OBJECT_BEGINS = re.compile(rb"\[?\{\s*(?:\"|$)")
_BASE_64 = re.compile(r"O[nl]I[wx1A-Za-z0-9+/_-]{8,}=*")
"""How `:r` and `:R` begin in it."""
_LONGEST_PRINTED = 4096
"""Bytes of an object as a program prints it."""
_BARE_KEY = re.compile(r"([{,]\s*)([A-Za-z_]\w*)\s*:")
_WORD_OF_JAVASCRIPT = re.compile(r"\b(?:true|false|null|undefined|NaN)\b")
Record = dict[str, Any]


def read_records(content: bytes) -> list[Record]:
    """Return the JSON objects of one line, also a part of a list; empty for anything else."""
    content = content.lstrip(b"\x1e").removeprefix(b"data: ").strip(b" ,")
    if not content.startswith((b"{", b"[{", b"[[", b'["')):
        return []
    items = _load(content)
    if items is None:  # a list over several lines
        items = _load(b"[" + content.removeprefix(b"[").rstrip(b"],") + b"]") if content[:2] in (b"[{", b"{") else None
    if items is None and content.startswith(b"{"):
        items = _load(b"[" + content.rstrip(b"],") + b"]")
    if isinstance(items, dict):
        return [items]
    if not isinstance(items, list):
        return []
    return [_record_of(item) for item in items]


def rows_of(record: Record, names: Record | None = None, depth: int = 0) -> list[Record]:
    """Return the rows in the lists of a record, each with the names beside its list; the record itself without any.

    So answer Loki (`values`), InfluxDB (`columns` and `values`), Home Assistant and openHAB (lists of states).
    """
    if isinstance(record.get("metric"), dict) and isinstance(record.get("values"), list):
        return _rows_of_metric(record) or [record]
    names = (names or {}) | {key: record[key] for key in NAME_KEYS if isinstance(record.get(key), str)}
    columns = record.get("columns")
    numbers = sum(isinstance(value, int | float) and not isinstance(value, bool) for value in record.values())
    rows: list[Record] = []
    for value in record.values() if numbers < _NUMBERS_OF_ROW and depth < _NESTING else ():
        if isinstance(value, dict):
            inside = rows_of(value, names, depth + 1)
            rows += inside if len(inside) > 1 else []
        elif isinstance(value, list) and value and all(isinstance(item, dict | list) for item in value):
            before = names
            for item in value:
                is_row = isinstance(columns, list) and isinstance(item, list)
                row = dict(zip(map(str, columns or ()), item, strict=False)) if is_row else _record_of(item)
                before |= {key: row[key] for key in NAME_KEYS if key in row}  # Home Assistant names the first only
                rows += rows_of(row, before, depth + 1)
    return rows or [names | record]


def _rows_of_metric(record: Record) -> list[Record]:
    """Return the rows of a metric with its labels and all its values, as Prometheus and VictoriaMetrics write it."""
    labels = {key: value for key, value in record["metric"].items() if key != "__name__"}
    name = f"{record['metric'].get('__name__', '')}{{{','.join(f'{key}={value}' for key, value in labels.items())}}}"
    values = record["values"]
    if isinstance(record.get("timestamps"), list):
        values = list(zip(record["timestamps"], values, strict=False))
    pairs = [pair for pair in values if isinstance(pair, list | tuple) and len(pair) == 2]
    return [{"name": name, "time": time, "value": value} for time, value in pairs]


def _record_of(item: Any) -> Record:  # noqa: ANN401 - any JSON
    if isinstance(item, list) and item and all(isinstance(one, dict) for one in item):
        return {"rows": item}
    if isinstance(item, list):
        return {str(place): value for place, value in enumerate(item)}
    return item if isinstance(item, dict) else {"raw": item}


def _load(content: bytes) -> Any:  # noqa: ANN401 - any JSON
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        pass
    return _load_printed(content) if content[:1] in b"{[" and len(content) <= _LONGEST_PRINTED else None


def _load_printed(content: bytes) -> Any:  # noqa: ANN401 - any object
    """Return an object as Python or JavaScript print it, None for anything else."""
    text = _BARE_KEY.sub(r"\1'\2':", content.decode("utf-8", "replace"))
    with suppress(ValueError, SyntaxError, RecursionError, MemoryError, TypeError), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is no literal
        return literal_eval(_WORD_OF_JAVASCRIPT.sub("None", text))


class RecordLines:
    """Joins the lines of objects that are written over several."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._depth = self._size = 0

    def take(self, content: bytes) -> list[Record] | None:
        """Return what a line completes, empty while an object goes on; None where it is no JSON."""
        if self._lines:
            return self._go_on(content)
        if content[:1] not in (b"{", b"[", b"d", b"\x1e", b","):
            return None
        if records := read_records(content):
            return records
        if content in (b"[", b"]", b"],", b"[]"):
            return []
        if _OBJECT_BEGINS.match(content) and content.endswith((b"{", b"[", b",")):
            self._depth = self._size = 0
            return self._go_on(content.removeprefix(b"["))
        return None

    def _go_on(self, content: bytes) -> list[Record]:
        self._lines.append(content)
        self._depth += _depth_of(content)
        self._size += len(content)
        if self._depth > 0 and self._size < LONGEST:
            return []
        lines, self._lines = self._lines, []
        return read_records(b"\n".join(lines).rstrip(b"]"))


_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"')


def _depth_of(content: bytes) -> int:
    plain = _TEXT.sub(b"", content)
    return plain.count(b"{") + plain.count(b"[") - plain.count(b"}") - plain.count(b"]")


def texts_of(record: Any, depth: int = 0) -> Iterator[bytes]:  # noqa: ANN401 - any JSON
    """Yield the texts of a record, also those that are lists of bytes, base64 or records in text."""
    if depth > _NESTING:
        return
    if isinstance(record, str):
        nested = read_records(record.encode("utf-8", "replace")) if record.startswith("{") else []
        if nested:
            yield from texts_of(nested[0], depth + 1)
        else:
            yield _bytes_of(record)
    elif isinstance(record, dict):
        for key, value in record.items():
            if key not in _FORMER_KEYS:
                yield from texts_of(value, depth + 1)
    elif isinstance(record, list):
        if record and all(isinstance(byte, int) and 0 <= byte < 256 for byte in record):
            yield bytes(record).replace(b"\r", b"\n")
        else:
            for value in record:
                yield from texts_of(value, depth + 1)


def _bytes_of(text: str) -> bytes:
    if _BASE_64.fullmatch(text):
        try:
            return base64.b64decode(text).replace(b"\r", b"\n")
        except (ValueError, binascii.Error):
            pass
    content = text.encode("utf-8", "replace")
    return content.replace(b"\r", b"\n") if FRAME_START.search(content) else content.strip(b"\r\n")


def time_of(record: Record, times: LineTimes, depth: int = 0) -> float | None:
    """Return the time of a record, the outermost that it has."""
    lower = {str(key).lower(): value for key, value in record.items()}
    others = (key for key in lower if key not in _TIME_KEYS and not _NO_TIME_KEYS.search(key))
    for key in (*_TIME_KEYS, *others):
        value, is_time = lower.get(key), key in _TIME_KEYS
        if isinstance(value, str) and value.isdecimal() and (is_time or len(value) >= 10) and len(value) < 20:
            value = int(value)
        if isinstance(value, str) and not is_time:
            value = value if _TIME_KEY.search(key) else None
            value = f"{value} UTC" if value and key.endswith("utc") and value[-1].isdigit() else value
        if (time := times.read_value(value)) is not None:
            return time
    if depth < _NESTING:
        inside = (time_of(nested, times, depth + 1) for value in lower.values() for nested in records_in(value))
        return next((time for time in inside if time is not None), None)
    return None


def records_in(value: object) -> list[Record]:
    """Return the records in a value of one: an object, a list, or either as text."""
    if isinstance(value, str):
        return read_records(value.encode("utf-8", "replace")) if value.startswith(("{", "[{")) else []
    if isinstance(value, list):
        return [_record_of(item) for item in value if isinstance(item, dict | list)]
    return [value] if isinstance(value, dict) else []
