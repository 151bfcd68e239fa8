"""Wrong use of the command line in sentences of ours; rule: the library says what is wrong, never how it is said."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

import typer

from juntek.cli.application import app
from juntek.errors import RequestError

_UsageError: type[Exception] = typer.BadParameter.__mro__[1]
"""What the library raises for all wrong use; it has no public name of its own."""


def run_command(arguments: Sequence[str]) -> int:
    """Run a command and return its status; raises RequestError for what no command understands."""
    try:
        return app(list(arguments), prog_name="juntek", standalone_mode=False) or 0
    except _UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            typer.echo(str(error), err=True)
            return 2
        raise RequestError(_explain(error, arguments)) from error
    except typer.Abort:
        raise RequestError(
            "Nothing was done, as nobody answered; see the options of the command for scripts."
        ) from None


def _explain(error: Any, arguments: Sequence[str]) -> str:  # noqa: ANN401 - the library's own, which differs with its version
    """Return what is wrong and where it is written how it is right."""
    context = error.ctx
    command = context.command_path if context is not None else _command_of(arguments)
    kind, named = type(error).__name__, _first_quoted(error.message)
    if kind == "NoSuchOption":
        known = [name for parameter in context.command.params for name in parameter.opts] if context else []
        problem = f"There is no option {_plain(error.option_name)}{_suggest(error.option_name, known)}"
    elif kind == "BadOptionUsage":
        takes = "takes no value" if "not take" in error.message else "needs a value after it"
        problem = f"{_plain(error.option_name)} {takes}"
    elif kind == "MissingParameter":
        problem = f"{_name_of(error.param)} is missing"
    elif kind == "BadParameter":
        takes = _describe(error.param)
        if not takes:
            return f"{_name_of(error.param)}: {error.message}"  # a parser of ours says it in a sentence
        problem = f"{_name_of(error.param)} is {takes}"
    elif hasattr(getattr(context, "command", None), "commands"):
        known = list(context.command.commands)
        problem = f"There is no command {command} {named}{_suggest(named, known)}"
    elif kind == "UsageError" and "argument" in error.message:
        problem = f"{named} is too much for {command}"
    else:
        problem = f"That is not how {command} is used"
    return f"{problem}; see {command} --help."


def _command_of(arguments: Sequence[str]) -> str:
    """Return the command that was meant; the library does not say it with every error."""
    command, path = typer.main.get_command(app), "juntek"
    for word in arguments:
        below = getattr(command, "commands", {})
        if word in below:
            command, path = below[word], f"{path} {word}"
    return path


def _describe(parameter: Any) -> str:  # noqa: ANN401 - as above
    """Return what an option takes; empty where that is a parser's business."""
    facts = getattr(parameter, "type_descriptor", None)
    if facts is not None:
        limits, is_whole, is_parsed = facts.parameter_info, facts.annotation is int, facts.parameter_info.parser
    else:  # typer before 0.28, which packages have, since the later ones bring pydantic
        facts = limits = getattr(parameter, "type", None)
        is_whole = str(getattr(facts, "name", "")).startswith("int")
        is_parsed = type(facts).__name__ == "FuncParamType"
    if facts is None or is_parsed:
        return ""
    if choices := getattr(facts, "choices", None):
        return f"one of {', '.join(str(getattr(choice, 'value', choice)) for choice in choices)}"
    kind = "a whole number" if is_whole else "a number"
    least, most = getattr(limits, "min", None), getattr(limits, "max", None)
    if least is None:
        return kind
    return f"{kind} of at least {least:g}" if most is None else f"{kind} from {least:g} to {most:g}"


def _name_of(parameter: Any) -> str:  # noqa: ANN401 - as above
    """Return the name of an option or argument as the help shows it."""
    if parameter is None:
        return "A value"
    return str(parameter.opts[0] if parameter.param_type_name == "option" else parameter.metavar or parameter.name)


def _suggest(wrong: str, known: Sequence[str]) -> str:
    close = get_close_matches(wrong, known, 1)
    return f", did you mean {close[0]}?" if close else ""


def _first_quoted(message: str) -> str:
    found = re.search(r"'(.*?)'|\((?!s\))(.*)\)", message, re.DOTALL)
    return _plain((found[1] or found[2] or "") if found else "")


def _plain(text: str) -> str:
    shown = "".join(character if character.isprintable() else "?" for character in text)
    return shown if len(shown) <= 60 else f"{shown[:60]}…"
