"""Runs inside Home Assistant: makes its statistics when a test asks, not every five minutes.

Rule: calls Home Assistant's own compiler and changes nothing but the time at which it runs. The energy dashboard knows
an entity only when it has statistics, and a counter that steps back is noticed only when they are made.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from homeassistant.components.recorder import get_instance  # type: ignore[import-not-found]
from homeassistant.components.recorder.tasks import RecorderTask, StatisticsTask  # type: ignore[import-not-found]
from homeassistant.util import dt  # type: ignore[import-not-found]

DOMAIN = "juntek_statistics"
PERIOD = timedelta(minutes=5)
"""What one run of the compiler looks at, from its start on."""


@dataclass(slots=True)
class MakeStatistics(RecorderTask):  # type: ignore[misc]
    """In the recorder's own thread, after all states that came before it."""

    start: datetime
    is_made: asyncio.Future[None]

    def run(self, instance: Any) -> None:  # noqa: ANN401 - a type of Home Assistant
        StatisticsTask(self.start, False).run(instance)  # noqa: FBT003
        instance.hass.loop.call_soon_threadsafe(self.is_made.set_result, None)


async def async_setup(hass: Any, _: object) -> bool:  # noqa: ANN401 - a type of Home Assistant
    recorder = get_instance(hass)
    # Its own run would meet the same states a second time, and take them for a counter that went back.
    recorder.async_periodic_statistics = lambda: None
    made_until = dt.utcnow()

    async def make(_: object) -> None:
        nonlocal made_until
        now = dt.utcnow()
        is_made = hass.loop.create_future()
        recorder.queue_task(MakeStatistics(max(made_until, now - PERIOD), is_made))
        made_until = now
        await is_made

    hass.services.async_register(DOMAIN, "make", make)
    return True
