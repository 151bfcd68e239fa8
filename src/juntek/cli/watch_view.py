"""One screen about one meter; rule: it draws what it is given for the size it is given, and never what is not known."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from operator import add

from rich.text import Text

from juntek.cli.formats import amount, draw_bars, draw_number, duration, short
from juntek.errors import counted
from juntek.quantity import QUANTITIES
from juntek.reading import Reading
from juntek.update import Health, Update

COLOURS = {"charging": "green", "discharging": "dark_orange", "idle": "bright_black"}
ARROWS = {"charging": "▲ charging", "discharging": "▼ discharging", "idle": "● idle"}
STALE = 5.0
"""s after which a value on the screen is marked as old."""
TRENDS = ("voltage", "current", "power")
UNITS = {"energy": "Wh", "capacity": "Ah"}
SMALLEST_SPAN = {"voltage": 0.2, "current": 1.0, "power": 20.0}
"""V, A, W: less than this is not blown up to the full height."""
HEADROOM = 1.15
"""How much higher than its highest value a curve may be drawn, so that it does not touch the one above."""
HIGHEST_CURVE = 6
"""Lines."""
LONGEST = 900
"""s of the curves that are kept."""
STEPS = (1, 2, 5, 10, 15)
"""s that one column of a curve may stand for."""
NOTHING_YET = Update(
    "meter", available=False, reading=None, identity=None, settings=None, health=Health(connected=True)
)


class Trend:
    """Averages by the second."""

    def __init__(self) -> None:
        self._seconds: dict[int, list[float]] = {}
        """How many readings came in each second, and the sums of their values, as in TRENDS."""

    def add(self, reading: Reading, time: float) -> None:
        """Take a reading received at `time`, in seconds."""
        second = int(time)
        if second < max(self._seconds, default=second):
            self._seconds.clear()  # a recording that begins again, or a clock that was set back
        values = [1.0, *(getattr(reading, key) for key in TRENDS)]
        self._seconds[second] = list(map(add, self._seconds.get(second, [0.0] * len(values)), values))
        if len(self._seconds) > LONGEST:
            del self._seconds[min(self._seconds)]

    def span(self, width: int) -> int:
        """Return how many seconds one column stands for, so that all that is kept fits into the width."""
        elapsed = max(self._seconds, default=0) - min(self._seconds, default=0) + 1
        return next((step for step in STEPS if elapsed <= step * width), STEPS[-1])

    def columns(self, key: str, width: int) -> list[float | None]:
        """Return the averages of a quantity, oldest first; None where nothing was received."""
        place, step = TRENDS.index(key) + 1, self.span(width)
        # Columns begin at whole multiples of the step: so they do not flicker while time goes on.
        first = max(self._seconds, default=0) // step - width + 1
        counts, sums = [0.0] * width, [0.0] * width
        for second, values in self._seconds.items():
            if (column := second // step - first) >= 0:
                counts[column] += values[0]
                sums[column] += values[place]
        return [total / count if count else None for total, count in zip(sums, counts, strict=True)]


@dataclass(slots=True)
class Watched:
    """What is known of the meter on the screen. `heard` and `now` are in seconds of one clock that never jumps."""

    link: str
    address: int
    started: float
    by_gateway: bool = False
    """Whether our gateway reads the meter, and is asked."""
    update: Update = NOTHING_YET
    """The newest, with the newest reading."""
    heard: float | None = None
    trend: Trend = field(default_factory=Trend)

    def take(self, update: Update, now: float) -> None:
        """Take what is new of the meter."""
        if update.reading is None:
            update = update._replace(reading=self.update.reading)
        else:
            self.heard = now
            self.trend.add(update.reading, now if update.reading.time is None else update.reading.time)
        self.update = update


def draw(watched: Watched, now: float, width: int, height: int) -> Text:
    """Return the screen, no wider and no higher than asked for."""
    lines = [_title(watched, now, width), Text("─" * width, "bright_black")]
    foot = _foot(watched, width)
    room = height - len(lines) - len(foot)
    reading = watched.update.reading
    body = _body(watched, reading, width, room) if reading else _waiting(watched, now, width)
    lines = [*lines, *body[: max(room, 0)], *[Text()] * (room - len(body)), *foot][:height]
    for line in lines:
        line.truncate(width)
    return Text("\n").join(lines)


# Around -----------------------------------------------------------------------------------------------------


def _title(watched: Watched, now: float, width: int) -> Text:
    identity, reading = watched.update.identity, watched.update.reading
    name = identity.model if identity else reading.family if reading else "Meter"
    left = Text.assemble((f" {name}", "bold"), (f"  address {watched.address}", "bright_black"))
    return spread(left, _state(watched, now), width)


def _state(watched: Watched, now: float) -> Text:
    health, age = watched.update.health, None if watched.heard is None else now - watched.heard
    if health.mode == "starting" and not health.error:
        return Text("○ starting ", "yellow")
    if health.mode == "closed":
        return Text("■ end of the recording ", "bright_black")
    if not health.connected:
        return Text("✗ no link ", "bold red")
    if health.error:
        return Text("✗ no answer " if age is None else f"✗ silent for {duration(age)} ", "bold red")
    words = {"listen": "listening", "poll": "polling"}.get(health.mode, "starting")
    words = f"gateway is {words}" if watched.by_gateway else words
    if age is None or age >= STALE:
        return Text(f"○ {words} " if age is None else f"○ {words}, {duration(age)} ago ", "yellow")
    return Text(f"● {words}, {age:.0f} s ago " if age >= 1 else f"● {words} ", "green")


def _foot(watched: Watched, width: int) -> list[Text]:
    health = watched.update.health
    lines = [Text("─" * width, "bright_black")]
    if health.error and health.mode != "closed":
        lines += wrap(f" {health.error}", width, "yellow" if health.connected else "bold red")
    # A narrow screen has no room for the name of the link.
    parts = [watched.link] if width >= 60 else []
    reasons = ", ".join(f"{count} {reason}" for reason, count in health.garbage.most_common(3))
    rejected = f"rejected {health.garbage.total()}{f' ({reasons})' if reasons else ''}"
    parts += [counted(health.frames, "frame"), rejected]
    parts += [f"reconnects {health.reconnects}"] if health.reconnects else []
    lines += wrap(f" {'  '.join(parts)}", width, "bright_black")[:2]
    return [*lines, Text(" q or Ctrl-C ends", "bright_black")]


def _waiting(watched: Watched, now: float, width: int) -> list[Text]:
    lines = [Text(), *wrap(f" {_doing(watched)}", width, "")]
    if watched.update.health.garbage.total():
        lines += wrap(" Something is on the line, but nothing that is believed yet.", width, "yellow")
    return [*lines, Text(), Text(f" Waiting for {duration(now - watched.started)}", "bright_black")]


def _doing(watched: Watched) -> str:
    health = watched.update.health
    if health.mode == "starting" and health.connected:
        return "Listening whether a display asks the meter…"
    if health.mode == "closed":
        return "The recording is at its end, and there was no reading of this address in it."
    if not health.connected:
        return "The link is gone; trying again until it is back."
    if health.mode == "listen":
        return f"Listening, as a display asks; nothing of address {watched.address} yet."
    who = "The gateway is asking" if watched.by_gateway else "Asking"
    return f"{who} address {watched.address}; no answer yet."


# The reading ------------------------------------------------------------------------------------------------


def _body(watched: Watched, reading: Reading, width: int, room: int) -> list[Text]:
    health = watched.update.health
    is_old = bool(health.error or not health.connected)
    head = (_large_values if width >= 76 and room >= 15 else _small_values)(reading, width, is_old=is_old)
    charge, facts = _charge(reading, width), _facts(reading, width)
    # What is left of the height goes to the curves; air between the parts comes first.
    free = room - len(head) - len(charge) - len(facts)
    rows = (free - 5) // len(TRENDS)
    if rows > 2:  # such curves have air between them
        rows = max(2, min(HIGHEST_CURVE, (free - 7) // len(TRENDS)))
    curves = _curves(watched.trend, width, max(1, rows)) if free > len(TRENDS) else []
    air = [Text()] if free - len(curves) >= 3 else []
    above = [Text()] if free - len(curves) >= 4 else []
    return [*above, *head, *air, *charge, *air, *curves, *(air if curves else []), *facts]


def _large_values(reading: Reading, width: int, *, is_old: bool) -> list[Text]:
    colour = COLOURS[reading.direction]
    values = (
        (f"{reading.voltage:.2f}", "V", "voltage", "bold cyan"),
        (short(reading.current, 2), "A", "current", f"bold {colour}"),
        (short(reading.power, 1), "W", "power", f"bold {colour}"),
    )
    cell = (width - 2) // 3
    lines = [Text(" ") for _ in range(4)]
    for number, unit, label, style in values:
        *upper, last = draw_number(number)
        note = f"{label}  {ARROWS[reading.direction]}" if label == "current" else label
        for line, text in zip(lines, (*upper, f"{last} {unit}", note), strict=True):
            line.append(f"{text:<{cell}}", "bright_black" if is_old or text is note else style)
    return lines


def _small_values(reading: Reading, width: int, *, is_old: bool) -> list[Text]:
    colour = "bright_black" if is_old else f"bold {COLOURS[reading.direction]}"
    values = Text.assemble(
        (f" {reading.voltage:.2f} V", "bright_black" if is_old else "bold cyan"),
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
    size = max(8, width - 32 if width >= 60 else width - 11)
    for key in TRENDS:
        if rows > 2 and lines:
            lines.append(Text())
        values = trend.columns(key, size)
        known = [value for value in values if value is not None] or [0.0]
        low, high = min(known), max(known)
        ends = [f"{end:.2f}" if key == "voltage" else short(end, 1) for end in (low, high)]
        label = f"  {' to '.join(ends)} {QUANTITIES[key].unit}" if width >= 60 else ""
        *upper, last = _bars(key, values, low, high, rows)
        lines += [Text.assemble(" " * 10, bar) for bar in upper]
        lines.append(Text.assemble(f" {QUANTITIES[key].label:<8} ", last, (label, "bright_black")))
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
    times = [(QUANTITIES[key].label, getattr(reading, key)) for key in ("time_to_empty", "time_to_full")]
    sums = [
        (way.capitalize(), [amount(getattr(reading, f"{way}_{what}"), unit) for what, unit in UNITS.items()])
        for way in ("charged", "discharged")
    ]
    facts = [
        *((label, "" if minutes is None else duration(60.0 * minutes)) for label, minutes in times),
        ("Temperature", "" if reading.temperature is None else f"{reading.temperature:g} °C"),
        ("Output", reading.output_state.replace("_", "-")),
        *((label, "  ".join(filter(None, amounts))) for label, amounts in sums),
        ("Resistance", f"{reading.internal_resistance:g} mΩ" if reading.internal_resistance else ""),
        ("Run time", "" if reading.run_time is None else duration(float(reading.run_time))),
    ]
    facts = [fact for fact in facts if fact[1]]
    columns = 1 if width < 60 else 2 if width < 110 else 3
    cell = max((width - 1) // columns, 16)
    lines = [Text(" ") for _ in range(0, len(facts), columns)]
    for number, (label, value) in enumerate(facts):
        lines[number // columns].append(f"{label:<15}", "bright_black").append(f"{value:<{cell - 15}}")
    return lines


def spread(left: Text, right: Text, width: int) -> Text:
    """Return a line with two ends; where there is no room for both, the right one."""
    gap = width - len(left) - len(right)
    return Text.assemble(left, " " * gap, right) if gap > 0 else right


def wrap(text: str, width: int, style: str) -> list[Text]:
    """Return the lines of a sentence, the later ones with a blank in front."""
    lines = textwrap.wrap(text, max(width - 1, 2), subsequent_indent=" ", break_on_hyphens=False)
    return [Text(line[:width], style) for line in lines]
