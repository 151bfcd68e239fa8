"""Print every quantity of one meter with its unit, each second: python examples/print_all.py URL [ADDRESS]."""

import sys

import juntek
from juntek.quantity import QUANTITIES, READING_KEYS


def describe(reading: juntek.Reading) -> str:
    """Return one line for each quantity; what the meter does not say is a dash."""
    lines = [f"address {reading.address}, {reading.family}"]
    for key in READING_KEYS:
        value, quantity = getattr(reading, key), QUANTITIES[key]
        lines.append(f"{quantity.label:26} {'-' if value is None else value:>12} {quantity.unit}".rstrip())
    return "\n".join(lines)


def main(url: str, address: int = 1) -> None:
    """Print until Ctrl-C."""
    for reading in juntek.read(url, address):
        print(describe(reading), end="\n\n", flush=True)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("Give the link of a meter: python examples/print_all.py /dev/ttyUSB0")
    try:
        main(sys.argv[1], *map(int, sys.argv[2:]))
    except juntek.JuntekError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        pass
