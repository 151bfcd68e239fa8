"""`juntek find`: what is behind each port, and the one thing to do next; rule: it reads only."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

import typer

from juntek.cli import run_until_stopped
from juntek.cli.arguments import ConfigFile, configuration_if_any
from juntek.cli.gateway_client import meters_held, open_gateway, update_of
from juntek.config import Configuration
from juntek.errors import JuntekError, LinkError, NoReplyError
from juntek.finding import Patience, Station, Survey, survey
from juntek.names import hide_secrets

Form = Literal["text", "json"]

FOUND = {
    "display_only": "A display asks address {asks}, and no meter answers: switch the meter's supply on, and look "
    "whether its cable is in the jack for RS485.",
    "swapped": "Wires A and B are swapped, most likely: what arrives is a meter's text upside down. Swap the two.",
    "speed": "Something speaks here at another speed ({detail} bits a second; a meter has 115200): this is the port of "
    "another device, or the meter's speed was changed.",
    "converter": "This looks like a meter whose text is taken at another speed than it is sent.",
    "device": "Another device speaks here: {detail}. The meter is at another port.",
    "noise": "Only noise, and no device that is known here: look for a loose wire, for A and B swapped, and that the "
    "grounds are connected; keep the cable away from the inverter's.",
    "silent": "Nothing at all: look whether the meter has power (its display is lit), whether the cable is in the jack "
    "for RS485 and not in that of the sensor, and whether A and B are swapped.",
    "echo": "Only an echo of what was sent: the adapter works, and no meter is at its wires; look at the meter's "
    "power, its jack, and A and B.",
}
"""What is said of each cause that is no error."""
NEXT = {
    "swapped": "swap the wires A and B at {link}, then: juntek find",
    "converter": "set {link} to 115200 baud, 8N1, then: juntek find",
    "no_permission": "get the right to open {link} as said above, then: juntek find",
    "gateway": "open the page of the gateway, or look at its log: journalctl --unit juntek",
    "in_use": "do with {link} what is said above, then: juntek find",
    "display_only": "switch the meter on, then: juntek find",
}
ORDER = (*NEXT, "speed", "noise", "echo", "silent")
"""Of which cause an owner is told first what to do."""
CONVERTER = "Look also whether the converter is set to 115200 baud, 8N1."
"""What is said, too, where the speed is not ours to set."""


def find(
    links: Annotated[
        list[str] | None, typer.Argument(metavar="LINK", help="Look there; default: all serial ports.")
    ] = None,
    form: Annotated[Form, typer.Option("--format", help="How to write what was found.")] = "text",
    config: ConfigFile = None,
) -> None:
    """Look for meters, and for what is wrong with the wires.

    It listens at every serial port of this computer, or at the links that are given, then asks the addresses 1 to 99.
    What the gateway reads is asked of the gateway.
    """
    from juntek.links.device import list_ports  # noqa: PLC0415 - its library takes a while

    configuration = configuration_if_any(config)
    ports = links or list_ports()
    if not ports:
        raise NoReplyError("This computer has no serial port; plug the adapter in and look with: ls /dev/serial/by-id")

    async def look() -> None:
        surveys = await look_at(ports, configuration)
        if form == "json":
            typer.echo(json.dumps({"ports": [found.as_dict() for found in surveys]}, ensure_ascii=False, indent=2))
        else:
            typer.echo("\n".join(line for found in surveys for line in describe(found)))
            typer.echo(f"\nNext: {next_step(surveys)}")
        if not any(found.meters for found in surveys):
            raise explain_none(surveys)

    run_until_stopped(look())


def explain_none(surveys: Sequence[Survey], text: str = "No meter was found.") -> JuntekError:
    """Return the error where there is no meter: that of the link where not one could be used."""
    is_used = any(found.cause not in ("no_permission", "in_use", "unreachable") for found in surveys)
    return NoReplyError(text) if is_used else LinkError(text)


async def look_at(ports: Sequence[str], configuration: Configuration | None) -> list[Survey]:
    """Look at all ports at once, where the gateway reads one by asking it; says on stderr what it does."""

    async def look(port: str) -> Survey:
        held = await asyncio.to_thread(ask_gateway, configuration, port)
        return held or await survey(
            port, Patience(), lambda doing: typer.echo(f"{hide_secrets(port)}: {doing}…", err=True)
        )

    return list(await asyncio.gather(*map(look, ports)))


def ask_gateway(configuration: Configuration | None, port: str) -> Survey | None:
    """Return what the gateway says of a port that it reads, or None."""
    meters = meters_held(configuration, port)
    if configuration is None or not meters:
        return None
    found = Survey(hide_secrets(port), "gateway")
    try:
        client = open_gateway(configuration, meters[0])
        updates = {facts["name"]: update_of(facts) for facts in client.list_meters()}
    except JuntekError as error:
        found.detail = str(error)
        return found
    for meter in meters:
        update = updates[meter.name]
        if update.available:
            found.meters[meter.address] = Station(update.identity, update.settings, update.reading)
        else:
            found.detail = update.health.error or f"It waits for the first word of {meter.name}; try again."
    return found


def describe(found: Survey) -> Iterator[str]:
    """Yield what is said of one link."""
    yield found.link
    if found.cause == "gateway":
        yield f"  The gateway reads this port. {found.detail}".rstrip()
    for address, meter in sorted(found.meters.items()):
        yield f"  Meter at address {address}: {_describe_meter(meter)}"
    if found.meters and found.asked_by_display:
        yield f"  A display asks address {_join(found.asked_by_display)}; it can stay plugged in."
    if found.damaged and found.meters:
        total = found.frames + found.damaged
        yield f"  Damaged frames: {found.damaged} of {total}; look at the wires and the ground."
    if not found.meters and found.cause != "gateway":
        said = FOUND.get(found.cause, "{detail}")
        yield f"  {said.format(detail=found.detail, asks=_join(found.asked_by_display))}"
        if found.cause in ("speed", "converter", "noise", "silent") and found.link.startswith("socket:"):
            yield f"  {CONVERTER}"
    elif found.cause == "meters" and (lost := found.asked_by_display - found.meters.keys()):
        yield f"  Nobody answers at address {_join(lost)}: set the display to the address of the meter."


def _describe_meter(meter: Station) -> str:
    facts = meter.as_dict()
    said = {"firmware": "firmware {}", "serial_number": "serial number {}", "voltage": "{:.2f} V",
            "state_of_charge": "{:.0f} %"}  # fmt: skip
    known = [form.format(facts[key]) for key, form in said.items() if facts[key] is not None]
    return ", ".join([facts["model"] or f"a {facts['family']}", *known])


def _join(addresses: Sequence[int] | set[int]) -> str:
    return " and ".join(map(str, sorted(addresses)))


def next_step(surveys: Sequence[Survey]) -> str:
    """Return the one thing to do."""
    for found in surveys:
        if found.meters and found.cause == "meters":
            return f"juntek setup --link '{found.link}' --address {min(found.meters)}"
    first = min(surveys, key=lambda found: ORDER.index(found.cause) if found.cause in ORDER else len(ORDER))
    return NEXT.get(first.cause, "check what is said of {link}, then: juntek find").format(link=first.link)
