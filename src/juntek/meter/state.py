"""What an owner says about a meter, and what is known of it; rule: it remembers, and decides nothing about the line."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from juntek.clock import Clock
from juntek.errors import JuntekError, NoReplyError, RequestError, UnknownLayoutError, counted
from juntek.exchange import Command, Options, Query
from juntek.reading import Identity, Reading, Settings
from juntek.update import Health, Update

Mode = Literal["auto", "listen", "poll"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How patient a line is, in seconds."""

    listen_first: float = 3.0
    """Of listening before the first request: displays ask at least once a second (docs/protocol.md, Who talks)."""
    silence: float = 5.0
    """Without another's request after which its display is taken for unplugged."""
    reply: float = 1.0
    """For a reply. The meters answer within 0.35 s; bridges over a network add to that."""
    settings: float = 30.0
    """Between requests for the settings."""
    identity: float = 60.0
    """Between requests for an identity that did not come."""
    retry: float = 2.0
    """After a damaged reply about identity or settings: without the settings there is no state of charge."""
    rest: float = 5.0
    """Between polls of a meter that does not answer, so that it costs its neighbours little."""
    patience: float = 10.0
    """Without a believed reading after which a meter counts as silent, or four polls if that is longer."""
    watch: float = 1.0
    """Between two looks for meters that have fallen silent."""
    shortest_wait: float = 1.0
    longest_wait: float = 15.0
    """Between attempts to open a link; it doubles from the first to the second, until bytes come."""
    longest_silence: float = 300.0
    """Without a byte after which a link is opened anew at the latest. At first that is the patience of its meters (a
    converter may accept and pass nothing on), and twice as long after each time that it did not help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterOptions:
    """One meter on a link. `interval` is the seconds between polls of its readings."""

    name: str
    address: int = 1
    mode: Mode = "auto"
    interval: float = 1.0
    options: Options = field(default_factory=Options)

    def __post_init__(self) -> None:
        if not 1 <= self.address <= 99:
            raise RequestError(f"A meter's address is 1 to 99, not {self.address}; look for P01 at its display.")


class Meter:
    """What is known of one meter on a line; the line's `garbage` is counted for all its meters together."""

    def __init__(self, options: MeterOptions, garbage: Counter[str], patience: float) -> None:
        self.options = options
        self.patience = max(patience, 4 * options.interval)
        """s without a believed reading after which it counts as silent."""
        self.identity: Identity | None = None
        self.settings: Settings | None = None
        self.last_reading: Reading | None = None
        self.available = False
        self.health = Health(garbage=garbage)
        self._silence: float | None = 0.0
        """s without a believed reading at the last look; None where there was one since then."""
        self.clock = Clock()
        self._before = Counter[str]()
        self._said: dict[Query, float] = {}
        """When what is known came, by the loop's clock."""

    def begin(self) -> None:
        """Begin to be patient, as the link was opened or a reading came."""
        self._silence = 0.0
        self._before = self.health.garbage.copy()

    def hear(self, reading: Reading, came: float | None, now: float) -> Reading:
        """Keep a reading that is believed at `now` and `came` then or earlier; return it with its time judged."""
        self._silence = None
        self._said["reading"] = now if came is None else came
        time, elapsed = self.clock.judge(reading.time, came)
        self.available = True
        self.health.error = None
        self.health.frames += 1
        self.health.last_frame = time
        self.last_reading = reading.at(time, elapsed)
        return self.last_reading

    def is_silent_after(self, seconds: float) -> bool:
        """Whether there should have been a reading, so many seconds after that was asked before."""
        if self._silence is None:
            self.begin()
            return False
        self._silence += seconds
        return self._silence >= self.patience

    def learn(self, event: Identity | Settings, came: float | None = None) -> bool:
        """Keep who or how the meter is, as it said when that `came`; return whether that is news.

        The same thing said again is none, and keeps its object, so that nobody tells it on.
        """
        self.health.frames += 1
        self.health.last_frame = event.time
        if isinstance(event, Settings):
            self._said["settings"] = came or 0.0
        known = self.identity if isinstance(event, Identity) else self.settings
        if known is not None and known.raw == event.raw:
            return False
        if isinstance(event, Identity):
            self.identity = event
        else:
            self.settings = event
        return True

    def has_obeyed(self, command: Command, since: float) -> bool | None:
        """Whether the meter says what a command was to bring about; None where it has said nothing `since` then."""
        if command.query is None or self._said.get(command.query, 0.0) < since:
            return None
        if command.query == "settings" and self.settings is not None:
            return bool(self.settings.value(command.key) == command.value)
        if command.query != "reading" or self.last_reading is None or command.told is None:
            return None
        told = command.told(self.last_reading, self.settings)
        if isinstance(told, float):
            return abs(told - float(command.value)) <= command.tolerance
        return None if told is None else bool(told == command.value)

    def explain_silence(self, link: str, *, line_is_good: bool = False, asked: int | None = None) -> JuntekError:
        """Return why there may be no reading, with the mend.

        `line_is_good`: others on it are heard. `asked`: an address that a display asks, and that is none of ours.
        """
        address = self.options.address
        garbage = Counter[str]() if line_is_good else self.health.garbage - self._before
        count = garbage.total()
        if garbage["unknown_layout"] * 2 > count:
            return UnknownLayoutError(
                f"Address {address} on {link} answers in a layout that no model table explains; "
                f"record it with 'juntek capture' and report it."
            )
        if garbage["implausible"] * 2 > count:
            return NoReplyError(
                f"What address {address} on {link} answers makes no sense ({counted(count, 'answer')} not believed); "
                f"check that one meter alone has this address, and the wires A and B."
            )
        if count:
            return NoReplyError(
                f"Nothing but noise on {link} ({counted(count, 'piece')}); swap the wires A and B, and check that the "
                f"adapter is an RS485 one."
            )
        if "listen" in (self.options.mode, self.health.mode):
            return NoReplyError(self._explain_listening(link, asked))
        return NoReplyError(
            f"No answer from address {address} on {link}; check the meter's power, the wires A and B, "
            f"and its address at the display."
        )

    def _explain_listening(self, link: str, asked: int | None) -> str:
        address = self.options.address
        if asked is not None:
            return (
                f"A display asks address {asked} on {link}, and address {address} does "
                f"not answer; write address = {asked}, set the display to P{address:02}, or unplug the display."
            )
        if self.options.mode == "listen":
            return (
                f"Nothing heard from address {address} on {link}; plug in a display that asks the meter, "
                f"or change the mode from listen to auto."
            )
        return (
            f"A display asks on {link}, and address {address} does not answer; "
            f"check the meter's address, or unplug the display."
        )

    def update(self, reading: Reading | None = None) -> Update:
        """Return what is known now."""
        return Update(self.options.name, self.available, reading, self.identity, self.settings, self.health)
