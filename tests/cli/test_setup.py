"""`juntek setup`: two runs of it with real meters and a real broker, and what it leaves alone."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from cli.program import Ended, Running, on_a_terminal, run, simulator
from juntek.cli.setup_file import broker_address
from juntek.config import load
from juntek.outputs.mqtt import MqttOptions
from juntek.outputs.web import WebOptions
from servers.mosquitto import Mosquitto, User

pytestmark = [pytest.mark.broker, pytest.mark.usefixtures("in_haste")]


@pytest.fixture(scope="module")
def meter() -> Iterator[Running]:
    with simulator("--model", "KG140F", "--address", 3) as running:
        yield running


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    return tmp_path / "etc" / "juntek.toml"


def set_up(file: Path, *given: object, status: int = 0, **variables: Any) -> Ended:  # noqa: ANN401 - those of run
    """Run the command and ask nothing, in the home of the file's folder."""
    ended = run("setup", "--config", file, *given, "--yes", home=file.parent.parent, **variables)
    assert ended.status == status, ended.talk
    return ended


def keys(file: Path) -> dict[str, Any]:
    return tomllib.loads(file.read_text())


def test_a_meter_becomes_a_configuration_that_works_without_a_question(
    meter: Running, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    file = tmp_path / "new" / "juntek.toml"
    result = set_up(file, "--link", meter.url, "--broker", f"127.0.0.1:{mosquitto.port}")
    assert "KG140F" in result.talk
    (house,) = keys(file)["meters"]
    assert (house["name"], house["link"], house["address"]) == ("house", meter.url, 3)
    assert {"mqtt", "history", "web"} <= keys(file).keys()
    assert "http://127.0.0.1:8140" in result.output
    assert "Home Assistant" in result.output
    assert run("config", "check", "--config", file, home=tmp_path).status == 0


@pytest.mark.parametrize("wrong", ["/no/such", os.devnull])
def test_a_wrong_configuration_elsewhere_hinders_nobody_who_writes_one(meter: Running, file: Path, wrong: str) -> None:
    set_up(file, "--link", meter.url, "--broker", "none", JUNTEK_CONFIG=wrong)
    assert keys(file)["meters"][0]["address"] == 3


def test_a_second_run_changes_what_it_is_asked_to_and_keeps_all_else(
    meter: Running, mosquitto: Mosquitto, file: Path
) -> None:
    file.write_text(
        f"""# mine
[[meters]]
name = "boat"  # the best
link = "{meter.url}"
address = 3
interval = 2.5

[[meters]]
name = "van"
link = "/dev/ttyUSB7"

[mqtt]
port = {mosquitto.port}
base_topic = "boats"

[metrics]
"""
    )
    before = file.read_text()
    set_up(file, "--capacity", 200, "--page", "local", "--chemistry", "agm")
    boat, van = keys(file)["meters"]
    assert boat == {"name": "boat", "link": meter.url, "address": 3, "interval": 2.5, "nominal_capacity": 200.0} | {
        "battery": {"chemistry": "agm"}
    }
    assert van == {"name": "van", "link": "/dev/ttyUSB7"}
    assert keys(file)["mqtt"] == {"port": mosquitto.port, "base_topic": "boats"}
    assert keys(file)["web"] == {"listen": "127.0.0.1:8140"}
    assert all(remark in file.read_text() for remark in ("# mine", "# the best"))
    assert file.with_name("juntek.toml.bak").read_text() == before
    after = keys(file)
    set_up(file)
    assert keys(file) == after
    set_up(file, "--chemistry", "none")
    assert "battery" not in keys(file)["meters"][0]


def test_a_battery_whose_chemistry_is_guessed_stays_as_it_is(meter: Running, file: Path) -> None:
    file.write_text(f'[[meters]]\nname = "boat"\nlink = "{meter.url}"\naddress = 3\n[meters.battery]\ncells = 16\n')
    before = keys(file)["meters"]
    set_up(file, "--broker", "none")
    assert keys(file)["meters"] == before


def test_secrets_are_kept_from_others(
    meter: Running, start_mosquitto: Callable[..., Mosquitto], file: Path, tmp_path: Path
) -> None:
    broker = start_mosquitto(user=User("me", "hunter2"))
    for name, text in (("broker", "hunter2"), ("page", "a long password")):
        (tmp_path / name).write_text(f"{text}\n")
    result = set_up(
        file, "--link", meter.url, "--address", 3, "--broker", f"127.0.0.1:{broker.port}", "--username", "me",
        "--password-file", tmp_path / "broker", "--page", "network", "--page-password-file", tmp_path / "page",
    )  # fmt: skip
    assert "hunter2" not in file.read_text() + result.output + result.talk
    assert {path.stat().st_mode & 0o077 for path in file.parent.glob("*-password")} == {0}
    configuration = load(file, {"HOME": str(tmp_path)})
    mqtt, web = configuration.sinks["mqtt"], configuration.sinks["web"]
    assert isinstance(mqtt, MqttOptions)
    assert isinstance(web, WebOptions)
    assert (mqtt.username, web.listen, web.needs_password) == ("me", "0.0.0.0:8140", True)
    assert run("config", "check", "--config", file, home=tmp_path).status == 0


def test_a_port_that_does_not_answer_stays_unless_the_meter_is_found_at_another(
    meter: Running, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As behind the Debian package, which writes the file before an adapter is plugged in."""
    file.write_text('[[meters]]\nname = "boat"\nlink = "/dev/no-such-port"\n')
    for ports, link, address in (([], "/dev/no-such-port", 1), ([meter.url], meter.url, 3)):
        monkeypatch.setattr("juntek.links.device.list_ports", lambda ports=ports: ports)
        assert "/dev/no-such-port" in set_up(file, "--broker", "none").talk
        (boat,) = keys(file)["meters"]
        assert (boat["name"], boat["link"], boat["address"]) == ("boat", link, address)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ('\ufeff[[meters]]\nname = "boat"\nlink = "replay:none"\n', 0),
        ('[[meters]]\r\nname = "boat"\r\nlink = "replay:none"\r\n', 0),
        ('meters = [{name = "boat", link = "replay:none"}]\nweb.listen = "127.0.0.1:9000"\n', 0),
        ('[[meters]]\nname = "boat"\nname = "van"\n', 3),
        (f"x = {'[' * 2000}{']' * 2000}", 3),
        ("[mqtt]\n", 3),
    ],
)
def test_a_file_is_changed_in_whichever_form_it_is_or_what_is_wrong_is_said(file: Path, text: str, status: int) -> None:
    file.write_bytes(text.encode())
    given = ("--link", "replay:none", "--address", 2, "--broker", "none", "--page", "local", "--chemistry", "agm")
    result = set_up(file, *given, status=status)
    if status:
        assert file.read_bytes() == text.encode()
        assert len(result.talk.splitlines()) == 1
    else:
        boat = {"name": "boat", "link": "replay:none", "address": 2, "battery": {"chemistry": "agm"}}
        assert keys(file)["meters"] == [boat]


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ("--link socket://127.0.0.1:1", 4),
        ("--link {meter} --address 3 --broker 127.0.0.1:1", 6),
        ("--link {meter} --address 3 --broker none --page network", 2),
        ("--link {meter} --address 3 --broker none --page everybody", 2),
        ("--link {meter} --address 3 --password-file /nowhere", 3),
        ("--link {meter} --address 3 --broker none --name a/b", 2),
        ("--link {meter} --address 3 --broker none --name gateway", 2),
        ("--link socket:// --address 3 --broker none", 3),
    ],
)
@pytest.mark.parametrize("before", ["", '[[meters]]\nname = "boat"\nlink = "replay:none"\n'], ids=["new", "known"])
def test_what_cannot_be_is_said_and_nothing_is_written(
    meter: Running, file: Path, arguments: str, status: int, before: str
) -> None:
    if before:
        file.write_text(before)
    result = set_up(file, *arguments.format(meter=meter.url).split(), status=status)
    assert (result.output, file.read_text() if file.exists() else "") == ("", before)


def test_a_file_without_a_password_is_named_and_no_key(file: Path, tmp_path: Path) -> None:
    for option, name in (("--password-file", "none"), ("--page-password-file", "empty")):
        (tmp_path / "empty").touch()
        result = set_up(file, option, tmp_path / name, status=3)
        assert result.talk.startswith(f"{tmp_path / name} "), result.talk


def test_a_place_where_no_file_can_be_is_told_before_anything_is_looked_for(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = set_up(tmp_path / "file" / "juntek.toml", "--link", "socket://127.0.0.1:1", status=3)
    assert "Not a directory" in result.talk


def test_a_password_that_is_too_short_is_told_so(meter: Running, file: Path, tmp_path: Path) -> None:
    answers = (
        ("called?", ""), ("made of", ""), ("Where is", "none"), ("others in", "y"), ("A password", "short"),
        ("or more: --page-password-file.", "long enough"),
    )  # fmt: skip
    converse(file, meter, answers, tmp_path)


def test_questions_are_asked_at_a_terminal(meter: Running, mosquitto: Mosquitto, file: Path, tmp_path: Path) -> None:
    answers = {"called?": "Cabin", "made of": "lifepo4", "broker": f"127.0.0.1:{mosquitto.port}", "password?": "n"}
    converse(file, meter, answers.items(), tmp_path)
    (cabin,) = keys(file)["meters"]
    assert (cabin["name"], cabin["battery"]) == ("Cabin", {"chemistry": "lifepo4"})
    assert keys(file)["mqtt"]["port"] == mosquitto.port


def test_a_wrong_answer_is_asked_for_again_and_nobody_starts_anew(
    meter: Running, start_mosquitto: Callable[..., Mosquitto], file: Path, tmp_path: Path
) -> None:
    broker = f"127.0.0.1:{start_mosquitto(user=User('me', 'hunter2')).port}"
    answers = (
        ("called?", "a/b"), ("called?", "Cabin"), ("made of", "wood"), ("made of", "agm"), ("Where is", "127.0.0.1:1"),
        ("Where is", broker), ("The user", "you"), ("The password", "no"), ("The user", "me"),
        ("The password", "hunter2"), ("others in", "y"), ("A password", "short"), ("A password", "long enough"),
    )  # fmt: skip
    converse(file, meter, answers, tmp_path)
    assert (keys(file)["mqtt"]["username"], keys(file)["web"]["listen"]) == ("me", "0.0.0.0:8140")


def converse(file: Path, meter: Running, answers: Iterable[tuple[str, str]], home: Path) -> None:
    """Set up at a terminal, and answer the questions with these words in them, one after the other."""
    with on_a_terminal("setup", "--config", file, "--link", meter.url, "--address", 3, home=home) as screen:
        for word, answer in answers:
            screen.wait_for(word)
            screen.wait_for(": ")  # a password is read from then on
            screen.type(f"{answer}\n")
        assert screen.wait_for_end() == 0


def test_a_password_for_a_page_that_is_not_configured_makes_it_one(file: Path, tmp_path: Path) -> None:
    file.write_text('[[meters]]\nname = "house"\nlink = "replay:none"\n')
    (tmp_path / "password").write_text("a long password")
    set_up(file, "--address", 1, "--broker", "none", "--page-password-file", tmp_path / "password")
    assert keys(file)["web"].keys() == {"password_hash_file"}


@pytest.mark.parametrize(
    ("listen", "page", "then"),
    [
        ("127.0.0.1:9000", "local", "127.0.0.1:9000"),
        ("127.0.0.1:9000", "network", "0.0.0.0:9000"),
        ("192.168.1.5:9000", "network", "192.168.1.5:9000"),
        ("192.168.1.5:9000", "local", "127.0.0.1:9000"),
    ],
)
def test_the_page_keeps_its_port(file: Path, tmp_path: Path, listen: str, page: str, then: str) -> None:
    file.write_text(f'[[meters]]\nname = "boat"\nlink = "replay:none"\n[web]\nlisten = "{listen}"\nauth = "none"\n')
    (tmp_path / "password").write_text("long enough\n")
    set_up(file, "--address", 1, "--broker", "none", "--page", page, "--page-password-file", tmp_path / "password")
    assert (keys(file)["web"]["listen"], "auth" in keys(file)["web"]) == (then, False)


@pytest.mark.parametrize(
    ("broker", "parts"),
    [
        ("192.168.1.10", ("192.168.1.10", 1883)), ("box.local:1884", ("box.local", 1884)), ("::1", ("::1", 1883)),
        ("[fd00::5]", ("fd00::5", 1883)), ("[fd00::5]:1884", ("fd00::5", 1884)), ("a:b", None), ("a:b:c", None),
        ("mqtt://10.0.0.1", None), ("mqtt://10.0.0.1:1883", None), ("[::1", ("::1", 1883)), ("", None),
        ("two words", None),
    ],
)  # fmt: skip
def test_a_broker_is_given_as_owners_write_it(broker: str, parts: tuple[str, int] | None) -> None:
    if parts is None:
        with pytest.raises(typer.BadParameter):
            broker_address(broker)
    else:
        assert broker_address(broker) == broker_address(str(broker_address(broker))) == parts


def test_a_meter_that_does_not_answer_where_it_was_said_to_be_is_told_and_written(file: Path) -> None:
    result = set_up(file, "--link", "socket://127.0.0.1:1", "--address", 3, "--broker", "none")
    assert "127.0.0.1:1" in result.talk
    assert keys(file)["meters"][0]["link"] == "socket://127.0.0.1:1"
