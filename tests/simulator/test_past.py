"""Days of replies at once: the same for the same seed, and each a good frame."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest

from juntek.errors import RequestError
from juntek.simulator import Options, history, make_site
from simulator.lines import FAMILIES, parse_one

START = datetime(2025, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("model", FAMILIES)
def test_every_reply_is_a_frame_of_the_family(model: str) -> None:
    frames = [
        (time, parse_one(frame))
        for time, frame in history(Options(models=(model,), addresses=(5,)), START, START + timedelta(hours=1), 10)
    ]
    assert [time for time, _ in frames] == [START.timestamp() + 10 * n for n in range(360)]
    assert {(frame.command, frame.address) for _, frame in frames} == {("r50", 5)}
    assert len({frame.fields for _, frame in frames}) == 360


def test_the_same_seed_is_the_same_past_and_another_is_another() -> None:
    end = START + timedelta(hours=6)
    one, same, other = (list(history(Options(seed=seed), START, end, 60)) for seed in (4, 4, 5))
    assert one == same
    assert one != other


def test_settings_come_before_the_readings_as_often_as_asked() -> None:
    frames = list(history(Options(), START, START + timedelta(minutes=2), 10, settings_every=30))
    commands = [frame[1:4].decode() for _, frame in frames]
    assert commands[:5] == ["r51", "r50", "r50", "r50", "r51"]
    assert commands.count("r51") == 4
    assert commands.count("r50") == 12


def test_counters_never_fall_over_days() -> None:
    frames = [parse_one(frame).fields for _, frame in history(Options(), START, START + timedelta(days=3), 30)]
    for before, after in pairwise(frames):
        assert all(after[index] >= before[index] for index in (3, 4, 5))


def test_a_past_goes_on_where_the_site_was_left() -> None:
    options = Options(seed=9)
    middle, end = START + timedelta(hours=1), START + timedelta(hours=2)
    whole = list(history(options, START, end, 10))
    site = make_site(options, START)
    first = list(history(options, START, middle, 10, site=site))
    site.advance(10, 10)
    assert first + list(history(options, middle, end, 10, site=site)) == whole


def test_the_day_follows_the_local_time_of_the_start() -> None:
    abroad = START.astimezone(timezone(timedelta(hours=9)))  # 21:00 there
    _, noon = next(history(Options(seed=2), START, START + timedelta(minutes=1), 60))
    _, night = next(history(Options(seed=2), abroad, abroad + timedelta(minutes=1), 60))
    assert parse_one(noon).fields[9] == 1
    assert parse_one(night).fields[9] == 0


def test_a_step_below_a_second_is_refused() -> None:
    with pytest.raises(RequestError, match="take 1 or more"):
        next(history(Options(), START, START + timedelta(minutes=1), 0.1))
