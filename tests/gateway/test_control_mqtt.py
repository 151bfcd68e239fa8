"""Commands over a real broker: obeyed once, and never what was retained, repeated, unreadable or not allowed."""

from __future__ import annotations

import asyncio
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from gateway.controlled import controlled
from juntek.history.queries import HistoryReader
from juntek.simulator import Options
from servers.mosquitto import Mosquitto
from servers.recorder import Recorder, record

pytestmark = pytest.mark.broker

ONCE = ["obeyed", "refused", "refused"]
SET, OUTCOME = "juntek/house/set", "juntek/house/outcome"


async def outcome(recorder: Recorder, number: int) -> dict[str, Any]:
    """Return the outcome of this number, counted from 1."""
    await recorder.wait_for(lambda message: message.topic == OUTCOME and len(recorder.on(OUTCOME)) >= number)
    told: dict[str, Any] = recorder.on(OUTCOME)[number - 1].json()
    return told


async def test_a_command_is_obeyed_and_its_outcome_told(
    mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        record(mosquitto) as recorder,
        controlled(tmp_path, monkeypatch, broker=mosquitto.port, mqtt='["settings", "output"]') as site,
    ):
        await recorder.publish(f"{SET}/nominal_capacity", "200")
        told = await outcome(recorder, 1)
        assert (told["key"], told["old"], told["new"], told["outcome"]) == ("nominal_capacity", 280, 200, "obeyed")
        assert site.setting("nominal_capacity") == 200
        await recorder.publish(f"{SET}/nominal_capacity", '{"value": 210, "id": "a"}')
        assert (await outcome(recorder, 2))["id"] == "a"
        await recorder.publish(f"{SET}/output", "off")
        assert (await outcome(recorder, 3))["outcome"] == "obeyed"
        writes = site.writes
        await recorder.publish(f"{SET}/nominal_capacity", "210")
        assert (await outcome(recorder, 4))["outcome"] == "obeyed"
        assert site.writes == writes, "it was so already"


