"""The app for Home Assistant: what its Supervisor reads, and what the start program makes of its options."""

from __future__ import annotations

import importlib.util
import json
import re
import struct
import subprocess
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st

from juntek.battery.estimate.chemistry import CHEMISTRIES
from juntek.config import load
from packages.conftest import ROOT
from packages.supervisor import TOKEN, accepts, find_faults, supervisor

SOURCE = ROOT / "packaging" / "home-assistant"
APP = SOURCE / "juntek"
CONFIG: dict[str, Any] = yaml.safe_load((APP / "config.yaml").read_text())
BROKER = {
    "host": "core-mosquitto", "port": 1883, "ssl": False, "protocol": "3.1.1",
    "username": "addons", "password": 'a"b\\c\n', "addon": "core_mosquitto",
}  # fmt: skip
METER = {"name": "house", "device": "/dev/ttyUSB0", "address": 1}
OPTIONS: dict[str, Any] = {"meters": [METER], "log_level": "info"}


def load_start() -> ModuleType:
    spec = importlib.util.spec_from_file_location("start", APP / "start.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


START = load_start()


def begin(folder: Path, options: dict[str, Any], broker: dict[str, Any] | None = BROKER) -> tuple[Any, dict[str, str]]:
    """Run the start program; return the configuration and the environment of the gateway."""
    (folder / "options.json").write_text(json.dumps(options))
    with supervisor(broker) as address:
        file, variables = START.main({"SUPERVISOR_TOKEN": TOKEN, "TZ": "Europe/Berlin"}, folder, address)
    return tomllib.loads(file.read_text()), variables


def test_the_supervisor_takes_every_key_of_the_app() -> None:
    assert find_faults(CONFIG) == []
    assert set(CONFIG["arch"]) == {"aarch64", "amd64"}
    assert "mqtt:want" in CONFIG["services"]
    assert set(yaml.safe_load((SOURCE / "repository.yaml").read_text())) >= {"name", "maintainer"}


def test_the_options_as_they_are_first_are_taken() -> None:
    assert accepts(CONFIG["schema"], CONFIG["options"])


def test_every_option_has_its_words() -> None:
    words = yaml.safe_load((APP / "translations" / "en.yaml").read_text())["configuration"]
    assert set(words) == set(CONFIG["schema"])
    assert all(set(each) == {"name", "description"} for each in words.values())
    documents = (APP / "DOCS.md").read_text()
    assert not [key for key in CONFIG["schema"]["meters"][0] if key != "name" and f"`{key}`" not in documents]


@pytest.mark.parametrize(("name", "size"), [("icon", (128, 128)), ("logo", (250, 100))])
def test_its_pictures_have_the_size_that_the_store_shows(name: str, size: tuple[int, int]) -> None:
    data = (APP / f"{name}.png").read_bytes()
    assert data.startswith(b"\x89PNG")
    assert struct.unpack(">II", data[16:24]) == size


def test_the_page_is_served_where_ingress_asks(tmp_path: Path) -> None:
    made, _ = begin(tmp_path, OPTIONS)
    assert made["web"] == {"listen": f"0.0.0.0:{CONFIG['ingress_port']}", "auth": "ingress"}
    assert str(CONFIG["ingress_port"]) in CONFIG["watchdog"]


def test_the_broker_is_that_of_the_supervisor_and_its_password_in_no_file(tmp_path: Path) -> None:
    made, variables = begin(tmp_path, OPTIONS)
    assert made["mqtt"] == {"host": "core-mosquitto", "port": 1883, "username": "addons"}
    assert variables["JUNTEK_MQTT__PASSWORD"] == BROKER["password"]
    assert "SUPERVISOR_TOKEN" not in variables
    assert variables["TZ"] == "Europe/Berlin"


def test_a_broker_with_tls_is_asked_by_tls(tmp_path: Path) -> None:
    made, _ = begin(tmp_path, OPTIONS, {**BROKER, "ssl": True, "port": 8883})
    assert (made["mqtt"]["tls"], made["mqtt"]["port"]) == (True, 8883)


def test_a_broker_that_the_owner_names_comes_first(tmp_path: Path) -> None:
    own = {"mqtt_host": "192.168.1.10", "mqtt_username": "me", "mqtt_password": "my own"}
    made, variables = begin(tmp_path, {**OPTIONS, **own})
    assert made["mqtt"] == {"host": "192.168.1.10", "username": "me"}
    assert variables["JUNTEK_MQTT__PASSWORD"] == own["mqtt_password"]


def test_without_any_broker_the_page_works_all_the_same(tmp_path: Path) -> None:
    made, variables = begin(tmp_path, OPTIONS, None)
    assert "mqtt" not in made
    assert "JUNTEK_MQTT__PASSWORD" not in variables


@pytest.mark.parametrize("meters", [[], [{"name": "house"}], [{"name": "house", "link": "", "address": 1}]])
def test_a_meter_without_a_port_is_told_in_a_sentence(tmp_path: Path, meters: list[dict[str, Any]]) -> None:
    with pytest.raises(START.OptionsError) as error:
        begin(tmp_path, {"meters": meters, "log_level": "info"})
    assert str(error.value).endswith(".")


def test_what_the_start_program_writes_is_a_right_configuration(tmp_path: Path) -> None:
    every = {
        **METER,
        "mode": "poll",
        "model": "KL-F",
        "invert_current": True,
        "nominal_capacity": 280.0,
        "chemistry": "agm",
    }
    network = {"name": "boat", "link": "socket://192.168.1.20:4001"}
    begin(tmp_path, {"meters": [every, network], "log_level": "debug", "keep_raw_days": 90})
    file = tmp_path / "juntek.toml"
    loaded = load(file, {"HOME": str(tmp_path), "JUNTEK_MQTT__PASSWORD": "x"})
    assert [meter.link for meter in loaded.meters] == ["/dev/ttyUSB0", "socket://192.168.1.20:4001"]
    assert set(loaded.sinks) == {"mqtt", "web", "history"}
    assert [meter.battery.chemistry if meter.battery else None for meter in loaded.meters] == ["agm", None]


def test_the_form_knows_every_chemistry() -> None:
    assert CONFIG["schema"]["meters"][0]["chemistry"] == f"list({'|'.join(CHEMISTRIES)})?"


@settings(max_examples=50)
@given(name=st.text(min_size=1), link=st.text(min_size=1))
def test_whatever_is_written_into_the_form_stays_one_value(name: str, link: str) -> None:
    made = tomllib.loads(START.write_configuration({"meters": [{"name": name, "link": link}]}, None))
    assert made["meters"] == [{"link": link, "name": name}]


def test_the_folder_that_is_published_has_all_that_the_image_is_built_of(tmp_path: Path) -> None:
    wheel = tmp_path / "juntek-1.2.3-py3-none-any.whl"
    wheel.touch()
    subprocess.run([SOURCE / "build", wheel, tmp_path / "made"], check=True)
    made = tmp_path / "made" / "juntek"
    assert yaml.safe_load((made / "config.yaml").read_text())["version"] == "1.2.3"
    dockerfile = (made / "Dockerfile").read_text()
    assert 'io.hass.version="1.2.3"' in dockerfile
    for line in re.findall(r"^COPY (?!--from)(.*) \S+$", dockerfile, re.MULTILINE):
        for pattern in line.split():
            assert list(made.glob(pattern)), pattern
    assert (made.parent / "repository.yaml").exists()
