"""What the MQTT sink publishes, heard at the real Mosquitto."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest
from paho.mqtt.client import Client
from paho.mqtt.subscribeoptions import SubscribeOptions

from juntek.errors import ConfigurationError
from juntek.outputs.mqtt import MqttOptions, Timing
from juntek.outputs.mqtt.mqtt_commands import MOST_WAITING
from juntek.outputs.mqtt.mqtt_session import Session
from outputs.opened import AVAILABILITY, CONFIG, GATEWAY, HURRY, LINK, SETTINGS, STATE, context, count_on, next_on, sink
from outputs.updates import KG_SETTINGS, kg_reading, kg_update, kh_reading, kh_update, listening
from servers.recorder import record

if TYPE_CHECKING:
    from servers.mosquitto import Mosquitto

pytestmark = pytest.mark.broker


# --- What is published, and how ----------------------------------------------------------------------------------


async def test_first_reading_brings_discovery_then_availability_then_state(mosquitto: Mosquitto) -> None:
    async with record(mosquitto) as recorder, sink(mosquitto) as handle:
        await handle(kg_update())
        state = await next_on(recorder, STATE)
    assert (state["voltage"], state["current"], state["state_of_charge"], state["time_to_empty"]) == (
        13.2,
        -12.5,
        75,
        1008,
    )
    assert (state["time"], state["estimated"]) == ("2023-11-14T22:13:20.250+00:00", ["charged_capacity"])
    topics = [message.topic for message in recorder.messages]
    own = [topic for topic in topics if "house" in topic]
    assert own[0] == AVAILABILITY  # offline, until it is heard
    assert own.index(CONFIG) < own.index(AVAILABILITY, 1) < own.index(STATE)
    assert topics.index(GATEWAY) < topics.index(CONFIG)


async def test_everything_is_kept_by_the_broker(mosquitto: Mosquitto) -> None:
    async with sink(mosquitto) as handle:
        await handle(kg_update())
    async with record(mosquitto) as late:
        await next_on(late, STATE)
        await next_on(late, LINK)
        await next_on(late, SETTINGS)
        assert (await next_on(late, CONFIG))["device"]["model"] == "KG140F"
        assert await next_on(late, AVAILABILITY) == "online"
        assert await next_on(late, GATEWAY) == "offline"
    assert {message.qos for message in late.on(CONFIG) + late.on(AVAILABILITY)} == {1}


async def test_interval_of_zero_publishes_every_reading_and_discovery_once(mosquitto: Mosquitto) -> None:
    async with record(mosquitto) as recorder, sink(mosquitto, interval=0) as handle:
        for number in range(1000):
            await handle(kg_update(kg_reading(message_count=number)))
        await recorder.wait_for(lambda message: message.topic == STATE and message.json()["message_count"] == 999)
    assert [message.json()["message_count"] for message in recorder.on(STATE)] == list(range(1000))
    assert len(recorder.on(CONFIG)) == 1
    assert len(recorder.on(AVAILABILITY)) == 2


async def test_readings_of_an_interval_are_averaged_exactly(mosquitto: Mosquitto) -> None:
    async with record(mosquitto) as recorder, sink(mosquitto, interval=0.4) as handle:
        await handle(kg_update(kg_reading(voltage=11.0)))
        await next_on(recorder, STATE)
        for voltage, current, total in ((13.0, -10.0, 1.0), (13.2, -11.0, 2.0), (13.7, -9.0, 3.0)):
            power = voltage * current
            await handle(kg_update(kg_reading(voltage=voltage, current=current, power=power, discharged_energy=total)))
        await count_on(recorder, STATE, 2)
    first, second = (message.json() for message in recorder.on(STATE))
    assert first["voltage"] == 11.0
    assert (second["voltage"], second["current"]) == (13.3, -10.0)
    assert second["power"] == -132.83  # of the products
    assert second["discharged_energy"] == 3.0  # the last


async def test_what_is_held_goes_out_when_the_gateway_stops(mosquitto: Mosquitto) -> None:
    async with record(mosquitto) as recorder:
        async with sink(mosquitto, interval=3600.0) as handle:
            await handle(kg_update())
            await next_on(recorder, STATE)
            await handle(kg_update(kg_reading(message_count=99)))
        await next_on(recorder, GATEWAY, "offline")
    assert [message.json()["message_count"] for message in recorder.on(STATE)] == [7, 99]


async def test_meter_that_is_pulled_is_offline_at_once_and_keeps_its_last_state(mosquitto: Mosquitto) -> None:
    async with record(mosquitto) as recorder, sink(mosquitto, interval=3600.0) as handle:
        await handle(kg_update())
        await next_on(recorder, STATE)
        await handle(kg_update(kg_reading(message_count=99)))
        silent = listening(error="The meter does not answer.")
        await handle(kg_update(None, available=False, health=silent))
        await next_on(recorder, AVAILABILITY, "offline", since=5)
        told = await recorder.wait_for(lambda message: message.topic == LINK and not message.json()["available"])
        assert told.json()["error"] == "The meter does not answer."
        await handle(kg_update(kg_reading(message_count=100)))
        await count_on(recorder, AVAILABILITY, 4)
    assert [message.text for message in recorder.on(AVAILABILITY)] == ["offline", "online", "offline", "online"]
    last = [message.topic for message in recorder.messages].index(AVAILABILITY, 5)
    before = [message.json() for message in recorder.messages[:last] if message.topic == STATE]
    assert [state["message_count"] for state in before] == [7, 99]


async def test_meters_do_not_share_topics(mosquitto: Mosquitto) -> None:
    async with record(mosquitto) as recorder, sink(mosquitto) as handle:
        await handle(kg_update())
        await handle(kh_update())
        assert (await next_on(recorder, STATE))["family"] == "KG-F"
        assert (await next_on(recorder, "juntek/boat/state"))["family"] == "KH-F"
        assert (await next_on(recorder, "homeassistant/device/juntek_boat/config"))["device"]["name"] == "Boat"


async def test_meter_that_was_never_heard_is_offline_and_not_discovered(mosquitto: Mosquitto) -> None:
    async with record(mosquitto) as recorder, sink(mosquitto) as handle:
        await handle(kg_update(None, available=False, identity=None, settings=None))
        assert not (await next_on(recorder, LINK))["available"]
    assert [message.text for message in recorder.on(AVAILABILITY)][-1] == "offline"
    assert not recorder.on(CONFIG)


async def test_discovery_tells_of_the_model_once_things_have_settled(mosquitto: Mosquitto) -> None:
    timing = replace(HURRY, settle=0.4)
    async with record(mosquitto) as recorder, sink(mosquitto, timing=timing) as handle:
        await handle(kg_update(identity=None))
        assert (await next_on(recorder, CONFIG))["device"]["model"] == "KG-F"
        await handle(kg_update())
        await count_on(recorder, CONFIG, 2)
    first, second = recorder.on(CONFIG)
    assert second.json()["device"]["model"] == "KG140F"
    assert second.moment - first.moment > 0.2


async def test_counts_of_the_link_are_told_now_and_then(mosquitto: Mosquitto) -> None:
    health = listening()
    async with record(mosquitto) as recorder, sink(mosquitto, timing=replace(HURRY, link=0.1)) as handle:
        await handle(kg_update(health=health))
        assert (await next_on(recorder, LINK))["garbage_count"] == 0
        health.garbage["checksum"] += 3
        await recorder.wait_for(lambda message: message.topic == LINK and message.json()["garbage_count"] == 3)


async def test_a_history_that_pauses_is_told_at_once_and_so_is_its_return(mosquitto: Mosquitto) -> None:
    where = replace(context(), sections=("history", "mqtt"))
    async with record(mosquitto) as recorder, sink(mosquitto, where) as handle:
        await handle(kg_update())
        assert "history" in (await next_on(recorder, CONFIG))["components"]
        await next_on(recorder, LINK)
        where.errors["history"] = "The disk is full."
        await count_on(recorder, LINK, 2)
        where.errors.clear()
        await count_on(recorder, LINK, 3)
    told = [(message.json()["history"], message.json()["history_error"]) for message in recorder.on(LINK)]
    assert told == [("ok", None), ("paused", "The disk is full."), ("ok", None)]


async def test_settings_are_told_when_they_change(mosquitto: Mosquitto) -> None:
    async with record(mosquitto) as recorder, sink(mosquitto) as handle:
        await handle(kg_update(settings=None))
        await handle(kg_update(settings=KG_SETTINGS))
        await handle(kg_update())
        settings = await next_on(recorder, SETTINGS)
        await next_on(recorder, STATE)
    assert settings["over_voltage_protection"] == 14.6
    assert settings["under_voltage_protection"] is None
    assert len(recorder.on(SETTINGS)) == 1


async def test_without_discovery_nothing_is_written_under_its_prefix(mosquitto: Mosquitto) -> None:
    async with record(mosquitto) as recorder, sink(mosquitto, discovery="off") as handle:
        await handle(kg_update())
        await next_on(recorder, STATE)
    assert not [message for message in recorder.messages if message.topic.startswith("homeassistant")]


async def test_meter_may_not_be_named_gateway(mosquitto: Mosquitto) -> None:
    with pytest.raises(ConfigurationError, match="give it another name"):
        async with sink(mosquitto, context("gateway")):
            pass


# --- Home Assistant's birth --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "config"), [("device", CONFIG), ("entity", "homeassistant/sensor/juntek_house/voltage/config")]
)
async def test_birth_of_home_assistant_brings_discovery_then_availability_then_state(
    mosquitto: Mosquitto, form: str, config: str
) -> None:
    async with record(mosquitto) as recorder, sink(mosquitto, discovery=form) as handle:
        await handle(kg_update())
        await next_on(recorder, STATE)
        await next_on(recorder, LINK)  # the last with QoS 1, which the broker hands on more slowly
        since = len(recorder.messages)
        await recorder.publish("homeassistant/status", "offline")
        await recorder.publish("homeassistant/status", "online")
        await next_on(recorder, STATE, since=since)
    after = [message.topic for message in recorder.messages[since:]]
    assert after.index(config) < after.index(AVAILABILITY) < after.index(STATE)
    assert after.count(config) == 1


async def test_old_birth_is_not_answered(mosquitto: Mosquitto) -> None:
    async with record(mosquitto) as recorder:
        await recorder.publish("homeassistant/status", "online", retain=True)
        async with sink(mosquitto) as handle:
            await handle(kg_update())
            await next_on(recorder, STATE)
            await asyncio.sleep(0.1)
    assert len(recorder.on(CONFIG)) == 1


async def test_births_that_pile_up_are_answered_once(mosquitto: Mosquitto) -> None:
    async with record(mosquitto) as recorder, sink(mosquitto, timing=replace(HURRY, birth=(0.2, 0.2))) as handle:
        await handle(kg_update())
        await next_on(recorder, STATE)
        for _ in range(5):
            await recorder.publish("homeassistant/status", "online")
        await count_on(recorder, STATE, 2)
        await recorder.publish("homeassistant/status", "online")
        await count_on(recorder, STATE, 3)
    assert len(recorder.on(CONFIG)) == 3


# --- Meters that are configured no more ------------------------------------------------------------------------------


async def test_meter_that_is_configured_no_more_is_taken_offline(mosquitto: Mosquitto) -> None:
    async with sink(mosquitto) as handle:
        await handle(kg_update())
        await handle(kh_update())
    async with record(mosquitto) as recorder, sink(mosquitto, context("boat")) as handle:
        await next_on(recorder, AVAILABILITY, "offline")
        await handle(kh_update())
        await next_on(recorder, "juntek/boat/availability", "online")
    assert [message.text for message in recorder.on(AVAILABILITY)] == ["online", "offline"]


async def test_meter_that_is_not_heard_after_a_crash_is_not_shown_as_connected(mosquitto: Mosquitto) -> None:
    async with sink(mosquitto) as handle:
        await handle(kg_update())
    async with record(mosquitto) as recorder, sink(mosquitto):
        await next_on(recorder, AVAILABILITY, "offline")
        await recorder.wait_for(lambda message: message.topic == LINK and not message.json()["available"])
    assert recorder.on(LINK)[-1].json()["history"] == "off"


async def test_meter_of_another_gateway_is_left_alone(mosquitto: Mosquitto) -> None:
    async with sink(mosquitto, context("house", gateway="other")) as handle:
        await handle(kg_update())
    async with record(mosquitto) as recorder, sink(mosquitto, context("boat")) as handle:
        await handle(kh_update())
        await next_on(recorder, "juntek/boat/state")
    assert [message.text for message in recorder.on(AVAILABILITY)] == ["online"]


DEEP = 100_000


@pytest.mark.parametrize(
    "message",
    [
        b"[" * DEEP,
        b'{"gateway": "pi", "error": ' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"gateway": "pi", "error": "\\ud800"}',
        b"\xff",
        b"[]",
        b'"pi"',
        b"9" * 5000,
    ],
    ids=["endless", "deep", "half a surrogate", "no text", "list", "word", "huge"],
)
async def test_retained_message_that_makes_no_sense_stops_nothing(mosquitto: Mosquitto, message: bytes) -> None:
    async with sink(mosquitto, context("old")) as handle:
        await handle(kg_update(meter="old"))
    async with record(mosquitto) as recorder:
        await recorder.publish("juntek/nonsense/link", message, retain=True)
        async with sink(mosquitto, context("house")) as handle:
            await next_on(recorder, "juntek/old/availability", "offline")
            await handle(kg_update())
            await next_on(recorder, STATE)


async def test_a_big_change_goes_out_at_once_as_it_is_and_small_ones_wait(mosquitto: Mosquitto) -> None:
    timing = replace(HURRY, change=0.0)
    async with record(mosquitto) as recorder, sink(mosquitto, timing=timing, interval=3600.0) as handle:
        await handle(kg_update(kg_reading(power=-100.0)))
        await next_on(recorder, STATE)
        for power in (-110.0, -119.0, -121.0, -125.0, -2000.0, -1700.0, -1500.0):
            await handle(kg_update(kg_reading(power=power)))
        await handle(kg_update(kg_reading(power=-1500.0, output_state="over_current")))
        await count_on(recorder, STATE, 5)
    powers = [message.json()["power"] for message in recorder.on(STATE)]
    assert powers == [-100.0, -121.0, -2000.0, -1500.0, -1500.0]


async def test_a_load_that_swings_does_not_flood_a_recorder(mosquitto: Mosquitto) -> None:
    timing = replace(HURRY, change=3600.0)
    async with record(mosquitto) as recorder:
        async with sink(mosquitto, timing=timing, interval=3600.0) as handle:
            await handle(kg_update(kg_reading(power=-1000.0)))
            await next_on(recorder, STATE)
            for number in range(100):
                await handle(kg_update(kg_reading(power=-1000.0 * (number % 2))))
        await next_on(recorder, GATEWAY, "offline")
    assert len(recorder.on(STATE)) == 2  # the first, and what was held at the end


async def test_each_entity_has_its_own_message_where_that_is_asked_for(mosquitto: Mosquitto) -> None:
    async with record(mosquitto) as recorder, sink(mosquitto) as handle:
        await handle(kg_update())
        device = await next_on(recorder, CONFIG)
    async with record(mosquitto) as recorder, sink(mosquitto, discovery="entity") as handle:
        await handle(kg_update())
        voltage = await next_on(recorder, "homeassistant/sensor/juntek_house/voltage/config")
        await next_on(recorder, AVAILABILITY, "online", since=recorder.messages.index(recorder.on(GATEWAY)[-1]))
    configs = {message.topic: message for message in recorder.messages if message.topic.endswith("/config")}
    assert configs.pop(CONFIG).text == ""  # Home Assistant takes an entity from one place only
    assert {topic.split("/")[-2] for topic in configs} == device["components"].keys()
    assert all(message.json()["device"] == device["device"] for message in configs.values())
    assert "homeassistant/binary_sensor/juntek_house/protection/config" in configs
    assert voltage["unique_id"] == device["components"]["voltage"]["unique_id"]
    assert (voltage["state_topic"], voltage["value_template"]) == (STATE, "{{ value_json.voltage }}")
    assert voltage["availability"] == device["availability"]


async def test_the_older_form_goes_where_it_is_asked_for_no_more(mosquitto: Mosquitto) -> None:
    topic = "homeassistant/sensor/juntek_house/voltage/config"
    async with sink(mosquitto, discovery="entity") as handle:
        await handle(kg_update())
    async with record(mosquitto) as recorder:
        await recorder.publish("homeassistant/sensor/other/voltage/config", "{}", retain=True)
        async with sink(mosquitto) as handle:
            await handle(kg_update())
            await next_on(recorder, CONFIG)
            await next_on(recorder, topic, "")
    topics = [message.topic for message in recorder.messages]
    assert len(topics) - 1 - topics[::-1].index(topic) < topics.index(CONFIG), "it goes before the other comes"
    async with record(mosquitto) as late:
        await next_on(late, CONFIG)
        await next_on(late, "homeassistant/sensor/other/voltage/config")
        assert not [one for one in late.messages if one.topic.startswith("homeassistant/sensor/juntek_house/")]


async def test_an_entity_that_is_no_more_is_removed_once_the_settings_are_known(mosquitto: Mosquitto) -> None:
    topic = "homeassistant/number/juntek_house/set_nominal_capacity/config"
    async with (
        record(mosquitto) as recorder,
        sink(mosquitto, discovery="entity", allow_control=("settings",)) as handle,
    ):
        await handle(kg_update())
        await next_on(recorder, topic)
    hurry = replace(HURRY, settle=0.0)
    async with record(mosquitto) as recorder, sink(mosquitto, timing=hurry, discovery="entity") as handle:
        await handle(kg_update(settings=None))
        await next_on(recorder, AVAILABILITY, "online")
        await handle(kg_update())
        await next_on(recorder, topic, "")
    removed = {message.topic for message in recorder.messages if message.topic.endswith("/config") and not message.text}
    assert removed
    assert all("/set_" in name for name in removed)


async def test_a_component_that_is_no_more_is_told_without_anything_but_its_platform(mosquitto: Mosquitto) -> None:
    async with sink(mosquitto, allow_control=("settings",)) as handle:
        await handle(kg_update())
    for expected in ({"platform": "number"}, None):
        async with record(mosquitto) as recorder, sink(mosquitto, timing=replace(HURRY, settle=0.0)) as handle:
            await next_on(recorder, GATEWAY, "online")
            since = len(recorder.messages)
            await handle(kg_update(settings=None))
            first = (await next_on(recorder, CONFIG, since=since))["components"]
            assert first.get("set_nominal_capacity") is None
            await handle(kg_update())
            if expected:
                await count_on(recorder, CONFIG, 3)
            await next_on(recorder, SETTINGS, since=since)
        last = recorder.on(CONFIG)[-1].json()["components"]
        assert last.get("set_nominal_capacity") == expected
        assert {key for key, component in last.items() if len(component) > 1} == first.keys()


async def test_what_an_earlier_run_of_our_name_has_left_may_come(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MQTT 5, 3.8.3-3: with "no local" a broker sends nothing that a client of the same name has published."""
    asked: dict[str, SubscribeOptions] = {}
    own = Client.subscribe

    def subscribe(client: Client, topic: str, options: SubscribeOptions) -> Any:  # noqa: ANN401 - the library's own
        asked[topic] = options
        return own(client, topic, options=options)

    monkeypatch.setattr(Client, "subscribe", subscribe)
    async with sink(mosquitto, allow_control=("settings",)):
        assert asked.keys() >= {CONFIG, "juntek/+/link", "homeassistant/+/juntek_house/+/config"}
    assert not any(options.noLocal for options in asked.values())


