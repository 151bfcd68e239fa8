"""The frames in the lines of a log; rule: a frame that a program has cut over lines is joined, whole ones are not.

A log's line is a label and what the bus said: as text, in quotes, in JSON, or as a dump. What stands after the same
label on the next lines, and begins without a colon, is the rest of a frame that was cut.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from juntek.capture.forms import read_dump, read_hex, spell_out
from juntek.capture.times import LineTimes, has_time
from juntek.rs485.family import find_models
from juntek.rs485.framing import Frame, parse

FRAME_START = re.compile(rb":[RrWw][0-9]{2}=")
PIECE_LIMIT = 1024
"""Bytes of a frame that waits for its rest."""
PATIENCE = 32
"""Lines that a frame waits for its rest."""

_FRAME = re.compile(rb"(:[RrWw][0-9]{2}=[^\x00-\x20\x7f-\xff:\"'`\\<\[;|>){}]*)( ?\n)?")
_ANY_FRAME = re.compile(rb":[RrWw][0-9]{2}=[^\x00-\x20\x7f-\xff:\"'`\\<\[;|>){}]*")
_REST = re.compile(rb"[RrWw]?[0-9NS,.=]+(?:\n|(?=[:\"'`\s;|>)}\]])|$)|\n")
_BEGUN = re.compile(rb":(?:[RrWw][0-9]{0,2})?(?=[\"'`]|$)")
# Nearly all lines of most logs.
_PLAIN = re.compile(
    rb"[\[\"]?(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d))[\]\"]?[\s,;]"
    rb"[^\\:\[\"']*(:r50=[0-9,]+,)(?:\\r\\n)?"
)
_PLAIN_COMMAS = 14
_END_OF_ANOTHER = re.compile(rb"[0-9,.]*\n$")
_QUOTED = re.compile(rb"([\"'`]):[RrWw][0-9]{2}=[0-9,.]*\1")
_WORD_OR_TIME = re.compile(rb"[A-Za-z]{2}|[0-9]:[0-9]{2}")
_LABEL_ENDS = b" \t\"'`>])|="
_DIGITS = re.compile(rb"[0-9]+")
_HEX_DIGITS = re.compile(rb"[0-9A-Fa-f]*[0-9][0-9A-Fa-f]*")
_TIME_KEYS = (
    "__realtime_timestamp", "tst", "time", "timestamp", "@timestamp", "ts", "datetime", "date",
    "_source_realtime_timestamp", "when", "received", "received_at", "last_changed", "epoch",
)  # fmt: skip
_NESTING = 6
Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes of a bus that arrived together; `time` is in seconds since 1970, None where it was not recorded."""

    time: float | None
    data: bytes


def is_log_line(content: bytes) -> bool:
    """Whether a readable line is surely one of a log, and none of the bus itself."""
    record = read_record(content)
    if record is not None:
        return isinstance(record.get("raw"), str) or any(
            FRAME_START.search(spell_out(text)) or read_hex(text) for text in _texts_of(record)
        )
    text = spell_out(content)
    dump = read_dump(content)
    if dump is not None and len(dump) >= 8:
        return True
    start = FRAME_START.search(text)
    if start is None:
        found = read_hex(content)
        return found is not None and (FRAME_START.search(found[1]) is not None or len(found[1]) >= 16)
    if any(end for _, end in _FRAME.findall(text)) or _QUOTED.search(text):
        return True
    label = text[: start.start()]
    if len(label) >= 4 and label[-1] in _LABEL_ENDS and _WORD_OR_TIME.search(label) is not None:
        return True
    return has_time(_ANY_FRAME.sub(b" ", text))


def read_record(content: bytes) -> Record | None:
    """Return a JSON object on one line; None for anything else."""
    content = content.lstrip(b"\x1e").removeprefix(b"data: ")
    if not content.startswith(b"{"):
        return None
    try:
        record = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


