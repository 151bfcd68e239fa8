"""Another language than RS485's behind the seam: the loop reads, asks and writes in it without a change."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from juntek import Options, Reading
from juntek.exchange import Command, Heard, Query
from juntek.meter import Line, MeterOptions
from juntek.reading import fill_reading
from links.peers import tcp_peer
from meter.served import IMPATIENT, Told, running, until

QUICK = replace(IMPATIENT, reply=0.01)
FRAME = struct.Struct(">BBHhI")
"""0xA5, address, 0.01 V, 0.01 A, 0.001 Ah."""


class Binary:
    """A language of ten bytes a reading, whose meters say nothing else."""

    def __init__(self, options: Mapping[int, Options]) -> None:
        assert set(options) == {7}
        self._rest = b""

    def ask(self, query: Query, address: int) -> bytes:
        return bytes((0x5A, address, ord(query[0])))

    def feed(self, data: bytes, time: float | None, hear: Callable[[Heard], None]) -> list[Reading]:
        data = self._rest + data
        count = len(data) // FRAME.size
        self._rest = data[count * FRAME.size :]
        parts = [data[place * FRAME.size : (place + 1) * FRAME.size] for place in range(count)]
        for part in parts:
            hear(Heard("reply", "reading", part[1], part))
        return [self._read(part, time) for part in parts]

    def finish(self, time: float | None) -> list[Reading]:  # noqa: ARG002 - the seam's
        return []

    def wants(self, address: int) -> frozenset[Query]:  # noqa: ARG002 - the seam's
        return frozenset()

    def knows(self, address: int) -> bool:  # noqa: ARG002 - the seam's
        return True

    def out_of_range(self, address: int) -> Counter[str]:  # noqa: ARG002 - the seam's
        return Counter()

    def command(self, address: int, key: str, value: Any) -> Command:  # noqa: ANN401 - the seam's
        return Command(key, bytes((0x5B, address, value)), "harmless")

    def _read(self, part: bytes, time: float | None) -> Reading:
        _, address, voltage, current, left = FRAME.unpack(part)
        told: dict[str, Any] = {
            "time": time, "address": address, "family": "BL", "voltage": voltage / 100, "current": current / 100,
            "power": voltage * current / 1e4, "remaining_capacity": left / 1000, "output_state": "on",
            "direction": "discharging", "raw": part,
        }  # fmt: skip
        return fill_reading(**told)


async def test_a_meter_of_another_language_is_asked_read_and_written_to() -> None:
    async with tcp_peer() as peer:
        told = Told()
        options = MeterOptions(name="boat", address=7, mode="poll", interval=0.05)
        line = Line(f"socket://127.0.0.1:{peer.port}", [options], told, language=Binary, timing=QUICK)
        async with running(line):
            reader, writer = await peer.accept()
            assert await reader.readexactly(3) == b"\x5a\x07s"
            writer.write(FRAME.pack(0xA5, 7, 1324, -210, 98_765) * 2)
            await until(lambda: len(told.readings) == 2)
            assert await line.send(7, "lamp", 1) == "unknown"
            while (heard := await reader.readexactly(3))[0] != 0x5B:
                assert heard[0] == 0x5A
            assert heard == b"\x5b\x07\x01"
    assert (told.readings[0].voltage, told.readings[0].current) == (13.24, -2.1)
