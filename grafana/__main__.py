"""Writes the dashboards: python -m grafana, and with --check only says whether those that are written are of today."""

from __future__ import annotations

import sys
from pathlib import Path

PLACE = Path(__file__).resolve().parent / "dashboards"


def main(arguments: list[str]) -> int:
    """Return 0 when the files are as they should be, 1 when --check finds that they are not, 2 without a library."""
    try:
        from grafana.all import documents  # noqa: PLC0415 - a plain scripts/setup leaves out what it needs
    except ModuleNotFoundError as error:
        library = str(error.name).partition(".")[0]
        sys.stderr.write(f"A library is missing ({library}); install it with: ./scripts/setup dev\n")
        return 2
    old = [name for name, text in documents().items() if not _is(PLACE / name, text)]
    if "--check" in arguments:
        for name in old:
            sys.stderr.write(f"{PLACE / name} is out of date; run python -m grafana.\n")
        return 1 if old else 0
    PLACE.mkdir(exist_ok=True)
    for name in old:
        (PLACE / name).write_text(documents()[name], encoding="utf-8")
        sys.stderr.write(f"Wrote {PLACE / name}.\n")
    return 0


def _is(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