class LogLines:
    """Takes the frames out of the lines of one log."""

    def __init__(self, times: LineTimes) -> None:
        self._times = times
        self._waiting: dict[bytes, tuple[bytes, float | None, int, re.Pattern[bytes] | None]] = {}
        self._number = 0
        self._header: float | None = None
        self._dump = b""
        """The label of the last line of a dump."""

    def read(self, content: bytes) -> list[Chunk]:
        """Return what a line completes."""
        if not content:
            return []
        self._number += 1
        plain = _PLAIN.fullmatch(content) if not self._waiting else None
        if plain is not None and plain[2].count(b",") == _PLAIN_COMMAS:
            return [Chunk(self._times.read_iso(plain[1]), plain[2] + b"\r\n")]
        record = read_record(content)
        chunks = self._read_text(content, self._times.read) if record is None else self._read_record(record)
        return self._give_up() + chunks if self._waiting else chunks

    def finish(self) -> list[Chunk]:
        """Return what still waits for its rest."""
        chunks = [Chunk(time, piece + b"\r\n") for piece, time, _, _ in self._waiting.values()]
        self._waiting.clear()
        return chunks

    def _give_up(self) -> list[Chunk]:
        late = [label for label, waiting in self._waiting.items() if waiting[2] <= self._number]
        return [Chunk(piece[1], piece[0] + b"\r\n") for piece in map(self._waiting.pop, late)]

    def _read_record(self, record: Record) -> list[Chunk]:
        raw = record.get("raw")
        texts = [raw.encode("latin-1", "replace")] if isinstance(raw, str) else [*_texts_of(record)]
        said = next((text for text in texts if FRAME_START.search(text)), None)
        if said is None:
            said = next((text for text in texts if b"," in text or read_hex(text, 8)), b"")
        return self._read_text(said, lambda text: _time_of(record, self._times) or self._times.read(text))

    def _read_text(self, content: bytes, tell: Any) -> list[Chunk]:  # noqa: ANN401
        dump = read_dump(content)
        if dump is not None:
            return self._take(b"\0dump", dump, tell(b"") or self._header)
        text = spell_out(content)
        found = _FRAME.findall(text)
        if not found:
            return self._read_rest(content, text, tell)
        first = text.find(found[0][0])
        label, rest = _END_OF_ANOTHER.sub(b"", text[:first]), b""
        if self._waiting and (joined := self._find_rest(text)):
            label, rest = joined
        data = rest + b"".join(_whole(frame) + b"\r\n" for frame, _ in found[:-1])
        last, end = found[-1]
        data += _whole(last) + (b"\r\n" if end else b"")
        if not end and not _is_whole(_whole(last)) and (dumped := read_hex(content, 8)):
            return self._take(b"\0" + _HEX_DIGITS.sub(b"0", content[: dumped[0]]), dumped[1], tell(content))
        if begun := _BEGUN.search(text, text.rfind(last) + len(last)):
            data += (b"" if end else b"\r\n") + begun[0]
        return self._take(label, data, tell(_ANY_FRAME.sub(b" ", content)))

    def _read_rest(self, content: bytes, text: bytes, tell: Any) -> list[Chunk]:  # noqa: ANN401
        """Take a line without the start of a frame: a dump, or the rest of a frame, or nothing."""
        if self._waiting and (joined := self._find_rest(text)):
            label, rest = joined
            begun = _BEGUN.search(text, text.find(b"\n", len(label))) if rest.endswith(b"\n") else None
            return self._take(label, rest + (begun[0] if begun else b""), tell(content[: len(label)]))
        found = read_hex(content, 1 if self._dump else 4)
        if found is not None:
            label = b"\0" + _HEX_DIGITS.sub(b"0", content[: found[0]])
            if len(found[1]) >= 4 or label == self._dump:
                return self._take(label, found[1], tell(content[: found[0]]) or self._header)
        self._header = tell(content)
        return []

    def _find_rest(self, text: bytes) -> tuple[bytes, bytes] | None:
        for label, (_, _, _, pattern) in self._waiting.items():
            start = pattern.match(text) if pattern is not None else None
            if start is not None and (rest := _REST.match(text, start.end())):
                return label, rest[0].replace(b"\n", b"\r\n")
        return None

    def _take(self, label: bytes, data: bytes, time: float | None) -> list[Chunk]:
        chunks = []
        self._dump = label if label.startswith(b"\0") else b""
        if label in self._waiting:
            piece, before, _, _ = self._waiting.pop(label)
            if data.startswith(b":") and len(piece) > 4:
                chunks.append(Chunk(before, piece + b"\r\n"))
            else:
                data, time = piece + data, before if time is None else time
        end = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        last = data[end:]
        whole = _is_whole(last)
        if not last or (whole and not _may_go_on(last)) or len(last) > PIECE_LIMIT:
            return [*chunks, Chunk(time, data + b"\r\n" if last else data)]
        pattern = None if label.startswith(b"\0") else _pattern_of(label)
        self._waiting[label] = last, time, self._number + (1 if whole else PATIENCE), pattern
        return [*chunks, Chunk(time, data[:end])] if end else chunks


