"""A million damaged frames between a million clean ones: next to nothing wrong gets through, or right is lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from damage import run
from juntek.simulator import Options, history

MODELS = ("KG140F", "KG110F", "KH140F")
PARTS = 3
"""Stretches of each model, so that they can run beside each other."""

FRAMES = 1_000_000 // (len(MODELS) * PARTS) + 1
WRONG = 1
"""Readings of each stretch that may be wrong: of all of them nine, of ten that the million may have."""

ARRIVING = 0.999


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("model", MODELS)
def test_damage_neither_gets_through_nor_keeps_the_truth_out(model: str, part: int) -> None:
    seed = MODELS.index(model) * PARTS + part
    start = datetime(2025, 6, 21, 8 * part, tzinfo=UTC)
    cells = 8 if model == "KG110F" else 16
    options = Options(models=(model,), seed=seed, cells=cells, state_of_charge=30.0 + 20 * part)
    replies = history(options, start, start + timedelta(seconds=FRAMES), 1, settings_every=30)
    outcome = run((frame for _, frame in replies), seed)
    assert outcome.damaged == outcome.clean >= FRAMES
    assert len(outcome.wrong) <= WRONG, outcome.wrong
    assert outcome.arrived >= ARRIVING * outcome.clean
