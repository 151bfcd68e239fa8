"""Every reading to a time-series database, as Influx line protocol; rule: importing this loads no library."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import parse_qsl, urlsplit

from juntek.errors import ConfigurationError, JuntekError
from juntek.files import hold, lock_of
from juntek.names import hide_secrets
from juntek.option import Option, check_options
from juntek.outputs import Context, FarEndError, Handle, Output, run_beside, take_nothing

__all__ = ["OUTPUT", "TimeseriesOptions", "open_sink"]

SECTION = "timeseries"
HIGHEST_RATE: Final = 1_000_000.0
RESPONSE_TIME = 60.0
"""s for a whole request, whatever signs of life there are; InfluxDB gives up a write after 10."""
PORTS: Final = {"http": 80, "https": 443}
"""What is spoken, with the port it has where the URL names none."""

EXAMPLE_URL = "http://127.0.0.1:8428/write"
_PATHS = (
    "/write for VictoriaMetrics, QuestDB and InfluxDB 1 (?db=...), /api/v2/write?org=...&bucket=... for InfluxDB 2, "
    "/api/v3/write_lp?db=... for InfluxDB 3."
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
        float, Option("of the past, beside the new ones", unit="readings a second", low=10, high=HIGHEST_RATE)
    ] = 10_000.0

    def __post_init__(self) -> None:
        for problem in _url_problems(self.url):
            raise ConfigurationError(f"timeseries.url {problem}")
        check_options(SECTION, self)
        for problem in self._login_problems():
            raise ConfigurationError(f"timeseries.{problem}")

    @property
    def label(self) -> str:
        """What tells this target from others: its name, or host and port."""
        url = urlsplit(self.url)
        host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
        return self.name or f"{host}:{url.port or PORTS[url.scheme]}"

    def _login_problems(self) -> Iterator[str]:
        if self.ca_file is not None and urlsplit(self.url).scheme != "https":
            yield "ca_file is for TLS only; begin timeseries.url with https:// too."
        keys = [key for key in ("password", "password_file") if getattr(self, key) is not None]
        if (self.token, self.token_file) != (None, None) and (keys or self.username is not None):
            yield "token and timeseries.username are two ways to log in; keep one of them."
        if keys and self.username is None:
            yield f"{keys[0]} needs a user name; set timeseries.username too."
        if self.username is not None and not keys:
            yield "username needs its password; set timeseries.password_file too."
        if self.username is not None and ":" in self.username:
            yield "username has a colon, which HTTP does not allow; give this user another name."


def _url_problems(text: str) -> Iterator[str]:
    # A URL that holds a password, or may hold one, is never shown.
    form = f'is a URL such as "{EXAMPLE_URL}"'
    if not text.isprintable() or any(character.isspace() for character in text):
        yield "has spaces in it; write %20 for each."
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        yield f"{form}, with a port of 1 to 65535 and an IPv6 address in brackets; correct it."
        return
    login = "which would be shown; set timeseries.username and timeseries.password_file"
    if "@" in url.netloc:
        yield f"holds a user or a password, {login} instead."
    if url.scheme not in PORTS or not url.hostname or port == 0:
        yield f'{form}, not "{hide_secrets(text)}".'
    if url.path in ("", "/"):
        yield f'"{url.scheme}://{url.netloc}" lacks a path; add {_PATHS}'
    elif other := _OTHER_PATHS.search(url.path.rstrip("/")):
        yield f"leads to {other[0]}, which does not keep what we send; write {_PATHS}"
    if url.fragment:
        yield "has a #, after which nothing is sent; write %23 for it."
    parameters = {name.lower() for name, _ in parse_qsl(url.query, keep_blank_values=True)}
    if "precision" in parameters:
        yield "has a precision; leave it out, as times are always sent in nanoseconds."
    for parameter in sorted(parameters & _SECRET_PARAMETERS):
        yield f'has "{parameter}" in it, {login}, or timeseries.token_file, instead.'


@asynccontextmanager
async def open_sink(
    options: TimeseriesOptions, context: Context, response_time: float = RESPONSE_TIME
) -> AsyncIterator[Handle]:
    """Send while it is entered; a target may take `response_time` s.

    Raises ConfigurationError for what the owner must mend, FarEndError for a target that is away or refuses, and
    ModuleNotFoundError where the library is missing.
    """
    from juntek.outputs.timeseries import delivery as sending  # noqa: PLC0415 - only whoever sends needs the library

    if context.database is None:
        raise ConfigurationError("history.path is not known; give the path of the database file.")
    with hold(lock_of(context.database, options.label)) as is_alone:
        if not is_alone:
            raise JuntekError(f"Another juntek sends {options.label} what it has not got; let it end.")
        async with sending.open_delivery(options, context.database, context, response_time=response_time) as delivery:
            session = sending.Session(context, delivery)
            try:
                await session.send()  # one that takes nothing is not entered
                async with run_beside(session.run()):
                    yield take_nothing
            except FarEndError as error:
                context.carry_over[session.name] = delivery.limit
                raise FarEndError(f"{error} Nothing is lost: it is sent later.", wait=error.wait) from error


OUTPUT = Output(
    section=SECTION,
    options=TimeseriesOptions,
    open=open_sink,
    about="Every reading to a time-series database, for Grafana; one [[timeseries]] for each.",
    requires=("httpx",),
    extra="timeseries",
    depends_on=("history",),  # what a target has not got is sent from there
    has_queue=False,  # readings come by way of the history, and all else is in `Context.latest`
    max_latency=lambda options: options.interval / 10,
    label=lambda options: options.label,
)