def _whole(frame: bytes) -> bytes:
    """Return a frame without the columns of a table that follow it."""
    cut = frame.find(b",,")
    return frame[: cut + 1] if cut > 0 and _is_whole(frame[: cut + 1]) else frame


@cache
def _counts() -> dict[str, set[int]]:
    """Return how many numbers the replies have."""
    models = find_models()
    return {
        "r50": {count for model in models for count in model.readings.counts},
        "r51": {count for model in models for count in model.settings.counts},
        "r00": {3},
    }


def _is_whole(piece: bytes) -> bool:
    """Whether a frame without its line end is whole, as far as its sum and its numbers tell."""
    frame = parse(piece) if len(piece) <= 256 else None
    if not isinstance(frame, Frame):
        return False
    return piece.endswith((b",", b".")) and len(frame.fields) in _counts().get(frame.command, {len(frame.fields)})


def _may_go_on(piece: bytes) -> bool:
    """Whether there are longer replies of this kind: zeros at their end would not change the sum."""
    return piece.startswith(b":r51=") and piece.count(b",") - 1 in _counts()["r51"]


def _pattern_of(label: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"[0-9]+".join(re.escape(part) for part in _DIGITS.split(label)))


def _texts_of(record: Any, depth: int = 0) -> Iterator[bytes]:  # noqa: ANN401
    """Yield the texts of a record, also those that are lists of bytes or records in text."""
    if depth > _NESTING:
        return
    if isinstance(record, str):
        nested = read_record(record.encode("utf-8", "replace")) if record.startswith("{") else None
        if nested is None:
            yield (
                record.strip("\r\n").encode("utf-8", "replace")
                if not FRAME_START.search(record.encode("utf-8", "replace"))
                else record.encode("utf-8", "replace").replace(b"\r", b"\n")
            )
        else:
            yield from _texts_of(nested, depth + 1)
    elif isinstance(record, dict):
        for value in record.values():
            yield from _texts_of(value, depth + 1)
    elif isinstance(record, list):
        if record and all(isinstance(byte, int) and 0 <= byte < 256 for byte in record):
            yield bytes(record).replace(b"\r", b"\n")
        else:
            for value in record:
                yield from _texts_of(value, depth + 1)


def _time_of(record: Record, times: LineTimes, depth: int = 0) -> float | None:
    """Return the time of a record, the outermost that it has."""
    lower = {key.lower(): value for key, value in record.items()}
    for key in _TIME_KEYS:
        value = lower.get(key)
        value = int(value) if isinstance(value, str) and value.isdecimal() and len(value) < 20 else value
        if value is not None and (time := times.read_value(value)) is not None:
            return time
    for value in record.values():
        nested = read_record(value.encode("utf-8", "replace")) if isinstance(value, str) else value
        if isinstance(nested, dict) and depth < _NESTING and (time := _time_of(nested, times, depth + 1)) is not None:
            return time
    return None
