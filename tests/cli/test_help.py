"""The help that an owner reads, and how the program ends."""

from __future__ import annotations

import re

import pytest
from syrupy.assertion import SnapshotAssertion

import juntek
from cli.program import run
from juntek.cli import STATUSES, main
from juntek.errors import (
    ConfigurationError,
    DatabaseError,
    JuntekError,
    LinkError,
    LinkLostError,
    NoReplyError,
    RequestError,
    UnknownLayoutError,
)

COMMANDS = (
    "find", "setup", "read", "watch", "run", "decode", "estimate", "capture", "simulate", "demo", "config init",
    "config check", "service install", "service uninstall", "history summary",
    "history export", "history import", "history backup", "history push", "history repair",
    "web password", "web token",
    "settings show", "settings set", "settings save", "settings restore", "settings log", "act",
)  # fmt: skip


def show_help(*words: str) -> str:
    result = run(*words, "--help")
    assert result.status == 0
    return result.output


@pytest.mark.parametrize("command", ["", *COMMANDS, "config", "service", "history", "web", "settings"])
def test_the_help_is_plain_text_that_fits_with_an_example(command: str, snapshot: SnapshotAssertion) -> None:
    text = show_help(*command.split())
    assert text == snapshot
    assert f"Example: juntek {command}".rstrip() in " ".join(text.split())
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_every_command_is_in_this_list() -> None:
    names = re.findall(r"^  (\w+) ", show_help().partition("Commands:")[2].partition("Example:")[0], flags=re.MULTILINE)
    assert set(names) == {command.split()[0] for command in COMMANDS}


def test_the_version_is_that_of_the_library() -> None:
    result = run("--version")
    assert (result.status, result.output) == (0, f"juntek {juntek.__version__}\n")


STATUS_OF = {
    RequestError: 2, ConfigurationError: 3, LinkError: 4, LinkLostError: 4, NoReplyError: 5, UnknownLayoutError: 5,
    JuntekError: 6, DatabaseError: 7,
}  # fmt: skip


@pytest.mark.parametrize(
    ("error", "status", "talk"),
    [
        *((kind("Plug it in."), status, "Plug it in.\n") for kind, status in STATUS_OF.items()),
        (LinkError("No \x1b[31m\n here."), 4, "No ?[31m? here.\n"),
        (ExceptionGroup("two", [KeyError("x"), ExceptionGroup("one", [NoReplyError("Silent.")])]), 5, "Silent.\n"),
        (
            PermissionError(13, "Permission denied", "/root/x"),
            3,
            "/root/x is in a folder that this user may not look into",
        ),
        (OSError(36, "File name too long", "long.toml"), 2, "long.toml is too long for a name of a file; name another"),
        (ValueError("\x1b[31m\n"), 1, "Something unexpected happened (ValueError: ?[31m); run it again with --debug"),
        (KeyError("x"), 1, "Something unexpected happened (KeyError: 'x'); run it again with --debug and report what"),
    ],
)
def test_an_error_becomes_its_sentence_and_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, status: int, talk: str
) -> None:
    def fail(arguments: list[str]) -> None:
        del arguments
        raise error

    monkeypatch.setattr("juntek.cli.application.run_command", fail)
    monkeypatch.setattr("sys.argv", ["juntek", "read"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == status in STATUSES
    assert capsys.readouterr().err.startswith(talk)


def test_debug_shows_where_an_error_came_from(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["juntek", "decode", "/no/such", "--debug"])
    with pytest.raises(SystemExit) as ended:
        main()
    talk = capsys.readouterr().err
    assert ended.value.code == 2
    assert talk.startswith("Traceback")
    assert talk.endswith("/no/such does not exist; write it or correct the path.\n")


def test_wrong_use_says_what_is_right() -> None:
    result = run("decode", "--format", "xml")
    assert (result.status, "json" in result.talk) == (2, True)


def test_no_command_shows_the_help() -> None:
    result = run()
    assert (result.status, "Commands:" in result.output + result.talk) == (2, True)


@pytest.mark.parametrize("command", ["read", "run --link", "watch"])
@pytest.mark.parametrize("address", ["0", "100", "abc", "P0", "9" * 5000])
def test_an_impossible_address_is_told_in_words_of_ours(command: str, address: str) -> None:
    result = run(*command.split(), "/dev/none", "--address", address)
    assert (result.status, "1 to 99" in result.talk) == (2, True)
