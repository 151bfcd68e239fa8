"""Recordings read into the history; rule: the same checks and the same totals as live, and twice is as good as once.

Totals go on from those of the gateway where the recording begins after them, else they begin anew: what counts in the
history is how much they grow.
"""

from __future__ import annotations

import math
import os
import stat
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from functools import partial
from itertools import pairwise
from pathlib import Path

from juntek.battery.ledger import Ledger
from juntek.battery.sums import Totals
from juntek.capture import Chunk
from juntek.capture.decoded import says_what_is_left
from juntek.capture.likeness import explain_no_frames
from juntek.capture.recording import DamagedError, Recording, first_time, listen
from juntek.capture.times import LineTimes
from juntek.clock import CLOCK_END, Clock
from juntek.errors import RequestError
from juntek.exchange import Options
from juntek.files import explain_unreadable
from juntek.history import Database
from juntek.history.fields import batch_of
from juntek.history.recorder import Recorder, Stream
from juntek.reading import NOTHING_MORE, Identity, Reading
from juntek.rs485.bus import Bus, Event
from juntek.rs485.framing import Garbage

NOTHING_LEFT = "without what is left in the battery, in Ah (nominal_capacity of the meter tells it from a percentage)"
BLOCK = 256 * 1024
"""Bytes read at a time, fewer where they come slowly."""
_PIECES, _PIECE = 16, 16 * 1024
BATCH = 20_000
"""Readings in one commit."""
TOTALS_INTERVAL = 10.0
"""s between two totals, as in the gateway."""
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
"""s since 1970; an earlier time is one of a computer whose clock was never set."""


@dataclass(slots=True)
class Imported:
    """What became of a recording. `skipped` counts what was not kept, by why."""

    meter: str
    kept: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    explanations: dict[Path, str | None] = field(default_factory=dict)
    """Of each file without frames, what it seems to be."""
    first: float | None = None
    last: float | None = None
    """Times of the first and the last reading that was kept, s since 1970."""


class LogImport:
    """Reads the recordings of one meter, in the order of time, into a database.

    `address` is that of the meter where the recording has several. Of readings before `keep_since` (s) only the
    rollups are kept.
    """

    def __init__(  # noqa: PLR0913 - where from, where to
        self,
        database: Database,
        meter: str,
        zone: tzinfo,
        *,
        options: Options | None = None,
        address: int | None = None,
        keep_since: float = 0.0,
    ) -> None:
        self.result = Imported(meter)
        self._database = database
        self._recorder = Recorder(database)
        self._zone = zone
        self.keep_since = keep_since
        self._address = address
        self._options = options or Options()
        self._bus = Bus({address: self._options} if address is not None else None)
        self._clock = Clock()
        self.times = LineTimes(zone)
        self._stream = Stream(meter, live=False)
        self._ledger = Ledger(zone)
        self._goes_on = False
        self._waiting: list[Reading] = []
        self._totals: Totals | None = None
        self._next_totals = 0.0
        self._earlier: set[tuple[object, ...]] = set()
        self._earlier_too: set[tuple[object, ...]] = set()
        """What is kept of the files before, and of this one, at times that the next one has as well."""
        self._next_file = math.inf

    def add(self, chunks: Iterable[Chunk]) -> None:
        """Take the next of the recording."""
        for _, events in listen(self._bus, list(chunks)):
            self._hear(events)
            if len(self._waiting) >= BATCH:
                self._flush()

    def finish(self) -> Imported:
        """Write what is left; return what became of all."""
        self._hear(self._bus.finish())
        self._flush()
        if self._goes_on:
            self._recorder.conclude(self._stream, self._ledger.snapshot())
        return self.result

    def _hear(self, events: Iterable[Event]) -> None:
        for event in events:
            if isinstance(event, Reading):
                self._take(event)
            elif isinstance(event, Garbage):
                self.result.skipped[f"rejected ({event.reason})"] += 1
            elif isinstance(event, Identity) and event.address == self._address:
                self._ledger.limit(event.max_current)

    def _take(self, reading: Reading) -> None:
        if self._address is None:
            self._address = reading.address
        if not says_what_is_left(reading):
            reading = self._with_what_is_left(reading)
        why = self._why_not(reading)
        if why is not None or reading.time is None:
            self.result.skipped[why or self.times.lack] += 1
            return
        time, elapsed = self._clock.judge(reading.time, None)
        self._count(reading.at(time, elapsed), time or reading.time)

    def _count(self, reading: Reading, time: float) -> None:
        """Let a reading wait with its totals, which move as seldom as in the gateway."""
        if not self._waiting and self._stream.totals is None and not self._goes_on:
            self._find_start(time)
        had_begun = self._ledger.has_begun
        self._ledger.add(reading)
        if self._ledger.has_begun and not had_begun:  # what came first was believed only now
            self._totals = self._ledger.totals()
            self._waiting = [self._totals.put_on(one) for one in self._waiting]
        if self._totals is None or not 0 <= self._next_totals - time <= TOTALS_INTERVAL:
            self._totals, self._next_totals = self._ledger.totals(), time + TOTALS_INTERVAL
        self._waiting.append(self._totals.put_on(reading))

    def _why_not(self, reading: Reading) -> str | None:
        """Return why a reading is not kept, None where it is."""
        if reading.address not in (None, self._address):
            return f"of the meter at address {reading.address}"
        if not says_what_is_left(reading):
            return NOTHING_LEFT
        if reading.time is None:
            return self.times.lack
        if not EARLIEST <= reading.time < CLOCK_END:
            return "the clock was not set"
        return "there already" if self._is_repeated(reading.time, reading) else None

    def _with_what_is_left(self, reading: Reading) -> Reading:
        """Return a decoded reading with what is left by its percentage, where the meter's nominal capacity is known."""
        percent, nominal = reading.more.get("state_of_charge"), self._options.nominal_capacity
        if percent is None or not nominal:
            return reading
        left = round(nominal * percent / 100, 3)
        return reading._replace(remaining_capacity=left, nominal_capacity=nominal, more=NOTHING_MORE)

    def _is_repeated(self, time: float, reading: Reading) -> bool:
        """Whether a file before had the same reading: rotated logs overlap."""
        mark = time, reading.raw, reading.voltage, reading.current
        if mark in self._earlier:
            return True
        if time >= self._next_file:
            self._earlier_too.add(mark)
        return False

    def begin_file(self, next_file: float) -> None:
        """Say that another recording begins, and when the one after it does (s since 1970)."""
        self._earlier |= self._earlier_too
        self._earlier_too = set()
        self._next_file = next_file

    def _find_start(self, time: float) -> None:
        """Go on from the gateway's totals where the recording begins after them."""
        snapshot = self._database.load_ledgers().get(self.result.meter)
        saved = self._ledger if snapshot is None else Ledger.restore(snapshot, self._zone)
        self._goes_on = not snapshot or not snapshot["last"] or time > snapshot["last"][0]
        if self._goes_on:
            self._ledger = saved
            self._recorder.go_on(self._stream)

    def _flush(self) -> None:
        if not self._waiting:
            return
        self._waiting[-1] = self._ledger.totals().put_on(self._waiting[-1])
        refused = self._recorder.record_streams([(self._stream, batch_of(self._waiting))], keep_since=self.keep_since)
        result, kept = self.result, len(self._waiting) - refused
        result.kept += kept
        if refused:
            result.skipped["there already"] += refused
        if kept:
            result.first = self._waiting[0].time if result.first is None else result.first
            result.last = self._waiting[-1].time
        self._waiting, self._totals = [], None


