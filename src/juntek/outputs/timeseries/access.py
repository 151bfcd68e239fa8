"""What a target wants to see of us: a login, and who we trust; rule: the files are read here, once, when it is opened.

Each of them goes into a header or into TLS and is shown nowhere.
"""

from __future__ import annotations

import re
import ssl
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from juntek.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from juntek.outputs.timeseries.options import Options

_HEADER_WORD = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True, repr=False)
class Access:
    """Headers and TLS of every request; `secrets` are never shown, whoever says them."""

    headers: dict[str, str]
    tls: ssl.SSLContext
    secrets: tuple[str, ...]


def read_access(options: Options) -> Access:
    """Read password, token and authority; blocks. Raises ConfigurationError for a file that is no use."""
    tls = _make_tls_context(options)
    if options.username is not None:
        password = _read_secret("password", options.password, options.password_file)
        login = b64encode(f"{options.username}:{password}".encode()).decode()
        return Access({"authorization": f"Basic {login}"}, tls, (login, password))
    if options.token is not None or options.token_file is not None:
        token = _read_secret("token", options.token, options.token_file).strip()
        if not _HEADER_WORD.fullmatch(token):
            raise ConfigurationError(
                f"{_source('token', options.token, options.token_file)} holds a token with blanks or strange signs in "
                "it; write the token alone, as one line."
            )
        return Access({"authorization": f"{scheme_of(options.url)} {token}"}, tls, (token,))
    return Access({}, tls, ())


def scheme_of(url: str) -> str:
    """Return the word before a token.

    `Token` is InfluxDB 2's own (docs.influxdata.com, API of version 2, "Token authentication"), and Telegraf's
    influxdb_v2_listener compares the whole header with it; vmauth takes it like the other. `Bearer` is everybody
    else's: InfluxDB 3 takes it at every path (docs.influxdata.com/influxdb3/core/api/authentication) and its first
    versions took no other, and vmauth and QuestDB Enterprise want it.
    """
    return "Token" if urlsplit(url).path.rstrip("/").endswith("/api/v2/write") else "Bearer"


def _read_secret(key: str, given: str | None, path: Path | None) -> str:
    if given is None and path is not None:
        try:
            secret = next(iter(_read(f"{key}_file", path).decode().splitlines()), "")
        except UnicodeDecodeError:
            secret = ""
    else:
        secret = given or ""
    if not secret:
        raise ConfigurationError(f"{_source(key, given, path)} holds no {key}; write it there as one line of text.")
    return secret


def _source(key: str, given: str | None, path: Path | None) -> str:
    return f"timeseries.{key}" if given is not None else f"timeseries.{key}_file {path}"


def _make_tls_context(options: Options) -> ssl.SSLContext:
    if urlsplit(options.url).scheme != "https":
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # never used, and made without reading any file
    if options.ca_file is not None:
        _read("ca_file", options.ca_file)
    try:
        return ssl.create_default_context(cafile=options.ca_file and options.ca_file.expanduser())
    except ssl.SSLError:
        raise ConfigurationError(f"timeseries.ca_file {options.ca_file} holds no certificate in PEM form.") from None


def _read(key: str, path: Path) -> bytes:
    try:
        return path.expanduser().read_bytes()
    except FileNotFoundError:
        trouble = "does not exist; write it or correct the key"
    except PermissionError:
        trouble = "may not be read; give its user the right to"
    except OSError as error:
        trouble = f"cannot be read ({error.strerror}); correct the key"
    raise ConfigurationError(f"timeseries.{key} {path} {trouble}.")
