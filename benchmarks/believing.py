"""How much of what is right is told, and how much of what is wrong; rule: own streams, nothing of the simulator.

Ten profiles of lively loads, each with every way in which a meter may work out its time left. On the clean line nothing
may be held back; of the damaged frames next to none may come through.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.figures import Figure
from damage import run_share
from juntek import Bus, Reading
from lively import PROFILES, WAYS, Lively

CLEAN = "Lively loads on a clean line, ten profiles x six ways of making the time left"
NOISY = "Lively loads on a noisy line"
SHARES = ((0.75, 0.02), (0.5, 0.02), (0.1, 0.005), (0.01, 0.0005), (0.001, 0.0001))
"""Share of damaged frames, and how much of the clean ones may be lost."""


def measure(*, quick: bool) -> Iterator[Figure]:
    """Yield what is lost of right readings, and what comes through of damaged ones."""
    streams = [(profile, way) for profile in PROFILES for way in WAYS]
    held, late, off = 0, 0, 0.0
    for profile, way in streams:
        bus, powers, true = Bus(), [], 0.0
        settings, *frames = Lively(profile, way).frames(1200)
        bus.feed(settings)
        for frame in frames:
            readings = [event for event in bus.feed(frame) if isinstance(event, Reading)]
            late += len(readings) != 1
            powers += [reading.power for reading in readings]
            true += _power_of(frame)
        held += len(powers) != len(frames)
        off = max(off, abs(sum(powers) / true - 1) if true else 0.0)
    yield Figure(part=CLEAN, name="streams of 60 in which a reading is held back", value=held, unit="", limit=0)
    yield Figure(part=CLEAN, name="readings that are told late", value=late, unit="", limit=0)
    yield Figure(part=CLEAN, name="mean power, worst stream", value=100 * off, unit="%", limit=0.01)
    for share, allowed in SHARES:
        clean = damaged = arrived = wrong = 0
        for seed, (profile, way) in enumerate(streams):
            outcome = run_share(Lively(profile, way, seed).frames(2000 if quick else 20_000), seed, share)
            clean, arrived = clean + outcome.clean, arrived + outcome.arrived
            damaged, wrong = damaged + outcome.damaged, wrong + len(outcome.wrong)
        name = f"{100 * share:g} % damaged"
        lost = 100 * (1 - arrived / clean)
        yield Figure(part=NOISY, name=f"{name}: right ones lost", value=lost, unit="%", limit=100 * allowed)
        yield Figure(part=NOISY, name=f"{name}: damaged frames", value=damaged, unit="")
        yield Figure(part=NOISY, name=f"{name}: wrong a million", value=1e6 * wrong / damaged, unit="", aim=10)


def _power_of(frame: bytes) -> float:
    numbers = [int(word) for word in frame.split(b"=")[1].split(b",")[:-1]]
    voltage, current, charging = numbers[2] / 100, numbers[3] / 100, numbers[11]
    return round(voltage * current, 2) * (1 if charging else -1)
