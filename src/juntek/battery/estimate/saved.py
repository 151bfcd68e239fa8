"""What is kept of an estimate over a restart; rule: what a hand has written is refused, or does no harm."""

from __future__ import annotations

from dataclasses import asdict
from types import NoneType
from typing import TYPE_CHECKING, Any

from juntek.battery import MOST_CELLS
from juntek.battery.estimate.anchors import Anchors, FullDetection
from juntek.battery.estimate.belief import BELIEF_SHAPE, Belief
from juntek.battery.estimate.chemistry import CHEMISTRIES
from juntek.battery.estimate.count import LARGEST, Count
from juntek.battery.estimate.published import Statistics
from juntek.battery.estimate.resistance import STEP_SHAPE, LoadSteps
from juntek.battery.shape import fits, made_of, shape_of
from juntek.errors import DatabaseError

if TYPE_CHECKING:
    from juntek.battery.estimate import Estimator

FURTHEST = 10.0
"""Capacities that a count may be from full: a meter that was set wrong is, until a full or a low is seen."""

_VERSION = 2
_SHAPE = {
    "version": _VERSION,
    "chemistry": tuple(CHEMISTRIES),
    "unsure": bool,
    "counted": bool,
    "cells": int,
    "belief": (NoneType, BELIEF_SHAPE),
    "steps": list,
    "statistics": shape_of(Statistics),
    "anchors": shape_of(Anchors),
    "count": shape_of(Count),
}
_SHAPE_1 = {
    "version": 1,
    "anchors": {"full": dict, "low": {"error": float, "told_at": float, "was_empty": bool}},
    "last": {"_typed": (float, NoneType)},
}
"""What differs in version 1."""


def snapshot_of(estimator: Estimator) -> dict[str, Any]:
    """Return everything, ready for JSON."""
    pack, belief = estimator.pack, estimator.belief
    return {
        "version": _VERSION,
        "chemistry": pack.chemistry.name,
        "unsure": pack.is_unsure,
        "counted": pack.is_counted,
        "cells": pack.cells,
        "belief": None if belief is None else belief.snapshot(),
        "steps": [list(step) for step in estimator.steps.steps],
        "statistics": asdict(estimator.statistics),
        "anchors": asdict(estimator.anchors),
        "count": asdict(estimator.count),
    }


def load(estimator: Estimator, snapshot: Any) -> None:  # noqa: ANN401 - from a file
    """Take everything of a snapshot; raises DatabaseError when it is not one of this version."""
    if fits(snapshot, {"version": int}) and snapshot["version"] > _VERSION:
        raise DatabaseError("what was learnt of the battery was written by a newer version, so it is learnt anew.")
    if fits(snapshot, _SHAPE_1):
        snapshot = _of_version_1(snapshot)
    if not (fits(snapshot, _SHAPE) and _load(estimator, snapshot)):
        raise DatabaseError("what was learnt of the battery cannot be read, so it is learnt anew.")


def _of_version_1(saved: dict[str, Any]) -> dict[str, Any]:
    """Return what version 1 has saved as it is saved today."""
    anchors, last = saved["anchors"], {name.removeprefix("_"): value for name, value in saved["last"].items()}
    low = anchors["low"]
    told = {"error": low["error"], "at": low["told_at"]}
    return saved | {
        "version": _VERSION,
        "counted": False,
        "anchors": anchors
        | {"full": asdict(FullDetection()) | anchors["full"], "low": {"told": told, "was_empty": low["was_empty"]}},
        "count": asdict(Count(top=last["typed"] or LARGEST)) | last,
    }


def _load(estimator: Estimator, snapshot: dict[str, Any]) -> bool:
    """Take everything of a snapshot that has its shape; return whether a battery can be like that."""
    belief, steps, cells = snapshot["belief"], snapshot["steps"], snapshot["cells"]
    known = belief is not None
    if not known <= cells <= MOST_CELLS or not all(fits(step, STEP_SHAPE) and step[0] > 0 < step[1] for step in steps):
        return False
    pack = estimator.pack
    pack.restore(snapshot["chemistry"], cells, is_unsure=snapshot["unsure"], is_counted=snapshot["counted"])
    estimator.steps = LoadSteps(steps)
    estimator.anchors = made_of(Anchors, snapshot["anchors"])
    statistics = estimator.statistics = made_of(Statistics, snapshot["statistics"])
    count = estimator.count = made_of(Count, snapshot["count"])
    if not statistics.is_possible or known == (count.time is None):
        return False
    if not known:
        return True
    now = estimator.belief = Belief.restore(belief, pack.loss[1])
    if not count.is_possible or not now.is_possible:
        return False
    return abs(estimator.look().deficit) <= FURTHEST * now.capacity
