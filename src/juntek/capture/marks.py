"""What no bus says, so that a line with it is one of a log; rule: a raw stream, however damaged, has none of it."""

from __future__ import annotations

import re

from juntek.capture.decoded import is_decoded
from juntek.capture.forms import FRAME_START, read_byte, read_dump, read_run, spell_out, with_colons
from juntek.capture.frames import Found, frames_in, without
from juntek.capture.named_values import value_in_record, values_in_line
from juntek.capture.records import Record, read_records, rows_of, texts_of
from juntek.capture.times import has_time

MAY_SAY = re.compile(rb"[0-9\"'`{}\[\]]|un(?:available|known)$")
"""What is in every line that says anything."""
_QUOTED = re.compile(rb"([\"'`]):[RrWw][0-9]{2}=[0-9,.]*\1")
_WORD_OR_TIME = re.compile(rb"[A-Za-z]{2}|[0-9]:[0-9]{2}|[0-9]{3}\.[0-9]{3}")
_LABEL_ENDS = b" \t\"'`>])|=;"
_NUMBERED = re.compile(rb"(?:[^\s:=,]+:)+|[+-]|\[[\d.:+\s]+\]\s*")
"""What grep, diff and programs that count the time from their start write before a line."""
DATED = re.compile(rb"[^A-Za-z0-9]{0,4}(?:[A-Z][a-z]{2} |[TU] )?(?:19|20)\d\d[-/.]\d\d[-/.]\d\d[T ,_]\d\d:\d\d")
_PROGRAMS = re.compile(
    rb"SerialReceived\"|\[uart_debug:|[~=] PuTTY log |^__REALTIME_TIMESTAMP=|^Script started on |^\S+@\S+:\S* ?[$#] "
    rb"|^\[?\{$|^--- Miniterm on |^picocom v[0-9]|^Node [01]: \S+:\d+$|\b(?:read|write)\(\d+, \"| IP6? \S+ > \S+: "
)


def is_log_line(content: bytes) -> bool:
    """Whether a readable line is surely one of a log, and none of the bus itself."""
    if DATED.match(content) or _PROGRAMS.search(content):
        return True
    if records := read_records(content):
        records = [row for record in records for row in rows_of(record)]
        texts = [text for record in records for text in texts_of(record)]
        said = any(FRAME_START.search(spell_out(text)) or read_run(text) for text in texts)
        values = any(is_decoded(record) or value_in_record(record) for record in records)
        return said or values or isinstance(records[0].get("raw"), str)
    if read_byte(content) is not None:
        return True
    dump = read_dump(content)
    if dump is not None and len(dump) >= 8:
        return True
    text = with_colons(spell_out(content))
    frames = [*frames_in(text)]
    if not frames:
        run = read_run(content)
        is_run = run is not None and (FRAME_START.search(run[1]) is not None or len(run[1]) >= 16)
        return is_run or record_after(content) is not None or bool(values_in_line(content)[0])
    return _is_labelled(content, text, frames)


def record_after(content: bytes) -> tuple[bytes, Record] | None:
    """Return the label of a line and the decoded values in JSON behind it; None for any other line."""
    content = content.rstrip(b"'\"`")
    if not content.endswith(b"}") or b"{" not in content:
        return None
    label, _, rest = content.partition(b"{")
    topic = label.split()[-1:] or [b""]
    for record in read_records(b"{" + rest):
        named = {"topic": topic[0].decode("utf-8", "replace")} | record
        if is_decoded(record) or (b"/" in topic[0] and value_in_record(named)):
            return label, named
    return None


def _is_labelled(content: bytes, text: bytes, frames: list[Found]) -> bool:
    """Whether a frame of a line stands in words, quotes, a table or before a written line end, or lacks its colon."""
    if any(frame.ended for frame in frames) or _QUOTED.search(text) or not FRAME_START.search(content):
        return True
    label = text[: frames[0].start]
    if len(label) >= 4 and (label[-1] in _LABEL_ENDS or label[-1] > 127) and _WORD_OR_TIME.search(label) is not None:
        return True
    return _NUMBERED.fullmatch(label) is not None or has_time(without(text, frames))
