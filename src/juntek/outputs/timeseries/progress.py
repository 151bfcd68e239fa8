"""How far one target has got, now and a minute ago; rule: what may be lost is sent again.

A target may lose in a power cut of its own what it took in the last moments. So all cursors can go back to where they
were at least WINDOW seconds ago, and only that is kept on disk. What is sent again is the same to the last digit, and a
database that tells rows by series and time keeps it once.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from juntek.history.cursors import Cursor

if TYPE_CHECKING:
    from collections.abc import Mapping

WINDOW: Final = 60.0
"""s after which a target has on its disk what it took: VictoriaMetrics writes after 5, a file system after 30."""
STEPS: Final = 3
"""Into so many parts the window is divided."""
FAR_BEHIND: Final = 180_000
"""ms: a head that is further behind after trouble leaves a gap and goes on with what is new."""


class Progress:
    """The cursors of one target by meter; `now` is where they stand."""

    def __init__(self) -> None:
        self.now: dict[str, Cursor] = {}
        self.saved: dict[str, Cursor] = {}
        """What is on disk, as far as we know."""
        self._is_back = True
        self._then: deque[dict[str, Cursor]] = deque([{}], maxlen=STEPS + 1)

    @property
    def settled(self) -> dict[str, Cursor]:
        """Where they stood at least WINDOW seconds ago, or when we began."""
        return self._then[0]

    def tick(self) -> None:
        """A STEPSth of the window has gone by."""
        self._then.append(dict(self.now))

    def go_back(self) -> None:
        """The target may have lost what it took last."""
        self._is_back = True
        self.now = dict(self.settled)
        self._then = deque([dict(self.settled)], maxlen=STEPS + 1)

    def merge(self, on_disk: Mapping[str, Cursor]) -> None:
        """Take over what others have written: a new meter, or a gap that the recorder or a push has widened."""
        for meter, cursor in on_disk.items():
            if self.saved.get(meter) == cursor:
                continue
            for cursors in (self.now, *self._then):
                mine = cursors.get(meter, cursor)
                cursors[meter] = mine.widen(cursor.past, cursor.until)._replace(since=cursor.since, moves=cursor.moves)
            self.saved[meter] = cursor

    def leave_gaps(self, newest: Mapping[str, int]) -> None:
        """Go on with what is new, where a head has gone far back; what lies between is sent beside it."""
        if not self._is_back:
            return
        self._is_back = False
        for meter, cursor in self.now.items():
            last = newest.get(meter, 0)
            if last - cursor.head > FAR_BEHIND:
                self.now[meter] = cursor.widen(cursor.head, last)._replace(head=last)

    def advance(self, before: Mapping[str, Cursor], after: Mapping[str, Cursor]) -> None:
        """The target has taken all between; of no account for a cursor that has moved meanwhile."""
        for meter, cursor in after.items():
            if self.now[meter] == before[meter]:
                self.now[meter] = cursor
