"""`juntek setup`: from an adapter at a port to a gateway that runs; rule: every question is an option with a default.

Run again it changes what it is asked to change, and keeps all else of the configuration, remarks included.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar, cast

import typer

from juntek.battery import ChemistryName
from juntek.battery.estimate.chemistry import CHEMISTRIES
from juntek.cli.arguments import Capacity, FoundAddress, find_configuration, meter_name
from juntek.cli.configuration import log_in, try_meters
from juntek.cli.find import ask_gateway, explain_none, look_at, next_step
from juntek.cli.find import describe as describe_port
from juntek.cli.service import can_be_service, find_program, install_service
from juntek.cli.setup_file import (
    MQTT_PORT,
    Document,
    broker_address,
    first_meter,
    listens,
    part_of,
    read,
    say_end,
    write,
)
from juntek.cli.web import SHORTEST_PASSWORD
from juntek.config import SYSTEM_FILE, Configuration, search_paths
from juntek.errors import ConfigurationError, JuntekError, NoReplyError
from juntek.files import at_home, read_secret, refuse_orders_of_others
from juntek.listening import Address
from juntek.meter import MeterOptions
from juntek.names import hide_secrets, plain
from juntek.outputs.mqtt import MqttOptions
from juntek.outputs.mqtt.broker_login import LoginRefusedError
from juntek.outputs.web import WebOptions
from juntek.outputs.web.passwords import hash_password

NAME: Final = "house"
NONE: Final = "none"
NOWHERE: Final = Address(NONE, MQTT_PORT)
"""Where the broker is that there is none of."""
PAGE_PORT: Final = 8140

Chemistry = Literal[ChemistryName, "none"]
Page = Literal["network", "local", "none"]
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks at a terminal; with `--yes`, or where nobody is, the default is the answer."""

    silent: bool

    def ask(self, question: str, default: str, check: Callable[[str], Answer], *, secret: bool = False) -> Answer:
        """Return what `check` makes of the answer; asks again where that raises BadParameter."""
        if self.silent:
            return check(default)
        while True:
            text = str(typer.prompt(question, default, hide_input=secret, show_default=not secret, err=True))
            try:
                return check(text if secret else text.strip())
            except typer.BadParameter as error:  # told here, as the library says nothing of what is wrong with a secret
                typer.echo(f"Error: {error.message}", err=True)


def first_line(file: str) -> str:
    """Return the password in a file; raises ConfigurationError where there is none."""
    try:
        return read_secret("password", None, Path(file))
    except ConfigurationError as error:  # of one of two options, and not of a key of this name
        raise ConfigurationError(str(error).removeprefix("password_file ")) from None


