r"""The bytes of a bus as programs write them in words; rule: what is not surely such bytes stays text.

Escapes of line ends (`\r`, `<CR>`, `^M`, `#015`), dumps (xxd, hexdump, od, tcpdump, socat, terminals), runs of bytes in
hex, decimal or binary (`3A:72:35`, `0x3a 0x72`, `58,114,53`), and one byte a line (logic analysers, interceptty).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

_ALPHABET = b"0123456789,:=.RrWwNS\r\n"
"""What a bus is made of."""
_FEW, _NEARLY_ALL = 0.75, 0.9
"""Shares of bytes in the alphabet from which a dump, and a run in a line of words, is one of a bus."""

# Text ---------------------------------------------------------------------------------------------------------

FRAME_START = re.compile(rb":[RrWw][0-9]{2}=")
_LINE_ENDS = re.compile(
    rb"\\+(?:[rn]|x0[adAD]|u000[adAD]|01[25]|0x0[adAD])|#01[25]|<(?:0x)?(?:CR|LF|0[aAdD]|\\[rn])>"
    rb"|[\[{(](?:CR|LF|0[ADad])[\]})]|\^[MJ]|&#1[03];|%0[AaDd]|\xe2\x90[\x8a\x8d]|\xe2\x86\xb5|(?<=[0-9],)\.\.?(?=[\"'\s]|$)",
)
_COLOUR = re.compile(rb"(?:\x1b|\^\[|#033|\\+x1[bB]|\\+u001[bB]|\\+033)\[[0-9;]*[A-Za-z]")
_URL_ENCODED = re.compile(rb"%3[aA][RrWw][0-9]{2}%3[dD]")
_WITHOUT_COLON = re.compile(rb"(?<![:\w%])(?=[Rr](?:00|5[01])=[0-9]{1,2},[0-9]{1,3},[0-9])")


def spell_out(content: bytes) -> bytes:
    r"""Return a line without colours, its written line ends as `\n`."""
    if b"[" in content:
        content = _COLOUR.sub(b"", content)
    if b"%" in content and _URL_ENCODED.search(content):
        content = unquote_to_bytes(content).replace(b"\r", b"\n")
    return _LINE_ENDS.sub(b"\n", content.replace(b"=3D", b"="))  # which mail makes of it


def with_colons(text: bytes) -> bytes:
    """Return a line with the colons before its frames that a paste has lost."""
    return text if FRAME_START.search(text) else _WITHOUT_COLON.sub(b":", text)


# Runs of bytes ------------------------------------------------------------------------------------------------

_HEX = re.compile(
    rb"(?<![0-9A-Za-z])(?P<mark>0x|\\x|%|\$|)[0-9A-Fa-f]{2}(?P<unit>h?)"
    rb"(?:(?P<gap>'?[:;,.\-]?(?: |)'?)(?P=mark)[0-9A-Fa-f]{2}(?P=unit)"
    rb"(?:(?P=gap)(?P=mark)[0-9A-Fa-f]{2}(?P=unit))*)?(?![0-9A-Za-z])"
)
_HEX_WORDS = re.compile(rb"(?<![0-9A-Za-z])(?:[0-9A-Fa-f]{8} ){3,}(?:[0-9A-Fa-f]{2}){1,4}(?![0-9A-Za-z])")
_PAIR_BY_CHANCE = 2
_HEX_BYTE = re.compile(rb"(?:0x|\\x|%|\$)?([0-9A-Fa-f]{2})")
_DECIMAL = re.compile(rb"(?<![0-9.])[0-9]{1,3}(?P<gap>[:;,] ?| )[0-9]{1,3}(?:(?P=gap)[0-9]{1,3}){2,}(?![0-9.])")
_SURE = 16
"""Bytes of a bus that are none by chance."""
_BITS = re.compile(rb"0b([01]{8})\b")
_CODES = re.compile(rb"(?:[ -~]|[A-Z]{2,3})\(([0-9]{3})\)")
"""Letters with their codes, as slsnif writes them."""


def read_run(content: bytes, least: int = 4) -> tuple[int, bytes] | None:
    """Return where the longest run of bytes of a bus begins in a line, and them; None where there is none."""
    best: tuple[int, bytes] | None = None
    for start, data in _runs(content):
        if len(data) >= max(least, len(best[1]) + 1 if best else 0) and _is_of_a_bus(data, _NEARLY_ALL):
            best = start, data
            if len(data) >= _SURE:
                break
    return best


def _runs(content: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while run := _HEX.search(content, at):
        data = bytes.fromhex(b"".join(_HEX_BYTE.findall(run[0])).decode())
        yield run.start(), data
        at = run.end() if len(data) != _PAIR_BY_CHANCE else run.start() + 2  # a number before the run is none of it
    for run in _HEX_WORDS.finditer(content):
        yield run.start(), bytes.fromhex(run[0].decode())
    for run in _DECIMAL.finditer(content):
        numbers = [int(number) for number in re.findall(rb"[0-9]+", run[0])]
        if max(numbers) < 256:
            yield run.start(), bytes(numbers)
    for mark, form, base in ((b"0b", _BITS, 2), (b"(", _CODES, 10)):
        if numbers := [int(number, base) for number in form.findall(content)]:
            yield content.find(mark), bytes(number for number in numbers if number < 256)


# Dumps --------------------------------------------------------------------------------------------------------

_QUOTE = re.compile(rb"^(?:[>+]+ ?|[EWIDV] \([\d:.]+\) [^:]+: (?=0x))")
"""Of a mail, a forum or a diff, and what ESP-IDF writes before an address."""
_DUMP_STARTS = b" \t0123456789abcdefABCDEF"
_OFFSET = re.compile(rb"\s*(?:0x)?[0-9A-Fa-f]{4,16}(:?)[ \t]+(?=[0-9A-Fa-f]{2})")
_COLUMN = re.compile(rb"\s+(?:\|.*\||>.*<)\s*$")
_WORD = re.compile(rb"(?:[0-9A-Fa-f]{2}){1,2}")
_OCTAL_WORDS = re.compile(rb"[0-7]{7}((?: [0-7]{6})+)")
_LETTERS = re.compile(rb"[0-9a-f]{7}((?:   [ -~]|  \\[0abfnrtv]| [0-7]{3})+)")
_NAMED_LETTERS = {b"\\n": 10, b"\\r": 13, b"\\0": 0, b"\\t": 9}
_ROW_BEGINS = re.compile(rb"(?<![0-9A-Za-z.:])(?=[0-9A-Fa-f]{2}[ |])")
_SHORTEST_ROW = 3
"""Bytes that are not the same as the text beside them by chance."""
_LONGEST_ROW = 64
"""Bytes on a line of a dump."""
_PAIR = re.compile(rb"([0-9A-Fa-f]{2})[ |]{1,3}")


def read_dump(content: bytes) -> bytes | None:
    """Return the bytes of a line of a dump, that has an offset or the same bytes as text beside; None for any other."""
    content = _QUOTE.sub(b"", content)
    if content[:1] not in _DUMP_STARTS:
        return None
    offset = _OFFSET.match(content)
    if offset is None:
        return _read_row(content)
    if octal := _OCTAL_WORDS.fullmatch(content):
        data = b"".join(int(word, 8).to_bytes(2, "little") for word in octal[1].split() if int(word, 8) < 65536)
        return data.rstrip(b"\0") if _is_of_a_bus(data, _FEW) else None
    rest, column = content[offset.end() :], None
    if column := _COLUMN.search(rest):
        rest = rest[: column.start()]
    elif offset[1]:
        rest = rest.partition(b"  ")[0]
    words = rest.split()
    if not words or not all(_WORD.fullmatch(word) for word in words):
        return _read_row(content)
    data = b"".join(bytes.fromhex(word.decode()) for word in words)
    if not offset[1] and all(len(word) == 4 for word in words):  # hexdump's own default: words, the low byte first
        data = b"".join(bytes.fromhex(word.decode())[::-1] for word in words).rstrip(b"\0")
    return data if column or offset[1] or _is_of_a_bus(data, _FEW) else None


def _read_row(content: bytes) -> bytes | None:
    """Return the bytes of a row whose second half shows the same as text, or of one of `od -c`."""
    if letters := _LETTERS.fullmatch(content):
        cells = [letters[1][at : at + 4].lstrip() or b" " for at in range(0, len(letters[1]), 4)]
        return bytes(_NAMED_LETTERS.get(c, c[0] if len(c) == 1 else int(c, 8) if c.isdigit() else 63) for c in cells)
    for begin in islice(_ROW_BEGINS.finditer(content), _SHORTEST_ROW + 4):
        data, at = b"", begin.end()
        while len(data) < _LONGEST_ROW and (pair := _PAIR.match(content, at)):
            data, at = data + bytes.fromhex(pair[1].decode()), pair.end()
            if content[at:].strip(b" |").replace(b" ", b"") == _shown(data).replace(b" ", b""):
                return data if begin.end() == 0 or len(data) >= _SHORTEST_ROW else None
    return None


def _shown(data: bytes) -> bytes:
    return bytes(byte if 32 <= byte < 127 else 46 for byte in data)


def _is_of_a_bus(data: bytes, share: float) -> bool:
    return len(data.translate(None, _ALPHABET)) <= (1 - share) * len(data)


# Packets ------------------------------------------------------------------------------------------------------

_PACKET_ROW = re.compile(rb"\s*(?:0x)?([0-9a-f]{4}):?\s+(?=[0-9a-f]{2})")
_TCP, _UDP = 6, 17
_IP_BEGINS = re.compile(rb"(?:(?=[E`])|.{12}(?:.{2}){0,2}?(?:\x08\0(?=E)|\x86\xdd))", re.DOTALL)
"""Of IPv4 or IPv6, perhaps behind what Ethernet, or Linux in its place, has."""


def packet_row(content: bytes) -> tuple[int, bytes]:
    """Return at which byte of a packet a line of tcpdump or Wireshark begins, and its bytes, none of any other line."""
    row = _PACKET_ROW.match(content)
    return (int(row[1], 16), read_dump(content) or b"") if row else (0, b"")


def begins_packet(row: bytes) -> bool:
    """Whether bytes are the beginning of a packet."""
    return _IP_BEGINS.match(row) is not None


def payload(packet: bytes) -> bytes:
    """Return what a packet carries; what is no TCP or UDP over IPv4 is all of it."""
    begin = _IP_BEGINS.match(packet)
    packet = packet[begin.end() :] if begin else packet
    if len(packet) < 28 or packet[0] != 0x45 or packet[9] not in (_TCP, _UDP):
        return packet
    return packet[20 + 4 * (packet[32] >> 4) :] if packet[9] == _TCP and len(packet) > 32 else packet[28:]


# One byte a line ----------------------------------------------------------------------------------------------

_HEX_PAIR = rb"(?:0x)?(?P<hex>[0-9A-Fa-f]{2})"
_LETTER = rb"'?(?:0x(?P<hex>[0-9A-Fa-f]{2})|(?P<letter>COMMA|\\[rn]|[ -~]))'?"
_BYTE_A_LINE = (
    re.compile(rb"(?:\d+-\d+ )?(?P<who>uart-\d+: (?:[rt]x(?: data)?: )?)" + _HEX_PAIR),  # sigrok-cli
    re.compile(rb"(?P<who>[<>])\s+" + _HEX_PAIR + rb" \(.*\)"),  # interceptty
    re.compile(rb'(?P<who>"?[^",]*"?,"?data"?,)"?(?P<time>[^",]+)"?,[^,]+,' + _HEX_PAIR + rb"(?:,.*)?"),  # Logic 2
    re.compile(rb"(?P<time>\d+\.\d{6,})(?P<who>,)" + _LETTER + rb"(?:,.*)?"),  # Logic 1, and tables of Logic 2
)
_WORDS = {b"COMMA": b",", b"\\r": b"\r", b"\\n": b"\n"}


class OneByte(NamedTuple):
    """A line that is one byte of the bus: whose it is, what it says of its time, and it."""

    who: bytes
    time: bytes
    data: bytes


def read_byte(content: bytes) -> OneByte | None:
    """Return what a line with one byte says; None for any other line."""
    for form in _BYTE_A_LINE:
        if found := form.fullmatch(content):
            parts = found.groupdict()
            letter = parts.get("letter")
            data = bytes.fromhex(parts["hex"].decode()) if letter is None else _WORDS.get(letter, letter)
            return OneByte(parts["who"], parts.get("time") or b"", data)
    return None
