"""Sends what a target is owed, out of the history; rule: the oldest first, and what is done is kept before the next.

What may have been sent before is looked for at the target first, where it can be asked: VictoriaMetrics keeps a point
twice that is written twice. The others write over what is there.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import repeat
from time import monotonic
from typing import TYPE_CHECKING

from juntek.errors import DatabaseError
from juntek.history.deliveries import ON_THE_WAY, Deliveries, Piece, State
from juntek.history.fields import times_of
from juntek.outputs.timeseries.lines import head_of, labels_of, lines_of
from juntek.outputs.timeseries.target import AllRefusedError, TargetError
from juntek.outputs.timeseries.work import finish

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from juntek.outputs.timeseries.target import Target

BATCH = ON_THE_WAY
"""Readings in a request: two megabytes, a tenth of it packed."""
SMALLEST_BATCH = 100
"""Readings in a request to a target that does not answer larger ones in time."""
GROWS_AFTER = 600.0
"""s after which a larger one is tried again; well above what is in doubt, and sent again, when that goes wrong."""
REFUSED_BATCH = 500
"""Readings in a request where some are known to be wrong."""
MOST_REFUSALS = 3
"""Requests refused as a whole, one after the other, after which the target is wrong and not our readings."""


class Backlog:
    """What one target is owed; `count` is to be called for whatever else it takes."""

    def __init__(self, store: Deliveries, target: Target, site: str, time: Callable[[], float]) -> None:
        self.sent = 0
        """Readings that the target has taken."""
        self.held = 0
        """Readings that the target had already."""
        self.refused = 0
        """Readings that the target would not take."""
        self.lost = 0
        """Readings that the history had no more when they were to be sent."""
        self.complaint = ""
        """What it said about the last of those that it would not take."""
        self.refusal: AllRefusedError | None = None
        """Why the target took nothing of the last requests; None once it takes something."""
        self.oldest: float | None = None
        """When the oldest reading was received that was found owed last, s since 1970; None where nothing is owed."""
        self._store = store
        self._target = target
        self._site = site
        self._time = time
        self._unsettled: list[Piece] = []
        self._is_hidden = True
        """Whether the target may have taken something of this a moment ago, and not show it yet."""
        self._most = BATCH
        self._sized = 0.0
        self._accepted = 0
        self._accepted_before = 0
        self._refusals = 0

    def count(self) -> None:
        """The target has taken something."""
        self._accepted += 1
        self._refusals = 0
        self.refusal = None

    async def send(self, limit: int = BATCH) -> int | None:
        """Send the next of what is owed; return how many readings were looked at, None where there is none to send.

        Raises TargetError where the target is away or refuses everything; nothing is lost by that. Raises DatabaseError
        where that cannot be kept, and sends nothing more until it can.
        """
        if self._unsettled:
            await self._settle(self._unsettled, State.DOUBTFUL)
        pieces = await finish(self._store.look, min(limit, self._most))
        if not pieces:
            self.oldest = await finish(self._store.find_oldest)
            return None if self._accepted == self._accepted_before else await self.send_refused()
        times = (times_of(batch)[0] for piece in pieces for batch in piece.batches)
        self.oldest = next(times, pieces[0].range.start) / 1000
        state = State.SENT
        try:
            await self._write(pieces)
        except AllRefusedError as error:
            # Either these are wrong or the target is: what else it takes will tell.
            self._note_refusal(error)
            state = State.REFUSED
            if self._refusals > MOST_REFUSALS:
                raise
        except TargetError as error:
            self._is_hidden = True
            if error.uncertain:
                self._resize(max(self._most // 2, SMALLEST_BATCH))
                await self._settle(pieces, State.DOUBTFUL)
            raise
        except BaseException:
            with suppress(DatabaseError):
                await self._settle(pieces, State.DOUBTFUL)
            raise
        if self._most < BATCH and monotonic() - self._sized > GROWS_AFTER:
            self._resize(min(self._most * 2, BATCH))
        await self._settle(pieces, state)
        return sum(piece.size for piece in pieces)

    async def send_refused(self) -> int | None:
        """Send again what was refused as a whole, in small parts, after the target has taken something else.

        Returns how many readings were looked at, None where there are no such. What is refused again is given up.
        """
        pieces = await finish(self._store.look, REFUSED_BATCH, (State.REFUSED,))
        if not pieces:
            self._accepted_before = self._accepted
            return None
        count = sum(piece.size for piece in pieces)
        try:
            await self._write(pieces, thorough=True)
        except TargetError as error:
            if error.uncertain:
                await self._settle(pieces, State.DOUBTFUL)
            raise
        await self._settle(pieces, State.SENT)
        return count

    async def try_newest(self) -> bool:
        """Return whether the target takes the newest reading that is owed, after it has refused all older ones.

        Only a target that writes over what is there refuses anything, so it may get this one twice.
        """
        piece = await finish(self._store.look_at_newest)
        if piece is None:
            return False
        try:
            await self._target.write(_lines(labels_of(self._site, piece.range.meter), piece, None))
        except AllRefusedError:
            return False
        self.count()
        return True

    def hide(self) -> None:
        """The target may have got something a moment ago that it does not show yet."""
        self._is_hidden = True

    def _resize(self, most: int) -> None:
        self._most, self._sized = most, monotonic()

    async def _settle(self, pieces: list[Piece], state: State) -> None:
        """Keep what became of these; where that fails, they are the first thing to be kept before others are sent."""
        self._unsettled = pieces
        await finish(self._store.settle, pieces, self._time(), state)
        self._unsettled = []
        if state is State.SENT:
            self.lost += sum(piece.lost for piece in pieces)

    async def _write(self, pieces: list[Piece], *, thorough: bool = False) -> None:
        lines: list[bytes] = []
        known = 0
        for piece in pieces:
            labels = labels_of(self._site, piece.range.meter)
            held = None
            if piece.range.state is State.DOUBTFUL and piece.batches:
                start, last = times_of(piece.batches[0])[0], times_of(piece.batches[-1])[-1]
                held = await self._target.find_held(labels, start, last, flush=self._is_hidden)
                self._is_hidden = False
            found = await finish(_lines, labels, piece, held)
            known += piece.size - len(found)
            lines += found
        refusals = await self._target.write(lines, thorough=thorough) if lines else []
        self.held += known
        if not lines:
            return
        if len(refusals) < len(lines):
            self.count()
        self.sent += len(lines) - len(refusals)
        if refusals:
            self.refused += len(refusals)
            self.complaint = refusals[-1].why

    def _note_refusal(self, error: AllRefusedError) -> None:
        self.refusal = error
        self.complaint = str(error)
        self._refusals += 1
        self._accepted_before = self._accepted


def _lines(labels: Mapping[str, str], piece: Piece, held: Mapping[str, set[int]] | None) -> list[bytes]:
    head = head_of(labels)
    return [line for batch in piece.batches for line in lines_of(repeat(head), batch, held)]
