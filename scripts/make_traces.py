"""Weeks in the life of a battery by PyBaMM, as small fixtures; needs a venv with pybamm and numpy, not the project's.

    python scripts/make_traces.py FOLDER [--seed 1] [--kind home]

A trace is `KIND-SEED.csv.xz`: a comment with JSON (cells, capacity in Ah), then a line for each sample: seconds since
the line before, current in mA (positive charges), voltage in 0.1 mV of one cell, and the state of charge in 0.001 %
as PyBaMM says it: with 100 % the cell rests at 3.6 V, with 0 % at 2.0 V.
"""

from __future__ import annotations

import argparse
import json
import lzma
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pybamm

pybamm.set_logging_level("ERROR")

CELL, START = 2.3035, 0.8
"""Ah of the cell of Prada2013 between full and empty as above, and its state of charge (0 to 1) at the beginning."""

ABSORPTION, FLOAT, EMPTY = 3.55, 3.375, 2.5

STEP = 0.003
"""Part of the capacity an hour below which a change of the current may be a sample late."""

PACKS = {"home": (16, 280.0), "cabin": (4, 200.0), "van": (4, 100.0), "boat": (4, 150.0)}

Steps = list[pybamm.step.BaseStep]


def flow(seconds: np.ndarray, rates: np.ndarray, *ends: str) -> pybamm.step.BaseStep:
    """A step with a rate (1/h of capacity, positive charges) that changes at these seconds from its start."""
    edges = np.concatenate([seconds[1:] - 1, seconds])
    order = np.argsort(edges, kind="stable")
    values = np.concatenate([rates[:-1], rates])[order] * -CELL
    edges, first = np.unique(edges[order], return_index=True)
    return pybamm.step.current(np.column_stack([edges, values[first]]), termination=list(ends) or None)


def loads(
    rng: np.random.Generator, hours: float, base: float, pulse: float, hourly: float
) -> tuple[np.ndarray, np.ndarray]:
    """Times and rates of a base load with pulses: a fridge, a kettle."""
    grid = np.arange(0, hours * 3600 + 1, 300.0)
    rates = np.full(len(grid), -base) * rng.uniform(0.8, 1.2, len(grid))
    rates[np.arange(len(grid)) % 6 < 2] -= base / 2
    for _ in range(rng.poisson(hourly * hours)):
        place = rng.integers(len(grid))
        rates[place : place + rng.integers(1, 3)] -= pulse * rng.uniform(0.4, 1.0)
    return grid, rates


def sun(rng: np.random.Generator, hours: float, peak: float, base: float) -> tuple[np.ndarray, np.ndarray]:
    """Times and rates of a day of sun behind clouds, less a load."""
    grid = np.arange(0, hours * 3600 + 1, 300.0)
    bell = np.sin(np.pi * grid / grid[-1]) ** 1.3
    cloud = np.clip(1 - np.abs(rng.normal(0, 0.35, len(grid))), 0.1, 1)
    return grid, peak * bell * cloud - base * rng.uniform(0.7, 1.5, len(grid))


def absorb(rng: np.random.Generator, minutes: float, float_hours: float) -> Steps:
    """Hold at the absorption voltage, then let it sink and hold at float."""
    rate = rng.uniform(0.06, 0.12)  # where it is not reached yet
    steps: Steps = [
        pybamm.step.current(-rate * CELL, duration=12 * 3600, termination=f"> {ABSORPTION} V"),
        pybamm.step.voltage(ABSORPTION, duration=minutes * 60),
    ]
    if float_hours > 0:
        steps.append(pybamm.step.current(0.004 * CELL, duration=24 * 3600, termination=f"< {FLOAT} V"))
        steps.append(pybamm.step.voltage(FLOAT, duration=float_hours * 3600))
    return steps


def home(rng: np.random.Generator) -> Steps:
    """Sun by day, loads by night; full on most days, and nearly empty once in the first half."""
    steps: Steps = []
    low = rng.integers(3, 9)
    for day in range(21):
        peak = rng.uniform(0.12, 0.25) if rng.random() > 0.25 else rng.uniform(0.02, 0.08)
        steps.append(flow(*loads(rng, 13, rng.uniform(0.015, 0.035), 0.25, 0.5), f"< {EMPTY} V"))
        if day == low:
            steps.append(flow(*loads(rng, 24, 0.04, 0.05, 0.2), "< 2.9 V"))
            steps.append(flow(*loads(rng, 3, 0.004, 0.0, 0.0), f"< {EMPTY} V"))
        steps.append(flow(*sun(rng, 9, peak, 0.02), f"> {ABSORPTION} V"))
        steps += absorb(rng, rng.uniform(30, 90), rng.uniform(1, 4)) if peak > 0.11 else []
    return steps


