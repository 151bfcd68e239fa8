"""The batteries that are watched: estimates on readings, events for the chart, the percentage back to the meter.

Rule: what was learnt is saved with the totals, in the same commit.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from juntek.battery import BatteryOptions
from juntek.errors import DatabaseError
from juntek.reading import Identity, Reading, Settings

if TYPE_CHECKING:
    from juntek.battery.estimate import Estimator

log = logging.getLogger(__name__)

SMALL_CURRENT = 0.02
"""Part of the capacity an hour up to which the meter is told its percentage because it drifted."""


class BatteryEvent(NamedTuple):
    """What a battery was found to be: when (s since 1970), what, and its state of charge (%)."""

    meter: str
    time: float
    event: str
    state_of_charge: float


class Batteries:
    """The estimators of the meters that have a section for their battery."""

    def __init__(self, options: Mapping[str, BatteryOptions]) -> None:
        self._options = options
        self._estimators = {meter: _estimator_type()(own) for meter, own in options.items()}
        self._told: dict[str, bool] = {}
        self._written: dict[str, int] = {}
        """How often a battery had been full when its meter was last told: it is told once a full at most."""
        self._marks: dict[str, str] = {}
        """What each meter said of itself last."""
        self.events: list[BatteryEvent] = []
        """Those that are not saved yet."""
        self.orders: list[tuple[str, int]] = []
        """Meters that are to be told their percentage."""

    def restore(self, meter: str, snapshot: dict[str, Any] | None) -> None:
        """Take a battery up where it stood; what cannot be read is learnt anew."""
        saved, mark = (snapshot or {}).get("battery"), (snapshot or {}).get("identity")
        if mark:
            self._marks.setdefault(meter, mark)
        if meter not in self._options or saved is None or mark != self._marks.get(meter):
            return
        try:
            estimator = self._estimators[meter] = _estimator_type().restore(saved, self._options[meter])
            self._written[meter] = estimator.statistics.fulls
        except DatabaseError as error:
            log.warning("%s: %s", meter, error)

    def snapshot(self, meter: str) -> dict[str, Any]:
        """Return what is to be saved with a ledger: nothing for a meter whose battery is not watched."""
        estimator = self._estimators.get(meter)
        return {} if estimator is None else {"battery": estimator.snapshot()}

    def add(self, meter: str, reading: Reading, *, is_stuck: bool = False) -> Reading:
        """Return a reading with what is believed of its battery; one of a meter that is stuck teaches nothing."""
        estimator = self._estimators.get(meter)
        if estimator is None:
            return reading
        event = None if is_stuck else estimator.add(reading)
        told = reading.state_of_charge
        values = estimator.describe()
        if not values:
            return reading
        state = values["state_of_charge"] or 0.0
        if not self._told.get(meter):
            self._told[meter] = True
            log.info("%s: %s", meter, estimator.pack.label)
        if event is not None and reading.time is not None:
            self.events.append(BatteryEvent(meter, reading.time, event, state))
        if self._is_to_be_told(meter, estimator, reading, is_full=event == "full"):
            self._written[meter] = estimator.statistics.fulls
            self.orders.append((meter, round(state)))
        return reading._replace(more={**reading.more, **values, "meter_state_of_charge": told})

    def identify(self, meter: str, identity: Identity) -> None:
        """Take who the meter is: what was learnt with another one says nothing of this one, nor what it was set to."""
        before = self._marks.get(meter)
        self._marks[meter] = mark = identity.mark or before or ""
        if meter not in self._options or before in (None, mark):
            return
        log.warning("%s: this is another meter than before, so its battery is learnt anew.", meter)
        self._estimators[meter] = _estimator_type()(self._options[meter])
        self._told[meter] = False
        self._written.pop(meter, None)

    def hear(self, meter: str, settings: Settings) -> None:
        """Take how a meter is set."""
        if meter in self._estimators:
            self._estimators[meter].hear(settings)

    def _is_to_be_told(self, meter: str, estimator: Estimator, reading: Reading, *, is_full: bool) -> bool:
        """Whether the meter's own percentage is to be set now."""
        options, told = self._options[meter], reading.state_of_charge
        now = estimator.estimate()
        if options.synchronise == "off" or told is None or now is None:
            return False
        if estimator.statistics.fulls <= self._written.get(meter, 0):
            return False
        off = abs(told - now.state_of_charge)
        if is_full:
            return off >= 1.0
        return (
            options.synchronise == "drift"
            and off >= options.synchronise_difference + now.state_of_charge_uncertainty
            and abs(reading.current) <= SMALL_CURRENT * now.usable_capacity
        )


def _estimator_type() -> type[Estimator]:
    from juntek.battery.estimate import Estimator  # noqa: PLC0415 - half a megabyte, where no battery is watched

    return Estimator