def setup(
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="Default: /etc/juntek/juntek.toml for root.")
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", parser=meter_name, metavar="NAME", help="What the battery is called; default: house."),
    ] = None,
    link: Annotated[str | None, typer.Option(metavar="URL", help="Where the meter is; default: what is found.")] = None,
    address: FoundAddress = None,
    chemistry: Annotated[Chemistry | None, typer.Option(help="Of its cells; default: asked for.")] = None,
    capacity: Capacity = None,
    broker: Annotated[
        Address | None,
        typer.Option(
            parser=broker_address, metavar="HOST[:PORT]", help="Of MQTT, or none; default: one on this computer."
        ),
    ] = None,
    username: Annotated[str | None, typer.Option(metavar="NAME", help="The user at the broker.")] = None,
    password_file: Annotated[
        str | None,
        typer.Option(parser=first_line, metavar="FILE", help="With the broker's password as its first line."),
    ] = None,
    page: Annotated[Page | None, typer.Option(help="Who may open the page; default: local.")] = None,
    page_password_file: Annotated[
        str | None, typer.Option(parser=first_line, metavar="FILE", help="With the page's password as its first line.")
    ] = None,
    service: Annotated[bool, typer.Option(help="Install and start the service, where root runs this.")] = True,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing; take the defaults.")] = False,
) -> None:
    """Set everything up: find the meter, write the configuration, try it, and start the gateway.

    Run it again to change something; it keeps what is not asked for.
    """
    asker = Asker(yes or not sys.stdin.isatty())
    path = at_home(config or (SYSTEM_FILE if os.geteuid() == 0 else search_paths(os.environ)[1]))
    refuse_orders_of_others(path)
    document, before = read(path)
    meter = first_meter(document)
    meter["link"], meter["address"] = asyncio.run(_find_meter(asker, before, link, address))
    known_name = before.meters[0].options.name if before is not None else NAME
    meter["name"] = name or asker.ask("What is the battery called?", known_name, meter_name)
    _ask_battery(asker, meter, chemistry, capacity)
    mqtt, web = (before.sinks.get(section) if before is not None else None for section in ("mqtt", "web"))
    login = {key: said for key, said in (("username", username), ("password", password_file)) if said}
    secrets = {
        "mqtt": _ask_broker(asker, document, broker, cast("MqttOptions | None", mqtt), login),
        "web": _ask_page(asker, document, cast("WebOptions | None", web), page, page_password_file),
    }
    configuration = write(path, document, secrets)
    typer.echo(f"Written: {path}", err=True)
    if runs := service and can_be_service(path):
        install_service(find_program())
    typer.echo("\n".join(say_end(configuration, path, runs=runs)))


# Questions ---------------------------------------------------------------------------------------------------


async def _find_meter(
    asker: Asker, before: Configuration | None, link: str | None, address: int | None
) -> tuple[str, int]:
    """Return the link and the address: what was said, else what is configured and answers, else what is found."""
    first = before.meters[0] if before is not None else None
    if address is not None and (named := link or (first.link if first is not None else None)):
        await _answers(before, named, MeterOptions(name=first.options.name if first else NAME, address=address))
        return named, address
    if first is not None and link is None and await _answers(before, first.link, first.options):
        return first.link, first.options.address
    from juntek.links.device import list_ports  # noqa: PLC0415 - its library takes a while

    ports = [link] if link is not None else list_ports()
    other = before
    with suppress(ConfigurationError):  # that of a gateway may be wrong, which hinders nobody who writes another
        other = before or find_configuration(None)
    surveys = await look_at(ports, other)
    for found in surveys:
        typer.echo("\n".join(describe_port(found)), err=True)
    meters = [(link or found.link, one) for found in surveys for one in sorted(found.meters) if address in (None, one)]
    if meters:
        return meters[0] if len(meters) == 1 else _choose(asker, meters)
    if link is None and first is not None:
        typer.echo(f"{hide_secrets(first.link)} stays in the configuration, as no meter was found elsewhere.", err=True)
        return first.link, first.options.address
    if not ports:
        raise NoReplyError(
            "No serial port was found; plug the adapter in and run this again, or give --link for one in the network."
        )
    raise explain_none(surveys, f"No meter was found. Next: {next_step(surveys)}")


async def _answers(configuration: Configuration | None, link: str, meter: MeterOptions) -> bool:
    """Whether a meter answers, to us or to the gateway that reads it; says so where it does not."""
    held = await asyncio.to_thread(ask_gateway, configuration, link)
    if held is not None:
        answers, said = meter.address in held.meters, held.detail
    else:
        ((_, found),) = await try_meters(link, [meter])
        answers, said = isinstance(found, str), str(found)
    if not answers and said:
        typer.echo(said, err=True)
    return answers


def _choose(asker: Asker, meters: Sequence[tuple[str, int]]) -> tuple[str, int]:
    for number, (link, address) in enumerate(meters, 1):
        typer.echo(f"  {number}: address {address} at {hide_secrets(link)}", err=True)
    numbers = [str(number) for number in range(1, len(meters) + 1)]
    return meters[int(asker.ask("Which of them?", "1", partial(_one_of, numbers))) - 1]