def cabin(rng: np.random.Generator) -> Steps:
    """Weak sun in winter: full by a generator every week or two, and once nearly empty."""
    steps: Steps = []
    fulls = {2, int(rng.integers(9, 13)), int(rng.integers(17, 20))}
    low = rng.integers(5, 8)
    for day in range(22):
        steps.append(flow(*loads(rng, 17, rng.uniform(0.003, 0.008), 0.1, 0.1), f"< {EMPTY} V"))
        if day == low:
            steps.append(flow(*loads(rng, 72, 0.02, 0.04, 0.1), "< 2.95 V"))
            steps.append(flow(*loads(rng, 5, 0.003, 0.0, 0.0), f"< {EMPTY} V"))
        steps.append(flow(*sun(rng, 7, rng.uniform(0.01, 0.06), 0.006), f"> {ABSORPTION} V"))
        if day in fulls:
            steps.append(flow(*loads(rng, 12, -rng.uniform(0.15, 0.25), 0.03, 0.5), f"> {ABSORPTION} V"))
            steps += absorb(rng, rng.uniform(20, 60), 0)
    return steps


def van(rng: np.random.Generator) -> Steps:
    """An alternator at a third of the capacity for an hour or two, loads by night, full every few days."""
    steps: Steps = []
    for day in range(21):
        steps.append(flow(*loads(rng, 10, rng.uniform(0.02, 0.045), 0.3, 0.3), f"< {EMPTY} V"))
        drive = rng.uniform(0.5, 2.5) if day % 4 else 5.0
        steps.append(flow(*loads(rng, drive, -rng.uniform(0.2, 0.4), 0.05, 1), f"> {ABSORPTION} V"))
        if day % 4 == 0:
            steps += absorb(rng, rng.uniform(10, 60), 0)
        steps.append(flow(*loads(rng, 24 - 10 - drive, rng.uniform(0.005, 0.03), 0.1, 0.3), f"< {EMPTY} V"))
    return steps


def boat(rng: np.random.Generator) -> Steps:
    """Days on shore power at float, a few days at anchor, once nearly empty."""
    steps: Steps = []
    for trip in range(4):
        steps.append(flow(*loads(rng, rng.uniform(24, 60), rng.uniform(0.008, 0.02), 0.15, 0.2), f"< {EMPTY} V"))
        if trip == 1:
            steps.append(flow(*loads(rng, 48, 0.03, 0.05, 0.2), "< 2.95 V"))
            steps.append(flow(*loads(rng, 4, 0.003, 0.0, 0.0), f"< {EMPTY} V"))
        steps.append(flow(*loads(rng, 24, -rng.uniform(0.1, 0.2), 0.0, 0.0), f"> {ABSORPTION} V"))
        steps += absorb(rng, rng.uniform(30, 120), rng.uniform(48, 96))
    return steps


KINDS: dict[str, Callable[[np.random.Generator], Steps]] = {"home": home, "cabin": cabin, "van": van, "boat": boat}


def simulate(kind: str, seed: int) -> tuple[np.ndarray, ...]:
    """Return s, A (positive charges), V and Ah discharged of one cell."""
    simulation = pybamm.Simulation(
        pybamm.lithium_ion.SPMe(),
        parameter_values=pybamm.ParameterValues("Prada2013"),
        experiment=pybamm.Experiment(KINDS[kind](np.random.default_rng(seed)), period="30 seconds"),
        solver=pybamm.IDAKLUSolver(),
    )
    solution = simulation.solve(initial_soc=START)
    names = ("Time [s]", "Current [A]", "Voltage [V]", "Discharge capacity [A.h]")
    times, amperes, volts, out = (solution[name].entries for name in names)
    return times, -amperes, volts, out


def write(folder: Path, kind: str, seed: int) -> None:
    """Simulate one trace and write it."""
    cells, capacity = PACKS[kind]
    seconds, amperes, volts, out = simulate(kind, seed)
    times = np.rint(seconds).astype(int)
    keep = np.concatenate([np.diff(times) > 0, [True]])  # of two at a step the first
    times, amperes, volts, out = times[keep], amperes[keep], volts[keep], out[keep]
    steady = np.abs(np.diff(amperes, prepend=amperes[0], append=amperes[-1])) < STEP * CELL
    keep = ~(steady[:-1] & steady[1:]) | (np.arange(len(times)) % 2 == 0)
    times, amperes, volts, out = times[keep], amperes[keep], volts[keep], out[keep]
    columns = (
        np.diff(times, prepend=times[0]),
        np.rint(amperes * capacity / CELL * 1000),
        np.rint(volts * 10_000),
        np.rint(1e5 * (START - out / CELL)),
    )
    head = f"# {json.dumps({'cells': cells, 'capacity': capacity})}\n"
    rows = "\n".join(",".join(str(int(value)) for value in row) for row in zip(*columns, strict=True))
    data = lzma.compress((head + rows).encode(), preset=9)
    (folder / f"{kind}-{seed}.csv.xz").write_bytes(data)
    state = columns[3] / 1000
    print(
        f"{kind}-{seed}: {len(times)} samples, {times[-1] / 86400:.1f} d, {len(data) / 1000:.0f} kB, "
        f"{state.min():.1f} to {state.max():.1f} %"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, nargs="+", default=[1])
    parser.add_argument("--kind", choices=list(KINDS), nargs="+", default=list(KINDS))
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    for kind in given.kind:
        for seed in given.seed:
            write(given.folder, kind, seed)
