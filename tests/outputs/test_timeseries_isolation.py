"""A batch with wrong lines in it loses those and no other."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from juntek.outputs.timeseries.isolation import TAKEN, NothingTakenError, Refusal, Verdict, isolate


class Taker:
    """Takes a batch as a whole or not at all, and none with more than `most` lines."""

    def __init__(self, bad: set[int], most: int = 10**9) -> None:
        self.bad = bad
        self.most = most
        self.taken: list[int] = []
        self.requests = 0

    async def send(self, lines: Sequence[bytes]) -> Verdict:
        self.requests += 1
        places = [int(line) for line in lines]
        if len(places) > self.most:
            return Verdict(taken=False, why="too large", too_large=True)
        if wrong := self.bad.intersection(places):
            return Verdict(taken=False, why=f"{min(wrong)} is wrong")
        self.taken += places
        return TAKEN


def lines(count: int) -> list[bytes]:
    return [b"%d\n" % place for place in range(count)]


@st.composite
def takers(draw: st.DrawFn) -> tuple[int, Taker]:
    count = draw(st.integers(0, 200))
    places = st.integers(0, max(count - 1, 0))
    bad = draw(st.sets(places) | st.sets(places, max_size=3) | st.just(set(range(count))))
    return count, Taker(bad & set(range(count)), draw(st.just(10**9) | st.integers(1, 50)))


@given(takers())
async def test_refused_are_the_wrong_lines_in_order_and_every_other_is_taken_once(case: tuple[int, Taker]) -> None:
    count, taker = case
    refusals = await isolate(taker.send, lines(count), thorough=True)
    assert refusals == [Refusal(place, f"{place} is wrong") for place in sorted(taker.bad)]
    assert sorted(taker.taken) == [place for place in range(count) if place not in taker.bad]


@given(takers())
async def test_who_is_not_thorough_gives_up_only_where_all_of_a_sample_is_wrong(case: tuple[int, Taker]) -> None:
    count, taker = case
    sample = {count - 1, 0, count // 2, count // 4, 3 * count // 4}
    try:
        refusals = await isolate(taker.send, lines(count), thorough=False)
    except NothingTakenError:
        assert sample <= taker.bad
    else:
        assert refusals == [Refusal(place, f"{place} is wrong") for place in sorted(taker.bad)]
        assert sorted(taker.taken) == [place for place in range(count) if place not in taker.bad]
        assert not count or len(refusals) < count


@pytest.mark.parametrize(("place", "most"), [(0, 22), (1, 22), (499, 22), (500, 22), (998, 14), (999, 4)])
async def test_one_wrong_line_in_a_thousand_costs_few_requests(place: int, most: int) -> None:
    taker = Taker({place})
    assert await isolate(taker.send, lines(1000), thorough=False) == [Refusal(place, f"{place} is wrong")]
    assert taker.requests <= most


async def test_batch_that_is_only_too_large_goes_in_parts_as_large_as_can_be() -> None:
    taker = Taker(set(), most=250)
    assert await isolate(taker.send, lines(1000), thorough=False) == []
    assert taker.requests == 1 + 2 + 4


async def test_nothing_taken_is_found_out_with_few_requests() -> None:
    taker = Taker(set(range(1000)))
    with pytest.raises(NothingTakenError, match="is wrong"):
        await isolate(taker.send, lines(1000), thorough=False)
    assert taker.requests <= 6


async def test_nothing_taken_is_found_out_with_few_requests_where_batches_are_too_large_too() -> None:
    taker = Taker(set(range(1000)), most=100)
    with pytest.raises(NothingTakenError, match="is wrong"):
        await isolate(taker.send, lines(1000), thorough=False)
    assert taker.requests <= 12


async def test_lines_that_are_too_large_one_by_one_are_refused_as_such() -> None:
    with pytest.raises(NothingTakenError, match="too large"):
        await isolate(Taker(set(), most=0).send, lines(3), thorough=False)
    refusals = await isolate(Taker(set(), most=0).send, lines(3), thorough=True)
    assert refusals == [Refusal(place, "too large") for place in range(3)]


async def test_single_wrong_line_is_all_that_there_is() -> None:
    with pytest.raises(NothingTakenError, match="0 is wrong"):
        await isolate(Taker({0}).send, lines(1), thorough=False)
    assert await isolate(Taker({0}).send, lines(1), thorough=True) == [Refusal(0, "0 is wrong")]
