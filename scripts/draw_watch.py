#!/usr/bin/env python3
"""Draws docs/watch.svg: what `juntek watch` shows of a simulated KG140F at noon; rule: the same bytes every time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from xml.sax.saxutils import escape

from rich.console import Console
from rich.style import Style
from rich.terminal_theme import TerminalTheme

from juntek import Bus, Identity, Reading, Settings
from juntek.cli.watch_view import Watched, draw
from juntek.rs485.framing import encode
from juntek.simulator import Options, history
from juntek.update import Health, Update

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "watch.svg"
WIDTH, HEIGHT = 96, 34
NOON = datetime(2025, 6, 21, 12, 5, tzinfo=UTC)
MINUTES = 15
IDENTITY = (2140, 110, 837)

CELL, ROW, SIZE = 9.6, 18.6, 16
"""Width and height of a character and the size of its font, in pixels; the lines of such fonts join at this height."""
FONT = f'font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="{SIZE}"'
MARGIN, BAR = 16, 34
UPPER, LEFT = "▁▂▃▄▅▆▇█", "▉▊▋▌▍▎▏"
RUNS = re.compile(r"([▁-▏░])\1*|[^▁-▏░ ]+(?: [^▁-▏░ ]+)*| +")
COLOURS = TerminalTheme(
    (22, 27, 34),
    (201, 209, 217),
    [
        *((72, 79, 88), (255, 123, 114), (87, 195, 105), (210, 153, 34)),
        *((88, 166, 255), (188, 140, 255), (86, 196, 214), (177, 186, 196)),
    ],
    [
        *((110, 118, 129), (255, 161, 152), (86, 211, 100), (227, 179, 65)),
        *((121, 192, 255), (210, 168, 255), (120, 219, 232), (240, 246, 252)),
    ],
)


def watch() -> Watched:
    """Return what the command knows after a quarter of an hour of listening beside a display."""
    options = Options(seed=14, start=NOON)
    health = Health(mode="listen", connected=True)
    watched = Watched("/dev/ttyUSB0", 1, started=0.0)
    bus = Bus()
    frames = history(options, NOON, NOON + timedelta(minutes=MINUTES), 1.0, settings_every=300)
    identity, settings = None, None
    for time, frame in [(NOON.timestamp(), encode("r00", 1, IDENTITY)), *frames]:
        for event in bus.feed(frame, time):
            health.frames += 1
            if isinstance(event, Identity):
                identity = event
            elif isinstance(event, Settings):
                settings = event
            elif isinstance(event, Reading):
                update = Update("meter", available=True, reading=event, identity=identity, settings=settings,
                                health=health)  # fmt: skip
                watched.take(update, time)
    return watched


def draw_picture() -> str:
    """Return the picture as SVG. Rich can export one too, but with fonts from the network and gaps between lines."""
    watched = watch()
    assert watched.heard is not None  # noqa: S101 - there was a reading
    console = Console(width=WIDTH, height=HEIGHT, file=StringIO(), color_system="truecolor", force_terminal=True)
    lines = console.render_lines(draw(watched, watched.heard, WIDTH, HEIGHT))
    width, height = WIDTH * CELL + 2 * MARGIN, HEIGHT * ROW + BAR + MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" xml:space="preserve" {FONT}>',
        "<title>juntek watch: voltage, current, power, charge and the last minutes of one meter</title>",
        f'<rect width="{width:g}" height="{height:g}" rx="8" fill="{COLOURS.background_color.hex}"/>',
        *(f'<circle cx="{20 + 20 * n}" cy="17" r="6" fill="#484f58"/>' for n in range(3)),
    ]
    for row, segments in enumerate(lines):
        column = 0
        for text, style, _ in segments:
            for run in RUNS.finditer(text):
                parts += draw_run(run[0], style or Style(), MARGIN + column * CELL, BAR + row * ROW)
                column += len(run[0])
    return "\n".join([*parts, "</svg>", ""])


def draw_run(run: str, style: Style, x: float, y: float) -> list[str]:
    """Draw equal blocks as a rectangle, anything else as text of a fixed width."""
    if not run.strip():
        return []
    colour = (style.color.get_truecolor(COLOURS) if style.color else COLOURS.foreground_color).hex
    length, mark = len(run) * CELL, run[0]
    if mark in UPPER or mark in LEFT or mark == "░":
        high = ROW * (UPPER.index(mark) + 1) / 8 if mark in UPPER else ROW
        wide = length * (LEFT[::-1].index(mark) + 1) / 8 if mark in LEFT else length
        faint = ' opacity=".4"' if mark == "░" else ""
        place = f'x="{x:.1f}" y="{y + ROW - high:.2f}" width="{wide:.1f}" height="{high:.2f}"'
        return [f'<rect {place} fill="{colour}"{faint} shape-rendering="crispEdges"/>']
    bold = ' font-weight="bold"' if style.bold else ""
    place = f'x="{x:.1f}" y="{y + 0.8 * ROW:.2f}" textLength="{length:.1f}" lengthAdjust="spacingAndGlyphs"'
    return [f'<text {place} fill="{colour}"{bold}>{escape(run)}</text>']


if __name__ == "__main__":
    PICTURE.write_text(draw_picture(), encoding="utf-8")
    print(PICTURE)
