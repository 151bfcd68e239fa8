"""What the demo shows; rule: one picture on a terminal, plain lines elsewhere, and always how to go on from here."""

from __future__ import annotations

import asyncio
import shlex
import shutil
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from juntek.errors import counted
from juntek.outputs.mqtt import MqttOptions
from juntek.reading import Identity, Reading, Settings
from juntek.rs485.bus import Event
from juntek.rs485.framing import Frame, Garbage

if TYPE_CHECKING:
    from juntek.demo import DemoMeter

REFRESH = 0.25
"""s between two pictures on a terminal."""
LINE_INTERVAL = 2.0
"""s between two blocks of plain lines."""


@dataclass(slots=True)
class Screen:
    """What has happened lately, on the wires and at the broker."""

    started: float = field(default_factory=time.monotonic)
    introduction: list[str] = field(default_factory=list)
    readings: dict[str, Reading] = field(default_factory=dict)
    wire: deque[tuple[str, str, str]] = field(default_factory=lambda: deque(maxlen=8))
    published: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=8))
    messages: int = 0
    frames: int = 0
    broker: MqttOptions | None = None

    def introduce(self, links: Mapping[DemoMeter, str], page: str, what: str) -> None:
        """Say what is running, and how to look at it from outside; `what` is the broker."""
        self.introduction.append(page)
        for meter, url in links.items():
            address = meter.options.addresses[0]
            at = f" --address {address}" if address != 1 else ""
            self.introduction.append(f"{meter.name}: {meter.what}. Look at it with: {_program()} watch {url}{at}")
        if self.broker is None:
            self.introduction.append(
                "No broker: iotcore has no package for this machine and Mosquitto is not installed, so the demo shows "
                "everything but MQTT. Install it with: sudo apt-get install mosquitto"
            )
        else:
            self.introduction.append(f"MQTT: {what}.")
            self.introduction += [f"Subscribe with: {command}" for command in _subscribers(self.broker)]

    def hear(self, meter: str, event: Event) -> None:
        """Take something from a wire."""
        self.frames += 1
        self.wire.append((meter, event.raw.decode("ascii", "replace"), _meaning(event)))
        if isinstance(event, Reading):
            self.readings[meter] = event

    def receive(self, topic: str, payload: bytes) -> None:
        """Take something from the broker."""
        self.messages += 1
        self.published.append((topic, payload.decode("utf-8", "replace")))


def _program() -> str:
    """Return how this juntek is called from where the demo was started."""
    own = Path(sys.executable).with_name("juntek")
    found = shutil.which("juntek")
    if found is not None and (not own.exists() or Path(found).resolve() == own.resolve()):
        return "juntek"
    return _show_path(own) if own.exists() else f"{_show_path(Path(sys.executable))} -m juntek"


def _subscribers(broker: MqttOptions) -> Iterator[str]:
    """Yield the commands that show what is published, of those that can be run here."""
    if shutil.which("mosquitto_sub"):
        login = " -u USER -P PASSWORD" if broker.username else ""
        yield f"mosquitto_sub -h {broker.host} -p {broker.port}{login} -t '{broker.base_topic}/#' -v"
    example = Path(__file__).parents[3] / "examples" / "subscribe.py"
    if example.exists() and not broker.username:
        python = _show_path(Path(sys.executable))
        yield f"{python} {_show_path(example)} {broker.host} {broker.port} {broker.base_topic}"


def _show_path(path: Path) -> str:
    """Return a path as it is typed here."""
    here = Path.cwd()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))


async def show(screen: Screen) -> None:
    """Show the screen until cancelled."""
    if not sys.stdout.isatty():
        await _print_lines(screen)
        return
    console = Console()
    with Live(console=console, auto_refresh=False, screen=True) as live:
        while True:
            live.update(_picture(screen, *console.size), refresh=True)
            await asyncio.sleep(REFRESH)


async def _print_lines(screen: Screen) -> None:
    _print(*screen.introduction)
    while True:
        await asyncio.sleep(LINE_INTERVAL)
        seconds = time.monotonic() - screen.started
        _print(
            f"--- after {seconds:.0f} s: {counted(screen.frames, 'frame')}, {counted(screen.messages, 'message')}",
            *(f"wire    {meter:6} {raw}  ->  {meaning}" for meter, raw, meaning in list(screen.wire)[-4:]),
            *(f"mqtt    {topic} {text[:160]}" for topic, text in list(screen.published)[-4:]),
            *(f"battery {meter:6} {_summary(reading)}" for meter, reading in screen.readings.items()),
        )


def _print(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def _meaning(event: Event) -> str:
    if isinstance(event, Reading):
        return (
            f"{event.voltage:.2f} V {event.current:+.2f} A, {event.direction}, {event.remaining_capacity:.3f} Ah left"
        )
    if isinstance(event, Settings):
        return f"settings: {event.nominal_capacity:g} Ah"
    if isinstance(event, Identity):
        return f"identity: {event.model}, firmware {event.firmware}"
    if isinstance(event, Garbage):
        return f"rejected: {event.reason}"
    return {"R": "request", "W": "write"}.get(event.command[0], "acknowledgement") if isinstance(event, Frame) else ""


def _summary(reading: Reading) -> str:
    percent = "-" if reading.state_of_charge is None else f"{reading.state_of_charge:.1f}"
    return f"{percent:>5} %  {reading.voltage} V  {reading.current} A  {reading.power} W  {reading.direction}"


def _picture(screen: Screen, width: int, height: int) -> RenderableType:
    introduction = sum(1 + len(line) // max(width - 4, 1) for line in screen.introduction)
    borders = 8  # of the four boxes
    rows = max(1, (height - introduction - len(screen.readings) - borders) // 2)
    batteries = Table.grid(padding=(0, 2), expand=True)
    for ratio in (None, 1, None):
        batteries.add_column(ratio=ratio, no_wrap=True)
    for meter, reading in screen.readings.items():
        bar = ProgressBar(total=100, completed=reading.state_of_charge or 0.0)
        batteries.add_row(Text(meter, "bold"), bar, _summary(reading))
    wire = Table.grid(padding=(0, 2))
    for row in list(screen.wire)[-rows:]:
        styles = ("cyan", "bright_black", "")
        wire.add_row(*(Text(text, style, no_wrap=True) for text, style in zip(row, styles, strict=True)))
    published = Table.grid(padding=(0, 2))
    for topic, text in list(screen.published)[-rows:]:
        published.add_row(Text(topic, "green", no_wrap=True), Text(text, no_wrap=True, overflow="ellipsis"))
    boxes: dict[str, RenderableType] = {
        "juntek demo — Ctrl-C ends": Group(*(Text(line) for line in screen.introduction)),
        "Batteries": batteries,
        f"On the wires: {counted(screen.frames, 'frame')}": wire,
    }
    if screen.broker is not None:
        boxes[f"Published: {counted(screen.messages, 'message')}"] = published
    return Group(*(Panel(inside, title=title, title_align="left") for title, inside in boxes.items()))
