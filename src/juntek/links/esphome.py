"""Link `esphome://HOST[:PORT]/?port_name=NAME[&key=KEY]`: a serial proxy of ESPHome; rule: the key is never shown."""

from __future__ import annotations

import errno
import logging
from socket import gaierror
from urllib.parse import parse_qs, urlsplit

from juntek.errors import LinkError
from juntek.extras import install_line
from juntek.links import Link
from juntek.links.stream import BridgeLink, connect_serial, describe, load_serialx
from juntek.names import hide_secrets

# What it warns of is in the LinkError already, and would stand in the log twice at every attempt.
logging.getLogger("aioesphomeapi").setLevel(logging.ERROR)


async def open_link(url: str) -> Link:
    """Connect to the device and claim its serial proxy; raises LinkError."""
    name = hide_secrets(url)
    try:
        import serialx.platforms.serial_esphome  # noqa: F401, PLC0415 - it takes 9 MB
    except ImportError as error:
        raise LinkError(
            f"Cannot open {name}: the ESPHome library is missing; run {install_line('esphome')}."
        ) from error
    link = BridgeLink(url)
    parts = urlsplit(url)
    if not parts.path.strip("/") and not any(key.startswith("port_") for key in parse_qs(parts.query)):
        raise LinkError(f"{name} lacks the name of the serial proxy; write esphome://{link.host}/?port_name=NAME.")
    try:
        await connect_serial(link, url)
    except ValueError as error:
        raise LinkError(
            f"Cannot open {name}: the device has no such serial proxy; compare port_name with its YAML file."
        ) from error
    except (OSError, load_serialx().SerialException) as error:
        raise _explain(link, error) from error
    return link


def _explain(link: BridgeLink, error: Exception) -> LinkError:
    if isinstance(error, OSError) and error.errno == errno.EBUSY:
        return LinkError(f"Cannot open {link.name}: another client uses this serial proxy; stop that one.")
    # serialx makes plain connection errors of what the library says; the cause still tells them apart.
    reason = type(error.__cause__).__name__
    if reason.startswith("Resolve"):
        return link.explain(gaierror())
    if isinstance(error, TimeoutError) or reason == "SocketAPIError":
        return link.explain(error)
    return LinkError(
        f"Cannot open {link.name}: {describe(error)}; compare port_name and key with the device's YAML file."
    )
