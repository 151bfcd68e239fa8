"""The test equipment itself: the brokers and Home Assistants that other tests trust must be able to say no."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from aiomqtt import MqttError

from servers import installed
from servers.certificates import ServerCertificate
from servers.home_assistant_log import complaints
from servers.mosquitto import Encryption, Mosquitto, User
from servers.recorder import MqttVersion, record

if TYPE_CHECKING:
    from collections.abc import Callable

    from servers.home_assistant import HomeAssistant
    from servers.home_assistant_client import Snapshot
    from servers.recorder import Recorder

pytest_plugins = ["servers.fixtures"]

VERSIONS: tuple[MqttVersion, ...] = ("3.1.1", "5")


# --- Mosquitto and the recorder ----------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
async def test_recorder_hears_what_was_kept_and_what_comes(mosquitto: Mosquitto, version: MqttVersion) -> None:
    async with record(mosquitto, version=version) as first:
        await first.publish("kept", "1", retain=True)
        async with record(mosquitto, "#", version=version) as second:
            await first.publish("live", b"\x00\xff")
            live = await second.wait_for(lambda message: message.topic == "live")
    assert [(message.topic, message.payload, message.retain) for message in second.messages] == [
        ("kept", b"1", True),
        ("live", b"\x00\xff", False),
    ]
    assert live is second.messages[-1]


async def test_recorder_with_mqtt_5_tells_that_a_live_message_will_be_kept(mosquitto: Mosquitto) -> None:
    async with record(mosquitto, version="5") as recorder:
        await recorder.publish("config", "{}", retain=True)
        assert (await recorder.wait_for(lambda message: message.topic == "config")).retain


async def test_waiting_in_vain_names_what_came_instead(mosquitto: Mosquitto) -> None:
    async with record(mosquitto) as recorder:
        await recorder.publish("other", "x")
        await recorder.wait_for(lambda message: message.topic == "other")
        with pytest.raises(AssertionError, match="other"):
            await recorder.wait_for(lambda message: message.topic == "wanted", timeout=0.1)


async def test_broker_with_a_password_turns_others_away(start_mosquitto: Callable[..., Mosquitto]) -> None:
    broker = start_mosquitto(user=User("house", "secret"))
    async with record(broker) as recorder:
        await recorder.publish("inside", "1")
    broker.user = User("house", "guess")
    with pytest.raises(MqttError, match=r"[Nn]ot authori"):
        async with record(broker):
            pass
    broker.user = None
    with pytest.raises(MqttError, match=r"[Nn]ot authori"):
        async with record(broker):
            pass


async def test_broker_with_tls_talks_to_those_who_trust_its_authority(
    start_mosquitto: Callable[..., Mosquitto],
) -> None:
    broker = start_mosquitto(encryption=Encryption())
    async with record(broker) as recorder:
        await recorder.publish("inside", "1")
    with pytest.raises(MqttError, match=r"self-signed|unable to get"):
        async with record(broker, tls_context=ssl.create_default_context()):
            pass


@pytest.mark.parametrize(
    ("certificate", "complaint"),
    [(ServerCertificate.EXPIRED, "expired"), (ServerCertificate.WRONG_HOST, "not valid for '127.0.0.1'")],
)
async def test_broker_with_a_bad_certificate_is_found_out(
    start_mosquitto: Callable[..., Mosquitto], certificate: ServerCertificate, complaint: str
) -> None:
    broker = start_mosquitto(encryption=Encryption(certificate))
    with pytest.raises(MqttError, match=complaint):
        async with record(broker):
            pass


async def test_broker_that_wants_a_client_certificate_gets_one(start_mosquitto: Callable[..., Mosquitto]) -> None:
    broker = start_mosquitto(encryption=Encryption(client_certificate_required=True))
    async with record(broker) as recorder:
        await recorder.publish("inside", "1")
    nameless = ssl.create_default_context(cafile=str(broker.authority_certificate))
    with (
        pytest.raises(ssl.SSLError, match="certificate required"),
        socket.create_connection((broker.host, broker.port), timeout=10) as plain,
        nameless.wrap_socket(plain, server_hostname=broker.host) as encrypted,
    ):
        encrypted.recv(1)


@pytest.mark.parametrize("persistent", [False, True])
async def test_broker_comes_back_on_its_port_and_forgets_or_keeps(
    start_mosquitto: Callable[..., Mosquitto], *, persistent: bool
) -> None:
    broker = start_mosquitto(persistent=persistent)
    async with record(broker) as recorder:
        await recorder.publish("kept", "1", retain=True)
        await asyncio.to_thread(broker.restart)
        await recorder.wait_for_connection(2)
        await recorder.publish("after", "2")
        await recorder.wait_for(lambda message: message.topic == "after")
    assert len(recorder.on("kept")) == (2 if persistent else 1)


async def test_broker_can_die_and_rise(mosquitto: Mosquitto) -> None:
    async with record(mosquitto) as recorder:
        await asyncio.to_thread(mosquitto.kill)
        with pytest.raises(MqttError):
            async with record(mosquitto):
                pass
        await asyncio.to_thread(mosquitto.start)
        await recorder.wait_for_connection(2)


@pytest.mark.parametrize(("required", "outcome"), [("", pytest.skip.Exception), ("tea,broker", pytest.fail.Exception)])
def test_missing_broker_is_left_out_with_a_remedy_or_fails_where_it_is_required(
    monkeypatch: pytest.MonkeyPatch, required: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setattr("servers.mosquitto._SEARCH_PATH", "/nowhere")
    monkeypatch.setenv("JUNTEK_REQUIRE", required)
    with pytest.raises(outcome, match="scripts/install-test-servers --mosquitto"):
        installed.need_mosquitto()


@pytest.mark.parametrize(
    ("required", "outcome"), [("broker", pytest.skip.Exception), ("homeassistant", pytest.fail.Exception)]
)
def test_missing_home_assistant_is_left_out_with_a_remedy_or_fails_where_it_is_required(
    monkeypatch: pytest.MonkeyPatch, required: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/nowhere")
    monkeypatch.setenv("JUNTEK_REQUIRE", required)
    with pytest.raises(outcome, match=r"2026\.2\.3 .* scripts/install-test-servers --home"):
        installed.need_home_assistant("2026.2.3")


# --- Home Assistant ------------------------------------------------------------------------------------------------


def test_log_reader_leaves_out_only_what_it_names() -> None:
    log = """\
