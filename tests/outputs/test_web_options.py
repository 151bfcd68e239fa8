"""The keys of [web], the password and the tokens: what is wrong is one sentence that contains the mend."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from juntek.cli.application import app
from juntek.config import load
from juntek.errors import ConfigurationError, RequestError
from juntek.outputs.web import WebOptions, open_sink
from juntek.outputs.web.passwords import hash_password, hash_token, is_hash, make_token, matches
from outputs.served import HASH, PASSWORD, context
from servers.process import free_port

METER = '[[meters]]\nname = "house"\nlink = "/dev/null"\n'


def test_without_any_key_only_this_computer_is_let_in_and_without_a_password() -> None:
    options = WebOptions()
    assert options.address.is_loopback
    assert not options.needs_password


@pytest.mark.parametrize("listen", ["127.0.0.1:8140", "127.9.9.9:1", "[::1]:8140", "localhost:8140"])
def test_loopback_needs_no_password_unless_there_is_one(listen: str) -> None:
    assert not WebOptions(listen=listen).needs_password
    assert WebOptions(listen=listen, password_hash=HASH).needs_password


@pytest.mark.parametrize("listen", ["0.0.0.0:8140", "[::]:8140", "192.168.1.5:80", "[fe80::1]:8140"])
def test_any_other_address_needs_a_password_or_an_explicit_none(listen: str) -> None:
    with pytest.raises(
        ConfigurationError, match=r"needs web\.password_hash_file.*juntek web password.*auth = \"none\""
    ):
        WebOptions(listen=listen)
    assert not WebOptions(listen=listen, auth="none").needs_password
    assert WebOptions(listen=listen, password_hash=HASH).needs_password


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"listen": "8140"}, "IP address and a port"),
        ({"listen": "battery.local:8140"}, "for all addresses"),
        ({"listen": "1.2.3.4.5:8140"}, "IP address and a port"),
        ({"listen": "::1:8140"}, "IP address and a port"),
        ({"listen": "127.0.0.1:0"}, "1 to 65535, not 0"),
        ({"listen": "127.0.0.1:65536"}, "1 to 65535, not 65536"),
        ({"auth": "basic"}, 'is "password", "none" or "ingress", not "basic"'),
        ({"auth": "password"}, "needs web.password_hash_file"),
        ({"auth": "none", "password_hash": HASH}, "asks for no password; leave it out"),
        ({"password_hash": "secret"}, "make it with: juntek web password"),
        ({"tokens_file": Path("tokens")}, "set web.password_hash_file too"),
        ({"allowed_hosts": ("http://battery",)}, "without http:// and without a port"),
        ({"session_days": 0}, "web.session_days is 1 to"),
    ],
)
def test_what_cannot_be_is_refused_with_the_mend(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        WebOptions(**options)
    assert sentence in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_hash_in_the_file_is_refused_and_one_in_the_environment_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "juntek.toml"
    file.write_text(f'{METER}[web]\npassword_hash = "{HASH}"\n')
    with pytest.raises(ConfigurationError, match=r"password_hash_file, or set JUNTEK_WEB__PASSWORD_HASH"):
        load(file, {"HOME": str(tmp_path)})
    file.write_text(f'{METER}[web]\nlisten = "0.0.0.0:8140"\nallowed_hosts = ["a.example", "b.example"]\n')
    configuration = load(file, {"HOME": str(tmp_path), "JUNTEK_WEB__PASSWORD_HASH": HASH})
    options = configuration.sinks["web"]
    assert isinstance(options, WebOptions)
    assert options.needs_password
    assert options.allowed_hosts == ("a.example", "b.example")
    assert HASH not in repr(options)


def test_a_password_is_known_by_its_hash_only() -> None:
    first, second = hash_password("sunny day"), hash_password("sunny day")
    assert first != second
    assert is_hash(first)
    assert matches("sunny day", first)
    assert not matches("sunny dax", first)
    assert not matches("sunny day", first[:-3] + "AA=")
    assert not matches("", first)
    assert not matches("sunny day", "no hash")


@pytest.mark.parametrize(
    "bad",
    ["", "scrypt:16384:8:5::", HASH.replace(":2:", ":1048576:"), HASH.replace(":2:", ":3:")],
    ids=["empty", "cut", "dear", "odd"],
)
def test_a_hash_that_would_cost_too_much_or_is_none_is_refused(bad: str) -> None:
    assert not is_hash(bad)


@pytest.mark.parametrize(
    ("key", "text", "sentence"),
    [
        ("password_hash_file", None, "does not exist"),
        ("password_hash_file", "sunny day\n", "write it again with: juntek web password"),
        ("tokens_file", "grafana\n", "line 1 is not a name and a hash"),
        ("tokens_file", "# scripts\n\ngrafana secret\n", "line 3 is not a name and a hash"),
        ("tokens_file", "gr\udcff", "is not text"),
    ],
)
async def test_a_file_that_is_no_use_is_refused_with_the_mend(
    tmp_path: Path, key: str, text: str | None, sentence: str
) -> None:
    path = tmp_path / "file"
    if text is not None:
        path.write_bytes(text.encode(errors="surrogateescape"))
    given: dict[str, Any] = {"password_hash_file": path} if key != "tokens_file" else {"password_hash": HASH}
    options = WebOptions(listen=f"127.0.0.1:{free_port()}", **given | {key: path})
    with pytest.raises(ConfigurationError, match=sentence):
        async with open_sink(options, context()):
            pass


def test_the_command_hashes_a_password_from_its_input() -> None:
    result = CliRunner().invoke(app, ["web", "password"], input=f"{PASSWORD}\n")
    assert result.exit_code == 0
    assert matches(PASSWORD, result.stdout.strip())
    assert "JUNTEK_WEB__PASSWORD_HASH" in result.stderr
    assert PASSWORD not in result.output


def test_the_command_writes_a_file_that_the_configuration_takes_and_nobody_else_reads(tmp_path: Path) -> None:
    path = tmp_path / "web-password"
    assert CliRunner().invoke(app, ["web", "password", "-o", str(path)], input=f"{PASSWORD}\n").exit_code == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    file = tmp_path / "juntek.toml"
    file.write_text(f'{METER}[web]\nlisten = "0.0.0.0:8140"\npassword_hash_file = "web-password"\n')
    assert load(file, {"HOME": str(tmp_path)}).sinks["web"].needs_password  # type: ignore[attr-defined]


def test_a_short_password_is_refused() -> None:
    result = CliRunner().invoke(app, ["web", "password"], input="1234567\n")
    assert "8 to" in str(result.exception)


def test_a_token_is_shown_once_and_its_hash_is_added_to_a_file(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    made = [CliRunner().invoke(app, ["web", "token", name, "-o", str(path)]).stdout.strip() for name in ("a", "b")]
    assert path.read_text().splitlines() == [f"a {hash_token(made[0])}", f"b {hash_token(made[1])}"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert made[0].startswith("juntek_")
    assert make_token() != make_token()


@pytest.mark.parametrize("words", [["password"], ["token", "grafana"]])
def test_no_secret_is_written_into_a_file_that_has_something_else_in_it(tmp_path: Path, words: list[str]) -> None:
    path = tmp_path / "juntek.toml"
    path.write_text(METER)
    result = CliRunner().invoke(app, ["web", *words, "-o", str(path)], input=f"{PASSWORD}\n")
    assert isinstance(result.exception, RequestError)
    assert path.read_text() == METER


@pytest.mark.parametrize("name", ["", "two words", "#remark", "a\nb"])
def test_a_token_has_a_name_of_one_word(name: str) -> None:
    assert "one word" in str(CliRunner().invoke(app, ["web", "token", name]).exception)
