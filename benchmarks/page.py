"""The page: what it weighs, and when its first chart is drawn; rule: the built files and a real Chromium.

The gateway has a year of history, a reading in ten seconds, and a meter that is read now. The page itself says when it
has drawn its first chart; the time is that since the browser was sent to it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from statistics import median
from sys import executable
from typing import TYPE_CHECKING

from benchmarks.charts import EVERY, METER, running_gateway
from benchmarks.figures import Figure, LeftOut
from benchmarks.history import fill_year, make_log, replay
from benchmarks.processes import ROOT, run

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

STATIC = ROOT / "src" / "juntek" / "outputs" / "web" / "static"
CODINGS = {"gzip": ".gz"}
WEIGHT_AIM = 150.0
SLOWER = 4
PATIENCE = 30
"""s that a page may take."""
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync")  # fmt: skip
WEIGHT = "Weight of the page, all files"
FIRST = "From opening the page to its first chart (Chromium, time on the clock)"
DRAWN = "() => performance.getEntriesByName('first-chart')[0]?.startTime"


class NoChartError(Exception):
    """The page has drawn none."""


def measure(*, quick: bool) -> Iterator[Figure | LeftOut]:
    """Yield the weight and the times."""
    if not (STATIC / "index.html").exists():
        yield LeftOut("The page is not built; scripts/page builds it.")
        return
    yield from weigh(STATIC)
    if which("chromium") is None:
        yield LeftOut("Chromium is not installed; scripts/install-test-servers --chromium brings it.")
        return
    if find_spec("playwright") is None:
        yield LeftOut("Playwright is not installed; scripts/test installs it.")
        return
    try:
        yield from _open(3 if quick else 7, 30 if quick else 365)
    except NoChartError as error:
        yield LeftOut(str(error))


def weigh(folder: Path) -> Iterator[Figure]:
    """Yield the kB of all files of a built page, as they are and in each compressed form."""
    names = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
    plain = [path for path in names if path.suffix not in CODINGS.values()]
    yield Figure(part=WEIGHT, name="not compressed", value=sum(map(_kilobytes, plain)), unit="kB")
    for name, ending in CODINGS.items():
        packed = [path.with_name(path.name + ending) for path in plain]
        sent = [other if other.exists() else path for path, other in zip(plain, packed, strict=True)]
        yield Figure(part=WEIGHT, name=name, value=sum(map(_kilobytes, sent)), unit="kB", aim=WEIGHT_AIM)


def _kilobytes(path: Path) -> float:
    return path.stat().st_size / 1000


def _open(rounds: int, days: int) -> Iterator[Figure]:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - nothing else needs it

    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        readings = replay(make_log(directory / "day.log"))[::EVERY]
        begin = datetime.now(UTC) - timedelta(days=days)
        fill_year(directory / "juntek.db", readings, days, meter=METER, begin=begin)
        feeding = run(executable, "-m", "benchmarks.feeder", "1", "1", log=directory / "log")
        with feeding as feeder, sync_playwright() as playwright:
            assert feeder.stdout is not None  # noqa: S101 - it is a pipe
            link = f"socket://127.0.0.1:{int(feeder.stdout.readline())}"
            browser = playwright.chromium.launch(executable_path=which("chromium"), args=list(FLAGS))
            with running_gateway(directory, link) as gateway:
                yield from _look(browser, gateway.address, rounds)
            browser.close()


def _look(browser: Browser, address: str, rounds: int) -> Iterator[Figure]:
    times: dict[str, list[float]] = {"first visit": [], "second visit": [], f"first visit, {SLOWER} x slower": []}
    for _ in range(rounds):
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        times["first visit"].append(_first_chart(context, address, 1))
        times["second visit"].append(_first_chart(context, address, 1))
        context.close()
        context = browser.new_context(viewport={"width": 375, "height": 812}, has_touch=True)
        times[f"first visit, {SLOWER} x slower"].append(_first_chart(context, address, SLOWER))
        context.close()
    for name, values in times.items():
        yield Figure(part=FIRST, name=name, value=median(values), unit="ms")


def _first_chart(context: BrowserContext, address: str, slower: int) -> float:
    """Return ms on a processor that the browser makes so many times slower; raises NoChartError."""
    from playwright.sync_api import Error as PlaywrightError  # noqa: PLC0415

    page = context.new_page()
    context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": slower})
    page.goto(address)
    try:
        page.wait_for_function(DRAWN, timeout=PATIENCE * 1000)
    except PlaywrightError as error:
        said = " ".join(page.locator("body").inner_text().split())[:200]
        raise NoChartError(f"No chart was drawn in {PATIENCE} s; the page says: {said}") from error
    milliseconds = float(page.evaluate(DRAWN))
    page.close()
    return milliseconds