class RecordedFile:
    """A recording in a file, also a packed one, or on standard input for "-"; `times` reads its times."""

    def __init__(self, path: Path, times: LineTimes) -> None:
        self.path = path
        self._times = times
        self._recording = Recording(times)

    def read(self, tell: Callable[[int, int], None] = lambda _done, _of: None) -> Iterator[list[Chunk]]:
        """Yield the chunks as they come; `tell` hears how many of a file's bytes are read.

        Raises RequestError where it cannot be read.
        """
        is_input = str(self.path) == "-"
        try:
            with open(sys.stdin.fileno() if is_input else self.path, "rb", buffering=0, closefd=not is_input) as file:
                status = os.fstat(file.fileno())
                is_file = stat.S_ISREG(status.st_mode)
                pieces = _pieces_all_over(file.fileno(), status.st_size) if is_file else ()
                self._times.prepare(status.st_mtime, pieces)
                self._recording = Recording(self._times, ends=is_file)
                for chunks in self._recording.read(iter(partial(os.read, file.fileno(), BLOCK), b"")):
                    yield chunks
                    if is_file:
                        tell(file.tell(), status.st_size)
        except OSError as error:
            raise RequestError(f"{self.path} {explain_unreadable(error)}") from None
        except DamagedError as error:
            raise RequestError(f"{self.path} cannot be read ({error}): give the path of a recording.") from None

    def explain_nothing(self) -> str | None:
        """Return a sentence about what was read where there were no frames in it, else None."""
        return None if self._recording.has_frames else explain_no_frames(self._recording.start)


def _pieces_all_over(descriptor: int, size: int) -> Iterator[bytes]:
    """Yield pieces of a file, of all over it and of its end, each from the beginning of a line on."""
    for start in sorted({max(0, size * number // _PIECES - _PIECE) for number in range(1, _PIECES + 1)}):
        yield os.pread(descriptor, _PIECE, start).partition(b"\n")[2 if start else 0]


def import_logs(
    job: LogImport, paths: Iterable[Path], tell: Callable[[int, int], None] = lambda _done, _of: None
) -> Imported:
    """Read recordings, sorted by when they begin. Raises RequestError for one that cannot be read, or not so often."""
    several = list(paths)
    if len(several) > 1 and (once := [path for path in several if str(path) == "-" or path.is_fifo()]):
        raise RequestError(f"{once[0]} can be read only once, and so cannot be sorted in: import it alone.")
    zone = job.times.zone
    starts = [first_time(RecordedFile(path, LineTimes(zone)).read()) if len(several) > 1 else 0.0 for path in several]
    ordered = sorted(zip(starts, several, strict=True), key=lambda pair: pair[0])
    for (_, path), (following, _) in pairwise([*ordered, (math.inf, Path())]):
        job.begin_file(following)
        file = RecordedFile(path, job.times)
        for chunks in file.read(tell):
            job.add(chunks)
        job.result.explanations[path] = file.explain_nothing()
    return job.finish()
