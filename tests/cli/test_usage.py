"""Wrong use of any command: one sentence of ours with the mend, on stderr, with status 2."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from cli.program import run
from juntek.cli import main
from juntek.cli.application import app

Complain = Callable[[list[str]], str]
Command = Any
"""The library's own, which has no public type."""

LIBRARY = ("Usage:", "Try '", "Error:", "Invalid value", "Value error", "Input should", "Missing ", "No such", "Got ")
"""How the library would say it."""
STRANGE = ("--no-such-option", "-Z", "--no-such=\x1b[31m\ud800")
PLACES = {"LINK": "/dev/none", "KEY=VALUE…": "a=1", "ACTION": "zero-current", "NAME": "one"}
FREE = {
    "--address": "P0", "--broker": "a:b:c", "--listen": "udp:1", "--load": "none", "--model": "KX1", "--name": "a/b",
    "--noise": "2", "--speed": "0", "--time-zone": "Mars/Base",
}  # fmt: skip
"""Values that only the command itself, or a parser of ours, can judge."""


def walk(command: Command, path: str = "juntek") -> Iterator[tuple[str, Command]]:
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from walk(below, f"{path} {name}")


COMMANDS = dict(walk(typer.main.get_command(app)))
GROUPS = [path for path, command in COMMANDS.items() if hasattr(command, "commands")]


@pytest.fixture(autouse=True)
def nobody_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("JUNTEK_CONFIG", raising=False)


@pytest.fixture
def complain(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Complain:
    """Return what is said about words that are wrong use."""

    def use(words: list[str]) -> str:
        monkeypatch.setattr("sys.argv", words)
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert (ended.value.code, said.out) == (2, ""), words
        assert not any(wording in said.err for wording in LIBRARY), said.err
        assert "unexpected" not in said.err
        assert said.err.isprintable() or said.err.rstrip("\n").isprintable(), said.err
        return said.err

    return use


def needed(command: Command) -> list[str]:
    """Return the arguments and options that a command cannot be without."""
    words = (
        ["--config", "new.toml", "--link", "/dev/none", "--address", "1", "--yes"] if command.name == "setup" else []
    )
    for parameter in command.params:
        if parameter.required and parameter.param_type_name == "argument":
            words.append(PLACES.get(parameter.metavar, "none"))
        elif parameter.required:
            words += [parameter.opts[0], "none"]
    return words


def impossible(option: Command) -> Iterator[str]:
    """Yield values that an option cannot have."""
    facts = getattr(option, "type_descriptor", None)  # typer from 0.28 on; packages have the one before
    limits = facts.parameter_info if facts else option.type
    if facts:
        is_limited = facts.choices or (facts.annotation in (int, float) and not limits.parser)
    else:
        is_limited = type(option.type).__name__ not in ("StringParamType", "TyperPath", "FuncParamType")
    if is_limited:
        yield from ("no number of it", "")
    if getattr(limits, "min", None) is not None:
        yield str(limits.min - 1)
    if getattr(limits, "max", None) is not None:
        yield str(limits.max + 1)
    if option.opts[0] in FREE:
        yield FREE[option.opts[0]]


@pytest.mark.parametrize("path", COMMANDS)
def test_wrong_use_is_told_in_a_sentence_of_ours(path: str, complain: Complain) -> None:
    command, words = COMMANDS[path], path.split()
    for option in STRANGE:
        assert "There is no option" in complain([*words, option])
    if path in GROUPS:
        return
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    if any(one.required for one in arguments):
        assert "is missing" in complain(words)
    if all(one.nargs == 1 for one in arguments):
        assert "too much" in complain([*words, *needed(command), *["more"] * (1 + len(arguments))])
    for option in (one for one in command.params if one.param_type_name == "option"):
        name = option.opts[0]
        if option.is_flag:
            assert "no value" in complain([*words, f"{name}=3"])
            continue
        said = complain([*words, *needed(command), name])
        assert "needs a value" in said
        assert f"see {path} --help" in said
        for value in impossible(option):
            complain([*words, *needed(command), name, value])


def test_a_configuration_that_is_named_has_to_be_there_to_find_meters(tmp_path: Path) -> None:
    ended = run("find", "--config", tmp_path / "none.toml", home=tmp_path)
    assert (ended.status, ended.output) == (3, "")


@pytest.mark.parametrize("path", [path for path in GROUPS if path != "juntek settings"])
def test_an_unknown_command_is_told_and_a_misspelt_one_guessed(path: str, complain: Complain) -> None:
    known = next(iter(COMMANDS[path].commands))
    assert "There is no command" in complain([*path.split(), "no-such-command"])
    assert f"did you mean {known}?" in complain([*path.split(), f"{known}x"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("read x --adress 3", "There is no option --adress, did you mean --address?; see juntek read --help."),
        ("simulate --cells 3", "There is no option --cells; see juntek simulate --help."),
        (f"{'a' * 400}", f"There is no command juntek {'a' * 297}…; see juntek --help."),
    ],
)
def test_a_guess_is_what_was_meant_or_none(words: str, said: str, complain: Complain) -> None:
    assert complain(["juntek", *words.split()]) == f"{said}\n"


@pytest.mark.parametrize("path", COMMANDS)
def test_no_option_takes_its_name_from_the_word_for_its_value(path: str) -> None:
    """As typer 0.27 lets it, which packages have, where `name` has the metavar NAME and nothing says --name."""
    for option in (one for one in COMMANDS[path].params if one.param_type_name == "option"):
        facts = getattr(option, "type_descriptor", None)
        assert option.opts[0].islower()
        assert facts is None or facts.parameter_info.param_decls or option.metavar != option.name.upper(), option.name
