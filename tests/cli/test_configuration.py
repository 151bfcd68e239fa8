"""`juntek config init`, `config check` and what `run` does with a wrong configuration."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import typer
from syrupy.assertion import SnapshotAssertion

from cli.program import Ended, run, run_apart, simulator
from juntek.cli import FLAGS, read_arguments
from juntek.cli.application import app
from juntek.config import load
from juntek.extras import install_line
from servers.mosquitto import Mosquitto

SECRET = "hunter2"  # noqa: S105 - it opens nothing


def write(home: Path, text: str) -> Path:
    path = home / "juntek.toml"
    path.write_text(text)
    path.chmod(0o600)
    return path


GOOD = f"""\
[[meters]]
name = "house"
link = "/dev/ttyUSB0"

[[meters]]
name = "van"
link = "esphome://10.0.0.9/?port_name=uart&key={SECRET}"
address = 12
mode = "poll"
model = "KH-F"
interval = 0.5

[mqtt]
host = "broker"
username = "juntek"

[history]
path = "/var/lib/juntek/totals.db"
"""


def test_init_writes_a_file_that_check_likes(tmp_path: Path) -> None:
    result = run("config", "init", home=tmp_path)
    path = tmp_path / ".config" / "juntek" / "juntek.toml"
    assert (result.status, result.output) == (0, f"{path}\n")
    checked = run("config", "check", "--offline", home=tmp_path)
    assert checked.status == 0
    assert checked.output.startswith(f"{path} is right.\n")


def test_init_does_not_write_over_a_file(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    result = run("config", "init", path)
    assert (result.status, result.output) == (3, "")
    assert result.talk == f"{path} is there already; change it, name another one, or write over it with --force.\n"
    assert path.read_text() == GOOD
    assert run("config", "init", path, "--force").status == 0
    assert path.read_text() != GOOD


def test_init_says_where_it_cannot_write() -> None:
    result = run("config", "init", "/proc/juntek/juntek.toml")
    assert result.status == 3
    assert result.talk.startswith("/proc/juntek/juntek.toml cannot be written (")


def test_check_shows_what_the_gateway_would_do_and_no_secret(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    write(tmp_path, GOOD)
    result = run("config", "check", "--offline", home=tmp_path, JUNTEK_MQTT__PASSWORD=SECRET)
    assert (result.status, result.talk) == (0, "")
    assert result.output == snapshot
    assert SECRET not in result.output


def run_without(libraries: set[str], *arguments: object, home: Path) -> Ended:
    """Run the program where these libraries are not installed."""
    code = f"import sys; sys.modules.update(dict.fromkeys({libraries})); from juntek.cli import main; main()"
    return run_apart(*arguments, program=("-c", code), home=home)


SINKS = """
[web]
[metrics]
[[timeseries]]
url = "http://127.0.0.1:9/write"
[[timeseries]]
url = "http://127.0.0.2:9/write"
"""


def test_check_names_everything_that_is_not_installed_in_one_sentence(tmp_path: Path) -> None:
    write(tmp_path, GOOD + SINKS)
    assert run("config", "check", "--offline", home=tmp_path).status == 0
    result = run_without({"prometheus_client", "uvicorn", "httpx"}, "config", "check", "--offline", home=tmp_path)
    assert result.status == 6
    assert result.output.startswith("juntek.toml is right.\n")
    assert result.output.endswith("Totals are kept in /var/lib/juntek/totals.db.\n")
    assert result.talk == (
        "juntek run would stop, as libraries are missing (prometheus_client and uvicorn for [metrics], "
        "httpx for [[timeseries]], uvicorn for [web]); "
        f"install them with: {install_line('metrics,timeseries,web')}\n"
    )


@pytest.mark.parametrize(
    ("section", "library"),
    [
        ("[mqtt]", "paho"),
        ("[metrics]", "prometheus_client"),
        ("[web]", "starlette"),
        ('[[timeseries]]\nurl = "http://127.0.0.1:9/write"', "httpx"),
    ],
)
def test_check_ends_as_run_would_where_a_library_is_missing(tmp_path: Path, section: str, library: str) -> None:
    path = write(tmp_path, f'[[meters]]\nname = "house"\nlink = "replay:none"\n[history]\npath = "a.db"\n{section}\n')
    stopped = run_without({library}, "run", "--config", path, home=tmp_path)
    checked = run_without({library}, "config", "check", "--offline", "--config", path, home=tmp_path)
    assert (checked.status, stopped.status) == (6, 6)
    mend = checked.talk.rpartition("; ")[2].replace("install them with", "install it with")
    assert library in checked.talk
    assert library in stopped.talk
    assert stopped.talk.endswith(f"; {mend}")


def test_check_does_not_ask_for_what_no_section_needs(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    assert (
        run_without({"prometheus_client", "starlette", "httpx"}, "config", "check", "--offline", home=tmp_path).status
        == 0
    )


def test_check_says_when_nothing_is_published(tmp_path: Path) -> None:
    path = write(tmp_path, '[[meters]]\nname = "house"\nlink = "/dev/ttyUSB0"\n')
    result = run("config", "check", "--offline", "--config", path, home=tmp_path)
    assert "Nothing is published: there is no section such as [mqtt]." in result.output


@pytest.mark.parametrize("command", [("config", "check"), ("run",)])
def test_a_wrong_key_is_one_sentence_and_its_own_status(tmp_path: Path, command: tuple[str, ...]) -> None:
    path = write(tmp_path, GOOD.replace("mode", "mood"))
    result = run(*command, "--config", path, home=tmp_path)
    assert (result.status, result.output) == (3, "")
    assert result.talk == f'{path}, line 9: [[meters]] has no key "mood"; did you mean "mode"?\n'


def test_a_flag_of_run_is_named_when_it_is_wrong(tmp_path: Path) -> None:
    result = run("run", "--link", "/dev/ttyUSB0", "--host", "broker", "--port", 0, home=tmp_path)
    assert (result.status, result.talk) == (3, "--port: mqtt.port is 1 to 65535, not 0.\n")


def test_run_without_a_configuration_says_how_to_write_one(tmp_path: Path) -> None:
    result = run("run", home=tmp_path)
    assert result.status == 3
    assert result.talk.endswith("write one with: juntek config init\n")


def test_a_gateway_keeps_no_library_of_the_command_line_in_memory(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    code = f"""
import sys, juntek.gateway
async def run_gateway(configuration):
    assert configuration.meters[1].options.address == 12
    print({{"typer", "click", "rich", "pydantic"}} & set(sys.modules))