async def test_nothing_is_obeyed_twice(mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with record(mosquitto) as recorder, controlled(tmp_path, monkeypatch, broker=mosquitto.port) as site:
        for _ in range(3):
            await recorder.publish(f"{SET}/clear_totals", "PRESS")
        assert [(await outcome(recorder, number))["outcome"] for number in (1, 2, 3)] == ONCE
        for value in (1, 2, 1):
            await recorder.publish(f"{SET}/state_of_charge", f'{{"value": {value}, "id": "same"}}')
        assert [(await outcome(recorder, number))["outcome"] for number in (4, 5, 6)] == ONCE
        assert site.writes == 2
        assert (await outcome(recorder, 6))["refused"] == {"repeated": 4}


async def test_a_message_without_a_key_gets_an_outcome(
    mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with record(mosquitto) as recorder, controlled(tmp_path, monkeypatch, broker=mosquitto.port) as site:
        await recorder.publish(f"{SET}/", '{"value": 200, "id": "a"}')
        told = await outcome(recorder, 1)
        assert (told["key"], told["value"], told["id"], told["outcome"]) == ("", 200, "a", "refused")
        assert told["detail"].startswith('This meter has no setting or action ""; there are ')
        assert told["refused"] == {"impossible": 1}
        assert site.writes == 0


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_what_is_retained_is_not_obeyed_when_the_gateway_comes_or_comes_back(
    mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    async with record(mosquitto) as recorder:
        await recorder.publish(f"{SET}/nominal_capacity", "1", retain=True)
        try:
            mqtt = f'["settings"]\nprotocol = "{version}"'
            async with controlled(tmp_path, monkeypatch, broker=mosquitto.port, mqtt=mqtt) as site:
                await recorder.publish(f"{SET}/protection_delay", "1")
                await recorder.wait_for(
                    lambda message: message.topic == OUTCOME and message.json()["key"] == "protection_delay"
                )
                assert site.writes == 0
                assert site.setting("nominal_capacity") == 280
        finally:
            await recorder.publish(f"{SET}/nominal_capacity", "", retain=True)


KEYS = (
    "nominal_capacity", "relay_type", "over_voltage_protection", "over_current_protection", "factory_reset",
    "set_address",
    "output", "full_voltage",
    "explode", "bluetooth_password", "state_of_charge", "zero_current", "", "a b", "NOMINAL", "ä", "voltage",
)  # fmt: skip
VALUES = (
    "-1", "0", "nan", "inf", "1e3", "99999", "0x10", "١٢", "", "{}", "[]", "null", "true", "off", "{", '{"value": {}}',
    '{"value": true}', '{"value": 200, "id": 3}', '{"value": 200, "more": 1}', "x" * 600, b"\xff\xfe", "200 Ah", "--5",
    '{"value": NaN}', '{"value": 1e999}', "normally_close", "one", "[" * 500,
    '{"value": "\\ud800"}', '{"value": 200, "id": "\\udfff"}', '{"value": -Infinity, "id": "a"}',
)  # fmt: skip


async def test_a_thousand_messages_that_may_not_be_obeyed_reach_no_wire(
    mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = Options(load="steady")
    monkeypatch.setattr("juntek.outputs.mqtt.mqtt_commands.MOST_WAITING", 100_000)
    places = (SET, "juntek/boat/set", "juntek/set", "juntek/house/set/nominal_capacity", "juntek/gateway/set")
    async with (
        record(mosquitto, OUTCOME) as recorder,
        controlled(tmp_path, monkeypatch, broker=mosquitto.port, options=options) as site,
    ):
        sent = count()
        for place in places:
            for key in KEYS:
                for value in VALUES:
                    is_right = (key == "zero_current" and value in ("", "{}")) or (key, value) == (
                        "state_of_charge",
                        "0",
                    )
                    if place == SET and is_right:
                        continue
                    await recorder.publish(f"{place}/{key}", value)
                    next(sent)
        await recorder.publish(f"{SET}/explode", '{"value": 1, "id": "the last"}')
        await recorder.wait_for(lambda message: message.topic == OUTCOME and message.json()["id"] == "the last")
        assert next(sent) > 1000
        assert site.writes == 0
        assert site.gateway.context.sinks["mqtt"].failures == 0
        assert all(message.json()["outcome"] == "refused" for message in recorder.on(OUTCOME))
        refused = recorder.on(OUTCOME)[-1].json()["refused"]
        assert refused["not allowed"] > 100
        assert refused["unknown meter"] > 100


async def test_a_flood_is_refused_and_the_gateway_goes_on(
    mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with record(mosquitto) as recorder, controlled(tmp_path, monkeypatch, broker=mosquitto.port) as site:
        for number in range(300):
            await recorder.publish(f"{SET}/state_of_charge", str(number % 100))
        await recorder.wait_for(lambda message: message.topic == OUTCOME and message.json()["refused"] != {})
        assert site.house.available


async def test_two_who_write_at_once_over_mqtt_and_http_do_not_lose_a_value(
    mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        record(mosquitto, OUTCOME) as recorder,
        controlled(tmp_path, monkeypatch, broker=mosquitto.port) as site,
        site.signed_in() as browser,
    ):
        settings = "/api/meters/house/settings"
        for number in range(1, 6):
            request = asyncio.create_task(
                browser.post(
                    settings, json={"values": {"nominal_capacity": 200 + number, "current_calibration": number}}
                )
            )
            await recorder.publish(f"{SET}/nominal_capacity", f'{{"value": {100 + number}, "id": "{number}"}}')
            await recorder.publish(f"{SET}/voltage_calibration", f'{{"value": {number}, "id": "v{number}"}}')
            told = [await outcome(recorder, 2 * number - 1), await outcome(recorder, 2 * number)]
            answers = (await request).json()["outcomes"]
            assert {one["outcome"] for one in (*told, *answers)} == {"obeyed"}
            assert site.setting("nominal_capacity") in (100 + number, 200 + number)
            assert (site.setting("current_calibration"), site.setting("voltage_calibration")) == (number, number)
        with HistoryReader(site.database) as reader:
            entries = [entry for entry in reader.commands() if entry.key == "nominal_capacity"]
        assert len(entries) == 10, "each is in the audit"
        assert site.setting("nominal_capacity") == entries[0].new, "the last one counts"
        assert {entry.who.partition(" ")[0] for entry in entries} == {"MQTT", "page"}
