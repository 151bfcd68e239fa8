r"""The bytes of a bus as programs write them in words; rule: what is not surely such bytes stays text.

Escapes of line ends (`\r`, `<CR>`, `^M`, `#015`), hex dumps (`3A:72:35`, `0x3a 0x72`, xxd, hexdump), lists of numbers.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

_ALPHABET = frozenset(b"0123456789,:=.RrWwNS\r\n")
_LINE_ENDS = re.compile(
    rb"\\+(?:[rn]|x0[adAD]|u000[adAD]|01[25]|0x0[adAD])|#01[25]|<(?:0x)?(?:CR|LF|0[aAdD]|\\[rn])>"
    rb"|[\[{(](?:CR|LF|0[AD])[\]})]|\^[MJ]|&#1[03];|\xe2\x90[\x8a\x8d]",
)
_COLOUR = re.compile(rb"(?:\x1b|\^\[|#033|\\+x1[bB]|\\+u001[bB]|\\+033)\[[0-9;]*[A-Za-z]")
_URL_ENCODED = re.compile(rb"%3[aA][RrWw][0-9]{2}%3[dD]")
_RUN = re.compile(
    rb"(?<![0-9A-Za-z])(?P<mark>0x|\\+x|%|\$|)[0-9A-Fa-f]{2}"
    rb"(?:(?P<gap>[:;,\-]? ?)(?P=mark)[0-9A-Fa-f]{2}(?:(?P=gap)(?P=mark)[0-9A-Fa-f]{2})*)?(?![0-9A-Za-z])"
)
_BYTE = re.compile(rb"(?:0x|\\x|%|\$)?([0-9A-Fa-f]{2})")
_NUMBERS = re.compile(rb"(?<![0-9.])58, ?(?:82|87|114|119), ?\d\d, ?\d\d, ?61(?:, ?\d{1,3})*(?![0-9])")
_OFFSET = re.compile(rb"\s*(?:0x)?[0-9A-Fa-f]{4,16}(:?)[ \t]+(?=[0-9A-Fa-f]{2})")
_COLUMN = re.compile(rb"\s+(?:\|.*\||>.*<)\s*$")
_WORD = re.compile(rb"(?:[0-9A-Fa-f]{2}){1,2}")


def spell_out(content: bytes) -> bytes:
    r"""Return a line without colours, its written line ends as `\n`."""
    if b"[" in content:
        content = _COLOUR.sub(b"", content)
    if b"%" in content and _URL_ENCODED.search(content):
        content = unquote_to_bytes(content).replace(b"\r", b"\n")
    return _LINE_ENDS.sub(b"\n", content)


def read_dump(content: bytes) -> bytes | None:
    """Return the bytes of a line of xxd, hexdump or od with its offset; None for any other."""
    offset = _OFFSET.match(content)
    if offset is None:
        return None
    rest, column = content[offset.end() :], None
    if column := _COLUMN.search(rest):
        rest = rest[: column.start()]
    elif offset[1]:
        rest = rest.partition(b"  ")[0]
    words = rest.split()
    if not words or not all(_WORD.fullmatch(word) for word in words):
        return None
    data = b"".join(bytes.fromhex(word.decode()) for word in words)
    if not offset[1] and all(len(word) == 4 for word in words):  # hexdump's own default: words, the low byte first
        data = b"".join(bytes.fromhex(word.decode())[::-1] for word in words).rstrip(b"\0")
    return data if column or offset[1] or _is_of_a_bus(data, 0.75) else None


def read_hex(content: bytes, least: int = 4) -> tuple[int, bytes] | None:
    """Return where the bytes of a bus in hex or as numbers begin in a line, and them; None where there are none."""
    if numbers := _NUMBERS.search(content):
        values = [int(number) for number in numbers[0].split(b",")]
        return (numbers.start(), bytes(values)) if max(values) < 256 else None
    best: tuple[int, bytes] | None = None
    for run in _RUN.finditer(content):
        data = bytes.fromhex(b"".join(_BYTE.findall(run[0])).decode())
        if len(data) >= least and _is_of_a_bus(data, 0.9) and (best is None or len(data) > len(best[1])):
            best = run.start(), data
    return best


def _is_of_a_bus(data: bytes, share: float) -> bool:
    return sum(byte in _ALPHABET for byte in data) >= share * len(data)
