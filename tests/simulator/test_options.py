"""A simulation that cannot be is refused with a sentence."""

from typing import Any

import pytest

from juntek.errors import RequestError
from juntek.simulator import Options


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"models": ("KX140F",)}, "no meter 'KX140F'"),
        ({"models": (), "addresses": ()}, "at least one meter"),
        ({"models": ("KG140F", "KH140F")}, "one address for each meter, not 1 for 2"),
        ({"models": ("KG140F", "KH140F"), "addresses": (1, 1)}, "two different ones"),
        ({"addresses": (0,)}, "1 to 99"),
        ({"noise": 1.5}, "noise is 0 to 1, not 1.5"),
        ({"speed": 0}, "speed is 0.001 to 1000000, not 0"),
        ({"latency": -1}, "latency is 0 to 10 s"),
        ({"state_of_charge": 101}, "state of charge is 0 to 100 %"),
        ({"cells": 0}, "cells is 1 to 200"),
        ({"capacity": 0}, "capacity is 1 to 9999.9 Ah"),
        ({"load": "nothing"}, 'load is "steady", "spikes",'),
        ({"cells": 48}, "KG140F takes 120 V, too little for 48 cells"),
    ],
)
def test_it_says_what_is_wrong(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(RequestError, match=sentence):
        Options(**wrong)


def test_a_meter_for_600_volts_takes_a_high_pack() -> None:
    assert Options(models=("KL610F",), cells=120).variants[0].max_voltage == 600
