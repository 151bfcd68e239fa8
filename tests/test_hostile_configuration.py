"""What no configuration is: each is refused in a sentence, before it costs memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from juntek.config import load
from juntek.errors import ConfigurationError

METER = '[[meters]]\nname = "house"\nlink = "/dev/ttyUSB0"\n'


def refusal(folder: Path, text: str, environment: dict[str, str] | None = None) -> str:
    """Return what is said of a file that cannot be."""
    file = folder / "juntek.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as refused:
        load(file, environment or {})
    return str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        ".".join(["a"] * 50_000) + " = 1",
        "[" + " . ".join(['"a"'] * 50_000) + "]",
        "a = {" + ".".join(["a"] * 50_000) + " = 1}",
        "a = " + "[" * 50_000,
        "a = " + "{a = " * 50_000,
        f"{METER}address = 0x{'f' * 6000}",
        f"{METER}address = {'9' * 6000}",
        f"{METER}interval = {'9' * 600}",
        "#" * 5_000_000,
        f'{METER}address = "P100"',
        f'{METER}[mqtt]\ntls = true\nca_file = "~nobody-of-this-name/ca.pem"',
        f'{METER}[history]\npath = "\\u0000"',
    ],
    ids=range(12),
)
def test_a_file_that_nobody_means_is_refused_in_a_sentence(tmp_path: Path, text: str) -> None:
    assert len(refusal(tmp_path, text)) < 500


@pytest.mark.parametrize("name", ["JUNTEK_MQTT", f"JUNTEK_METERS__{'9' * 5000}__NAME"])
def test_so_is_a_variable(tmp_path: Path, name: str) -> None:
    refusal(tmp_path, METER, {name: '{"a": ' + "[" * 20_000})


def test_a_broker_as_a_url_is_refused_with_the_lines_to_write(tmp_path: Path) -> None:
    said = refusal(tmp_path, f'{METER}[mqtt]\nhost = "mqtts://user:geheim@broker:1884"\n')
    assert all(part in said for part in ('host = "broker"', "port = 1884", 'username = "user"', "tls = true"))
    assert "geheim" not in said


@pytest.mark.parametrize("link", ["192.168.1.20:8899", "converter.lan:8899", "[::1]:8899"])
def test_an_address_and_a_port_as_a_link_say_the_url(tmp_path: Path, link: str) -> None:
    assert f"socket://{link}" in refusal(tmp_path, METER.replace("/dev/ttyUSB0", link))


@pytest.mark.parametrize("address", ['"P07"', '"p7"', "7"])
def test_an_address_is_written_as_the_display_shows_it(tmp_path: Path, address: str) -> None:
    file = tmp_path / "juntek.toml"
    file.write_text(f"{METER}address = {address}\n")
    assert load(file, {}).meters[0].options.address == 7
