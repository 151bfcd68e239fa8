"""How true the state of charge is: the meter alone, a SmartShunt's rule and the estimate, side by side."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.figures import Figure
from benchmarks.weeks import FOLDER, Errors, Faults, Outcome, judge, read_trace

LIMITS = {"home": (0.4, 1.1), "cabin": (1.0, 3.0), "van": (1.0, 3.0), "boat": (1.0, 3.0)}
"""Percent points in the second half, root mean square and worst."""

METERS = (3, 5, 8, 12)
"""Seeds of the faults of some meters."""


def measure(*, quick: bool) -> Iterator[Figure]:
    """Yield the errors on each trace, the mean and the worst over some meters, and what was learnt."""
    learnt: list[Outcome] = []
    for kind, (usual, worst) in LIMITS.items():
        (path,) = FOLDER.glob(f"{kind}-*.csv.xz")
        trace = read_trace(path)
        seeds = METERS[:1] if quick else METERS
        outcomes = [judge(trace, Faults.of(seed, trace.capacity)) for seed in seeds]
        learnt += outcomes
        for who in ("meter", "rule", "estimate"):
            errors: list[Errors] = [getattr(outcome, who) for outcome in outcomes]
            name = {"meter": "the meter alone", "rule": "a SmartShunt's rule", "estimate": "the estimate"}[who]
            yield from _figures(f"{kind}: {name}", errors, (usual, worst) if who == "estimate" else (None, None))
    part = "What was learnt, the worst of all"
    for name, unit, limit, values in (
        ("capacity off", "%", 3.0, [100 * abs(outcome.capacity) for outcome in learnt]),
        ("zero offset off", "mA", 20.0, [1000 * abs(outcome.offset) for outcome in learnt]),
        ("resistance off", "%", 10.0, [100 * abs(outcome.resistance) for outcome in learnt]),
        ("truth outside of the uncertainty", "%", 5.0, [100 * (1 - outcome.within) for outcome in learnt]),
        ("false fulls", "", 0.0, [outcome.false_fulls for outcome in learnt]),
        ("a reading", "us", 3.0, [outcome.microseconds for outcome in learnt]),
    ):
        yield Figure(part=part, name=name, unit=unit, limit=limit, value=max(values))


def _figures(part: str, errors: list[Errors], limits: tuple[float | None, float | None]) -> Iterator[Figure]:
    usual, worst = limits
    for name, span in (("second half", "half"), ("from the first full on", "whole")):
        sizes = [getattr(one, span) for one in errors]
        limited = span == "half"
        yield Figure(
            part=part, name=f"{name}, usually", unit="%", value=sum(size[0] for size in sizes) / len(sizes),
            limit=usual if limited else None,
        )  # fmt: skip
        yield Figure(
            part=part, name=f"{name}, worst", unit="%", value=max(size[1] for size in sizes),
            limit=worst if limited else None,
        )  # fmt: skip
