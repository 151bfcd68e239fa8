"""What tests of sinks share."""

from __future__ import annotations

import pytest


@pytest.fixture
def always_new(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of metrics is written anew for everybody."""
    from juntek.sinks.metrics import page  # noqa: PLC0415 - only these tests need its library

    monkeypatch.setattr(page, "REST", 0)
