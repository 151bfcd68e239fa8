"""`juntek web password` and `juntek web token`; rule: a secret is shown once, and only its hash is kept."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import typer

from juntek.cli.arguments import App
from juntek.errors import ConfigurationError, RequestError
from juntek.files import at_home, explain_unwritable, refuse_links_of_others
from juntek.outputs.web.passwords import (
    LONGEST_PASSWORD,
    WRITE,
    hash_password,
    hash_token,
    make_token,
    read_password_hash,
    read_tokens,
)

SHORTEST_PASSWORD: Final = 8

app = App("Make a password or a token for the page.", "web password -o web-password")


@app.example("web password -o web-password")
def password(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write it there, for web.password_hash_file.")
    ] = None,
) -> None:
    """Hash a password for the page.

    Asks for it, or reads it as one line from its input. The hash goes to a file or to the output.
    """
    hashed = hash_password(_ask())
    if output is None:
        typer.echo(hashed)
        typer.echo(
            "Write it into a file of its own for web.password_hash_file, or set JUNTEK_WEB__PASSWORD_HASH.", err=True
        )
        return
    _write(at_home(output), f"{hashed}\n", read_password_hash, append=False)
    typer.echo(f'Now add to [web]: password_hash_file = "{output}"', err=True)


@app.example("web token grafana -o web-tokens")
def token(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for, one word.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Add its hash there, for web.tokens_file.")
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="It may write what web.allow_control allows.")] = False,
) -> None:
    """Make a token with which a script may read the API.

    Prints the token, which is shown this once; send it as the header Authorization: Bearer TOKEN.
    """
    if not name.isprintable() or len(name.split()) != 1 or name.startswith("#"):
        raise RequestError("The name of a token is one word without #, such as grafana.")
    made = make_token()
    line = f"{name} {hash_token(made)}{f' {WRITE}' if write else ''}"
    if output is None:
        typer.echo(made)
        typer.echo(f"Add this line to the file in web.tokens_file: {line}", err=True)
        return
    _write(at_home(output), f"{line}\n", read_tokens, append=True)
    typer.echo(made)
    typer.echo(f'Its hash is in {output}; if it is not there yet, add to [web]: tokens_file = "{output}"', err=True)


def _ask() -> str:
    if sys.stdin.isatty():
        text: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        text = sys.stdin.readline().rstrip("\r\n")
    if not SHORTEST_PASSWORD <= len(text) <= LONGEST_PASSWORD:
        raise RequestError(f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters; choose another one.")
    return text


def _write(path: Path, text: str, read: Callable[[Path], object], *, append: bool) -> None:
    """Write for the owner's eyes only; raises RequestError where `read` finds that something else is in the file."""
    refuse_links_of_others(path)
    try:
        if path.is_file() and path.stat().st_size:
            read(path)
    except ConfigurationError:
        raise RequestError(f"{path} has something else in it already; give -o another name.") from None
    flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if append else os.O_TRUNC)
    with explain_unwritable(path), os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