def _one_of(words: Sequence[str], answer: str) -> str:
    """Return the answer; raises BadParameter where it is none of the words."""
    if answer not in words:
        raise typer.BadParameter(f"{plain(answer, 60)} is none of {', '.join(words)}.")
    return answer


def _ask_battery(asker: Asker, meter: Document, chemistry: str | None, capacity: float | None) -> None:
    """Ask what the battery is made of, unless it is watched already and nobody said what of."""
    if capacity is not None:
        meter["nominal_capacity"] = capacity
    battery = meter.get("battery")
    if chemistry is None and (asker.silent or (battery is not None and "chemistry" not in battery)):
        return
    question = f"What is the battery made of ({', '.join(CHEMISTRIES)}; none: keep the meter's percentage)?"
    known = (battery or {}).get("chemistry", NONE)
    chemistry = chemistry or asker.ask(question, known, partial(_one_of, (*CHEMISTRIES, NONE)))
    if chemistry == NONE:
        meter.pop("battery", None)
    else:
        part_of(meter, "battery")["chemistry"] = chemistry


def _ask_broker(
    asker: Asker, document: Document, broker: Address | None, known: MqttOptions | None, login: Mapping[str, Any]
) -> str | None:
    """Ask for the broker, and for the user where it wants one, until it lets us in; return the password there."""
    options = replace(known or MqttOptions(), **login)
    if broker is None and known and asker.silent:
        return None
    there = Address(options.host, options.port)
    where = "Where is the MQTT broker (none: there is none)?"
    broker = broker or asker.ask(where, str(there) if known or listens(there) else NONE, broker_address)
    while broker != NOWHERE:
        try:
            lets_in = asyncio.run(log_in(replace(options, host=broker.host, port=broker.port)))
        except JuntekError as error:
            if asker.silent:
                raise
            typer.echo(error, err=True)
            if isinstance(error, LoginRefusedError):
                username = asker.ask("The user at the broker?", options.username or "juntek", str)
                password = asker.ask("The password?", "", str, secret=True)
                options = replace(options, username=username, password=password or None)
            else:
                broker = asker.ask(where, str(broker), broker_address)
            continue
        typer.echo(f"mqtt: {lets_in}", err=True)
        mqtt = part_of(document, "mqtt")
        mqtt["host"] = broker.host
        if broker.port != MQTT_PORT or "port" in mqtt:
            mqtt["port"] = broker.port
        if options.username is not None:
            mqtt["username"] = options.username
        return options.password
    document.pop("mqtt", None)
    return None


def _ask_page(
    asker: Asker, document: Document, known: WebOptions | None, page: str | None, password: str | None
) -> str | None:
    """Ask who may open the page, and return the hash of its password where that is new."""
    before = NONE if known is None else "local" if known.address.is_loopback else "network"
    is_open = known is not None and known.auth == "none"
    if page is None and not asker.silent and not is_open:
        question = "May others in this network open the page, with a password?"
        page = "network" if typer.confirm(question, default=before == "network", err=True) else "local"
    if page == NONE:
        document.pop("web", None)
        return None
    if page == "network" and (password or before != "network" or is_open):
        question = "A password for the page (8 characters or more)?"
        password = _long_enough(password) if password else asker.ask(question, "", _long_enough, secret=True)
    if page is not None and page != before:  # else it stays as it is written, with a port or an address of its own
        host, port = "0.0.0.0" if page == "network" else "127.0.0.1", known.address.port if known else PAGE_PORT  # noqa: S104
        part_of(document, "web")["listen"] = f"{host}:{port}"
    if password is None:
        return None
    if part_of(document, "web").get("auth") == "none":
        del document["web"]["auth"]
    return hash_password(password)


def _long_enough(password: str) -> str:
    if len(password) < SHORTEST_PASSWORD:
        raise typer.BadParameter(
            f"A page for the network needs a password of {SHORTEST_PASSWORD} characters or more: --page-password-file."
        )
    return password
