"""What happens by the clock; rule: no key of the configuration, only tests have other seconds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """All in seconds.

    `answer`: what a broker has for an answer. `check`: between two looks at what may be due. `link`: between two
    messages about a link whose counts go on and which is otherwise as it was. `settle`: between two discovery messages
    of one meter, as Home Assistant drops parts of one that follows too soon. `birth`: from a birth of Home Assistant to
    our answer, so that not all gateways answer at once. `goodbye`: what a clean leave may take.
    `repeat`: in which the same command again is taken for the one before.
    """

    answer: float = 10.0
    check: float = 1.0
    link: float = 30.0
    settle: float = 5.0
    birth: tuple[float, float] = (0.1, 0.6)
    change: float = 1.0
    repeat: float = 10.0
    goodbye: float = 3.0


TIMING = Timing()
