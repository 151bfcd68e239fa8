"""`juntek simulate` and `juntek demo`: meters without any hardware; rule: the work is in their rooms."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from juntek.cli.arguments import address_number
from juntek.cli.running import run_until_stopped

PORT = 8140


def simulate(
    listen: Annotated[
        str | None, typer.Option(metavar="tcp://HOST:PORT", help="Serve on a TCP port; 0 takes a free one.")
    ] = None,
    pty: Annotated[Path | None, typer.Option(metavar="PATH", help="Serve on a pseudo-terminal linked here.")] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="KG140F, KL140F, KH140F and the like; give several for several meters."),
    ] = None,
    address: Annotated[
        list[int] | None, typer.Option(parser=address_number, metavar="N", help="Address, once for each meter.")
    ] = None,
    display: Annotated[bool, typer.Option("--display", help="Let a display poll the first meter.")] = False,
    speed: Annotated[float, typer.Option(metavar="X", help="Simulated seconds in one second.")] = 1.0,
    seed: Annotated[int, typer.Option(metavar="N", help="The same number gives the same day.")] = 1,
    noise: Annotated[float, typer.Option(metavar="P", help="Probability, 0 to 1, that a frame is damaged.")] = 0.0,
    load: Annotated[
        str, typer.Option(metavar="NAME", help="mixed, steady, spikes, pump, inverter, starter and the like.")
    ] = "mixed",
) -> None:
    """Simulate a battery with its meter.

    It is served on a TCP port or a pseudo-terminal. Prints the link URL as its first line and runs until it is stopped.
    """
    from juntek.simulator import Options, Simulation  # noqa: PLC0415 - only this command simulates

    async def serve() -> None:
        async with Simulation(options) as simulation:
            for url in simulation.urls:
                print(url, flush=True)  # noqa: T201 - it is data: scripts read it
            await simulation.run()

    models = tuple(model or ("KG140F",))
    addresses = tuple(address or range(1, len(models) + 1))
    options = Options(
        models=models,
        addresses=addresses,
        listen=listen,
        pty=pty,
        display="newer" if display else "none",
        speed=speed,
        seed=seed,
        noise=noise,
        load=load,
    )
    run_until_stopped(serve())


def demo(
    duration: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="End after so long; 0: when stopped.")
    ] = 0.0,
    port: Annotated[
        int, typer.Option(min=1, max=65535, metavar="N", help="Port of the page, on this computer only.")
    ] = PORT,
    no_open: Annotated[bool, typer.Option("--no-open", help="Do not open the page in a browser.")] = False,
) -> None:
    """Show it all with two simulated meters."""
    from juntek.demo import run_demo  # noqa: PLC0415 - it needs all there is

    run_until_stopped(run_demo(duration=duration or None, port=port, open_page=not no_open))
