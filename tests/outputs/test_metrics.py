"""The page for Prometheus: what stands on it of meters, sinks and the gateway."""

from __future__ import annotations

import re
import sys
from collections import Counter, deque
from dataclasses import replace

import pytest

from juntek import metric
from juntek.outputs import SinkHealth
from outputs.scraped import NOW, OPEN_METRICS, context, of_meter, parse, scraped
from outputs.updates import KG140F, KG_SETTINGS, kg_reading, kg_update, kh_update, listening
from servers.engines import check_page

pytestmark = pytest.mark.usefixtures("always_new")

HOUSE = '{meter="house",site="home"}'
ALL_SETTINGS = replace(
    KG_SETTINGS, under_voltage_protection=10.5, over_current_protection=100.0, negative_over_current_protection=50.0,
    over_power_protection=2000.0, over_temperature_protection=60, low_temperature_protection=-10,
)  # fmt: skip


async def test_every_value_of_a_meter_is_there_in_base_units() -> None:
    async with scraped() as site:
        await site.handle(kg_update(kg_reading(output_code=1, charged_capacity=1.1), settings=ALL_SETTINGS))
        assert of_meter(await site.page(), "house") == {
            "juntek_meter_info": 1,
            "juntek_voltage_volts": 13.2,
            "juntek_current_amperes": -12.5,
            "juntek_power_watts": -165,
            "juntek_state_of_charge_ratio": 0.75,
            "juntek_remaining_capacity_coulombs": 756_000,
            "juntek_temperature_celsius": 21,
            "juntek_internal_resistance_ohms": 0.01234,
            "juntek_discharged_capacity_coulombs_total": 4_444_441.2,
            "juntek_charged_capacity_coulombs_total": 3960,
            "juntek_discharged_energy_joules_total": 57_601_800,
            "juntek_charged_energy_joules_total": 61_644_420,
            "juntek_output_code": 1,
            "juntek_nominal_capacity_coulombs": 1_008_000,
            "juntek_over_voltage_protection_volts": 14.6,
            "juntek_under_voltage_protection_volts": 10.5,
            "juntek_over_current_protection_amperes": 100,
            "juntek_negative_over_current_protection_amperes": 50,
            "juntek_over_power_protection_watts": 2000,
            "juntek_over_temperature_protection_celsius": 60,
            "juntek_low_temperature_protection_celsius": -10,
            "juntek_meter_up": 1,
            "juntek_link_up": 1,
            "juntek_frames_total": 9,
            "juntek_reconnects_total": 0,
            "juntek_last_frame_timestamp_seconds": 1_700_000_000.25,
        }


async def test_the_page_has_the_names_the_kinds_and_the_order_of_the_table() -> None:
    readings = (*metric.READING_METRICS, *metric.SETTING_METRICS, *metric.LINK_METRICS)
    async with scraped() as site:
        text = (await site.get()).text
    told = re.findall(r"^# TYPE (juntek_\w+) (\w+)$", text, re.MULTILINE)
    assert told == [
        (metric.INFO, "gauge"),
        *((one.name, one.kind) for one in readings),
        (metric.GATEWAY_INFO, "gauge"),
        *((one.name, one.kind) for one in metric.SINK_METRICS),
    ]
    helps = dict(re.findall(r"^# HELP (juntek_\w+) (.+)$", text, re.MULTILINE))
    assert all(helps[one.name] == one.help for one in (*readings, *metric.SINK_METRICS))


@pytest.mark.engines
async def test_promtool_finds_nothing_wrong_with_it() -> None:
    sinks = {"metrics": SinkHealth(connected=True), "timeseries vm": SinkHealth(lost=2, refused=1, failures=3)}
    async with scraped(context(sinks=sinks)) as site:
        empty = (await site.get()).content
        await site.handle(kg_update(settings=ALL_SETTINGS, health=listening(garbage=Counter(checksum=3))))
        await site.handle(kh_update())
        full = (await site.get()).content
    assert check_page(empty) == ""
    assert check_page(full) == ""
    assert check_page(full.replace(b"HELP juntek_voltage_volts", b"HELP juntek_other")) != ""


