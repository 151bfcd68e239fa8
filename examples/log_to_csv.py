"""Add a line to a CSV file every ten seconds: python examples/log_to_csv.py URL FILE [SECONDS]."""

import csv
import sys
import time
from pathlib import Path

import juntek

COLUMNS = ("time", "voltage", "current", "power", "state_of_charge", "remaining_capacity", "temperature")


def log(url: str, path: Path, interval: float) -> None:
    """Write until Ctrl-C; a file that is there already is gone on with."""
    is_new = not path.exists() or not path.stat().st_size
    due = 0.0
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
        if is_new:
            writer.writeheader()
        for reading in juntek.read(url):
            if time.monotonic() >= due:
                due = time.monotonic() + interval
                writer.writerow(reading.as_dict())
                file.flush()  # so that it is in the file when this program ends


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit("Give a link and a file: python examples/log_to_csv.py /dev/ttyUSB0 battery.csv")
    try:
        log(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]) if len(sys.argv) == 4 else 10.0)
    except juntek.JuntekError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        pass
