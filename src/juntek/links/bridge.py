"""What links to a bridge in the network share: its address, and what is wrong with it; rule: it says how to mend it."""

from __future__ import annotations

import re
import socket
from urllib.parse import urlsplit

from juntek.errors import LinkError
from juntek.names import hide_secrets
from juntek.network import Mend, explain_no_connection

# Seconds of silence before the kernel asks the other end, seconds between questions, questions without answer,
# and milliseconds that sent bytes may stay unconfirmed: a bridge without power is noticed within 40 s.
_KEEP_ALIVE = {"TCP_KEEPIDLE": 20, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 4, "TCP_USER_TIMEOUT": 40_000}
_PORTS = {"esphome": 6053}
"""What a link has where its URL names no port."""
_MEND = Mend(host="the host of the link", port="host and port of the link", authority="", tls="")
_SYSTEM_NUMBER = re.compile(r"\[Errno -?\d+\] ?")
_HOST = re.compile(r"[\w.:%-]+")


def parse_address(url: str) -> tuple[str, int]:
    """Take host and port from a URL; raises LinkError with an example of a right one."""
    scheme = url.partition(":")[0].lower()
    default_port = _PORTS.get(scheme)
    example = f"{scheme}://192.168.1.20" + (":4001" if default_port is None else "")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or default_port
    except ValueError:
        host, port = None, None
    if not host or not port or not _HOST.fullmatch(host):
        raise LinkError(f"'{hide_secrets(url)}' lacks a host or a right port; write it like {example}.")
    if "@" in parts.netloc:
        raise LinkError(f"'{hide_secrets(url)}' has a user or a password, which this link does not take; {example}.")
    return host, port


def connection_error(name: str, host: str, port: int, error: Exception) -> LinkError:
    """Make of a failed connection a sentence with its mend."""
    bridge = f"Cannot open {hide_secrets(name)}: the bridge at {f'[{host}]' if ':' in host else host}:{port}"
    return LinkError(explain_no_connection(error, bridge, _MEND, host=host))


def describe(error: Exception) -> str:
    """Say what the system said, without its numbers."""
    text = (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
    return _SYSTEM_NUMBER.sub("", text).rstrip(".")


def keep_alive(connection: socket.socket) -> None:
    """Let the kernel find out when the other end of a silent TCP connection is gone."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEP_ALIVE.items():
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
