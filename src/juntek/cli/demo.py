"""`juntek demo`: everything at once, without any hardware; rule: the work is in `juntek.demo`."""

from __future__ import annotations

from typing import Annotated

import typer

from juntek.cli.stopping import run_until_stopped

PORT = 8140


def demo(
    duration: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="End after so long; 0: when stopped.")
    ] = 0.0,
    port: Annotated[
        int, typer.Option(min=1, max=65535, metavar="N", help="Port of the page, on this computer only.")
    ] = PORT,
    no_open: Annotated[bool, typer.Option("--no-open", help="Do not open the page in a browser.")] = False,  # noqa: FBT002
) -> None:
    """Show it all with two simulated meters."""
    from juntek.demo import run_demo  # noqa: PLC0415 - it needs all there is

    run_until_stopped(run_demo(duration=duration or None, port=port, open_page=not no_open))
