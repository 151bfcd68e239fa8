"""Gives the demo of compose.yaml thirty days behind it, so that every chart has something to show at once."""

# ruff: noqa: INP001 - it is run, not imported

from __future__ import annotations

import asyncio
import os
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from juntek.demo import DemoMeter, fill_past
from juntek.simulator import Options

DATABASE = Path("/var/lib/juntek/juntek.db")
METERS = (
    DemoMeter("house", "a solar home", Options(seed=1)),
    DemoMeter("boat", "a boat", Options(models=("KH140F",), addresses=(2,), seed=2)),
)

if not DATABASE.exists():
    unfinished = DATABASE.with_suffix(".new")
    for path in DATABASE.parent.glob(f"{unfinished.name}*"):
        path.unlink()
    zone = ZoneInfo(os.environ["JUNTEK_TIME_ZONE"])
    asyncio.run(fill_past(unfinished, METERS, datetime.now(zone), zone))
    unfinished.rename(DATABASE)