NONSENSE = [
    b"{",
    b"[]",
    b"{}",
    b'{"components": 1}',
    b'{"components": {"a": 1, "b": [1, 2], "c": {"platform": [], "d": 1}}}',
]


@pytest.mark.parametrize("message", NONSENSE)
async def test_discovery_that_makes_no_sense_is_written_over(mosquitto: Mosquitto, message: bytes) -> None:
    async with record(mosquitto) as recorder:
        await recorder.publish(CONFIG, message, retain=True)
        async with sink(mosquitto) as handle:
            await handle(kg_update())
            await recorder.wait_for(lambda found: found.topic == CONFIG and b"voltage" in found.payload)


# --- The topics of other programs ----------------------------------------------------------------------------------


async def test_venus_os_gets_what_its_driver_asks_for(mosquitto: Mosquitto) -> None:
    topic = "juntek/house/venus"
    async with record(mosquitto) as recorder, sink(mosquitto, topic_layout="venus", interval=0) as handle:
        await handle(kg_update())
        assert await next_on(recorder, topic) == {
            "Dc": {"Power": -165.0, "Voltage": 13.2, "Current": -12.5, "Temperature": 21.0},
            "InstalledCapacity": 280.0,
            "ConsumedAmphours": 70.0,
            "Capacity": 210.0,
            "Soc": 75.0,
            "TimeToGo": 60480,
            "Alarms": dict.fromkeys(
                ("HighVoltage", "LowVoltage", "HighDischargeCurrent", "HighChargeCurrent", "HighCurrent",
                 "HighTemperature"), 0
            ),
            "History": {"TotalAhDrawn": 1234.567},
        }  # fmt: skip
        await handle(kh_update(kh_reading(output_state="low_voltage", current=5.0, power=66.0, direction="charging")))
        boat = await next_on(recorder, "juntek/boat/venus")
    assert boat["Alarms"]["LowVoltage"] == 2
    assert "Temperature" not in boat["Dc"]
    assert "TimeToGo" not in boat
    assert not any(message.retain for message in recorder.on(topic))


