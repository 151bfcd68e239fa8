"""The waits between attempts."""

from __future__ import annotations

import pytest

from juntek.backoff import LEAST_SHARE, Backoff


def test_waits_double_up_to_a_limit_until_an_attempt_succeeds() -> None:
    backoff = Backoff(1.0, 30.0)
    for longest in (1, 2, 4, 8, 16, 30, 30):
        assert LEAST_SHARE * longest <= backoff.wait() <= longest
    backoff.reset()
    assert backoff.wait() == pytest.approx(0.75, abs=0.25)


def test_two_of_them_do_not_wait_together() -> None:
    assert len({Backoff(1.0, 30.0).wait() for _ in range(20)}) > 1
