"""Noise damages frames, as often as it is asked to, and by seed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from juntek.rs485.framing import Frame, Framer
from juntek.simulator.wires import Noise

FRAME = b":r50=1,229,1342,20,16022,52,71,43,123,0,99,1,1193,13392,\r\n"


@pytest.mark.parametrize(("probability", "least", "most"), [(0.0, 0, 0), (0.5, 900, 1100), (1.0, 2000, 2000)])
def test_frames_are_hit_as_often_as_asked(probability: float, least: int, most: int) -> None:
    noise = Noise(1, probability)
    hit = sum(noise.pass_through(FRAME) != FRAME for _ in range(2000))
    assert hit == noise.damaged
    assert least <= hit <= most


def test_most_frames_that_are_hit_are_lost() -> None:
    noise = Noise(1, 1.0)
    whole = sum(
        isinstance(event, Frame) and event.raw == FRAME[:-2]
        for _ in range(1000)
        for event in Framer().feed(noise.pass_through(FRAME) + b"\n")
    )
    assert whole < 350  # stray bytes around a frame, or a lost line end, leave it whole


def test_the_same_seed_is_the_same_noise() -> None:
    one, same, other = ([Noise(seed, 1).pass_through(FRAME) for _ in range(5)] for seed in (1, 1, 2))
    assert one == same
    assert one != other


@given(st.integers(), st.binary(max_size=100))
def test_any_bytes_can_be_damaged(seed: int, data: bytes) -> None:
    assert Noise(seed, 1).pass_through(data) != data
