"""Numbers three lines high; rule: only characters that a Linux console has too."""

from __future__ import annotations

HEIGHT = 3

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
