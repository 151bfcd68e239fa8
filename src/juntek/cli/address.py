"""A meter's address as an argument: as a number, or as its display shows it."""

import re

import typer


def address_number(text: str | int) -> int:
    """Return the address, 1 to 99; raises BadParameter."""
    found = re.fullmatch(r"\s*[Pp]?([0-9]{1,3})\s*", str(text), re.ASCII)
    if found is None or not 1 <= int(found[1]) <= 99:
        raise typer.BadParameter("a meter's address is 1 to 99; look for P01 at its display.")
    return int(found[1])
