"""Whatever may be a secret is not shown: in links, in URLs, in keys of the configuration, also where they are wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from juntek.config import load
from juntek.config.keys import GatewayKeys, MeterKeys, find_tables
from juntek.errors import ConfigurationError, JuntekError, LinkError
from juntek.links import check_link, open_link
from juntek.names import hide_secrets
from juntek.option import keys_of

PASSWORD, KEY = "hunter2", "bGV0bWVpbg"
LINKS = (
    f"esphome://host/?port_name=RS485&key={KEY}",
    f"esphome://me:{PASSWORD}@host/?port_name=RS485&key={KEY}",
    f"socket://me:{PASSWORD}@192.168.1.20:4001",
    f"rfc2217://{PASSWORD}@[fe80::1]:4001/?token={KEY}",
)
SHOWN = (
    "/dev/serial/by-path/platform-fd500000.pcie-pci-0000:01:00.0-usb-0:1.3:1.0-port0",
    "/dev/ttyUSB0",
    "COM3",
    "socket://192.168.1.20:4001",
    "rfc2217://[fe80::1]:4001",
    "esphome://host:6053/?port_name=RS485",
    "replay:/home/me@work/capture.log?speed=10",
)


def complaint(check: Callable[..., object], *arguments: object) -> str:
    """Return what is said of what was right or wrong."""
    try:
        return repr(check(*arguments))
    except JuntekError as error:
        return str(error)


@pytest.mark.parametrize("link", SHOWN)
def test_what_holds_no_secret_is_shown_as_it_is(link: str) -> None:
    assert hide_secrets(link) == link


@pytest.mark.parametrize("link", LINKS)
def test_a_link_that_lost_any_of_its_characters_shows_no_secret(link: str) -> None:
    for place in range(len(link)):
        shown = hide_secrets(link[:place] + link[place + 1 :])
        assert PASSWORD not in shown
        assert KEY not in shown


@pytest.mark.parametrize("link", LINKS)
def test_what_is_wrong_with_a_link_is_said_without_its_secret(link: str) -> None:
    for place in range(len(link)):
        said = complaint(check_link, link[:place] + link[place + 1 :])
        assert PASSWORD not in said
        assert KEY not in said


@pytest.mark.parametrize(
    "link",
    [
        f"esphome//host/?key={KEY}",
        f"esphome:/host/?key={KEY}",
        f"//host/?key={KEY}",
        f"host?key={KEY}",
        f"/dev/ttyUSB0?key={KEY}",
        f"esphome://me:{PASSWORD}@host/?port_name=x",
        f"socket://me:{PASSWORD}@host:22",
        "socket://host",
    ],
)
def test_a_link_that_can_never_be_opened_is_not_called_right(link: str) -> None:
    with pytest.raises(LinkError):
        check_link(link)


@pytest.mark.parametrize(
    "link",
    [
        f"socket://127.0.0.1:1?pass={KEY}",
        f"rfc2217://127.0.0.1:1/#{KEY}",
        f"socket://127.0.0.1:1;{KEY}",
        f"esphome://127.0.0.1,key={KEY}",
        f"esphome://127.0.0.1|{KEY}",
        f"house:{KEY}",
    ],
)
async def test_a_link_that_cannot_be_opened_says_so_without_its_secret(link: str) -> None:
    with pytest.raises(LinkError) as refusal:
        await open_link(link)
    assert KEY.lower() not in str(refusal.value).lower()
    assert KEY not in hide_secrets(link)


@given(st.text(max_size=60))
def test_any_text_can_be_hidden(text: str) -> None:
    assert isinstance(hide_secrets(text), str)


SECRETS = [
    (section, table.repeated, key.name)
    for section, table in find_tables().items()
    for key in keys_of(table.options).values()
    if key.secret
]


def test_there_are_secrets() -> None:
    assert {key for _, _, key in SECRETS} == {"password", "password_hash", "token"}
    assert not any(key.secret for options in (GatewayKeys, MeterKeys) for key in keys_of(options).values())


@pytest.mark.parametrize("value", [f'"{PASSWORD}"', "4711471147114711", f'["{PASSWORD}"]', f'{{a = "{PASSWORD}"}}'])
@pytest.mark.parametrize(("section", "repeated", "key"), SECRETS)
def test_no_secret_of_the_file_is_repeated_in_what_is_wrong_with_it(
    section: str, repeated: bool, key: str, value: str, tmp_path: Path
) -> None:
    file = tmp_path / "juntek.toml"
    header = f"[[{section}]]" if repeated else f"[{section}]"
    for name in (key, f"{key}x"):
        file.write_text(f'[[meters]]\nname = "house"\nlink = "/dev/ttyUSB0"\n{header}\n{name} = {value}\n')
        with pytest.raises(ConfigurationError) as refusal:
            load(file, {})
        assert PASSWORD not in str(refusal.value)
        assert "4711" not in str(refusal.value)


@pytest.mark.parametrize(("section", "repeated", "key"), SECRETS)
def test_no_secret_of_the_environment_is_in_what_can_be_printed(
    section: str, repeated: bool, key: str, tmp_path: Path
) -> None:
    file = tmp_path / "juntek.toml"
    file.write_text('[[meters]]\nname = "house"\nlink = "/dev/ttyUSB0"\n')
    variable = f"JUNTEK_{section.upper()}{'__0' if repeated else ''}__{key.upper()}"
    needed = {"JUNTEK_TIMESERIES__0__URL": "http://127.0.0.1:8428/write"} if section == "timeseries" else {}
    for value in (PASSWORD, "471147"):
        assert value not in complaint(load, file, {variable: value, **needed})


ADDRESSES = (
    ("[[timeseries]]", "url", f"http//host/write?token={PASSWORD}"),
    ("[[timeseries]]", "url", f"ftp://host/write?p={PASSWORD}"),
    ("[[timeseries]]", "url", f"http//me:{PASSWORD}@host/write"),
    ("[metrics]", "listen", f"me:{PASSWORD}@127.0.0.1:9485"),
    ("[web]", "listen", f"http://127.0.0.1:8140/?token={PASSWORD}"),
    ("[mqtt]", "host", f"host:{PASSWORD}"),
    ("[mqtt]", "host", f"mqtt://me:{PASSWORD}@host"),
    ("[mqtt]", "host", f"mqtt//me:{PASSWORD}@host"),
)


@pytest.mark.parametrize(("header", "key", "value"), ADDRESSES)
def test_what_is_wrong_with_an_address_is_said_without_its_secret(
    header: str, key: str, value: str, tmp_path: Path
) -> None:
    file = tmp_path / "juntek.toml"
    file.write_text(f'[[meters]]\nname = "house"\nlink = "/dev/ttyUSB0"\n{header}\n{key} = "{value}"\n')
    with pytest.raises(ConfigurationError) as refusal:
        load(file, {})
    assert PASSWORD not in str(refusal.value)
