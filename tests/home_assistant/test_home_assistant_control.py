"""Home Assistant moves a number, picks a word, turns a switch and presses a button; the simulated meter shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.controlled import controlled
from meter.served import until
from servers.home_assistant import HomeAssistant

pytestmark = pytest.mark.homeassistant

ALLOWED = '["settings", "output", "relay_type", "over_voltage_protection"]'


async def test_home_assistant_writes_what_is_allowed(
    home_assistant: HomeAssistant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = home_assistant.broker.port
    async with (
        home_assistant.connect() as client,
        controlled(tmp_path, monkeypatch, broker=port, mqtt=ALLOWED) as site,
    ):
        meter = site.wires.simulation.sites[0].meter
        number, switch = "juntek_house_set_nominal_capacity", "juntek_house_set_output"
        seen = await client.wait_until(
            lambda now: (now.state(number), now.state(switch)) == ("280.0", "on"), timeout=60
        )
        entity = seen.entity(number)
        assert entity is not None
        assert entity.attributes["unit_of_measurement"] == "Ah"
        assert (entity.attributes["min"], entity.attributes["max"], entity.attributes["step"]) == (0.1, 9999.9, 0.1)
        written = {one.unique_id for one in seen.entities if one.unique_id.startswith("juntek_house_set_")}
        assert "juntek_house_set_factory_reset" not in written

        await client.call_service("number", "set_value", seen.entity_id(number), value=200)
        await client.wait_until(lambda now: now.state(number) == "200.0")
        assert meter.settings.values["nominal_capacity"] == 200

        limit = seen.entity_id("juntek_house_set_over_voltage_protection")
        await client.call_service("number", "set_value", limit, value=58.4)
        await client.wait_until(lambda now: now.state("juntek_house_set_over_voltage_protection") == "58.4")

        relay = "juntek_house_set_relay_type"
        await client.call_service("select", "select_option", seen.entity_id(relay), option="normally_closed")
        await client.wait_until(lambda now: now.state(relay) == "normally_closed")

        meter.counters.run_time = 9999.0
        await client.call_service("button", "press", seen.entity_id("juntek_house_set_clear_totals"))
        await until(lambda: meter.counters.run_time < 100)

        await client.call_service("switch", "turn_off", seen.entity_id(switch))
        await client.wait_until(lambda now: now.state(switch) == "off")
        assert not meter.output
        assert await client.complaints() == []
