"""What owners write, as it can be used and shown: names in topics, words and values in sentences, addresses in both.

Rule: what a name becomes never changes, and what may be a secret is not shown, also in an address that is none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

HIDDEN = "REDACTED"
_SHOWN = re.compile(r"port_\w+|mode|speed|db|org|bucket|precision")
"""Values of a query that are shown. All others may be secrets: a key, a token, a misspelt `pasword`."""
_PATH = re.compile(r"[/.~](?!/)")
_QUERY = re.compile(r"[?&#]|(?<=/)(?=[^/?]*=)")
_HOST = re.compile(r"(?:\[[^\]]*\]|[\w.%-]*)(?::\d*)?")


def slug(name: str) -> str:
    """Return the name in letters of ASCII, with everything but letters, digits, `_` and `-` replaced by `_`."""
    if not name.isascii():
        from anyascii import anyascii  # noqa: PLC0415 - its tables are loaded for names that need them

        name = "".join(anyascii(letter).strip() or "_" for letter in name)
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)


def hide_secrets(address: str) -> str:
    """Return a link or URL with user, password and the values of its query hidden; the path of a device as it is."""
    if address.startswith("replay:") or (_PATH.match(address) and "?" not in address):
        return address
    scheme, slashes, rest = address.partition("//")
    if not slashes:
        scheme, rest = "", address
    start = _QUERY.search(rest)
    where, query = (rest[: start.start()], rest[start.start() :]) if start else (rest, "")
    if "@" in query:
        return f"{scheme}{slashes}{HIDDEN}"  # a password with a question mark, or a key with an @: nobody can tell
    if not _PATH.match(address):
        where = _hide_user(where)
    return f"{scheme}{slashes}{where}{''.join(map(_hide_value, re.split('([?&;#])', query)))}"


def _hide_user(where: str) -> str:
    user, at, host = where.rpartition("@")
    host, slash, path = host.partition("/")
    if at or user:
        user = HIDDEN
    if not _HOST.fullmatch(host):
        host = HIDDEN  # it may hold the password of a user whose @ is missing
    return f"{user}{at}{host}{slash}{path}"


def _hide_value(pair: str) -> str:
    name, equals, value = pair.partition("=")
    if pair in {"", "?", "&", ";", "#"} or (equals and _SHOWN.fullmatch(name) and "=" not in value):
        return pair
    return f"{name}={HIDDEN}" if equals else HIDDEN


def list_choices(choices: Sequence[str]) -> str:
    """Return words as a sentence has them: "a", "b" or "c"."""
    *most, last = (f'"{choice}"' for choice in choices)
    return f"{', '.join(most)} or {last}" if most else last


def find_close(word: str, known: Sequence[str], least: float = 0.7) -> str | None:
    """Return the known word that was probably meant."""
    from difflib import get_close_matches  # noqa: PLC0415 - only where something is wrong

    return next(iter(get_close_matches(word, known, n=1, cutoff=least)), None)


def plain(text: str, most: int | None = None) -> str:
    """Return text of at most so many characters, and without what a terminal or a log would take for a command."""
    shown = "".join(character if character.isprintable() else "?" for character in text[: most and most + 1])
    return shown if most is None or len(shown) <= most else f"{shown[: most - 3]}…"


def show(value: object, *, secret: bool = False) -> str:
    """Return a value as it is written in TOML, shortened; nothing of a secret."""
    if secret:
        return "this one"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list | tuple):
        return "a table" if isinstance(value, dict) else "a list"
    # Python refuses to write out thousands of digits.
    text = str(value) if not isinstance(value, int) or value.bit_length() < 4096 else "a number without end"
    return f'"{plain(text, 40)}"' if isinstance(value, str) else plain(text, 40)
