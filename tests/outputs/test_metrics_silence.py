"""The page for Prometheus: what is not known any more does not stand on it."""

from __future__ import annotations

import pytest

from juntek.outputs.metrics.collector import GAPS, SHORTEST_LIFE, Meters
from juntek.update import Update
from outputs.scraped import context, of_meter, scraped
from outputs.updates import kg_reading, kg_update, kh_update, listening
from servers.engines import series_name

HOUSE = '{meter="house",site="home"}'

pytestmark = pytest.mark.usefixtures("always_new")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Heard(Meters):
    """The present of meters that a gateway hears."""

    def __init__(self, clock: Clock) -> None:
        self.context = context()
        super().__init__(self.context, clock)

    def take(self, update: Update) -> None:
        self.context.latest.take(update)
        super().take(update)


def samples(meters: Meters) -> dict[str, float]:
    found = [sample for family in meters.collect() for sample in family.samples]
    return {series_name({"__name__": sample.name, **sample.labels}): sample.value for sample in found}


async def test_all_configured_meters_are_down_at_first_and_nothing_else_is_said_of_them() -> None:
    async with scraped() as site:
        found = await site.page()
    for meter in ("house", "boat"):
        assert of_meter(found, meter) == {
            "juntek_meter_up": 0, "juntek_link_up": 0, "juntek_frames_total": 0, "juntek_reconnects_total": 0,
        }  # fmt: skip


async def test_the_values_of_a_silent_meter_vanish_and_come_back() -> None:
    async with scraped() as site:
        await site.handle(kg_update())
        await site.handle(kh_update())
        before = await site.page()
        await site.handle(kg_update(None, available=False, health=listening(error="No answer.")))
        silent = await site.page()
        assert set(of_meter(silent, "house")) == {
            "juntek_meter_info", "juntek_meter_up", "juntek_link_up", "juntek_frames_total", "juntek_reconnects_total",
            "juntek_last_frame_timestamp_seconds",
        }  # fmt: skip
        assert silent[f"juntek_meter_up{HOUSE}"] == 0
        assert of_meter(silent, "boat") == of_meter(before, "boat")
        await site.handle(kg_update(None, available=True))
        assert f"juntek_voltage_volts{HOUSE}" not in await site.page()
        await site.handle(kg_update())
        assert of_meter(await site.page(), "house") == of_meter(before, "house")


async def test_a_probe_that_is_pulled_takes_its_temperature_with_it() -> None:
    async with scraped() as site:
        await site.handle(kg_update())
        await site.handle(kg_update(kg_reading(temperature=None)))
        found = of_meter(await site.page(), "house")
    assert "juntek_temperature_celsius" not in found
    assert "juntek_voltage_volts" in found


@pytest.mark.parametrize("gap", [1.0, 60.0, 3600.0])
def test_a_reading_that_nobody_renews_is_given_up_and_one_that_comes_seldom_is_not(gap: float) -> None:
    clock = Clock()
    meters = Heard(clock)
    for _ in range(3):
        meters.take(kg_update())
        clock.now += gap
    clock.now += max(SHORTEST_LIFE, GAPS * gap) - gap
    assert samples(meters)[f"juntek_voltage_volts{HOUSE}"] == 13.2
    clock.now += 1
    found = samples(meters)
    assert f"juntek_voltage_volts{HOUSE}" not in found
    assert f"juntek_over_voltage_protection_volts{HOUSE}" not in found
    assert found[f"juntek_meter_up{HOUSE}"] == 0
    meters.take(kg_update())
    assert samples(meters)[f"juntek_meter_up{HOUSE}"] == 1


def test_readings_that_come_together_do_not_make_a_seldom_meter_flicker() -> None:
    """Readings that had to wait for others to agree are told at once."""
    clock = Clock()
    meters = Heard(clock)
    for wait in (0.0, 3600.0, 3600.0, 0.0, 0.0, 3599.0):
        clock.now += wait
        assert samples(meters).get(f"juntek_voltage_volts{HOUSE}") == (13.2 if clock.now > 1000 else None)
        meters.take(kg_update())


def test_the_time_a_meter_was_away_does_not_count_as_its_pace() -> None:
    clock = Clock()
    meters = Heard(clock)
    for _ in range(2):
        meters.take(kg_update())
        clock.now += 1
    meters.take(kg_update(None, available=False))
    clock.now += 86_400
    for _ in range(2):
        meters.take(kg_update())
        clock.now += 1
    clock.now += SHORTEST_LIFE
    assert samples(meters)[f"juntek_meter_up{HOUSE}"] == 0
