"""`juntek setup`: from an adapter at a port to a gateway that runs; rule: every question is an option with a default.

Run again it changes what it is asked to change, and keeps all else of the configuration, remarks included.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from juntek.battery import ChemistryName
from juntek.battery.estimate.chemistry import CHEMISTRIES
from juntek.cli.arguments import Capacity, address_number, find_configuration
from juntek.cli.configuration import log_in, try_meters
from juntek.cli.find import ask_gateway, explain_none, look_at, next_step
from juntek.cli.find import describe as describe_port
from juntek.cli.service import can_be_service, find_program, install_service
from juntek.cli.setup_file import NONE, PAGE_PORT, Answers, Document, first_meter, read, say_end, split_host, write
from juntek.config import SYSTEM_FILE, Configuration, search_paths
from juntek.config.keys import name_problem
from juntek.errors import ConfigurationError, JuntekError, NoReplyError, RequestError
from juntek.files import at_home, refuse_orders_of_others
from juntek.finding import Survey
from juntek.meter import MeterOptions
from juntek.names import hide_secrets
from juntek.outputs.mqtt import MqttOptions
from juntek.outputs.mqtt.broker_login import LoginRefusedError
from juntek.outputs.web import WebOptions

NEAR: Final = 0.5
"""s to see whether a broker listens on this computer."""


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
        return (
            ""
            if self.silent
            else str(typer.prompt(question, default="", hide_input=True, show_default=False, err=True))
        )

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
    password, page_password = _first_line(password_file), _first_line(page_password_file)
    document, before = read(path)
    answers = asyncio.run(_find_meter(asker, before, link, address))
    answers.name = name or asker.text("What is the battery called?", answers.name, _check_name)
    _ask_battery(asker, document, answers, chemistry)
    answers.capacity = capacity
    sinks = before.sinks if before is not None else {}
    known = sinks.get("mqtt")
    given = known if isinstance(known, MqttOptions) else MqttOptions()
    given = replace(given, username=username or given.username, password=password or given.password)
    _ask_broker(asker, answers, broker, given, is_known=isinstance(known, MqttOptions))
    _ask_page(asker, sinks.get("web"), answers, page, page_password)
    configuration = write(path, document, answers)
    typer.echo(f"Written: {path}", err=True)
    runs = service and can_be_service(path)
    if runs:
        install_service(find_program())
    typer.echo("\n".join(say_end(configuration, path, runs=runs)))


# Questions ---------------------------------------------------------------------------------------------------


def _check_name(name: str) -> None:
    """Raise RequestError for a name that cannot be, before anybody waits for a meter."""
    if problem := name_problem(name):
        raise RequestError(f"--name {problem}")


async def _find_meter(asker: Asker, before: Configuration | None, link: str | None, address: int | None) -> Answers:
    """Return where the meter is: what was said, else what is configured and answers, else what is found."""
    known = before.meters[0] if before is not None else None
    name = known.options.name if known is not None else "house"
    stays = Answers(name, known.link, address or known.options.address) if known is not None else None
    if address is not None and (named := Answers(name, link, address) if link is not None else stays):
        await _tell_silence(before, named)
        return named
    if before is not None and link is None and stays is not None and await _answers(before):
        return stays
    from juntek.links.device import list_ports  # noqa: PLC0415 - its library takes a while

    ports = [link] if link is not None else list_ports()
    surveys = await look_at(ports, before or _other_configuration())
    for found in surveys:
        typer.echo("\n".join(describe_port(found)), err=True)
    meters = [(found, one) for found in surveys for one in sorted(found.meters) if address in (None, one)]
    if meters:
        chosen, one = meters[0] if len(meters) == 1 else _choose(asker, meters)
        return Answers(name, link or chosen.link, one)
    if link is None and stays is not None:
        typer.echo(f"{hide_secrets(stays.link)} stays in the configuration, as no meter was found elsewhere.", err=True)
        return stays
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


async def _tell_silence(configuration: Configuration | None, named: Answers) -> None:
    """Say it where nobody answers at a link and address that were named; they are taken all the same."""
    if await asyncio.to_thread(ask_gateway, configuration, named.link) is None:
        (trial,) = await try_meters(named.link, [MeterOptions(name=named.name, address=named.address)])
        if trial.error is not None:
            typer.echo(trial.said, err=True)


async def _answers(configuration: Configuration) -> bool:
    """Whether the first meter answers, to us or to the gateway that reads it; says so where it does not."""
    first = configuration.meters[0]
    held = await asyncio.to_thread(ask_gateway, configuration, first.link)
    if held is not None:
        answers, said = first.options.address in held.meters, held.detail
    else:
        (trial,) = await try_meters(first.link, [first.options])
        answers, said = trial.error is None, trial.said
    if not answers:
        typer.echo(said, err=True)
    return answers


def _choose(asker: Asker, meters: Sequence[tuple[Survey, int]]) -> tuple[Survey, int]:
    for number, (found, one) in enumerate(meters, 1):
        typer.echo(f"  {number}: address {one} at {found.link}", err=True)

    def check(answer: str) -> None:
        if not answer.isdecimal() or not 1 <= int(answer) <= len(meters):
            raise RequestError(f"Give a number from 1 to {len(meters)}.")

    return meters[int(asker.text("Which of them?", "1", check)) - 1]


def _ask_battery(asker: Asker, document: Document, answers: Answers, chemistry: str | None) -> None:
    """Ask what the battery is made of, unless it is watched already and nobody said what of."""
    battery = first_meter(document).get("battery")
    if chemistry is None and (asker.silent or (battery is not None and "chemistry" not in battery)):
        return
    words = ", ".join(CHEMISTRIES)
    known = str((battery or {}).get("chemistry", NONE))

    def check(chosen: str) -> None:
        if chosen not in (*CHEMISTRIES, NONE):
            raise RequestError(f"A battery is one of {words}, or none, not {chosen}.")

    question = f"What is the battery made of ({words}; none: keep the meter's percentage)?"
    answers.chemistry = chemistry or asker.text(question, known, check)


def _ask_broker(asker: Asker, answers: Answers, broker: str | None, given: MqttOptions, *, is_known: bool) -> None:
    """Try the broker that was said or found, and ask for the user where it wants one."""
    found = f"{given.host}:{given.port}" if is_known or _listens(given.host, given.port) else NONE
    if broker is None and is_known and asker.silent:
        return
    where = "Where is the MQTT broker (none: there is none)?"
    answers.broker = broker or asker.text(where, found, split_host)
    while answers.broker != NONE:
        host, port = split_host(answers.broker)
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
                answers.broker = asker.text(where, answers.broker, split_host)
            continue
        answers.username, answers.password = given.username, given.password
        typer.echo(f"The broker at {host}:{port} lets us in.", err=True)
        return


def _ask_page(asker: Asker, known: object, answers: Answers, page: str | None, password: str | None) -> None:
    before = ("local" if known.address.is_loopback else "network") if isinstance(known, WebOptions) else NONE
    is_open = isinstance(known, WebOptions) and known.auth == "none"
    if page is None and not asker.silent and not is_open:
        wanted = asker.yes("May others in this network open the page, with a password?", default=before == "network")
        page = "network" if wanted else "local"
    if page == "network" and (password is not None or before != "network" or is_open):
        password = _ask_password(asker, password)
    port = known.address.port if isinstance(known, WebOptions) else PAGE_PORT
    if page != before:  # else it stays as it is written, with a port or an address of its own
        answers.listen = {"network": f"0.0.0.0:{port}", "local": f"127.0.0.1:{port}", NONE: NONE}.get(page or "")
    answers.page_password = password


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


def _first_line(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        return at_home(file).read_text(encoding="utf-8").splitlines()[0]
    except (OSError, UnicodeDecodeError, IndexError):
        raise ConfigurationError(f"{file} holds no password; write it there as one line of text.") from None


def _listens(host: str, port: int) -> bool:
    with suppress(OSError), socket.create_connection((host, port), NEAR):
        return True
    return False
