#!/usr/bin/env python3
"""Makes docs/page.png: the demo's page in a real Chromium; rule: nothing on it is drawn by hand.

It needs what the page's tests need: scripts/setup dev, and Chromium. Each run shows another day of the demo, so it is
made again only when the page looks different: .venv/bin/python scripts/draw_page.py
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

from playwright.async_api import async_playwright

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "page.png"
WIDTH, HEIGHT = 1280, 1000
PATIENCE = 90
"""s until the demo has made its month and serves the page."""
READY = (
    "() => { const it = document.querySelector('#history');"
    " return it && Number(it.dataset.points) > 0 && !it.classList.contains('is-loading'); }"
)


async def draw(url: str, target: Path) -> None:
    """Look at the page as it opens, when the charts are there, and keep what is seen."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = await browser.new_page(
            viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light", reduced_motion="reduce", locale="en-GB"
        )
        await page.goto(url)
        await page.wait_for_function(READY, timeout=30_000)
        await page.wait_for_timeout(5000)  # a few readings, so that what is live is shown alive
        await page.screenshot(path=target)
        await browser.close()


async def wait_for(url: str) -> None:
    """Wait until the demo serves its page."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await asyncio.to_thread(urllib.request.urlopen, url, timeout=5)
            except OSError:
                await asyncio.sleep(0.5)
            else:
                return


def main() -> int:
    """Start a demo, draw its page, and stop it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "juntek", "demo", "--no-open", "--port", str(port)]
    url = f"http://127.0.0.1:{port}/"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as demo:
        try:
            asyncio.run(show(url))
        finally:
            demo.terminate()
    print(PICTURE)
    return 0


async def show(url: str) -> None:
    """Draw the page as soon as it is there."""
    await wait_for(url)
    await draw(url, PICTURE)


if __name__ == "__main__":
    sys.exit(main())
