"""A real Chromium that looks at the page; rule: whatever the page asks for or complains of is written down."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Self
from urllib.parse import parse_qs, urlsplit

from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Page,
    Playwright,
    ViewportSize,
    async_playwright,
)

PATIENCE, LONGEST, CLOSING = 30.0, 80.0, 10.0
"""s for one step on the page, for all that a test does there, and until what does not close is killed."""

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
    complaints: list[str] = field(default_factory=list)

    async def text(self, selector: str) -> str:
        return await self.page.locator(selector).first.inner_text()

    async def until(self, expression: str, argument: Any = None) -> None:  # noqa: ANN401 - what JSON can hold
        """Wait until JavaScript finds something true."""
        await self.page.wait_for_function(expression, arg=argument)

    async def settled(self) -> None:
        """Wait until charts are drawn and nothing more is asked for them."""
        await self.until(
            "() => { const it = document.querySelector('#history');"
            " return it && Number(it.dataset.points) > 0 && !it.classList.contains('is-loading'); }"
        )

    async def resolution(self) -> float:
        return float(await self.page.get_attribute("#history", "data-resolution") or "nan")

    async def back_online(self) -> None:
        """Let the browser say that the network is back, upon which the page asks at once."""
        await self.page.evaluate("dispatchEvent(new Event('online'))")

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


@dataclass(frozen=True)
class _Chromium:
    """A browser that runs, and the processes to kill where it, or the driver that started it, does not heed."""

    playwright: Playwright
    browser: Browser
    process: int
    driver: int

    @classmethod
    async def start(cls) -> Self:
        playwright = await async_playwright().start()
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        session = await browser.new_browser_cdp_session()
        processes = (await session.send("SystemInfo.getProcessInfo"))["processInfo"]
        process = next(row["id"] for row in processes if row["type"] == "browser")
        return cls(playwright, browser, process, _parent_of(process))

    async def end(self) -> None:
        with suppress(ProcessLookupError):
            if not await _is_closed(self.browser.close()):
                os.killpg(self.process, signal.SIGKILL)
        if not await _is_closed(self.playwright.stop()):
            os.kill(self.driver, signal.SIGKILL)


def _parent_of(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return int(status.partition("PPid:")[2].split()[0])


async def _is_closed(closing: Awaitable[None]) -> bool:
    """Whether something could be closed in time, or was closed already."""
    try:
        async with asyncio.timeout(CLOSING):
            await closing
    except TimeoutError:
        return False
    except Error:
        pass
    return True


_open: list[_Chromium] = []
"""The one browser of all tests, once somebody has looked; each test has a profile of its own in it."""


async def _new_context(options: dict[str, Any]) -> BrowserContext:
    """Open a profile, in a new browser where there is none or the last one has died."""
    if _open:
        try:
            async with asyncio.timeout(CLOSING):
                return await _open[0].browser.new_context(**options)
        except (TimeoutError, Error):
            await close_browser()
    _open.append(await _Chromium.start())
    return await _open[0].browser.new_context(**options)


async def close_browser() -> None:
    while _open:
        await _open.pop().end()


@asynccontextmanager
async def look(
    url: str,
    size: ViewportSize = DESKTOP,
    *,
    theme: Literal["light", "dark"] = "light",
    motion: Literal["reduce", "no-preference"] = "no-preference",
    zone: str = "Europe/Berlin",
    headers: Mapping[str, str] = MappingProxyType({}),
    longest: float = LONGEST,
) -> AsyncIterator[Looked]:
    """Open the page as somebody in a `zone` with a screen of this size, for `longest` seconds.

    Much of what a browser is asked for has no bound of its own. A look that hangs fails; the next has a new browser.
    """
    options = {
        "viewport": size,
        "color_scheme": theme,
        "reduced_motion": motion,
        "locale": "en-GB",
        "timezone_id": zone,
        "has_touch": size is PHONE,
        "extra_http_headers": dict(headers),
    }
    bound, context = asyncio.timeout(longest), None
    try:
        async with bound:
            context = await _new_context(options)
            yield await _open_page(context, url)
    except TimeoutError as error:
        if not bound.expired():
            raise
        await close_browser()
        raise AssertionError(f"The browser got no further in {longest:.0f} s; below is where it stood.") from error
    finally:
        if context is not None and not await _is_closed(context.close()):
            await close_browser()


async def _open_page(context: BrowserContext, url: str) -> Looked:
    context.set_default_timeout(PATIENCE * 1000)
    page = await context.new_page()
    looked = Looked(page, urlsplit(url).netloc)

    def hear(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            looked.complaints.append(message.text)

    page.on("request", lambda request: looked.asked.append(request.url))
    page.on("console", hear)
    page.on("pageerror", lambda error: looked.complaints.append(str(error)))
    await page.goto(url)
    return looked
