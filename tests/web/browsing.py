"""A real Chromium that looks at the page; rule: whatever the page asks for or complains of is written down."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from playwright.async_api import Browser, ConsoleMessage, Page, Playwright, ViewportSize, async_playwright

SMALL, PHONE, TABLET, DESKTOP = (
    ViewportSize(width=320, height=640),
    ViewportSize(width=375, height=812),
    ViewportSize(width=1280, height=800),
    ViewportSize(width=1440, height=900),
)
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass
class Looked:
    """A page that is open, and what it did."""

    page: Page
    host: str
    asked: list[str] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    async def text(self, selector: str) -> str:
        return await self.page.locator(selector).first.inner_text()

    async def until(self, expression: str, argument: Any = None) -> None:  # noqa: ANN401 - what JSON can hold
        """Wait until JavaScript finds something true."""
        await self.page.wait_for_function(expression, arg=argument, timeout=15_000)

    async def settled(self) -> None:
        """Wait until charts are drawn and nothing more is asked for them."""
        await self.until(
            "() => { const it = document.querySelector('#history');"
            " return it && Number(it.dataset.points) > 0 && !it.classList.contains('is-loading'); }"
        )

    async def resolution(self) -> float:
        return float(await self.page.get_attribute("#history", "data-resolution") or "nan")

    async def shown(self) -> str:
        """What stretch of time the charts show, in the page's words."""
        return await self.text("#charts-span")

    def tiles(self) -> list[tuple[float, float]]:
        """Every stretch of the past that was asked for."""
        queries = [parse_qs(urlsplit(url).query) for url in self.asked if "/history?" in url]
        return [(float(query["from"][0]), float(query["to"][0])) for query in queries]

    def strangers(self) -> list[str]:
        """Every address asked for that is not the gateway's."""
        return [url for url in self.asked if urlsplit(url).netloc != self.host and not url.startswith("data:")]


_open: list[tuple[Playwright, Browser]] = []
"""The one browser of all tests, once somebody has looked; each test has a profile of its own in it."""


async def _browser() -> Browser:
    if not _open:
        playwright = await async_playwright().start()
        program = shutil.which("chromium")
        _open.append((playwright, await playwright.chromium.launch(executable_path=program, args=list(FLAGS))))
    return _open[0][1]


async def close_browser() -> None:
    while _open:
        playwright, browser = _open.pop()
        await browser.close()
        await playwright.stop()


@asynccontextmanager
async def look(
    url: str,
    size: ViewportSize = DESKTOP,
    *,
    theme: Literal["light", "dark"] = "light",
    motion: Literal["reduce", "no-preference"] = "no-preference",
    zone: str = "Europe/Berlin",
) -> AsyncIterator[Looked]:
    """Open the page as somebody in a `zone` with a screen of this size."""
    async with await (await _browser()).new_context(
        viewport=size,
        color_scheme=theme,
        reduced_motion=motion,
        locale="en-GB",
        timezone_id=zone,
        has_touch=size is PHONE,
    ) as context:
        context.set_default_timeout(12_000)
        page = await context.new_page()
        looked = Looked(page, urlsplit(url).netloc)

        def hear(message: ConsoleMessage) -> None:
            if message.type in {"error", "warning"}:
                looked.complaints.append(message.text)

        page.on("request", lambda request: looked.asked.append(request.url))
        page.on("requestfailed", lambda request: looked.given_up.append(request.url))
        page.on("console", hear)
        page.on("pageerror", lambda error: looked.complaints.append(str(error)))
        await page.goto(url)
        yield looked