juntek.gateway.run_gateway = run_gateway
sys.argv = ["juntek", "run", "--config", {str(path)!r}]
from juntek.cli import main
main()
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "set()\n"


def test_plain_flags_of_run_are_all_that_its_command_has() -> None:
    command = typer.main.get_command(app).commands["run"]  # type: ignore[attr-defined]
    assert {name for option in command.params for name in option.opts} == set(FLAGS)
    assert read_arguments([word for flag in FLAGS for word in (flag, "1")]) == dict.fromkeys(FLAGS, "1")
    assert read_arguments(["--port=1884", "--host", "pi"]) == {"--port": "1884", "--host": "pi"}


@pytest.mark.parametrize(
    "arguments", ["--help", "-h", "--prot 1", "--port", "--port x", "--address 100", "--host --port", "x"]
)
def test_flags_that_are_not_plain_are_left_to_the_command(arguments: str) -> None:
    assert read_arguments(arguments.split()) is None


@pytest.mark.broker
@pytest.mark.usefixtures("in_haste")
def test_what_a_configuration_says_is_tried_at_the_real_things(tmp_path: Path, mosquitto: Mosquitto) -> None:
    with simulator("--model", "KG140F", "--model", "KH140F", "--address", 1, "--address", 2) as meters:
        house = f'[[meters]]\nname = "house"\nlink = "{meters.url}"\n'
        boat = f'[[meters]]\nname = "boat"\nlink = "{meters.url}"\naddress = {{}}\n'
        broker = f"[mqtt]\nport = {mosquitto.port}\n"
        history = '[history]\npath = "juntek.db"\n'
        write(tmp_path, house + boat.format(2) + broker + history)
        result = run("config", "check", home=tmp_path)
        assert (result.status, result.talk) == (0, "")
        *_, database, mqtt, first, second = result.output.splitlines()
        assert database == "database: juntek.db can be written"
        assert mqtt == f"mqtt: the broker at 127.0.0.1:{mosquitto.port} lets us in"
        assert (first[:16], second[:15]) == ("house: KG140F, f", "boat: KH140F, f")
        write(tmp_path, house + boat.format(7) + broker + history)
        result = run("config", "check", home=tmp_path)
    assert result.status == 5
    assert result.output.splitlines()[-1].startswith("house: KG140F")
    assert result.talk.startswith("boat: ")


def test_what_does_not_work_is_said_all_at_once(tmp_path: Path) -> None:
    (tmp_path / "juntek.db").write_text("a letter to my aunt")
    write(
        tmp_path, '[[meters]]\nname = "house"\nlink = "/dev/nothing"\n[mqtt]\nport = 1\n[history]\npath = "juntek.db"\n'
    )
    result = run("config", "check", home=tmp_path)
    assert result.status == 4
    assert [line.partition(":")[0] for line in result.talk.splitlines()] == ["database", "mqtt", "house"]


def test_only_the_service_s_own_files_are_named_for_its_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, '[[meters]]\nname = "house"\nlink = "/dev/ttyUSB0"\n')
    monkeypatch.setattr("juntek.config.SYSTEM_FILE", path)
    monkeypatch.setattr("juntek.config.SYSTEM_STATE", tmp_path / "state")
    assert load(path, {"HOME": str(tmp_path)}, for_service=True).database == tmp_path / "state" / "juntek.db"
