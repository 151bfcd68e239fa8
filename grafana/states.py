"""The words and colours for states and for how full a battery is; the same on every dashboard."""

from __future__ import annotations

from grafana.looks import AWAY, BAD, GOOD, WARN, word

OUTPUT = (
    word("on", GOOD, 0),
    word("over voltage", BAD, 1),
    word("over current", BAD, 2),
    word("low voltage", BAD, 3),
    word("over current, charging", BAD, 4),
    word("over power", BAD, 5),
    word("over temperature", BAD, 6),
    word("off", WARN, 99, 255),
)
"""What a meter's code for its output means."""

ANSWERS = (word("answers", GOOD, 1), word("silent", AWAY, 0))
OPEN = (word("open", GOOD, 1), word("closed", BAD, 0))
TAKES = (word("takes", GOOD, 1), word("away", BAD, 0))

CHARGE = ((None, BAD), (0.2, WARN), (0.4, GOOD))
"""From which state of charge on a battery is thought to be in danger, low, well."""

HEAT = ((None, WARN), (0, GOOD), (45, WARN), (55, BAD))
"""°C: lithium cells must not be charged below 0, and age fast above 45."""

NONE_IS_GOOD = ((None, GOOD), (1, BAD))
"""For counts of what should not be there."""
