"""One screen about one meter; rule: it draws what it is given for the size it is given, and never what is not known."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich.text import Text

from juntek.cli.watch_drawing import (
    HEIGHT,
    Trend,
    amount,
    draw_bars,
    draw_number,
    duration,
    short,
    spread,
    wrap,
)
from juntek.errors import counted
from juntek.quantity import QUANTITIES
from juntek.reading import Reading
from juntek.update import Update

COLOURS = {"charging": "green", "discharging": "dark_orange", "idle": "bright_black"}
ARROWS = {"charging": "▲ charging", "discharging": "▼ discharging", "idle": "● idle"}
STALE = 5.0
"""s after which a value on the screen is marked as old, or three of the usual intervals."""
TRENDS = ("voltage", "current", "power")
SMALLEST_SPAN = {"voltage": 0.2, "current": 1.0, "power": 20.0}
"""V, A, W: less than this is not blown up to the full height."""
HEADROOM = 1.15
"""How much higher than its highest value a curve may be drawn, so that it does not touch the one above."""
HIGHEST_CURVE = 6
"""Lines."""


@dataclass(slots=True)
class Watched:
    """What is known of the meter on the screen. `heard` and `now` are in seconds of one clock that never jumps."""

    link: str
    address: int
    started: float
    by_gateway: bool = False
    """Whether our gateway reads the meter, and is asked."""
    update: Update | None = None
    reading: Reading | None = None
    heard: float | None = None
    trend: Trend = field(default_factory=lambda: Trend(TRENDS))


def draw(watched: Watched, now: float, width: int, height: int) -> Text:
    """Return the screen, no wider and no higher than asked for."""
    lines = [_title(watched, now, width), Text("─" * width, "bright_black")]
    foot = _foot(watched, width)
    room = height - len(lines) - len(foot)
    lines += _body(watched, width, room)[:room] if watched.reading else _waiting(watched, now, width)[:room]
    lines += [Text()] * (height - len(lines) - len(foot))
    lines = [*lines, *foot][:height]
    for line in lines:
        line.truncate(width)
    return Text("\n").join(lines)


# Around -----------------------------------------------------------------------------------------------------


def _title(watched: Watched, now: float, width: int) -> Text:
    identity = watched.update.identity if watched.update else None
    name = identity.model if identity else watched.reading.family if watched.reading else "Meter"
    left = Text.assemble((f" {name}", "bold"), (f"  address {watched.address}", "bright_black"))
    return spread(left, _state(watched, now), width)


def _state(watched: Watched, now: float) -> Text:
    health = watched.update.health if watched.update else None
    if health is None or (health.mode == "starting" and not health.error):
        return Text("○ starting ", "yellow")
    if health.mode == "closed":
        return Text("■ end of the recording ", "bright_black")
    if not health.connected:
        return Text("✗ no link ", "bold red")
    words = {"listen": "listening", "poll": "polling"}.get(health.mode, "starting")
    words = f"gateway is {words}" if watched.by_gateway else words
    return _freshness(words, None if watched.heard is None else now - watched.heard, silent=bool(health.error))


def _freshness(words: str, age: float | None, *, silent: bool) -> Text:
    if silent:
        return Text(f"✗ silent for {duration(age)} " if age is not None else "✗ no answer ", "bold red")
    if age is None:
        return Text(f"○ {words} ", "yellow")
    if age >= STALE:
        return Text(f"○ {words}, {duration(age)} ago ", "yellow")
    return Text(f"● {words}, {age:.0f} s ago " if age >= 1 else f"● {words} ", "green")


def _foot(watched: Watched, width: int) -> list[Text]:
    health = watched.update.health if watched.update else None
    lines = [Text("─" * width, "bright_black")]
    if health and health.error and health.mode != "closed":
        lines += wrap(f" {health.error}", width, "bold red" if not health.connected else "yellow")
    # A narrow screen has no room for the name of the link.
    parts = [f" {watched.link}"] if width >= 60 else []
    if health:
        parts.append(f"{'' if parts else ' '}{counted(health.frames, 'frame')}")
        reasons = ", ".join(f"{count} {reason}" for reason, count in health.garbage.most_common(3))
        parts.append(f"rejected {sum(health.garbage.values())}{f' ({reasons})' if reasons else ''}")
        if health.reconnects:
            parts.append(f"reconnects {health.reconnects}")
    lines += wrap("  ".join(parts), width, "bright_black")[:2]
    lines.append(Text(" q or Ctrl-C ends", "bright_black"))
    return lines


def _waiting(watched: Watched, now: float, width: int) -> list[Text]:
    health = watched.update.health if watched.update else None
    lines = [Text()]
    for sentence in _doing(watched):
        lines += wrap(f" {sentence}", width, "")
    if health and sum(health.garbage.values()):
        lines += wrap(" Something is on the line, but nothing that is believed yet.", width, "yellow")
    return [*lines, Text(), Text(f" Waiting for {duration(now - watched.started)}", "bright_black")]


def _doing(watched: Watched) -> list[str]:
    health = watched.update.health if watched.update else None
    if health is None or (health.mode == "starting" and health.connected):
        return ["Listening whether a display asks the meter…"]
    if health.mode == "closed":
        return ["The recording is at its end, and there was no reading of this address in it."]
    if not health.connected:
        return ["The link is gone; trying again until it is back."]
    if health.mode == "listen":
        return [f"Listening, as a display asks; nothing of address {watched.address} yet."]
    who = "The gateway is asking" if watched.by_gateway else "Asking"
    return [f"{who} address {watched.address}; no answer yet."]


# The reading ------------------------------------------------------------------------------------------------


def _body(watched: Watched, width: int, room: int) -> list[Text]:
    reading = watched.reading
    assert reading is not None  # noqa: S101 - the caller has looked
    health = watched.update.health if watched.update else None
    old = bool(health and (health.error or not health.connected))
    large = width >= 76 and room >= 15
    head = _large_values(reading, width, old=old) if large else _small_values(reading, width, old=old)
    charge = _charge(reading, width)
    facts = _facts(reading, width)
    # What is left of the height goes to the curves; air between the parts comes first.
    free = room - len(head) - len(charge) - len(facts)
    rows = (free - 5) // len(TRENDS)
    if rows > 2:  # such curves have air between them
        rows = max(2, min(HIGHEST_CURVE, (free - 7) // len(TRENDS)))
    rows = max(1, rows)
    curves = _curves(watched.trend, width, rows) if free >= len(TRENDS) + 1 else []
    air = [Text()] if free - len(curves) >= 3 else []
    lines = [*([Text()] if free - len(curves) >= 4 else []), *head, *air, *charge, *air, *curves]
    return [*lines, *air, *facts] if curves else [*lines, *facts]


def _large_values(reading: Reading, width: int, *, old: bool) -> list[Text]:
    colour = COLOURS[reading.direction]
    values = (
        (f"{reading.voltage:.2f}", "V", "voltage", "bold cyan"),
        (short(reading.current, 2), "A", "current", f"bold {colour}"),
        (short(reading.power, 1), "W", "power", f"bold {colour}"),
    )
    cell = (width - 2) // 3
    lines = [Text(" ") for _ in range(HEIGHT + 1)]
    for number, unit, label, style in values:
        for row, drawn in enumerate(draw_number(number)):
            text = drawn + (f" {unit}" if row == HEIGHT - 1 else "")
            lines[row].append(f"{text:<{cell}}", "bright_black" if old else style)
        note = f"{label}  {ARROWS[reading.direction]}" if label == "current" else label
        lines[HEIGHT].append(f"{note:<{cell}}", "bright_black")
    return lines


def _small_values(reading: Reading, width: int, *, old: bool) -> list[Text]:
    colour = "bright_black" if old else f"bold {COLOURS[reading.direction]}"
    values = Text.assemble(
        (f" {reading.voltage:.2f} V", "bright_black" if old else "bold cyan"),
        (f"   {short(reading.current, 2)} A   {short(reading.power, 1)} W", colour),
    )
    words = Text(f"{ARROWS[reading.direction]} ", COLOURS[reading.direction])
    return [spread(values, words, width)] if len(values) + len(words) < width else [values, Text(" ") + words]


def _charge(reading: Reading, width: int) -> list[Text]:
    percent = reading.state_of_charge
    left = f"{reading.remaining_capacity:.1f} Ah"
    if percent is None:
        return [Text.assemble(" Charge   ", (left, "bold"), (" left; the whole is not known yet", "bright_black"))]
    note = f"  {percent:.1f} %  {left} of {reading.nominal_capacity:g}"
    if width < 60:
        note = f"  {percent:.1f} %"
    size = max(5, width - len(note) - 11)
    eighths = round(8 * size * percent / 100)
    bar = "█" * (eighths // 8) + ("▏▎▍▌▋▊▉"[eighths % 8 - 1] if eighths % 8 else "")
    colour = "red" if percent < 10 else "yellow" if percent < 25 else "green"
    return [Text.assemble(" Charge   ", (bar, colour), ("░" * (size - len(bar)), "bright_black"), (note, "bold"))]


def _curves(trend: Trend, width: int, rows: int) -> list[Text]:
    lines: list[Text] = []
    size = max(8, width - 32) if width >= 60 else max(8, width - 11)
    for key in TRENDS:
        if rows > 2 and lines:
            lines.append(Text())
        values = trend.columns(key, size)
        known = [value for value in values if value is not None] or [0.0]
        low, high = min(known), max(known)
        label = (
            f"{low:.2f} to {high:.2f} V"
            if key == "voltage"
            else f"{short(low, 1)} to {short(high, 1)} {QUANTITIES[key].unit}"
        )
        bars = _bars(key, values, low, high, rows)
        for row, bar in enumerate(bars):
            head = f" {QUANTITIES[key].label:<8} " if row == rows - 1 else " " * 10
            note = f"  {label}" if row == rows - 1 and width >= 60 else ""
            lines.append(Text.assemble(head, bar, (note, "bright_black")))
    lines.append(Text(f" {'':<8} the last {duration(trend.span(size) * size)}", "bright_black"))
    return lines


def _bars(key: str, values: list[float | None], low: float, high: float, rows: int) -> list[Text]:
    if key == "voltage":
        middle, half = (low + high) / 2, max(high - low, SMALLEST_SPAN[key]) / 2
        return [Text(bar, "cyan") for bar in draw_bars(values, middle - half, middle + half, rows)]
    # The sign is in the colour, so that a small discharge is not a hole under a large charge.
    most = HEADROOM * max(abs(low), abs(high), SMALLEST_SPAN[key])
    sizes = [None if value is None else abs(value) for value in values]
    bars = []
    for bar in draw_bars(sizes, 0.0, most, rows):
        text = Text()
        for block, value in zip(bar, values, strict=True):
            text.append(block, COLOURS["charging" if (value or 0) > 0 else "discharging" if value else "idle"])
        bars.append(text)
    return bars


def _facts(reading: Reading, width: int) -> list[Text]:
    facts: list[tuple[str, str]] = []
    for key in ("time_to_empty", "time_to_full"):
        minutes = getattr(reading, key)
        if minutes is not None:
            facts.append((QUANTITIES[key].label, duration(60.0 * minutes)))
    if reading.temperature is not None:
        facts.append(("Temperature", f"{reading.temperature:g} °C"))
    facts.append(("Output", reading.output_state.replace("_", "-")))
    for way in ("charged", "discharged"):
        amounts = [
            amount(getattr(reading, f"{way}_{what}"), unit) for what, unit in (("energy", "Wh"), ("capacity", "Ah"))
        ]
        if any(amounts):
            facts.append((way.capitalize(), "  ".join(amount for amount in amounts if amount)))
    if reading.internal_resistance:
        facts.append(("Resistance", f"{reading.internal_resistance:g} mΩ"))
    if reading.run_time is not None:
        facts.append(("Run time", duration(float(reading.run_time))))
    columns = 1 if width < 60 else 2 if width < 110 else 3
    cell = max((width - 1) // columns, 16)
    lines = []
    for start in range(0, len(facts), columns):
        line = Text(" ")
        for label, value in facts[start : start + columns]:
            line.append(f"{label:<15}", "bright_black").append(f"{value:<{cell - 15}}")
        lines.append(line)
    return lines