2026-01-02 03:04:05.678 WARNING (MainThread) [homeassistant.bootstrap] Skipping pip installation of required modules.
2026-01-02 03:04:05.678 INFO (MainThread) [homeassistant.setup] Setup of domain mqtt took 0.1 seconds
2026-01-02 03:04:05.678 WARNING (MainThread) [homeassistant.components.mqtt] Skipping pip installation of required
2026-01-02 03:04:05.678 ERROR (MainThread) [homeassistant.components.sensor] Error
Traceback (most recent call last):
ValueError: no number
"""
    assert [(record.level, record.logger, record.text.splitlines()[-1]) for record in complaints(log)] == [
        ("WARNING", "homeassistant.components.mqtt", "Skipping pip installation of required"),
        ("ERROR", "homeassistant.components.sensor", "ValueError: no number"),
    ]


def discovery(device: str, **components: dict[str, Any]) -> tuple[str, str]:
    """Topic and payload that announce a battery monitor with these components."""
    payload = {
        "dev": {"ids": [device], "name": f"Bank {device}", "mf": "Juntek", "mdl": "KG140F"},
        "o": {"name": "test"},
        "avty": [{"t": f"test/{device}/availability"}],
        "stat_t": f"test/{device}/state",
        "cmps": {
            key: {
                "p": "sensor",
                "uniq_id": f"{device}_{key}",
                "name": key.capitalize(),
                "val_tpl": f"{{{{ value_json.{key} }}}}",
                **component,
            }
            for key, component in components.items()
        },
    }
    return f"homeassistant/device/{device}/config", json.dumps(payload)


async def announce(broker: Recorder, device: str, **components: dict[str, Any]) -> None:
    """Announce these components and say that the device is there."""
    await broker.publish(*discovery(device, **components), retain=True)
    await broker.publish(f"test/{device}/availability", "online", retain=True)


VOLTAGE = {"dev_cla": "voltage", "unit_of_meas": "V", "stat_cla": "measurement", "sug_dsp_prc": 2}
ENERGY = {"dev_cla": "energy", "unit_of_meas": "Wh", "stat_cla": "total_increasing"}
ENERGY_IN_AH = ENERGY | {"unit_of_meas": "Ah"}


async def test_home_assistant_shows_device_states_and_absence(home_assistant: HomeAssistant) -> None:
    async with record(home_assistant.broker) as broker, home_assistant.connect() as client:
        await announce(broker, "good", voltage=VOLTAGE, charged=ENERGY)
        await broker.publish("test/good/state", '{"voltage": 26.4, "charged": 1200}', retain=True)
        seen = await client.wait_until(lambda now: now.state("good_charged") == "1200")

        device, voltage = seen.device("good"), seen.entity("good_voltage")
        assert device is not None
        assert voltage is not None
        assert (device["manufacturer"], device["model"], device["name"]) == ("Juntek", "KG140F", "Bank good")
        assert (voltage.state, voltage.device_id, voltage.name) == ("26.4", device["id"], "Voltage")
        assert voltage.attributes["unit_of_measurement"] == "V"

        await broker.publish("test/good/availability", "offline", retain=True)
        await client.wait_until(lambda now: now.state("good_voltage") == "unavailable")
        await broker.publish("homeassistant/device/good/config", "", retain=True)
        await client.wait_until(lambda now: now.device("good") is None)
        assert await client.complaints() == []
        assert await client.repairs() == []


async def test_home_assistant_complains_of_energy_in_ampere_hours(home_assistant: HomeAssistant) -> None:
    async with record(home_assistant.broker) as broker, home_assistant.connect() as client:
        await announce(broker, "bad", wrong=ENERGY_IN_AH, voltage=VOLTAGE)
        await broker.publish("test/bad/state", '{"voltage": 26.4, "wrong": 12}', retain=True)
        await client.wait_until(lambda now: now.state("bad_voltage") == "26.4")
        complained = [record.text for record in await client.complaints()]
        assert complained
        assert all("Ah" in text and "energy" in text for text in complained)


async def test_home_assistant_remembers_over_a_restart(home_assistant: HomeAssistant) -> None:
    async with record(home_assistant.broker) as broker:
        await announce(broker, "lasting", voltage=VOLTAGE)
        await broker.publish("test/lasting/state", '{"voltage": 26.4}', retain=True)
        async with home_assistant.connect() as client:
            before = await client.wait_until(lambda now: now.state("lasting_voltage") == "26.4")
        await asyncio.to_thread(home_assistant.restart)
        async with home_assistant.connect(log_from_start=True) as client:
            after = await client.wait_until(lambda now: now.state("lasting_voltage") == "26.4")
            assert [text for text in await client.complaints() if "lasting" in text.text] == []
    kept = before.device("lasting"), after.device("lasting")
    assert kept[0] is not None
    assert kept[1] is not None
    assert kept[0]["id"] == kept[1]["id"]


async def test_energy_dashboard_takes_watt_hours_and_refuses_volts(home_assistant: HomeAssistant) -> None:
    async with record(home_assistant.broker) as broker, home_assistant.connect() as client:
        await announce(broker, "battery", charged=ENERGY, discharged=ENERGY, voltage=VOLTAGE)
        await broker.publish("test/battery/state", '{"charged": 1200, "discharged": 900, "voltage": 26.4}', retain=True)
        seen = await client.wait_until(lambda now: now.state("battery_voltage") == "26.4")
        charged, discharged = seen.entity_id("battery_charged"), seen.entity_id("battery_discharged")
        await client.make_statistics()
        await client.save_battery(discharged=discharged, charged=charged)
        assert await client.energy_issues() == []
        await client.save_battery(discharged=discharged, charged=seen.entity_id("battery_voltage"))
        assert "entity_unexpected_device_class" in {issue["type"] for issue in await client.energy_issues()}


def has_state(unique_id: str, state: str, now: Snapshot) -> bool:
    return now.state(unique_id) == state


async def test_home_assistant_complains_of_a_counter_that_steps_back(home_assistant: HomeAssistant) -> None:
    async with record(home_assistant.broker) as broker, home_assistant.connect() as client:
        await announce(broker, "counter", charged=ENERGY)
        for charged in (1200, 1250, 1300, 1350, 1340, 1330):  # it is silent about the first step back
            await broker.publish("test/counter/state", f'{{"charged": {charged}}}', retain=True)
            seen = await client.wait_until(partial(has_state, "counter_charged", str(charged)))
            await client.make_statistics()
            if charged == 1350:
                assert await client.energy_total(seen.entity_id("counter_charged")) == 150
                assert await client.complaints() == []
        complained = [record.text for record in await client.complaints()]
        assert ["not strictly increasing" in text for text in complained] == [True]


async def test_statistics_complain_of_a_unit_that_changed(home_assistant: HomeAssistant) -> None:
    async with record(home_assistant.broker) as broker, home_assistant.connect() as client:
        for unit, state in (("Ah", "12.5"), ("mAh", "12500.0")):
            await announce(broker, "unit", remaining={"unit_of_meas": unit, "stat_cla": "measurement"})
            await broker.publish("test/unit/state", f'{{"remaining": {state}}}', retain=True)
            seen = await client.wait_until(partial(has_state, "unit_remaining", state))
            if unit == "Ah":
                await client.make_statistics()
                assert [issue for issue in await client.statistics_issues() if "unit_remaining" in issue] == []
        issues = (await client.statistics_issues())[seen.entity_id("unit_remaining")]
        assert [issue["type"] for issue in issues] == ["units_changed"]