# --- The topics of juntek_kg ---------------------------------------------------------------------------------------


async def test_topics_of_juntek_kg_have_the_right_values(mosquitto: Mosquitto) -> None:
    async with record(mosquitto) as recorder, sink(mosquitto, topic_layout="juntek_kg") as handle:
        await handle(kg_update())
        await next_on(recorder, "juntek/kg140f/time/state")
        await next_on(recorder, STATE)
    values = {
        message.topic.split("/")[2]: message.text
        for message in recorder.messages
        if message.topic.startswith("juntek/kg140f/")
    }
    assert values["voltage"] == "13.2"
    assert values["current"] == "-12.5"
    assert values["capacity_Ah"] == "210.0"
    assert values["cumulative_Ah"] == "1234.567"
    assert values["charge_Wh"] == "17123.45"
    assert values["direction"] == "0"
    assert values["relay_state"] == "0"
    assert values["battery_time_left"] == "1008"
    assert values["SoC"] == values["capacity_pct"] == "75.0"


async def test_second_meter_of_a_model_does_not_mix_with_the_first(mosquitto: Mosquitto) -> None:
    async with record(mosquitto) as recorder, sink(mosquitto, topic_layout="juntek_kg", interval=0) as handle:
        await handle(kg_update(kg_reading(voltage=13.0)))
        await handle(kg_update(kg_reading(voltage=26.0), meter="boat"))
        await handle(kg_update(kg_reading(voltage=13.1)))
        await recorder.wait_for(lambda message: message.text == "13.1")
        assert await next_on(recorder, "juntek/kg140f_juntek_boat/voltage/state") == "26.0"
    assert {message.text for message in recorder.on("juntek/kg140f/voltage/state")} == {"13.0", "13.1"}


# --- Commands ------------------------------------------------------------------------------------------------------


async def test_a_command_that_found_no_room_may_be_sent_again() -> None:
    told: list[dict[str, Any]] = []

    class Connection:
        async def publish(self, _topic: str, payload: str, *, retain: bool) -> None:
            assert not retain
            told.append(json.loads(payload))

    where = context()
    where.latest.take(kg_update())
    options = MqttOptions(allow_control=("settings",))
    commands = Session(cast("Any", Connection()), options, where, Timing()).commands
    for _ in range(MOST_WAITING):
        commands.take("juntek/house/set/nothing", b"1", retained=False)
    for _ in range(2):
        commands.take("juntek/house/set/nominal_capacity", b'{"value": 280, "id": "a"}', retained=False)
        running = asyncio.create_task(commands.run())
        await asyncio.sleep(0.01)
        running.cancel()
    assert told[-1]["id"] == "a"
    assert told[-1]["refused"] == {"too many": 1, "impossible": MOST_WAITING}
