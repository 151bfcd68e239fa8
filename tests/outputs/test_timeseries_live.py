"""The books of what is heard now: clocks that are set right, and two readings in a moment."""

from __future__ import annotations

from history.made import START, reading_at
from juntek.history.deliveries import Range, State
from juntek.outputs.timeseries.live import Live
from juntek.update import Health, Update

FALSE = START + 10 * 86_400
"""What a clock told that was wrong."""


def hear(live: Live, *times: float) -> None:
    for time in times:
        live.take(
            Update(
                "house", available=True, reading=reading_at(1, time=time), identity=None, settings=None, health=Health()
            )
        )


def covers(owed: list[Range], *times: float) -> bool:
    return all(any(part.start <= round(1000 * time) <= part.last for part in owed) for time in times)


def test_two_readings_in_one_millisecond_are_one_as_in_the_history() -> None:
    live = Live()
    hear(live, START + 0.1, START + 0.1234, START + 0.12349, START + 0.124)
    assert live.waiting == 3


def test_a_batch_that_goes_over_a_step_of_the_clock_is_owed_on_both_sides_of_it() -> None:
    live = Live()
    hear(live, FALSE, FALSE + 1)
    live.hand_over(live.cut(), 0.0)
    hear(live, FALSE + 2, FALSE + 3, START, START + 1)
    assert live.waiting == 2
    live.owe(live.cut())
    owed = live.collect().owed
    assert all(part.start <= part.last for part in owed)
    assert covers(owed, FALSE + 2, FALSE + 3, START, START + 1)


def test_what_was_handed_over_after_a_step_of_the_clock_is_in_doubt_like_what_was_before() -> None:
    live = Live()
    hear(live, FALSE, FALSE + 1)
    live.hand_over(live.cut(), 0.0)
    hear(live, START, START + 1)
    live.hand_over(live.cut(), 1.0)
    live.doubt()
    owed = live.collect().owed
    assert covers(owed, FALSE, FALSE + 1, START, START + 1)
    assert {part.state for part in owed} == {State.DOUBTFUL}
