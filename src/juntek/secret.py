"""What is secret in an address; rule: whatever may be one is not shown, also in an address that is none."""

from __future__ import annotations

import re

HIDDEN = "REDACTED"
_SHOWN = re.compile(r"port_\w+|mode|speed|db|org|bucket|precision")
"""Values of a query that are shown. All others may be secrets: a key, a token, a misspelt `pasword`."""
_PATH = re.compile(r"[/.~](?!/)")
_QUERY = re.compile(r"[?&#]|(?<=/)(?=[^/?]*=)")
_HOST = re.compile(r"(?:\[[^\]]*\]|[\w.%-]*)(?::\d*)?")


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
