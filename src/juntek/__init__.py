"""Reads Juntek coulomb counters; rule: importing this loads nothing but the standard library.

import juntek

for reading in juntek.read("/dev/ttyUSB0"):
    print(reading.voltage, reading.current, reading.state_of_charge)
"""

from juntek.errors import (
    ConfigurationError,
    JuntekError,
    LinkError,
    LinkLostError,
    NoReplyError,
    RequestError,
    UnknownLayoutError,
)
from juntek.exchange import Options
from juntek.meter import LiveMeter, open_meter, read
from juntek.reading import Identity, Reading, Settings
from juntek.rs485.bus import Bus, Event
from juntek.rs485.framing import Frame, Garbage

__all__ = [
    "Bus",
    "ConfigurationError",
    "Event",
    "Frame",
    "Garbage",
    "Identity",
    "JuntekError",
    "LinkError",
    "LinkLostError",
    "LiveMeter",
    "NoReplyError",
    "Options",
    "Reading",
    "RequestError",
    "Settings",
    "UnknownLayoutError",
    "decode",
    "open_meter",
    "read",
]

__version__ = "0.1.0"


def decode(data: bytes, *, check: bool = True) -> list[Event]:
    """Return all that some bytes of a bus say, in the order of the wire, without any I/O.

    With `check=False` nothing is held back as implausible. For a stream that comes in pieces use a `Bus`.
    """
    bus = Bus(check=check)
    return [*bus.feed(data), *bus.finish()]
