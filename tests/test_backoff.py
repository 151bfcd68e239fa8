"""The waits between attempts."""

from __future__ import annotations

from itertools import chain, repeat

from juntek.backoff import LEAST_SHARE, Backoff


def test_waits_double_up_to_a_limit_until_an_attempt_succeeds() -> None:
    backoff = Backoff(1.0, 30.0, share=lambda: 1.0)
    assert [backoff.wait() for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    backoff.reset()
    assert backoff.wait() == 1


def test_a_part_of_each_is_waited() -> None:
    shares = chain([LEAST_SHARE, 0.75], repeat(1.0))
    backoff = Backoff(1.0, 30.0, share=lambda: next(shares))
    assert [backoff.wait() for _ in range(3)] == [0.5, 1.5, 4]


def test_two_of_them_do_not_wait_together() -> None:
    waits = {Backoff(1.0, 30.0).wait() for _ in range(20)}
    assert len(waits) > 1
    assert all(LEAST_SHARE <= wait <= 1 for wait in waits)
