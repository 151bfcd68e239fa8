"""What `juntek setup` writes, and says at its end; rule: what was not asked for stays, remarks included."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import tomlkit
import typer

from juntek.config import SYSTEM_FILE, Configuration, load
from juntek.config.keys import write_example
from juntek.errors import ConfigurationError, RequestError
from juntek.files import explain_unreadable, explain_unwritable, refuse_links_of_others, write_private
from juntek.listening import Address, parse_ip
from juntek.names import hide_secrets, plain
from juntek.outputs.mqtt import MqttOptions
from juntek.outputs.web import WebOptions, is_page_built

Document = Any
"""A document of tomlkit: a dictionary that remembers its remarks."""


MQTT_PORT: Final = 1883
NEAR: Final = 0.5
"""s to see whether a broker listens on this computer."""
SECRETS: Final = {"mqtt": ("password", "password_file"), "web": ("password_hash", "password_hash_file")}
"""The key of the secret of a section, and that of the file that holds it."""


def read(path: Path) -> tuple[Document, Configuration | None]:
    """Return the file that is there, to be changed, with what it says; else that of `config init`, and None.

    Raises ConfigurationError for one that is wrong.
    """
    try:
        path.stat()
    except FileNotFoundError:
        return tomlkit.parse(write_example(())), None
    except OSError as error:
        raise ConfigurationError(f"{path} {explain_unreadable(error)}") from None
    configuration = load(path, os.environ, for_service=True)  # first, as it says best what is wrong
    return tomlkit.parse(path.read_text(encoding="utf-8-sig")), configuration


def first_meter(document: Document) -> Document:
    """Return the table of the first meter; it is new where the environment names the meters, and not the file."""
    if not document.get("meters"):
        document["meters"] = tomlkit.aot()
        document["meters"].append(tomlkit.table())
    return document["meters"][0]


def part_of(table: Document, name: str) -> Document:
    """Return a table within a table, which is new where there was none."""
    is_inline = isinstance(table, tomlkit.items.InlineTable)
    return table.setdefault(name, tomlkit.inline_table() if is_inline else tomlkit.table())


def write(path: Path, document: Document, secrets: Mapping[str, str | None]) -> Configuration:
    """Write a document and the secrets of its sections, and return what it says; the file before stays, as .bak.

    Secrets go where only their owner, or the service, may read them. Raises ConfigurationError; what makes no
    configuration is taken back, so that the next run can read it.
    """
    refuse_links_of_others(path)
    with explain_unwritable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_bytes() if path.exists() else None
        if before is not None:
            shutil.copy2(path, path.with_name(f"{path.name}.bak"))
        for section, secret in secrets.items():
            if secret is not None:
                _write_secret(path, document, section, secret)
        path.write_text(tomlkit.dumps(document), encoding="utf-8")
        try:
            return load(path, os.environ, for_service=True)
        except ConfigurationError:
            if before is None:
                path.unlink()
            else:
                path.write_bytes(before)
            raise


def _write_secret(path: Path, document: Document, section: str, secret: str) -> None:
    """Give the service its secrets in its environment, which only root may read; others get files of their own."""
    key, file_key = SECRETS[section]
    if path == SYSTEM_FILE:
        _set_variable(path.with_name("environment"), f"JUNTEK_{section.upper()}__{key.upper()}", secret)
        part_of(document, section).pop(file_key, None)
    else:
        file = path.with_name(f"{section}-password")
        refuse_links_of_others(file)
        write_private(file, f"{secret}\n")
        part_of(document, section)[file_key] = file.name


def _set_variable(file: Path, name: str, value: str) -> None:
    quote = "'" if '"' in value or "\\" in value else '"'
    if quote in value:
        raise RequestError("This password has both kinds of quotes in it, which systemd does not take; choose another.")
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    kept = [line for line in lines if line.partition("=")[0].strip() != name]
    refuse_links_of_others(file)
    write_private(file, "\n".join([*kept, f"{name}={quote}{value}{quote}", ""]))


def broker_address(text: str) -> Address:
    """Return where a broker is; raises BadParameter for what is no host and no port."""
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        port = port.removeprefix(":")
    else:
        host, _, port = text.partition(":") if text.count(":") == 1 else (text, "", "")
    port = port or str(MQTT_PORT)
    if len(host.split()) != 1 or not port.isdecimal() or (":" in host and parse_ip(host) is None):
        shown = hide_secrets(text) if "@" in text else plain(text, 60)
        raise typer.BadParameter(f"{shown} is no broker; write it like 192.168.1.10 or 192.168.1.10:{MQTT_PORT}.")
    return Address(host, int(port))


def say_end(configuration: Configuration, path: Path, *, runs: bool) -> Iterator[str]:
    """Yield what an owner does now."""
    if runs:
        yield "The gateway runs, now and at every boot. What it says: journalctl --unit juntek"
    else:
        yield f"Start the gateway with: juntek run --config {path}"
    web, mqtt = configuration.sinks.get("web"), configuration.sinks.get("mqtt")
    if isinstance(web, WebOptions):
        port = web.address.port
        hosts = [f"http://{socket.gethostname()}.local:{port}", *_own_addresses(port)]
        yield f"The page: {f'http://{web.address}' if web.address.is_loopback else ' or '.join(hosts)}"
        if not is_page_built():
            yield "But the page has not been built: install juntek once more where it reaches the internet."
    if isinstance(mqtt, MqttOptions) and mqtt.discovery != "off":
        names = " and ".join(meter.options.name for meter in configuration.meters)
        yield (
            f"Home Assistant: add the integration MQTT with the broker {mqtt.host}:{mqtt.port}, if it is not there yet "
            f"(Settings, Devices & services); {names} appears there by itself."
        )


def listens(address: Address) -> bool:
    """Whether something listens there that is near."""
    with suppress(OSError), socket.create_connection(address, NEAR):
        return True
    return False


def _own_addresses(port: int) -> list[str]:
    """Return the address of this computer in its network; nothing is sent to find it."""
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return [f"http://{probe.getsockname()[0]}:{port}"]
    return []
