"""One gateway with 10, 100 and 1,000 meters at a reading a second each; rule: nothing that was sent may be missing.

Real processes, real TCP, a real broker and a real VictoriaMetrics. The gateway runs as its owner would run it, with
`mqtt.interval = 0`: every reading is published, kept in the history and pushed. Afterwards every reading that a meter
has sent is looked for at the subscriber, in the history and, value by value, in VictoriaMetrics.
"""

from __future__ import annotations

import signal
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from sys import executable

from benchmarks.broker import run_broker_process, wait_until
from benchmarks.figures import Figure, LeftOut
from benchmarks.fleet_check import (
    Sent,
    States,
    count_wrong_points,
    count_wrong_rows,
    count_wrong_states,
    losses,
    read_said,
    read_sent,
    read_states,
    said_at,
)
from benchmarks.listener import Listener, listen
from benchmarks.processes import JUNTEK, cpu_seconds, resident_megabytes, run, waited_seconds, write_configuration
from servers.engine import once_shown
from servers.engines import VictoriaMetrics, missing_engines

FLEETS = ((10, "listen"), (100, "listen"), (1000, "listen"), (1000, "poll"))
"""How many meters, and whether a display asks them or the gateway does."""
CPU_AIM, MEMORY_AIM = 60.0, 400.0
START = 120.0
"""s until each meter was heard."""
SETTLE = 25.0
"""s after that: the first commits, and all that is asked or told once, are over."""
ARRIVE = 60.0
"""s until the last reading is everywhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What each process used from `begin` to `end` (monotonic clock, s): shares of a core, and memory at its end (MB).

    `waited` is the share of the time in which the gateway had work and no processor.
    """

    begin: float
    end: float
    shares: Mapping[str, float]
    megabytes: Mapping[str, float]
    waited: float


def measure(*, quick: bool) -> Iterator[Figure | LeftOut]:
    """Yield CPU, memory, delay and losses for each fleet. Raises NoBrokerError without Mosquitto."""
    if "victoria-metrics" in missing_engines():
        yield LeftOut("VictoriaMetrics is not installed; scripts/install-test-servers --engines brings it.")
        return
    for count, way in FLEETS:
        yield from run_fleet(count, way, 10.0 if quick else 60.0)


def run_fleet(count: int, way: str, seconds: float) -> Iterator[Figure]:
    """Run a gateway with so many meters, and yield what it needed for so many seconds and what became of the rest."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        broker, broker_process = stack.enter_context(run_broker_process(directory))
        engine = stack.enter_context(VictoriaMetrics(directory / "engine"))
        listener = stack.enter_context(listen(broker, "juntek/+/state"))
        log, file = directory / "log", directory / "sent"
        command = (executable, "-m", "benchmarks.fleet_meters", str(count), way, str(file))
        meters = stack.enter_context(run(*command, log=log))
        assert meters.stdout is not None  # noqa: S101 - it is a pipe
        links = [f"socket://127.0.0.1:{int(meters.stdout.readline())}" for _ in range(count)]
        path = write_configuration(directory, links, broker, interval=0, mode=way, timeseries=f"{engine.url}/write")
        with run(*JUNTEK, "run", "--config", str(path), log=log) as gateway:
            wait_until(lambda: _meters_heard(listener) == count, START, "the first state of every meter")
            time.sleep(SETTLE)
            others = {"meters": meters.pid, "broker": broker_process, "engine": engine.process_id}
            window = _watch(seconds, {"gateway": gateway.pid, **others})
            meters.send_signal(signal.SIGUSR1)
            if not meters.stdout.readline():
                raise RuntimeError(f"The simulated meters have ended:\n{log.read_text()[-2000:]}")
            sent = read_sent(file)
            stopped = time.time()
            wait_until(lambda: said_at(engine) > stopped + 2, ARRIVE, "the gateway's last word on its sinks")
            states, said = read_states(listener.read()), read_said(count)
            # What was committed last goes out in several requests, with that word between two of them.
            wrong_points = once_shown(lambda: count_wrong_points(states, engine), 0)
            lost = losses(engine)
        wrong = {
            "not at the subscriber, twice, or otherwise": count_wrong_states(sent, said, states),
            "not in the history, twice, or otherwise": count_wrong_rows(sent, said, directory / "juntek.db"),
            "values not in VictoriaMetrics, twice, or otherwise": wrong_points,
            "lost or refused by the gateway's own count": lost,
        }
        yield from _figures(count, way, window, sent, states, wrong)


def _meters_heard(listener: Listener) -> int:
    return len({message.topic for message in listener.read()})


def _watch(seconds: float, processes: Mapping[str, int]) -> Window:
    begin, waited = time.monotonic(), waited_seconds(processes["gateway"])
    before = {name: cpu_seconds(process) for name, process in processes.items()}
    time.sleep(seconds)
    spent = {name: cpu_seconds(process) - before[name] for name, process in processes.items()}
    end = time.monotonic()
    shares = {name: used / (end - begin) for name, used in spent.items()}
    waited = (waited_seconds(processes["gateway"]) - waited) / (end - begin)
    megabytes = {name: resident_megabytes(process) for name, process in processes.items()}
    return Window(begin=begin, end=end, shares=shares, waited=waited, megabytes=megabytes)


def _figures(  # noqa: PLR0913, PLR0917 - all that was seen of one fleet
    count: int, way: str, window: Window, sent: list[Sent], states: States, wrong: Mapping[str, float]
) -> Iterator[Figure]:
    part = f"{count} meters" + (", polled" if way == "poll" else "")
    inside = [one for one in sent if window.begin <= one.moment < window.end and (one.meter, one.run_time) in states]
    delays = sorted(states[one.meter, one.run_time][0].moment - one.moment for one in inside)
    late = sorted(one.moment - one.due for one in inside)
    share = window.shares["gateway"]
    rows: list[tuple[str, float, str, float | None, float | None]] = [
        ("CPU of one core", share * 100, "%", CPU_AIM, None),
        ("CPU time a reading", share * (window.end - window.begin) / len(inside) * 1e6, "us", None, None),
        ("resident memory", window.megabytes["gateway"], "MB", MEMORY_AIM, None),
        ("memory a meter", window.megabytes["gateway"] / count * 1e3, "kB", None, None),
        ("wire to subscriber, median", _at(delays, 0.5) * 1e3, "ms", None, None),
        ("wire to subscriber, 99 of 100", _at(delays, 0.99) * 1e3, "ms", None, None),
        ("wire to subscriber, longest", delays[-1] * 1e3, "ms", None, None),
        ("readings sent", len(sent), "", None, None),
        *((name, number, "", 0.0, 0.0) for name, number in wrong.items()),
        ("MQTT, bytes a reading", fmean(state.size for (state, *_) in states.values()), "B", None, None),
        ("the meters were late themselves, 99 of 100", _at(late, 0.99) * 1e3, "ms", None, None),
        ("the gateway waited for a processor", window.waited * 100, "%", None, None),
        ("CPU of the meters' process", window.shares["meters"] * 100, "%", None, None),
        ("CPU of Mosquitto", window.shares["broker"] * 100, "%", None, None),
        ("CPU of VictoriaMetrics", window.shares["engine"] * 100, "%", None, None),
        ("resident memory of VictoriaMetrics", window.megabytes["engine"], "MB", None, None),
    ]
    for name, value, unit, aim, limit in rows:
        yield Figure(part=part, name=name, value=value, unit=unit, aim=aim, limit=limit)


def _at(values: list[float], share: float) -> float:
    return values[int(share * (len(values) - 1))]
