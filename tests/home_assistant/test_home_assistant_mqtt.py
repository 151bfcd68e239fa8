"""What the real Home Assistant makes of the meters that the MQTT sink publishes."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from juntek.outputs import Context
from juntek.outputs.mqtt import MqttOptions, open_sink
from outputs.updates import kg_reading, kg_update, kh_reading, kh_update, listening

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from juntek.update import Update
    from servers.home_assistant import HomeAssistant
    from servers.home_assistant_client import HomeAssistantClient, Snapshot

pytestmark = pytest.mark.homeassistant

KG_CLASSES = {
    "voltage": 1, "current": 1, "power": 3, "battery": 1, "temperature": 1, "duration": 2, "energy": 4, "enum": 3,
    "problem": 1, "connectivity": 1, None: 7,
}  # fmt: skip
"""Enabled entities of a KG-F by device class; those without are Ah, mΩ and counts."""

KG_STATES = {
    "voltage": "13.2",
    "current": "-12.5",
    "power": "-165.0",
    "charge_power": "0.0",
    "discharge_power": "165.0",
    "state_of_charge": "75.0",
    "remaining_capacity": "210.0",
    "temperature": "21.0",
    "internal_resistance": "12.34",
    "time_to_empty": "16.8",
    "time_to_full": "unknown",
    "discharged_capacity": "1234.567",
    "charged_capacity": "1300.001",
    "discharged_energy": "16.0005",
    "charged_energy": "17.12345",
    "discharged_energy_today": "0.50025",
    "charged_energy_today": "0.0",
    "direction": "Discharging",
    "output_state": "On",
    "protection": "off",
    "nominal_capacity": "280.0",
    "link": "on",
    "mode": "Listens to a display",
    "garbage_count": "0",
    "reconnects": "0",
}


@asynccontextmanager
async def sink(
    home_assistant: HomeAssistant,
    *meters: str,
    where: Context | None = None,
    **keys: Any,  # noqa: ANN401 - those of MqttOptions
) -> AsyncIterator[Callable[[Update], Awaitable[None]]]:
    options = MqttOptions(port=home_assistant.broker.port, **{"interval": 0.0, **keys})
    async with open_sink(options, where or Context(version="1.2.3", gateway="pi", meters=meters)) as handle:
        yield handle


def of(snapshot: Snapshot, meter: str) -> dict[str, str | None]:
    """States of the enabled entities of a meter, by key."""
    start = f"juntek_{meter}_"
    return {
        entity.unique_id.removeprefix(start): entity.state
        for entity in snapshot.entities
        if entity.unique_id.startswith(start) and not entity.is_disabled
    }


async def expect(client: HomeAssistantClient, meter: str, **states: str) -> Snapshot:
    return await client.wait_until(lambda now: states.items() <= of(now, meter).items())


@pytest.mark.parametrize("form", ["device", "entity"])
async def test_kg140f_has_the_right_entities_and_states(home_assistant: HomeAssistant, form: str) -> None:
    name = f"kg_{form}"
    async with home_assistant.connect() as client, sink(home_assistant, name, discovery=form) as handle:
        await handle(kg_update(meter=name))
        seen = await expect(client, name, **KG_STATES)
        assert of(seen, name) == KG_STATES
        ours = [entity for entity in seen.entities if entity.unique_id.startswith(f"juntek_{name}_")]
        assert len(ours) == 44
        classes = Counter(entity.attributes.get("device_class") for entity in ours if not entity.is_disabled)
        assert classes == KG_CLASSES
        device = seen.device(f"juntek_{name}")
        assert device
        assert (device["name"], device["manufacturer"], device["model"]) == (f"Kg {form}", "Juntek", "KG140F")
        assert (device["sw_version"], device["serial_number"]) == ("1.10", "837")
        assert await client.complaints() == []


async def test_a_meter_that_changes_the_form_of_its_discovery_has_the_same_entities_again(
    home_assistant: HomeAssistant,
) -> None:
    async with home_assistant.connect() as client:
        for number, form in enumerate(("entity", "device", "entity")):
            async with sink(home_assistant, "turn", discovery=form) as handle:
                await handle(kg_update(kg_reading(voltage=13.0 + number), meter="turn"))
                seen = await expect(client, "turn", voltage=f"{13.0 + number}")
                assert set(of(seen, "turn")) == set(KG_STATES)


async def test_kh140f_has_the_right_entities_and_what_is_absent_is_unknown(home_assistant: HomeAssistant) -> None:
    async with home_assistant.connect() as client, sink(home_assistant, "kh") as handle:
        await handle(kh_update(meter="kh"))
        seen = await expect(client, "kh", voltage="13.2", temperature="unknown", state_of_charge="90.0")
        ours = [entity for entity in seen.entities if entity.unique_id.startswith("juntek_kh_")]
        assert len(ours) == 49
        assert set(of(seen, "kh")) == set(KG_STATES) - {"internal_resistance"}
        assert await client.complaints() == []


async def test_a_history_that_pauses_is_a_problem_with_its_reason(home_assistant: HomeAssistant) -> None:
    where = Context(version="1.2.3", gateway="pi", meters=("kept",), sections=("history", "mqtt"))
    async with home_assistant.connect() as client:
        async with sink(home_assistant, where=where) as handle:
            await handle(kg_update(meter="kept"))
            seen = await expect(client, "kept", history="off", **KG_STATES)
            assert of(seen, "kept") == {**KG_STATES, "history": "off"}
            assert len([entity for entity in seen.entities if entity.unique_id.startswith("juntek_kept_")]) == 45
            where.errors["history"] = "The disk is full."
            seen = await expect(client, "kept", history="on")
            entity = seen.entity("juntek_kept_history")
            assert entity
            assert entity.attributes["device_class"] == "problem"
            assert entity.attributes["error"] == "The disk is full."
            where.errors.clear()
            await expect(client, "kept", history="off")
        async with sink(home_assistant, "kept") as handle:
            await handle(kg_update(meter="kept"))
            await expect(client, "kept", history="unknown")
        assert await client.complaints() == []


async def test_units_and_state_classes_are_as_the_quantities_have_them(home_assistant: HomeAssistant) -> None:
    async with home_assistant.connect() as client, sink(home_assistant, "unit") as handle:
        await handle(kg_update(meter="unit"))
        seen = await expect(client, "unit", voltage="13.2")

        def has(key: str) -> tuple[object, object]:
            entity = seen.entity(f"juntek_unit_{key}")
            assert entity
            return entity.attributes.get("unit_of_measurement"), entity.attributes.get("state_class")

        assert has("power") == ("W", "measurement")
        assert has("charged_energy") == ("kWh", "total_increasing")
        assert has("charged_energy_today") == ("kWh", "total_increasing")
        assert has("discharged_capacity") == ("Ah", "total_increasing")
        assert has("remaining_capacity") == ("Ah", "measurement")
        assert has("time_to_empty") == ("h", "measurement")
        assert has("output_state") == (None, None)


async def test_estimated_total_says_so(home_assistant: HomeAssistant) -> None:
    async with home_assistant.connect() as client, sink(home_assistant, "guess") as handle:
        await handle(kg_update(meter="guess"))
        seen = await expect(client, "guess", voltage="13.2")
        capacity, energy = seen.entity("juntek_guess_charged_capacity"), seen.entity("juntek_guess_charged_energy")
        assert capacity
        assert energy
        assert capacity.attributes["estimated"] is True
        assert energy.attributes["estimated"] is False


async def test_every_output_state_is_taken_and_shown_as_a_protection(home_assistant: HomeAssistant) -> None:
    async with home_assistant.connect() as client, sink(home_assistant, "relay") as handle:
        for output_state, label, protection in (
            ("off", "Off", "off"),
            ("over_temperature", "Too hot", "on"),
            ("unknown", "Unknown", "unknown"),
        ):
            await handle(kg_update(kg_reading(output_state=output_state), meter="relay"))
            await expect(client, "relay", output_state=label, protection=protection)
        assert await client.complaints() == []


async def test_energy_dashboard_takes_the_energies_and_statistics_have_no_complaint(
    home_assistant: HomeAssistant,
) -> None:
    async with home_assistant.connect() as client, sink(home_assistant, "energy") as handle:
        for charged in (1000.0, 1000.5, 1600.0):
            await handle(kg_update(kg_reading(charged_energy=charged, discharged_energy=400.0), meter="energy"))
            seen = await expect(client, "energy", charged_energy=f"{round(charged / 1000, 5)}")
            await client.make_statistics()
        charged_id = seen.entity_id("juntek_energy_charged_energy")
        await client.save_battery(discharged=seen.entity_id("juntek_energy_discharged_energy"), charged=charged_id)
        assert await client.energy_issues() == []
        assert await client.energy_total(charged_id) == pytest.approx(0.6)
        issues = await client.statistics_issues()
        assert [issue for issue in issues if "energy" in issue] == []
        assert await client.complaints() == []


async def test_meter_that_is_pulled_is_unavailable_and_comes_back(home_assistant: HomeAssistant) -> None:
    async with home_assistant.connect() as client, sink(home_assistant, "pulled") as handle:
        await handle(kg_update(meter="pulled"))
        await expect(client, "pulled", voltage="13.2", link="on")
        silent = listening(error="The meter does not answer.")
        await handle(kg_update(None, meter="pulled", available=False, health=silent))
        seen = await expect(client, "pulled", voltage="unavailable", charged_energy="unavailable", link="off")
        link = seen.entity("juntek_pulled_link")
        assert link
        assert link.attributes["error"] == "The meter does not answer."
        await handle(kg_update(kg_reading(voltage=13.3), meter="pulled"))
        await expect(client, "pulled", voltage="13.3", link="on")
        assert await client.complaints() == []


async def test_gateway_that_stops_takes_all_its_entities_along(home_assistant: HomeAssistant) -> None:
    async with home_assistant.connect() as client:
        async with sink(home_assistant, "stopped") as handle:
            await handle(kg_update(meter="stopped"))
            await expect(client, "stopped", voltage="13.2", link="on")
        await expect(client, "stopped", voltage="unavailable", link="unavailable")


async def test_model_that_becomes_known_later_changes_no_entity(home_assistant: HomeAssistant) -> None:
    async with home_assistant.connect() as client:
        async with sink(home_assistant, "late") as handle:
            await handle(kg_update(meter="late", identity=None, settings=None))
            before = await expect(client, "late", voltage="13.2")
        async with sink(home_assistant, "late") as handle:
            await handle(kg_update(meter="late"))
            after = await client.wait_until(lambda now: (now.device("juntek_late") or {}).get("model") == "KG140F")
        first, second = before.device("juntek_late"), after.device("juntek_late")
        assert first
        assert second
        assert (first["model"], first["id"]) == ("KG-F", second["id"])
        assert set(of(before, "late")) == set(of(after, "late"))
        assert await client.complaints() == []


async def test_setting_is_there_once_the_owner_wants_it(home_assistant: HomeAssistant) -> None:
    async with home_assistant.connect() as client, sink(home_assistant, "set") as handle:
        await handle(kg_update(meter="set"))
        seen = await expect(client, "set", voltage="13.2")
        setting = seen.entity("juntek_set_over_voltage_protection")
        assert setting
        assert setting.is_disabled
        assert setting.category == "diagnostic"
        wanted = (
            "over_voltage_protection",
            "under_voltage_protection",
            "relay_type",
            "last_frame",
            "frames",
            "run_time",
        )
        for key in wanted:
            await client.command(
                "config/entity_registry/update", entity_id=seen.entity_id(f"juntek_set_{key}"), disabled_by=None
            )
        await expect(
            client,
            "set",
            over_voltage_protection="14.6",
            under_voltage_protection="unknown",
            relay_type="Normally open",
            last_frame="2023-11-14T22:13:20+00:00",
            frames="9",
            run_time="1.0",
        )
        assert await client.complaints() == []


async def test_meter_that_is_configured_no_more_is_unavailable(home_assistant: HomeAssistant) -> None:
    async with home_assistant.connect() as client:
        async with sink(home_assistant, "removed", "stays") as handle:
            await handle(kg_update(meter="removed"))
            await handle(kh_update(meter="stays"))
            await expect(client, "removed", voltage="13.2")
        async with sink(home_assistant, "stays") as handle:
            await handle(kh_update(kh_reading(voltage=13.4), meter="stays"))
            await expect(client, "stays", voltage="13.4")
            await expect(client, "removed", voltage="unavailable", link="off")
        assert await client.complaints() == []


async def test_states_come_back_after_home_assistant_was_restarted(home_assistant: HomeAssistant) -> None:
    async with sink(home_assistant, "again", interval=0.2) as handle:
        await handle(kg_update(meter="again"))
        async with home_assistant.connect() as client:
            await expect(client, "again", voltage="13.2")
        await asyncio.to_thread(home_assistant.restart)
        async with home_assistant.connect(log_from_start=True) as client:
            seen = await expect(client, "again", **KG_STATES)
            assert of(seen, "again") == KG_STATES
            assert await client.complaints() == []


@pytest.mark.parametrize("form", ["device", "entity"])
async def test_what_may_be_written_no_more_is_gone(home_assistant: HomeAssistant, form: str) -> None:
    name = f"less_{form}"
    number = f"juntek_{name}_set_nominal_capacity"
    async with home_assistant.connect() as client:
        async with sink(home_assistant, name, discovery=form, allow_control=("settings",)) as handle:
            await handle(kg_update(meter=name))
            await client.wait_until(lambda now: now.entity(number) is not None)
        async with sink(home_assistant, name, discovery=form) as handle:
            await handle(kg_update(meter=name))
            await client.wait_until(lambda now: now.entity(number) is None)
            await expect(client, name, voltage="13.2")
            assert await client.complaints() == []
