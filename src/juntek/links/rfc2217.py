"""Link `rfc2217://HOST:PORT`: a serial port behind a telnet server; rule: the line's settings are ours to make."""

from __future__ import annotations

from juntek.errors import LinkError
from juntek.links import Link
from juntek.links.stream import READ_BLOCK, BridgeLink, connect_serial, keep_alive, load_serialx

CONNECT_TIMEOUT = 5.0
"""Seconds until a server that does not agree on the settings is given up."""


async def open_link(url: str) -> Link:
    """Connect and set the port to 115200 8N1; raises LinkError, also when that takes more than CONNECT_TIMEOUT."""
    link = BridgeLink(url)
    try:
        transport = await connect_serial(link, url, connect_timeout=CONNECT_TIMEOUT)
    except TimeoutError as error:
        raise LinkError(
            f"Cannot open {link.name}: {link.host} did not answer as an RFC 2217 server; "
            f"if it passes bare bytes use socket://{link.host}:{link.port}, else check that it is switched on."
        ) from error
    except load_serialx().SerialException as error:
        raise LinkError(
            f"Cannot open {link.name}: {error}; allow RFC 2217 for this port on the server, or use socket://."
        ) from error
    except (OSError, UnicodeError) as error:
        raise link.explain(error) from error
    # serialx keeps its socket to itself; where this stops working, a bridge without power is only noticed by writing.
    connection = getattr(transport, "_tcp_transport", None)
    if connection is not None:
        connection.max_size = READ_BLOCK
        keep_alive(connection.get_extra_info("socket"))
    return link
