"""A battery that is watched: estimates on readings, events for the chart, the percentage back to the meter.

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


class WatchedBattery:
    """The estimator of a meter that has a section for its battery; `events` gets those that are to be saved."""

    def __init__(self, meter: str, options: BatteryOptions, events: list[BatteryEvent]) -> None:
        self.order: int | None = None
        """The percentage that the meter is to be told."""
        self._meter = meter
        self._options = options
        self._events = events
        self._mark: str | None = None
        """What the meter said of itself last."""
        self._begin(_estimator_type()(options))

    def _begin(self, estimator: Estimator) -> None:
        self._estimator = estimator
        self._is_logged = False
        self._written = estimator.statistics.fulls
        """How often it had been full when its meter was last told: it is told once a full at most."""

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Take it up where it stood; what cannot be read is learnt anew."""
        saved, mark = snapshot.get("battery"), snapshot.get("identity")
        self._mark = self._mark or mark
        if saved is None or mark != self._mark:
            return
        try:
            self._begin(_estimator_type().restore(saved, self._options))
        except DatabaseError as error:
            log.warning("%s: %s", self._meter, error)

    def snapshot(self) -> dict[str, Any]:
        """Return what is to be saved with the ledger."""
        return {"battery": self._estimator.snapshot()}

    def add(self, reading: Reading, *, is_stuck: bool = False) -> Reading:
        """Return a reading with what is believed of the battery; one of a meter that is stuck teaches nothing."""
        event = None if is_stuck else self._estimator.add(reading)
        values = self._estimator.describe()
        if not values:
            return reading
        state = values["state_of_charge"] or 0.0
        if not self._is_logged:
            self._is_logged = True
            log.info("%s: %s", self._meter, self._estimator.pack.label)
        if event is not None and reading.time is not None:
            self._events.append(BatteryEvent(self._meter, reading.time, event, state))
        if self._is_to_be_told(reading, is_full=event == "full"):
            self._written = self._estimator.statistics.fulls
            self.order = round(state)
        return reading._replace(more={**reading.more, **values, "meter_state_of_charge": reading.state_of_charge})

    def identify(self, identity: Identity) -> None:
        """Take who the meter is: what was learnt with another one says nothing of this one, nor what it was set to."""
        before, self._mark = self._mark, identity.mark or self._mark
        if before not in (None, self._mark):
            log.warning("%s: this is another meter than before, so its battery is learnt anew.", self._meter)
            self._begin(_estimator_type()(self._options))

    def hear(self, settings: Settings) -> None:
        """Take how the meter is set."""
        self._estimator.hear(settings)

    def _is_to_be_told(self, reading: Reading, *, is_full: bool) -> bool:
        """Whether the meter's own percentage is to be set now."""
        options, told = self._options, reading.state_of_charge
        if options.synchronise == "off" or told is None or self._estimator.statistics.fulls <= self._written:
            return False
        now = self._estimator.estimate()
        if now is None:
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
