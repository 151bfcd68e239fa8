"""What a line or a recording looks like: surely a log and no bus, or what it most likely is where there are no frames.

Rule: a raw stream, however damaged, has nothing of a log; a guess is told with the mend.
"""

from __future__ import annotations

import re

from juntek.capture.decoded import reading_of
from juntek.capture.forms import FRAME_START, read_byte, read_dump, read_run, spell_out, with_colons
from juntek.capture.frames import Found, frames_in, without
from juntek.capture.named_values import value_in_record, values_in_line
from juntek.capture.records import Record, read_records, rows_of, texts_of
from juntek.capture.times import has_time
from juntek.rs485.wiring import look_at

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
        values = any(reading_of(record, None) or value_in_record(record) for record in records)
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
        if reading_of(record, None) or (b"/" in topic[0] and value_in_record(named)):
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


# Without frames -----------------------------------------------------------------------------------------------

_START = 64 * 1024
"""Bytes from the start of a recording that are looked at."""

_LINES = 50
_NAMES = re.compile(rb"\b(?:entity_id|statistic_id|_field)\b")
"""Columns of tables with a row for each value."""
_MAGICS = (
    (b"PK\x03\x04", "a ZIP archive without a recording in it; give the recording"),
    (b"\x28\xb5\x2f\xfd", "a file packed by zstd; install juntek with its extra zstd, or unpack it with: zstd -d FILE"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it and give the file in it"),
    (b"Rar!\x1a\x07", "a RAR archive; unpack it and give the file in it"),
    (b"%PDF-", "a PDF; give the recording itself, as text or bytes"),
    (b"\x89PNG\r\n", "a picture; give the recording itself, as text or bytes"),
    (b"\xff\xd8\xff", "a picture; give the recording itself, as text or bytes"),
    (b"GIF8", "a picture; give the recording itself, as text or bytes"),
    (b"SQLite format 3\x00", "a database; give a recording, or read a history with: juntek history export"),
    (b"PAR1", "a Parquet file of decoded values; give the recording that they came from"),
    (b"\x7fELF", "a program; give a recording"),
    (b"<", "a web page or XML; save what the meter sent as text"),
)
_HIDDEN = b"B blob data]"
_DECODED = re.compile(rb"\b(?:voltage|current|power|soc|state_of_charge|remaining)\b", re.IGNORECASE)
_TIME = re.compile(rb"\d{1,2}:\d{2}:\d{2}|\b1[5-9]\d{8}\b")
_CAUSES = {
    "swapped": "the bus with its wires A and B swapped; exchange them and record again",
    "speed": "the bus at another speed{}; the meters speak at 115200 bits a second",
    "converter": "a meter taken at another speed than it sends; set the converter to 115200 baud, 8N1, record again",
    "device": "{}; give the recording of a meter",
    "noise": "noise, or another device; check the wires A and B and the adapter, and record again",
}


def explain_no_frames(start: bytes) -> str:
    """Return a sentence about a recording in which no frame was found, by its first bytes, unpacked."""
    return f"No frames found; {_guess(start[:_START])}."


def _guess(start: bytes) -> str:
    if not start.strip():
        return "the recording is empty; record again with: juntek capture"
    for magic, said in _MAGICS:
        if start.startswith(magic):
            return f"this looks like {said}"
    if _HIDDEN in start:
        return "this looks like a journal that hides what was sent; write it with: journalctl --all --output short-iso"
    if _is_text(start):
        return f"this looks like {_guess_text(start)}"
    cause, detail = look_at(start[:4096])
    if cause == "speed" and detail:
        detail = f" ({detail})"
    return f"this looks like {_CAUSES[cause].format(detail)}"


def _is_text(start: bytes) -> bool:
    text = start.decode("utf-8", "replace")
    readable = sum(letter.isprintable() or letter in "\r\n\t\x1b" for letter in text if letter != "\ufffd")
    return readable > 0.95 * len(text)


def _guess_text(start: bytes) -> str:
    first = start.lstrip(b"\xef\xbb\xbf").lstrip()
    if values := _guess_values(first):
        return values
    cause, detail = look_at(start[:4096])
    if cause == "device" and not detail.startswith("text"):
        return f"{detail}; give the recording of a meter"
    if _TIME.search(start):
        return "a log without what the meter sent; let the program log the bytes of the bus, and record again"
    return "text without what a meter sent; give a recording of the bus"


def _guess_values(first: bytes) -> str | None:
    """Return what text with named values is; None for any other."""
    lines = first.split(b"\n", _LINES)[:_LINES]
    if first[:1] in b"[{" and (read_records(lines[0]) or b'":' in first[:200]):
        if _DECODED.search(first):
            return "JSON of decoded values without voltage and current in one object; give the recording they came from"
        return "JSON without what a meter sent"
    if _NAMES.search(lines[0]) or any(values_in_line(line.strip())[0] for line in lines):
        return "values one by one without a voltage and a current of one meter; record or export both of them"
    if len(re.findall(rb"[,;\t]", lines[0])) >= 2 and _DECODED.search(lines[0]):
        return "a table of decoded values without columns for voltage and current; give the recording they came from"
    return None
