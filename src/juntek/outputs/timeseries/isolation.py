"""Finds the lines that a target will not take among those that it would; rule: knows of lines, not of HTTP.

A batch that is refused is halved until the wrong lines stand alone, so that one of them among a thousand costs some
twenty requests and none of the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence


class Refusal(NamedTuple):
    """A line that was not taken: its index among those that were handed over, and why, in the target's words."""

    place: int
    why: str


class Verdict(NamedTuple):
    """What became of a batch; one that is only too large may have nothing wrong in it.

    `dropped`: how many of its lines were left out, where the target counts them.
    """

    taken: bool
    why: str = ""
    too_large: bool = False
    dropped: int = 0


TAKEN: Final = Verdict(taken=True)


class NothingTakenError(Exception):
    """No line that was tried was taken; the text is why, in the target's words."""


async def isolate(
    send: Callable[[Sequence[bytes]], Awaitable[Verdict]], lines: Sequence[bytes], *, thorough: bool
) -> list[Refusal]:
    """Hand `lines` over with `send`, and return those that are refused, in order; the others are taken then.

    Raises NothingTakenError where it takes none of all, or of some that lie apart; not where it shall be `thorough`.
    """
    search = _Search(send, lines, thorough=thorough)
    await search.settle(range(len(lines)))
    if lines and len(search.refusals) == len(lines) and not thorough:
        raise NothingTakenError(search.refusals[-1].why)
    return sorted(search.refusals)


class _Search:
    """What is known of the lines so far."""

    def __init__(
        self, send: Callable[[Sequence[bytes]], Awaitable[Verdict]], lines: Sequence[bytes], *, thorough: bool
    ) -> None:
        self._send = send
        self._lines = lines
        self._sampled: set[int] = set()
        self._needs_sample = not thorough
        self.refusals: list[Refusal] = []

    async def settle(self, places: Sequence[int]) -> bool:
        """Hand these lines over; return whether they were taken as they are."""
        places = self._leave_out_sampled(places)
        if not places:
            return True
        verdict = await self._send([self._lines[place] for place in places])
        if verdict.taken:
            self._needs_sample = False
        elif len(places) == 1 or verdict.dropped >= len(places):
            self.refusals += [Refusal(place, verdict.why) for place in places]
        elif verdict.too_large:
            await self._halve(places, sure=False)
        else:
            await self._divide(places)
        return verdict.taken

    async def _divide(self, places: Sequence[int]) -> None:
        """Settle lines of which at least one is wrong."""
        found = len(self.refusals)
        if self._needs_sample:
            await self._sample()
            places = self._leave_out_sampled(places)
        if len(self.refusals) > found:
            await self.settle(places)  # what was found may have been all that is wrong
        else:
            await self._halve(places, sure=True)

    async def _halve(self, places: Sequence[int], *, sure: bool) -> None:
        """Settle lines in two halves; where one is `sure` to be wrong, a good half tells of the other."""
        middle = (len(places) + 1) // 2
        left, right = places[:middle], places[middle:]
        if await self.settle(left) and sure and len(right) > 1:
            await self._halve(right, sure=True)
        else:
            await self.settle(right)

    async def _sample(self) -> None:
        """Try some lines alone: where none of them is taken, what is wrong may be none of theirs."""
        self._needs_sample = False
        count = len(self._lines)
        # The last first: what is too old for the target stands before what is not.
        for place in dict.fromkeys((count - 1, 0, count // 2, count // 4, 3 * count // 4)):
            taken = await self.settle([place])
            self._sampled.add(place)
            if taken:
                return
        raise NothingTakenError(self.refusals[-1].why)

    def _leave_out_sampled(self, places: Sequence[int]) -> Sequence[int]:
        return [place for place in places if place not in self._sampled] if self._sampled else places
