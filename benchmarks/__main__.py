"""Runs the measurements; rule: figures to stdout, progress and what could not be measured to stderr."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator

from benchmarks import added, backfill, believing, charge, charts, decoding, delay, fleet, gateway, history, page, start
from benchmarks.broker import NoBrokerError
from benchmarks.figures import Figure, LeftOut, markdown, table

PARTS: dict[str, Callable[..., Iterator[Figure | LeftOut]]] = {
    "decode": decoding.measure,
    "believe": believing.measure,
    "charge": charge.measure,
    "gateway": gateway.measure,
    "delay": delay.measure,
    "start": start.measure,
    "history": history.measure,
    "charts": charts.measure,
    "added": added.measure,
    "backfill": backfill.measure,
    "fleet": fleet.measure,
    "page": page.measure,
}


def main() -> int:
    """Return the exit status: 1 when a figure is above its limit, or with --require-all something is left out."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measures how fast juntek is on this machine.")
    parser.add_argument("--quick", action="store_true", help="shorter, and less exact")
    parser.add_argument("--only", metavar="PARTS", help=f"of {', '.join(PARTS)}; commas between")
    parser.add_argument("--json", action="store_true", help="one JSON object in place of the table")
    parser.add_argument("--markdown", action="store_true", help="tables for the documents in place of the table")
    parser.add_argument("--require-all", action="store_true", help="fail when something cannot be measured here")
    arguments = parser.parse_args()
    chosen = arguments.only.split(",") if arguments.only else list(PARTS)
    if unknown := [name for name in chosen if name not in PARTS]:
        parser.error(f"there is no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    figures: list[Figure] = []
    left_out: list[str] = []
    for name in chosen:
        sys.stderr.write(f"Measuring {name}…\n")
        try:
            for result in PARTS[name](quick=arguments.quick):
                if isinstance(result, LeftOut):
                    left_out.append(f"{name}: {result.sentence}")
                else:
                    figures.append(result)
        except NoBrokerError as error:
            left_out.append(f"{name}: {error}")
    if arguments.json:
        shown = {"figures": [figure.as_dict() for figure in figures], "left_out": left_out}
        sys.stdout.write(json.dumps(shown, indent=1) + "\n")
    else:
        sys.stdout.write((markdown if arguments.markdown else table)(figures) + "\n")
    for sentence in left_out:
        sys.stderr.write(f"Not measured: {sentence}\n")
    too_much = any(figure.verdict == "TOO MUCH" for figure in figures)
    return 1 if too_much or (left_out and arguments.require_all) else 0


if __name__ == "__main__":
    sys.exit(main())
