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
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer

from juntek.battery import ChemistryName
from juntek.battery.estimate.chemistry import CHEMISTRIES
from juntek.cli.arguments import Capacity, address_number, find_configuration
from juntek.cli.configuration import log_in, try_meters
from juntek.cli.find import ask_gateway, explain_none, look_at, next_step
from juntek.cli.find import describe as describe_port
from juntek.cli.service import can_be_service, find_program, install_service
from juntek.cli.setup_file import Document, first_line, first_meter, listens, part_of, read, say_end, split_host, write
from juntek.config import SYSTEM_FILE, Configuration, search_paths
from juntek.config.keys import name_problem
from juntek.errors import ConfigurationError, JuntekError, NoReplyError, RequestError
from juntek.files import at_home, refuse_orders_of_others
from juntek.meter import MeterOptions
from juntek.names import hide_secrets
from juntek.outputs.mqtt import MqttOptions
from juntek.outputs.mqtt.broker_login import LoginRefusedError
from juntek.outputs.web import WebOptions
from juntek.outputs.web.passwords import hash_password

NAME: Final = "house"
NONE: Final = "none"
PAGE_PORT: Final = 8140


Chemistry = Literal[ChemistryName, "none"]
Page = Literal["network", "local", "none"]


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks at a terminal; with `--yes`, or where nobody is, the default is the answer."""

    silent: bool

    def text(self, question: str, default: str, check: Callable[[str], object] = str) -> str:
        """Ask for a line, until `check` raises no RequestError for it."""
        while True:
            answer = default if self.silent else str(typer.prompt(question, default=default, err=True)).strip()
            try:
                check(answer)
            except RequestError as error:
                if self.silent:
                    raise
                typer.echo(error, err=True)
            else:
                return answer

    def secret(self, question: str) -> str:
        """Ask for what nobody shall see; empty where nobody answers."""
        if self.silent:
            return ""
        return str(typer.prompt(question, default="", hide_input=True, show_default=False, err=True))

    def yes(self, question: str, *, default: bool) -> bool:
        """Ask for a yes or no."""
        return default if self.silent else bool(typer.confirm(question, default=default, err=True))


def setup(
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="Default: /etc/juntek/juntek.toml for root.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="What the battery is called; default: house.")
    ] = None,
    link: Annotated[str | None, typer.Option(metavar="URL", help="Where the meter is; default: what is found.")] = None,
    address: Annotated[
        int | None, typer.Option(parser=address_number, metavar="N", help="Its address; default: found.")
    ] = None,
    chemistry: Annotated[Chemistry | None, typer.Option(help="Of its cells; default: asked for.")] = None,
    capacity: Capacity = None,
    broker: Annotated[
        str | None, typer.Option(metavar="HOST[:PORT]", help="Of MQTT, or none; default: one on this computer.")
    ] = None,
    username: Annotated[str | None, typer.Option(metavar="NAME", help="The user at the broker.")] = None,
    password_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="With the broker's password as its first line.")
    ] = None,
    page: Annotated[Page | None, typer.Option(help="Who may open the page; default: local.")] = None,
    page_password_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="With the page's password as its first line.")
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
    if name:
        _check_name(name)
    if broker:
        split_host(broker)
    password, page_password = first_line(password_file), first_line(page_password_file)
    document, before = read(path)
    meter = first_meter(document)
    meter["link"], meter["address"] = asyncio.run(_find_meter(asker, before, link, address))
    known_name = before.meters[0].options.name if before is not None else NAME
    meter["name"] = name or asker.text("What is the battery called?", known_name, _check_name)
    _ask_battery(asker, meter, chemistry, capacity)
    sinks = before.sinks if before is not None else {}
    login = {key: said for key, said in (("username", username), ("password", password)) if said}
    secrets = {
        "mqtt": _ask_broker(asker, document, broker, sinks.get("mqtt"), login),
        "web": _ask_page(asker, document, sinks.get("web"), page, page_password),
    }
    configuration = write(path, document, secrets)
    typer.echo(f"Written: {path}", err=True)
    if runs := service and can_be_service(path):
        install_service(find_program())
    typer.echo("\n".join(say_end(configuration, path, runs=runs)))


# Questions ---------------------------------------------------------------------------------------------------


def _check_name(name: str) -> None:
    """Raise RequestError for a name that cannot be, before anybody waits for a meter."""
    if problem := name_problem(name):
        raise RequestError(f"--name {problem}")


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
    surveys = await look_at(ports, before or _other_configuration())
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


def _other_configuration() -> Configuration | None:
    """Return that of a gateway that may read the ports by now; a wrong one hinders nobody who writes another."""
    with suppress(ConfigurationError):
        return find_configuration(None)
    return None


async def _answers(configuration: Configuration | None, link: str, meter: MeterOptions) -> bool:
    """Whether a meter answers, to us or to the gateway that reads it; says so where it does not."""
    held = await asyncio.to_thread(ask_gateway, configuration, link)
    if held is not None:
        answers, said = meter.address in held.meters, held.detail
    else:
        (trial,) = await try_meters(link, [meter])
        answers, said = trial.error is None, trial.said
    if not answers and said:
        typer.echo(said, err=True)
    return answers


def _choose(asker: Asker, meters: Sequence[tuple[str, int]]) -> tuple[str, int]:
    for number, (link, address) in enumerate(meters, 1):
        typer.echo(f"  {number}: address {address} at {hide_secrets(link)}", err=True)

    def check(answer: str) -> None:
        if not answer.isdecimal() or not 1 <= int(answer) <= len(meters):
            raise RequestError(f"Give a number from 1 to {len(meters)}.")

    return meters[int(asker.text("Which of them?", "1", check)) - 1]


def _ask_battery(asker: Asker, meter: Document, chemistry: str | None, capacity: float | None) -> None:
    """Ask what the battery is made of, unless it is watched already and nobody said what of."""
    if capacity is not None:
        meter["nominal_capacity"] = capacity
    battery = meter.get("battery")
    if chemistry is None and (asker.silent or (battery is not None and "chemistry" not in battery)):
        return
    words = ", ".join(CHEMISTRIES)

    def check(chosen: str) -> None:
        if chosen not in (*CHEMISTRIES, NONE):
            raise RequestError(f"A battery is one of {words}, or none, not {chosen}.")

    question = f"What is the battery made of ({words}; none: keep the meter's percentage)?"
    chemistry = chemistry or asker.text(question, str((battery or {}).get("chemistry", NONE)), check)
    if chemistry == NONE:
        meter.pop("battery", None)
    else:
        part_of(meter, "battery")["chemistry"] = chemistry


def _ask_broker(
    asker: Asker, document: Document, broker: str | None, known: object, login: Mapping[str, Any]
) -> str | None:
    """Try the broker that was said or found, ask for the user where it wants one, and return the password there."""
    is_known = isinstance(known, MqttOptions)
    given = replace(known if isinstance(known, MqttOptions) else MqttOptions(), **login)
    if broker is None and is_known and asker.silent:
        return None
    found = f"{given.host}:{given.port}" if is_known or listens(given.host, given.port) else NONE
    where = "Where is the MQTT broker (none: there is none)?"
    broker = broker or asker.text(where, found, split_host)
    while broker != NONE:
        host, port = split_host(broker)
        try:
            asyncio.run(log_in(replace(given, host=host, port=port)))
        except JuntekError as error:
            if asker.silent:
                raise
            typer.echo(error, err=True)
            if isinstance(error, LoginRefusedError):
                username = asker.text("The user at the broker?", given.username or "juntek")
                given = replace(given, username=username, password=asker.secret("The password?") or None)
            else:
                broker = asker.text(where, broker, split_host)
            continue
        typer.echo(f"The broker at {host}:{port} lets us in.", err=True)
        mqtt = part_of(document, "mqtt")
        mqtt["host"] = host
        if port != 1883 or "port" in mqtt:
            mqtt["port"] = port
        if given.username is not None:
            mqtt["username"] = given.username
        return given.password
    document.pop("mqtt", None)
    return None


def _ask_page(asker: Asker, document: Document, known: object, page: str | None, password: str | None) -> str | None:
    """Ask who may open the page, and return the hash of its password where that is new."""
    before = ("local" if known.address.is_loopback else "network") if isinstance(known, WebOptions) else NONE
    is_open = isinstance(known, WebOptions) and known.auth == "none"
    if page is None and not asker.silent and not is_open:
        wanted = asker.yes("May others in this network open the page, with a password?", default=before == "network")
        page = "network" if wanted else "local"
    if page == "network" and (password is not None or before != "network" or is_open):
        password = _ask_password(asker, password)
    port = known.address.port if isinstance(known, WebOptions) else PAGE_PORT
    if page == NONE:
        document.pop("web", None)
        return None
    if page is not None and page != before:  # else it stays as it is written, with a port or an address of its own
        part_of(document, "web")["listen"] = f"{'0.0.0.0' if page == 'network' else '127.0.0.1'}:{port}"  # noqa: S104
    if password is None:
        return None
    if part_of(document, "web").get("auth") == "none":
        del document["web"]["auth"]
    return hash_password(password)


def _ask_password(asker: Asker, given: str | None) -> str:
    """Return a password that is long enough; raises RequestError where one was given, or nobody is there to ask."""
    while True:
        password = given if given is not None else asker.secret("A password for the page (8 characters or more)?")
        if len(password) >= 8:
            return password
        error = RequestError("A page for the network needs a password of 8 characters or more: --page-password-file.")
        if asker.silent or given is not None:
            raise error
        typer.echo(error, err=True)
