"""The keys of a [[timeseries]] section; rule: checks values only, opens no file and no connection."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import parse_qsl, urlsplit

from juntek.errors import ConfigurationError
from juntek.option import Option, check_options
from juntek.secret import hide_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator
    from urllib.parse import SplitResult

HIGHEST_RATE = 1_000_000.0
PORTS: Final = {"http": 80, "https": 443}
"""What is spoken, with the port it has where the URL names none."""

EXAMPLE_URL = "http://127.0.0.1:8428/write"
_FORM = f'timeseries.url is a URL such as "{EXAMPLE_URL}"'
_PATHS = (
    "/write for VictoriaMetrics, QuestDB and InfluxDB 1 (?db=...), /api/v2/write?org=...&bucket=... for InfluxDB 2, "
    "/api/v3/write_lp?db=... for InfluxDB 3"
)
_OTHER_PATHS = re.compile(
    r"/api/v1/(?:write|push|import(?:/\w+)?|query(?:_range)?)$|/opentsdb/api/put$|/(?:query|ping|health|metrics|ready)$"
)
"""What the engines have there is for something else. Some say yes to our lines all the same, and keep none of them."""
_SECRET_PARAMETERS = frozenset({"u", "p", "user", "username", "password", "token", "authkey"})
"""`u` and `p` are those of InfluxDB 1, `authKey` that of VictoriaMetrics."""


def _name_problem(name: str) -> str | None:
    if name == name.strip() and name.isprintable():
        return None
    return "has spaces around it or characters that cannot be shown; name it like workshop."


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeseriesOptions:
    """Where line protocol goes over HTTP, and how often; raises ConfigurationError where a value cannot be right.

    `password` and `token` come from the environment only and take precedence over their files.
    """

    url: Annotated[str, Option("VictoriaMetrics; docs/timeseries.md has the others", example=EXAMPLE_URL)]
    name: Annotated[str, Option("default: host and port of the URL", check=_name_problem)] = ""
    username: Annotated[str | None, Option("", example="juntek")] = None
    password: Annotated[str | None, Option("")] = field(default=None, repr=False)
    password_file: Annotated[
        Path | None, Option("a file with the password as its only line", example="database-password")
    ] = None
    token: Annotated[str | None, Option("")] = field(default=None, repr=False)
    token_file: Annotated[Path | None, Option("in place of user and password", example="database-token")] = None
    ca_file: Annotated[Path | None, Option("default: the authorities that the system trusts", example="ca.pem")] = None
    interval: Annotated[float, Option("between two batches", unit="s", low=0.1, high=3600)] = 1.0
    rate: Annotated[
        float,
        Option("of the past, beside the new ones", unit="readings a second", low=10, high=HIGHEST_RATE),
    ] = 10_000.0

    def __post_init__(self) -> None:
        for problem in _url_problems(self.url):
            raise ConfigurationError(problem)
        check_options("timeseries", self)
        for problem in self._problems():
            raise ConfigurationError(problem)

    @property
    def label(self) -> str:
        """What tells this target from others: its name, or host and port."""
        return self.name or self.address

    @property
    def address(self) -> str:
        """Host and port of the URL."""
        url = urlsplit(self.url)
        host = url.hostname or ""
        return f"{f'[{host}]' if ':' in host else host}:{url.port or PORTS[url.scheme]}"

    def _problems(self) -> Iterator[str]:
        if self.ca_file is not None and urlsplit(self.url).scheme != "https":
            yield "timeseries.ca_file is for TLS only; begin timeseries.url with https:// too."
        has_password = self.password is not None or self.password_file is not None
        has_token = self.token is not None or self.token_file is not None
        if has_token and (has_password or self.username is not None):
            yield "timeseries.token and timeseries.username are two ways to log in; keep one of them."
        if has_password and self.username is None:
            key = "password" if self.password is not None else "password_file"
            yield f"timeseries.{key} needs a user name; set timeseries.username too."
        if self.username is not None and not has_password:
            yield "timeseries.username needs its password; set timeseries.password_file too."
        if self.username is not None and ":" in self.username:
            yield "timeseries.username has a colon, which HTTP does not allow; give this user another name."


def _url_problems(text: str) -> Iterator[str]:
    # A URL that holds a password, or may hold one, is never shown.
    if not text.isprintable() or any(character.isspace() for character in text):
        yield "timeseries.url has spaces in it; write %20 for each."
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        yield f"{_FORM}, with a port of 1 to 65535 and an IPv6 address in brackets; correct it."
        return
    if "@" in url.netloc:
        yield (
            "timeseries.url holds a user or a password, which would be shown; set timeseries.username and "
            "timeseries.password_file instead."
        )
    if url.scheme not in PORTS or not url.hostname or port == 0:
        yield f'{_FORM}, not "{hide_secrets(text)}".'
    yield from _path_problems(url)


def _path_problems(url: SplitResult) -> Iterator[str]:
    if url.path in ("", "/"):
        yield f'timeseries.url "{url.scheme}://{url.netloc}" lacks a path; add {_PATHS}.'
    elif other := _OTHER_PATHS.search(url.path.rstrip("/")):
        yield f"timeseries.url leads to {other[0]}, which does not keep what we send; write {_PATHS}."
    if url.fragment:
        yield "timeseries.url has a #, after which nothing is sent; write %23 for it."
    parameters = {name.lower() for name, _ in parse_qsl(url.query, keep_blank_values=True)}
    if "precision" in parameters:
        yield "timeseries.url has a precision; leave it out, as times are always sent in nanoseconds."
    for parameter in sorted(parameters & _SECRET_PARAMETERS):
        yield (
            f'timeseries.url has "{parameter}" in it, which would be shown; set timeseries.username and '
            "timeseries.password_file, or timeseries.token_file, instead."
        )
