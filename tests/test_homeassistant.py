"""What Home Assistant is told about a meter."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from juntek.names import slug
from juntek.outputs.mqtt.messages import Topics, discovery, link
from juntek.outputs.web import WebOptions
from juntek.quantity import DIRECTIONS, OUTPUT_STATES
from juntek.rs485.family import find_models
from outputs.updates import KG140F, KG_SETTINGS, KH140F, KH_SETTINGS, kg_reading, kh_reading, listening

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion

FAMILIES = [model.family for model in find_models()]

UNITS: dict[str, set[str | None]] = {
    "voltage": {"V"}, "current": {"A"}, "power": {"W"}, "energy": {"kWh", "Wh"}, "battery": {"%"},
    "temperature": {"°C"}, "duration": {"min", "s", "h", "d"}, "enum": {None}, "timestamp": {None}, "problem": {None},
    "connectivity": {None},
}  # fmt: skip
"""Device classes that we use, each with the units that Home Assistant takes for it."""


def discover(family: str, meter: str = "house", **more: Any) -> dict[str, Any]:  # noqa: ANN401
    return discovery(meter, Topics(meter), family=family, version="1.2.3", **more)


def messages() -> dict[str, dict[str, Any]]:
    """One message of each topic, by topic."""
    topics = Topics("house")
    return {
        topics.state: kg_reading().as_dict(),
        topics.link: link(listening(), available=True, gateway="pi"),
        topics.settings: KG_SETTINGS.as_dict(secrets=False),
    }


def test_discovery_of_a_kg140f(snapshot: SnapshotAssertion) -> None:
    assert discover("KG-F", identity=KG140F, history=True) == snapshot


def test_discovery_of_a_kh140f(snapshot: SnapshotAssertion) -> None:
    assert discover("KH-F", "boat", identity=KH140F) == snapshot


def test_messages_of_values(snapshot: SnapshotAssertion) -> None:
    assert messages() == snapshot


@pytest.mark.parametrize("family", FAMILIES)
def test_every_key_that_a_template_names_is_in_its_message(family: str) -> None:
    message = discover(family, history=True)
    for key, component in message["components"].items():
        topic = component.get("state_topic", message["state_topic"])
        named = re.findall(r"value_json\.(\w+)", component["value_template"])
        named += re.findall(r"value_json\.(\w+)", component.get("json_attributes_template", ""))
        assert named, key
        assert set(named) <= set(messages()[topic]), key


@pytest.mark.parametrize("family", FAMILIES)
def test_every_entity_is_legal(family: str) -> None:
    for key, component in discover(family, history=True)["components"].items():
        device_class = component.get("device_class")
        if device_class is not None:
            assert component.get("unit_of_measurement") in UNITS[device_class], key
        if device_class == "energy":
            assert component["state_class"] == "total_increasing"
        assert ("options" in component) == (device_class == "enum"), key
        assert not ("options" in component and "state_class" in component), key
        assert not ("icon" in component and device_class), key
        assert component.get("entity_category") in (None, "diagnostic"), key


@pytest.mark.parametrize("family", FAMILIES)
def test_message_uses_only_keys_that_the_oldest_home_assistant_knows(family: str) -> None:
    message = discover(family, identity=KG140F)
    assert set(message) == {"device", "origin", "availability", "availability_mode", "state_topic", "components"}
    assert set(message["device"]) <= {"identifiers", "name", "manufacturer", "model", "sw_version", "serial_number"}
    assert set(message["origin"]) == {"name", "sw_version"}


def test_device_has_a_link_to_the_page_where_browsers_can_reach_it() -> None:
    assert discover("KG-F", page="http://pi:8140/")["device"]["configuration_url"] == "http://pi:8140/"
    assert "configuration_url" not in discover("KG-F")["device"]
    assert WebOptions(listen="0.0.0.0:8140", auth="none").page("pi") == "http://pi:8140/"
    assert WebOptions(listen="127.0.0.1:8140").page("pi") is None


@pytest.mark.parametrize("family", FAMILIES)
def test_what_people_read_reads_well(family: str) -> None:
    components = discover(family)["components"]
    for key, component in components.items():
        unit = component.get("unit_of_measurement")
        if unit == "Ah":
            assert component["suggested_display_precision"] == 0, key
        if component.get("device_class") == "duration" and "state_topic" not in component:
            assert unit in ("h", "d"), key
        for label in component.get("options", ()):
            assert label[0].isupper(), key
            assert "_" not in label, key


def test_every_word_has_its_label_in_the_template() -> None:
    components = discover("KG-F")["components"]
    assert components["direction"]["options"] == ["Charging", "Discharging", "Idle"]
    for key, words in (("direction", DIRECTIONS), ("output_state", OUTPUT_STATES)):
        labels = dict(zip(words, components[key]["options"], strict=True))
        assert components[key]["value_template"] == f"{{{{ {labels}.get(value_json.{key}) }}}}"


def test_entities_are_those_that_the_family_has() -> None:
    kg, kh = discover("KG-F")["components"], discover("KH-F")["components"]
    assert {"internal_resistance", "run_time"} <= set(kg)
    assert not {"internal_resistance", "run_time"} & set(kh)
    assert {"full_voltage", "low_temperature_protection"} <= set(kh)
    assert "full_voltage" not in kg
    totals = {"discharged_capacity", "charged_capacity", "discharged_energy", "charged_energy"}
    assert totals <= set(kg) & set(kh)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_history_has_its_entity_where_one_is_kept(family: str) -> None:
    without, with_one = (discover(family, history=kept)["components"] for kept in (False, True))
    assert set(with_one) - set(without) == {"history"}
    assert "enabled_by_default" not in with_one["history"]
    assert with_one["history"]["availability"] == [{"topic": "juntek/gateway/availability"}]


def test_settings_are_off_until_the_owner_wants_them() -> None:
    topics = Topics("house")
    of_settings = [
        component
        for component in discover("KH-F")["components"].values()
        if component.get("state_topic") == topics.settings
    ]
    assert len(of_settings) > 10
    assert all(component["enabled_by_default"] is False for component in of_settings)


def test_password_of_the_meter_is_not_published() -> None:
    assert KH_SETTINGS.bluetooth_password
    assert "bluetooth_password" not in KH_SETTINGS.as_dict(secrets=False)
    assert "bluetooth_password" not in discover("KH-F")["components"]


def test_ids_do_not_change_when_the_model_becomes_known() -> None:
    before, after = discover("KG-F"), discover("KG-F", identity=KG140F)
    assert before["device"]["model"] == "KG-F"
    assert after["device"]["model"] == "KG140F"
    assert before["device"]["identifiers"] == after["device"]["identifiers"] == ["juntek_house"]
    assert before["components"] == after["components"]


def test_serial_number_of_zero_is_none() -> None:
    assert discover("KG-F", identity=KG140F)["device"]["serial_number"] == "837"
    assert "serial_number" not in discover("KH-F", identity=KH140F)["device"]


def test_two_gateways_on_one_broker_have_their_own_ids_by_their_base_topics() -> None:
    assert Topics("house", base_topic="van/juntek").config == "homeassistant/device/van_juntek_house/config"
    assert Topics("house", base_topic="van/juntek").state == "van/juntek/house/state"


def test_link_is_told_while_the_meter_is_silent() -> None:
    components = discover("KG-F")["components"]
    gateway_only = [{"topic": "juntek/gateway/availability"}]
    assert components["link"]["availability"] == gateway_only
    assert components["last_frame"]["availability"] == gateway_only
    assert "availability" not in components["voltage"]


def test_name_of_the_device_is_for_people_and_that_of_the_topic_for_machines() -> None:
    assert discover("KG-F", "van_bank-2")["device"]["name"] == "Van bank 2"
    assert slug("Buro 1/2+#") == "Buro_1_2__"
    assert [slug(name) for name in ("Дом", "Küche", "Büro 1/2+#", "家")] == ["Dom", "Kuche", "Buro_1_2__", "Jia"]


def test_state_has_every_key_and_null_where_nothing_is_known() -> None:
    assert set(kg_reading().as_dict()) == set(kh_reading().as_dict())
    assert kh_reading().as_dict()["internal_resistance"] is None
    assert kh_reading().as_dict()["temperature"] is None


MADE_UP = {
    "quantity/zz_made_up.py": """
