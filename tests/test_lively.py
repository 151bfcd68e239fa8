"""Lively loads: on a clean line every right reading is told at once; on a noisy one nearly all, and hardly a wrong."""

from __future__ import annotations

import pytest

from damage import run_share
from juntek import Bus, Reading
from lively import PROFILES, WAYS, Lively

COUNT = 1200


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("profile", PROFILES)
def test_on_a_clean_line_every_right_reading_is_told_at_once(profile: str, way: str, seed: int) -> None:
    bus = Bus()
    settings, *frames = Lively(profile, way, seed).frames(COUNT)
    bus.feed(settings)
    told = [bus.feed(frame) for frame in frames]
    assert all(len(events) == 1 and isinstance(events[0], Reading) for events in told)
    assert [events[0].raw + b"\r\n" for events in told] == frames


@pytest.mark.parametrize("timed", [True, False], ids=["timed", "untimed"])
@pytest.mark.parametrize("profile", PROFILES)
def test_after_a_damaged_frame_a_right_reading_is_told_one_reading_late_at_most(profile: str, *, timed: bool) -> None:
    """The line is known to bring damage, which no frame here has."""
    bus = Bus()
    bus.feed(b":r50=1,9,9,9,9,\r\n")
    _, *frames = Lively(profile, "late").frames(COUNT)
    places = {frame[:-2]: number for number, frame in enumerate(frames)}
    late = []
    for number, frame in enumerate(frames):
        events = bus.feed(frame, float(number) if timed else None)
        late += [number - places[event.raw] for event in events if isinstance(event, Reading)]
    assert max(late) <= 1
    assert len(late) >= 0.99 * COUNT


LEVELS = [(0.75, 2000, 0.98), (0.5, 2000, 0.98), (0.1, 4000, 0.995), (0.01, 4000, 0.9995), (0.001, 4000, 0.9999)]
"""Share of damaged frames, frames of each stream, and the share of the clean ones that must be told."""


@pytest.fixture(scope="module")
def streams() -> list[list[bytes]]:
    """One of each profile and way, as long as the longest of the levels."""
    longest = max(count for _, count, _ in LEVELS)
    ways = ((profile, way) for profile in PROFILES for way in WAYS)
    return [list(Lively(profile, way, seed).frames(longest)) for seed, (profile, way) in enumerate(ways)]


@pytest.mark.parametrize(("share", "count", "told"), LEVELS)
def test_damage_among_lively_loads_neither_gets_through_nor_keeps_the_truth_out(
    streams: list[list[bytes]], share: float, count: int, told: float
) -> None:
    clean = damaged = arrived = 0
    wrong = []
    for seed, frames in enumerate(streams):
        outcome = run_share(frames[: count + 1], seed, share)  # the first one is the settings
        clean, damaged, arrived = clean + outcome.clean, damaged + outcome.damaged, arrived + outcome.arrived
        wrong += outcome.wrong
    assert damaged >= 0.8 * clean * share
    assert arrived >= told * clean
    # Of a million ten may get through; of fewer two, which so few can bring by chance.
    assert len(wrong) <= max(2, 10 * damaged / 1e6 + 2), wrong


def test_a_meter_that_measures_its_voltage_before_its_current_is_heard_on_a_noisy_line() -> None:
    outcomes = [run_share(Lively(profile, "exact", 1, lags=True).frames(2000), 1, 0.1) for profile in PROFILES]
    assert sum(outcome.arrived for outcome in outcomes) >= 0.99 * sum(outcome.clean for outcome in outcomes)
    assert [outcome.wrong for outcome in outcomes if outcome.wrong] == []


@pytest.mark.parametrize("way", WAYS)
def test_a_stiff_battery_is_heard_although_its_voltage_bears_nothing_out(way: str) -> None:
    frames = [Lively(profile, way, 7, resistance=0.0015).frames(1000) for profile in PROFILES]
    outcomes = [run_share(stream, seed, 0.75) for seed, stream in enumerate(frames)]
    assert sum(outcome.arrived for outcome in outcomes) >= 0.97 * sum(outcome.clean for outcome in outcomes)
    assert [outcome.wrong for outcome in outcomes if outcome.wrong] == []


@pytest.mark.parametrize("profile", PROFILES)
def test_the_last_reading_of_a_hardly_damaged_recording_is_told(profile: str) -> None:
    settings, *frames = Lively(profile, "exact").frames(COUNT)
    for end in range(COUNT - 100, COUNT, 7):
        bus = Bus()
        told = bus.feed(settings + b":r50=1,9,9,9,9,\r\n" + b"".join(frames[end - 600 : end])) + bus.finish()
        assert [event.raw + b"\r\n" for event in told[-1:] if isinstance(event, Reading)] == [frames[end - 1]]
