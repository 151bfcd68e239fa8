"""The program in the process of its tests, where nobody has to be waited for."""

from __future__ import annotations

import pytest

from juntek.finding import Patience
from juntek.meter import Timing


@pytest.fixture
def in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines without a display, and meters that answer at once."""
    monkeypatch.setattr("juntek.meter.line.TIMING", Timing(listen_first=0.05))
    monkeypatch.setattr("juntek.cli.find.Patience", lambda: Patience(listen=0.1, answer=0.01, straggler=1.0))
    monkeypatch.setattr("juntek.cli.configuration.PATIENCE", 5.0)
