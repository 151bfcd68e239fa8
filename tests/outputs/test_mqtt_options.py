"""The keys of the [mqtt] section."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from juntek.errors import ConfigurationError
from juntek.outputs.mqtt import MqttOptions
from juntek.outputs.mqtt.broker_login import make_context, read_password


def test_defaults_reach_a_broker_on_this_machine() -> None:
    options = MqttOptions()
    assert (options.host, options.port, options.tls, options.interval) == ("127.0.0.1", 1883, False, 5.0)
    assert (options.base_topic, options.discovery_prefix) == ("juntek", "homeassistant")


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"host": " "}, "mqtt.host is empty; give the name or address of the broker."),
        ({"port": 70000}, "mqtt.port is 1 to 65535, not 70000."),
        ({"port": 0}, "mqtt.port is 1 to 65535, not 0."),
        ({"interval": -1.0}, "mqtt.interval is 0 to 3600 s, not -1."),
        ({"interval": float("nan")}, "mqtt.interval is 0 to 3600 s, not nan."),
        ({"protocol": "4"}, 'mqtt.protocol is "auto", "5" or "3.1.1", not "4".'),
        ({"topic_layout": "x"}, 'mqtt.topic_layout is "juntek", "juntek_kg" or "venus", not "x".'),
        ({"base_topic": "a/#"}, "mqtt.base_topic is a topic without"),
        ({"base_topic": ""}, "mqtt.base_topic is a topic without"),
        ({"discovery_prefix": "homeassistant/"}, "mqtt.discovery_prefix is a topic without"),
        ({"password": "x"}, "mqtt.password needs a user name; set mqtt.username too."),
        ({"password_file": Path("x")}, "mqtt.password_file needs a user name; set mqtt.username too."),
        ({"ca_file": Path("x")}, "mqtt.ca_file is for TLS only; set mqtt.tls = true too."),
        ({"tls": True, "key_file": Path("x")}, "mqtt.key_file needs its certificate; set mqtt.certificate_file too."),
    ],
)
def test_wrong_value_is_refused_with_the_key_and_the_mend(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        MqttOptions(**values)
    assert str(refusal.value).startswith(sentence)


def test_password_is_the_first_line_of_its_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("sécret\n")
    assert read_password(MqttOptions(username="house", password_file=file)) == "sécret"


def test_password_from_the_environment_goes_before_the_file() -> None:
    assert read_password(MqttOptions(username="house", password="given", password_file=Path("/nowhere"))) == "given"  # noqa: S106


def test_password_is_not_shown() -> None:
    assert "given" not in repr(MqttOptions(username="house", password="given"))  # noqa: S106


def test_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with pytest.raises(ConfigurationError, match=r"mqtt.password_file .*missing does not exist"):
        read_password(MqttOptions(username="house", password_file=missing))
    with pytest.raises(ConfigurationError, match=r"mqtt.ca_file .*missing does not exist"):
        make_context(MqttOptions(tls=True, ca_file=missing))
    with pytest.raises(ConfigurationError, match=r"mqtt.certificate_file .*missing does not exist"):
        make_context(MqttOptions(tls=True, certificate_file=missing))


def test_file_that_holds_something_else_is_named(tmp_path: Path) -> None:
    nonsense, nothing = tmp_path / "nonsense", tmp_path / "nothing"
    nonsense.write_text("hello\n")
    nothing.touch()
    with pytest.raises(ConfigurationError, match=r"mqtt.password_file .*nothing holds no password"):
        read_password(MqttOptions(username="house", password_file=nothing))
    with pytest.raises(ConfigurationError, match=r"mqtt.ca_file .*nonsense holds no certificate"):
        make_context(MqttOptions(tls=True, ca_file=nonsense))
    with pytest.raises(ConfigurationError, match=r"nonsense are not a certificate and its key"):
        make_context(MqttOptions(tls=True, certificate_file=nonsense))
    with pytest.raises(ConfigurationError, match=r"mqtt.ca_file .* is a folder"):
        make_context(MqttOptions(tls=True, ca_file=tmp_path))