async def test_who_the_meter_and_the_gateway_are_is_there_as_labels() -> None:
    async with scraped(context(site="cabin")) as site:
        await site.handle(kg_update())
        found = await site.page()
    assert found[
        'juntek_meter_info{family="KG-F",firmware="1.10",meter="house",model="KG140F",sensor="shunt",site="cabin"}'
    ]
    assert found['juntek_gateway_info{gateway="pi",site="cabin",version="1.2.3"}'] == 1
    assert all('site="cabin"' in name for name in found if name.startswith("juntek_"))


async def test_garbage_is_counted_by_reason() -> None:
    async with scraped() as site:
        await site.handle(kg_update(health=listening(garbage=Counter(checksum=3, noise=14), reconnects=2)))
        found = await site.page()
    assert found['juntek_garbage_frames_total{meter="house",reason="checksum",site="home"}'] == 3
    assert found['juntek_garbage_frames_total{meter="house",reason="noise",site="home"}'] == 14
    assert found[f"juntek_reconnects_total{HOUSE}"] == 2


async def test_how_each_sink_does_and_what_it_lost_is_there() -> None:
    behind = SinkHealth(failures=4, lost=7, refused=2, behind=NOW - 3600, queue=deque([kg_update(), kh_update()]))
    async with scraped(context(sinks={"mqtt": SinkHealth(connected=True), "timeseries vm": behind})) as site:
        found = await site.page()
    for name, value in {
        "up": 0, "waiting_updates": 2, "lag_seconds": 3600, "failures_total": 4, "lost_updates_total": 7,
        "refused_readings_total": 2,
    }.items():  # fmt: skip
        assert found[f'juntek_sink_{name}{{sink="timeseries vm",site="home"}}'] == value
    assert found['juntek_sink_up{sink="mqtt",site="home"}'] == 1
    assert found['juntek_sink_lost_updates_total{sink="mqtt",site="home"}'] == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells this of a process")
async def test_what_the_process_takes_is_there() -> None:
    async with scraped() as site:
        assert {"process_resident_memory_bytes{}", "process_cpu_seconds_total{}"} <= set(await site.page())


async def test_the_capacity_is_that_of_the_configuration_where_it_has_one() -> None:
    async with scraped() as site:
        await site.handle(kg_update(None))
        assert (await site.page())[f"juntek_nominal_capacity_coulombs{HOUSE}"] == 280 * 3600
        await site.handle(kg_update(kg_reading(nominal_capacity=200.0)))
        assert (await site.page())[f"juntek_nominal_capacity_coulombs{HOUSE}"] == 200 * 3600


NAMES = ['the "old" boat', "back\\slash", "two\nlines", "Hütte ⚡", "a{b=,}c"]


@pytest.mark.engines
@pytest.mark.parametrize("accept", ["text/plain", OPEN_METRICS])
@pytest.mark.parametrize("name", NAMES)
async def test_any_name_survives(name: str, accept: str) -> None:
    async with scraped(context(name, site=name, sinks={name: SinkHealth()})) as site:
        await site.handle(kg_update(meter=name, identity=replace(KG140F, model=name)))
        answer = await site.get(accept=accept)
    families = {family.name: family for family in parse(answer.text)}
    assert families["juntek_voltage_volts"].samples[0].labels == {"site": name, "meter": name}
    info = families["juntek_meter" if "openmetrics" in accept else "juntek_meter_info"]
    assert info.samples[0].labels["model"] == name
    if "openmetrics" not in accept:
        assert check_page(answer.content) == ""


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
        await site.handle(kg_update())
        assert of_meter(await site.page(), "house") == of_meter(before, "house")


async def test_a_probe_that_is_pulled_takes_its_temperature_with_it() -> None:
    async with scraped() as site:
        await site.handle(kg_update())
        await site.handle(kg_update(kg_reading(temperature=None)))
        found = of_meter(await site.page(), "house")
    assert "juntek_temperature_celsius" not in found
    assert "juntek_voltage_volts" in found
