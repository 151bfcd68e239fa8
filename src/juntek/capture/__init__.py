r"""The text form of recorded bus bytes, and a reader of any recording; rule: a whole frame is never changed.

A capture is text: the line `# juntek capture 1`, then one line per chunk of bytes as it arrived, such as
`2026-11-22T08:00:00.123+00:00 :r50=1,34,12,\r\n`. Printable ASCII stands as it is; a backslash is doubled, and
everything else is `\r`, `\n` or `\xNN`. Other lines that begin with `#` are remarks.

`ChunkReader` takes a capture, the raw bytes of a bus, any text log with frames or decoded values in it, or a table, and
finds out which:

1. Capture: the first line is the header.
2. Table: a line names columns (`tables`): of readings, of values one by one, or of frames beside several times. A frame
   in a row goes before the values beside it.
3. Text log: a line has what no bus makes (`likeness`): a written-out line end, quotes around a frame, a label or a
   date in front of it, JSON, a dump, a value with its name (`named_values`), or what a known program writes.
4. Raw: the first line with the start of a frame (`:r50=`, any number, either case of r and w) that is none of these.
   From there on every byte passes unchanged.

Readable lines without a frame wait for that decision, at most `HELD_LIMIT` bytes of them: a log may find its times in
them, raw bytes include them. In a log each frame runs to the next colon, blank, quote, bracket, backslash or control
character and gets CR LF, so that a damaged raw stream taken for a log would still give all its whole frames.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from juntek.capture.forms import FRAME_START
from juntek.capture.likeness import MAY_SAY, is_log_line
from juntek.capture.log_lines import LogLines
from juntek.capture.tables import Table
from juntek.capture.times import LineTimes
from juntek.exchange import Chunk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["HEADER", "Chunk", "ChunkReader", "format_chunk", "read_chunks"]

HEADER = "# juntek capture 1"
CHUNK_LIMIT = 4096
"""Bytes of the bus on one line of a capture; a longer chunk becomes several lines with the same time."""
HELD_LIMIT = 64 * 1024
"""Bytes that the reader keeps at most: a line without end, or lines that wait for the decision."""
FRAME_LIMIT = 1024
"""Bytes, more than any frame has; where a line without end is cut, a frame that began this near stays whole."""

_HEADER_LINE = HEADER.encode()
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LINE_END = re.compile(rb"[\r\n]")
_AROUND = b" \t\r\n\x0b\x0c\0"
"""What stands around a line, also the zeros that a cut or rotated file has."""
_REMARK = re.compile(rb"# ?\w+ \w+")
"""What a person has written above the bytes of a bus, which so are a log."""
_MAY_NAME_COLUMNS = re.compile(
    rb"^[^0-9{\[<]*[,;\t|]|^[\w: ]*\b_?[Tt]ime[: ]|^\"?[A-Z]\w+(?:/\w+)* \([+-]\d\d:\d\d\)\"?,"
)
_PADDED = re.compile(rb":[Rr][0-9]{2}=[0-9,]+ {3,}[\r\n]*$")
"""With blanks to the end of a screen."""
# Tab and escape are readable: ESPHome writes its logs in colour.
_UNREADABLE = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1d\x1f\x7f]")
_WINDOWS_TEXT = re.compile(rb"(?:[ -~\t]|(?<=[A-Za-z])[\xa0-\xff]|[\xa0-\xff](?=[A-Za-z]))*")
"""Letters above 127, in words."""
_STAMP = re.compile(rb"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d))(?= |$)")
# The last choice is an escape that the end of the recording has cut; it is left out.
_ESCAPE = re.compile(rb"\\(?:([rn\\])|x([0-9A-Fa-f]{2})|x?[0-9A-Fa-f]?$)")
_NAMED_ESCAPES = {b"r": b"\r", b"n": b"\n", b"\\": b"\\"}
_NOT_PRINTABLE = re.compile(r"[^ -~]")


def format_chunk(time: float, data: bytes) -> str:
    """Give the capture lines, each with its line end, for bytes received at `time` (seconds since 1970).

    The time is written in UTC with whole milliseconds. Up to `CHUNK_LIMIT` bytes are one line.
    """
    stamp = datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds")
    pieces = [data[start : start + CHUNK_LIMIT] for start in range(0, len(data), CHUNK_LIMIT)] or [b""]
    return "".join(f"{stamp} {_escape(piece)}\n" for piece in pieces)


def read_chunks(blocks: Iterable[bytes], times: LineTimes | None = None) -> Iterator[Chunk]:
    """Read a recording of any kind, block by block as it comes, and give its chunks in order."""
    reader = ChunkReader(times)
    for block in blocks:
        yield from reader.feed(block)
    yield from reader.finish()


class ChunkReader:
    """Turns blocks of a recording, cut anywhere, into chunks of bus bytes; it never keeps more than a little.

    `times` reads the times in the lines of a log; without one, local times are none.
    """

    def __init__(self, times: LineTimes | None = None) -> None:
        self._times = times or LineTimes()
        self._lines = LogLines(self._times)
        self._has_remarks = self._has_spoken = False
        self._raw = False
        self._read_line: Callable[[bytes], list[Chunk]] = self._judge
        """What takes a line, by what the recording was found to be."""
        self._tail = b""
        self._held = bytearray()
        self._at_start = True

    def feed(self, block: bytes) -> list[Chunk]:
        """Take the next bytes of the recording and give what can be told of them so far."""
        if self._is_raw():
            return [Chunk(None, block)] if block else []
        chunks: list[Chunk] = []
        for line in self._split(block):
            chunks += self._read_line(line)
        if self._is_raw():
            chunks += self._release()
        elif len(self._tail) + len(self._held) > HELD_LIMIT:
            chunks += self._relieve()
        return chunks

    def finish(self) -> list[Chunk]:
        """Give what is left at the end of the recording, where the last line may lack its end."""
        rest, self._tail = self._tail, b""
        chunks = self._read_line(rest) if rest else []
        return chunks + self._lines.finish() + self._release()

    def _split(self, block: bytes) -> Iterator[bytes]:
        """Give whole lines with their ends and keep the rest; a lone CR ends a line as well."""
        data = self._tail + block
        searched, start = len(self._tail), 0
        self._tail = b""
        for end in _LINE_END.finditer(data, searched):
            yield data[start : end.end()]
            start = end.end()
            if self._is_raw():
                break
        self._tail = data[start:]

    def _read_row(self, table: Table, line: bytes) -> list[Chunk]:
        text = _text_of(line).strip("\r\n")
        if FRAME_START.search(line):
            frame = table.frame_in(text)
            return self._lines.read(text.strip().encode()) if frame is None else self._lines.read_record(frame)
        record = table.row(text)
        chunks = self._lines.read_row(record) if record is not None else []
        if chunks and record is not None and "name" not in record and not self._has_spoken:
            self._has_spoken = True
            self._times.remark(table.describe())
        return chunks

    def _is_raw(self) -> bool:
        return self._raw

    def _read_capture_line(self, line: bytes) -> list[Chunk]:
        content = line.rstrip(b"\r\n")
        if not content or content.startswith(b"#"):
            return []
        stamp = _STAMP.match(content)
        try:
            moment = datetime.fromisoformat(stamp[1].decode()) if stamp else None
        except ValueError:
            moment = None
        if stamp is None or moment is None:
            return self._lines.read(content)
        return [Chunk(self._times.believe(moment), _ESCAPE.sub(_unescape, content[stamp.end() + 1 :]))]

    def _judge(self, line: bytes) -> list[Chunk]:
        content = line.strip(_AROUND)
        if self._at_start:
            content = content.removeprefix(_BYTE_ORDER_MARK)
            self._at_start = False
            if content == _HEADER_LINE:
                self._read_line = self._read_capture_line
                return []
        readable = _is_readable(content)
        if readable and self._begins_table(content):
            return []
        is_remark = readable and _REMARK.match(content) is not None
        self._has_remarks = self._has_remarks or is_remark
        may_be_bus = not (self._has_remarks and FRAME_START.search(content))
        if (
            readable
            and not is_remark
            and MAY_SAY.search(content)
            and (is_log_line(content) or _PADDED.search(line) or not may_be_bus)
        ):
            self._read_line = self._read_log_line
            before, self._held = self._held.splitlines(), bytearray()
            return [chunk for one in (*before, content) for chunk in self._read_log_line(bytes(one))]
        self._held += line
        if FRAME_START.search(content):
            self._raw = True
        elif not readable:
            # Noise is noise in either kind of recording: it need not wait and decides nothing.
            return self._release()
        return []

    def _read_log_line(self, line: bytes) -> list[Chunk]:
        content = line.strip(_AROUND)
        if not self._has_spoken and self._begins_table(content):
            return []
        chunks = self._lines.read(content)
        self._has_spoken = self._has_spoken or bool(chunks)
        return chunks

    def _begins_table(self, content: bytes) -> bool:
        if not _MAY_NAME_COLUMNS.search(content):
            return False
        table = Table.of(_text_of(content), _text_of(bytes(*self._held.splitlines()[-1:])))
        if table is not None:
            self._read_line = partial(self._read_row, table)
            self._held.clear()
        return table is not None

    def _relieve(self) -> list[Chunk]:
        """Let go of a line without end, or of too many lines without a frame."""
        if self._read_line == self._judge:
            self._raw = FRAME_START.search(self._tail) is not None
            return self._release()
        is_list = self._tail.lstrip(b"[,").startswith(b"{")  # all of a long JSON list stands on one line
        cut = self._tail.rfind(b"},") + 1 if is_list else self._tail.rfind(b":", -FRAME_LIMIT)
        line, self._tail = (self._tail[:cut], self._tail[cut:]) if cut > 0 else (self._tail, b"")
        return self._read_line(line)

    def _release(self) -> list[Chunk]:
        """Pass on unchanged all that is held; the order of the bytes stays."""
        data = bytes(self._held) + self._tail
        self._held.clear()
        self._tail = b""
        return [Chunk(None, data)] if data else []


def _is_readable(content: bytes) -> bool:
    if _UNREADABLE.search(content):
        return False
    try:
        content.decode()
    except UnicodeDecodeError:
        return _WINDOWS_TEXT.fullmatch(content) is not None
    return True


def _text_of(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def _escape(data: bytes) -> str:
    text = data.decode("latin-1").replace("\\", "\\\\").replace("\r", "\\r").replace("\n", "\\n")
    text = _NOT_PRINTABLE.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
    # Editors cut blanks at the end of a line.
    return f"{text[:-1]}\\x20" if text.endswith(" ") else text


def _unescape(found: re.Match[bytes]) -> bytes:
    if found[1]:
        return _NAMED_ESCAPES[found[1]]
    return bytes([int(found[2], 16)]) if found[2] else b""
