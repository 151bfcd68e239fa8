"""Numbers, times and sentences as text for a screen; rule: only characters that a Linux console has too."""

from __future__ import annotations

from rich.text import Text

HEIGHT = 3
"""Lines of a large number."""

_GLYPHS = {
    "0": ("┌─┐", "│ │", "└─┘"),
    "1": (" ┐ ", " │ ", " ┴ "),
    "2": ("╶─┐", "┌─┘", "└─╴"),
    "3": ("╶─┐", "╶─┤", "╶─┘"),
    "4": ("╷ ╷", "└─┤", "  ╵"),
    "5": ("┌─╴", "└─┐", "╶─┘"),
    "6": ("┌─╴", "├─┐", "└─┘"),
    "7": ("╶─┐", "  │", "  ╵"),
    "8": ("┌─┐", "├─┤", "└─┘"),
    "9": ("┌─┐", "└─┤", "╶─┘"),
    "-": ("   ", "╶─╴", "   "),
    ".": (" ", " ", "."),
    " ": (" ", " ", " "),
}


def draw_number(text: str) -> list[str]:
    """Return the lines of a number; anything but digits, point and minus becomes a blank."""
    glyphs = [_GLYPHS.get(character, _GLYPHS[" "]) for character in text]
    return ["".join(glyph[row] for glyph in glyphs) for row in range(HEIGHT)]


def short(value: float, digits: int) -> str:
    """Return a number with fewer decimals the larger it is, so that the width stays about the same."""
    size = abs(value)
    return f"{value:.{0 if size >= 1000 else min(digits, 1) if size >= 100 else digits}f}"


def amount(value: float | None, unit: str) -> str:
    """Return an energy or capacity in a unit that keeps it short; empty when it is not known."""
    if value is None:
        return ""
    return f"{value / 1000:.2f} k{unit}" if value >= 1000 else f"{value:.1f} {unit}"


def duration(seconds: float) -> str:
    """Return a time in its two largest units."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes = whole // 60
    if minutes < 60:
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours} h {minutes % 60} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def spread(left: Text, right: Text, width: int) -> Text:
    """Return a line with two ends; where there is no room for both, the right one."""
    gap = width - len(left) - len(right)
    return Text.assemble(left, " " * gap, right) if gap > 0 else right


def wrap(text: str, width: int, style: str) -> list[Text]:
    """Return the lines of a sentence, the later ones with a blank in front."""
    lines: list[str] = []
    for word in text.split(" "):
        if lines and len(lines[-1]) + 1 + len(word) < width:
            lines[-1] += f" {word}"
        else:
            lines.append(word if not lines else f" {word}")
    return [Text(line[:width], style) for line in lines]