from juntek.quantity import Quantity

ROWS = (
    Quantity("cycle_count", "Cycles", "", "", "total", 1, icon="mdi:sync", source=lambda reading: 2.5),
    Quantity("midpoint", "Midpoint", "V", "voltage", "instant", 3),
    Quantity("mood", "Mood", "", "", "state", words=("good", "bad"), diagnostic=True, enabled=False),
    Quantity("ripple", "Ripple", "mV", "", "instant", icon="mdi:sine-wave"),
    Quantity("beeper", "Beeper", "", "", "setting"),
    Quantity("owner_code", "Owner code", "", "", "setting", secret=True),
)
""",
    "rs485/families/zz_f.py": """
from juntek.rs485.family import Field, Layout, Model

MODEL = Model(
    family="ZZ-F", prefix="ZZ", series={9: "shunt"},
    readings=Layout("r50", (Field(index=2, key="voltage", source=""), Field(index=3, key="ripple", source=""))),
    settings=Layout("r51", (
        Field(index=2, key="beeper", names=("off", "on"), source=""), Field(index=3, key="owner_code", source=""),
    )),
)
""",
    "look.py": """
import json
from juntek.outputs.mqtt.messages import Topics, discovery
from outputs.updates import KG_SETTINGS, kg_reading

print(json.dumps({
    "components": discovery("house", Topics("house"), family="KG-F", version="1")["components"],
    "of_zz": discovery("house", Topics("house"), family="ZZ-F", version="1")["components"],
    "state": kg_reading(more={"midpoint": 6.5}).as_dict(),
    "settings": KG_SETTINGS.as_dict(secrets=False),
}))
""",
}


def test_quantity_and_family_of_another_package_have_their_entities(tmp_path: Path) -> None:
    for name, text in MADE_UP.items():
        (tmp_path / "juntek" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "juntek" / name).write_text(text)
    paths = [Path(__file__).parents[1] / "src", Path(__file__).parent, tmp_path]
    done = subprocess.run(
        [sys.executable, tmp_path / "juntek/look.py"],
        env={"PYTHONPATH": os.pathsep.join(map(str, paths))}, check=True, capture_output=True, text=True,
    )  # fmt: skip
    seen = json.loads(done.stdout)
    assert seen["components"]["midpoint"] == {
        "platform": "sensor", "unique_id": "juntek_house_midpoint", "name": "Midpoint",
        "value_template": "{{ value_json.midpoint }}", "device_class": "voltage", "unit_of_measurement": "V",
        "state_class": "measurement", "suggested_display_precision": 3,
    }  # fmt: skip
    assert seen["components"]["cycle_count"]["state_class"] == "total_increasing"
    assert seen["components"]["cycle_count"]["icon"] == "mdi:sync"
    assert seen["components"]["mood"]["options"] == ["Good", "Bad"]
    assert seen["components"]["mood"]["enabled_by_default"] is False
    assert (seen["state"]["cycle_count"], seen["state"]["midpoint"], seen["state"]["mood"]) == (2.5, 6.5, None)
    assert "owner_code" not in seen["components"] | seen["settings"] | seen["of_zz"]
    assert "ripple" not in seen["components"]  # which only the other family says
    assert seen["of_zz"]["ripple"]["icon"] == "mdi:sine-wave"
    assert (seen["of_zz"]["beeper"]["options"], seen["of_zz"]["beeper"]["device_class"]) == (["Off", "On"], "enum")
    assert "internal_resistance" not in seen["of_zz"]
    assert {"midpoint", "cycle_count", "charged_energy", "power"} <= set(seen["of_zz"])
