"""Link `esphome://HOST[:PORT]/?port_name=NAME[&key=KEY]`: a serial proxy of ESPHome; rule: the key is never shown."""

from __future__ import annotations

import asyncio
import errno
from importlib.util import find_spec
from urllib.parse import parse_qs, urlsplit

import serialx

from juntek.errors import LinkError
from juntek.links import BAUD_RATE, Link, StreamLink, network_trouble, parse_address

API_PORT = 6053


async def open_link(url: str) -> Link:
    """Connect to the device and claim its serial proxy; raises LinkError."""
    name = serialx.redact_uri(url)
    if find_spec("aioesphomeapi") is None:
        raise LinkError(f"Cannot open {name}: the ESPHome library is missing; run pip install 'juntek[esphome]'.")
    host, port = parse_address(url, default_port=API_PORT)
    parts = urlsplit(url)
    if not parts.path.strip("/") and not any(key.startswith("port_") for key in parse_qs(parts.query)):
        raise LinkError(f"{name} lacks the name of the serial proxy; write esphome://{host}/?port_name=NAME.")
    from aioesphomeapi.core import APIConnectionError  # noqa: PLC0415 - an extra that may be missing

    link = StreamLink(
        url,
        name=name,
        mend=f"check that {host} is switched on and in the network",
        write_errors=(OSError, serialx.SerialException, APIConnectionError),
    )
    try:
        await serialx.create_serial_connection(
            asyncio.get_running_loop(),
            lambda: link,
            url,
            baudrate=BAUD_RATE,
            transport_cls=serialx.get_serial_classes("esphome://")[1],
        )
    except ValueError as error:
        raise LinkError(
            f"Cannot open {name}: the device has no such serial proxy; compare port_name with its YAML file."
        ) from error
    except serialx.SerialException as error:
        text = str(error).rstrip(".")
        raise LinkError(
            f"Cannot open {name}: {text}; compare port_name and key with the device's YAML file."
        ) from error
    except OSError as error:
        if error.errno == errno.EBUSY:
            raise LinkError(f"Cannot open {name}: another client uses this serial proxy; stop that one.") from error
        raise network_trouble(name, host, port, error) from error
    return link
