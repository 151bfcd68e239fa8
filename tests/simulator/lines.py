"""What the tests of the simulator ask a meter with: one line in, the numbers of the reply out."""

from juntek.rs485.framing import Frame, Framer, encode
from juntek.simulator import Meter
from juntek.simulator.meter_settings import MeterSettings, parse_variant


def make_meter(name: str = "KG140F", address: int = 1, *, left: float = 100.0) -> Meter:
    return Meter(address, MeterSettings(parse_variant(name), capacity=280.0, cells=16), remaining=left)


def parse_one(line: bytes) -> Frame:
    (event,) = Framer().feed(line)
    assert isinstance(event, Frame)
    return event


def ask(meter: Meter, line: bytes) -> Frame | None:
    """Return the meter's reply to all that stands on the line, or None for silence."""
    replies = [
        reply
        for event in Framer().feed(line)
        if isinstance(event, Frame) and (reply := meter.answer(event)) is not None
    ]
    return parse_one(b"".join(replies)) if replies else None


def read(meter: Meter, command: str = "r50") -> dict[str, int]:
    """Return the raw numbers of a reply by the keys of its rows."""
    frame = ask(meter, f":{command.upper()}={meter.address},1,\r\n".encode())
    assert frame is not None
    model = meter.variant.model
    rows = (model.readings if command == "r50" else model.settings).rows
    return {row.key: number for row, number in zip(rows, frame.fields, strict=False) if row.key}


def write(meter: Meter, number: int, value: int, address: int | None = None) -> Frame | None:
    return ask(meter, encode(f"W{number:02}", meter.address if address is None else address, [value]))


FAMILIES = ("KG140F", "KL140F", "KH140F")
