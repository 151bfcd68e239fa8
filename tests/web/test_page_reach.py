"""The page for everybody: assistive technology, small screens, keyboards, slow lines and closed networks."""

from __future__ import annotations

import gzip
from itertools import product
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.async_api import ViewportSize

from web.browsing import DESKTOP, PHONE, SMALL, TABLET, look
from web.fake_gateway import OWNER, STATIC, make_gateway

pytestmark = pytest.mark.browser

AXE = STATIC.parent / "page" / "node_modules" / "axe-core" / "axe.min.js"
MOST_BYTES = 150_000
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
OUTSIDE = (
    "width => [...document.querySelectorAll('main *')].filter(it => !it.closest('.scroll, .only-read'))"
    ".filter(it => it.getBoundingClientRect().right > width + 0.5).map(it => it.outerHTML.slice(0, 80))"
)
"""What reaches beyond the right edge, other than in a table that says that it goes on."""
DRAWN = (
    "width => [...document.querySelectorAll('.strip:not([hidden]) .uplot')]"
    ".every(it => innerWidth === width && it.offsetWidth === it.closest('.charts__area').clientWidth)"
)
"""Whether the charts have the width of a screen that was made so wide: they are drawn anew some frames later."""


async def find_faults(page: Any) -> list[str]:  # noqa: ANN401 - playwright's page
    """Run axe-core past the page's own policy, which rightly lets no foreign script in."""
    await page.evaluate(AXE.read_text(encoding="utf-8"))
    result = await page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{fault['impact']}: {fault['id']}: {fault['nodes'][0]['html'][:200]}: {fault['nodes'][0]['failureSummary']}"
        for fault in result["violations"]
        if fault["impact"] in {"serious", "critical"}
    ]


async def test_faults_would_be_found() -> None:
    async with make_gateway() as gateway, look(gateway.url) as looked:
        await looked.page.evaluate(
            "() => { const it = document.querySelector('.brand'); it.style.color = '#ddd';"
            " document.querySelector('.round').removeAttribute('aria-label');"
            " document.querySelector('.round').removeAttribute('title'); }"
        )
        faults = "\n".join(await find_faults(looked.page))
        assert "color-contrast" in faults
        assert "button-name" in faults


@pytest.mark.parametrize("state", ["live", "silent", "waiting", "password", "trouble", "tripped", "battery"])
async def test_nothing_shuts_anybody_out(state: str) -> None:
    async with make_gateway(state) as gateway, look(gateway.url, motion="reduce") as looked:
        await looked.page.wait_for_selector("#password" if state == "password" else ".bars__area")
        if state not in {"waiting", "password"}:
            await looked.settled()
            await looked.until("() => document.querySelectorAll('#energy tbody tr').length > 20")
        if state == "live":  # it is the same table in every state, and takes longest to look at
            await looked.page.click("#history summary")
        for size, theme in product((PHONE, DESKTOP), THEMES):
            await looked.page.set_viewport_size(size)
            await looked.until(DRAWN, size["width"])
            await looked.page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            assert await find_faults(looked.page) == [], (size, theme)


@pytest.mark.parametrize("state", ["live", "trouble"])
async def test_nothing_is_wider_than_the_screen_and_nothing_foreign_is_asked(state: str) -> None:
    async with make_gateway(state) as gateway:
        gateway.sink("timeseries " + "w" * 80, connected=False, error="It is not at http://" + "w" * 200)
        async with look(gateway.url) as looked:
            await looked.settled()
            for size in (SMALL, PHONE, TABLET, DESKTOP):
                await looked.page.set_viewport_size(size)
                await looked.until(DRAWN, size["width"])
                await looked.settled()
                assert await looked.page.evaluate("document.documentElement.scrollWidth") == size["width"]
                assert await looked.page.evaluate(OUTSIDE, size["width"]) == [], size
            assert looked.strangers() == []
            assert looked.complaints == []


async def test_on_paper_there_is_nothing_to_press_but_the_serial_number_as_it_is() -> None:
    async with make_gateway() as gateway, look(gateway.url) as looked:
        await looked.settled()
        assert "21034" in await looked.text("#meter")
        await looked.page.emulate_media(media="print")
        assert not await looked.page.locator(".top, .moves, .choice, .exports").filter(visible=True).count()


@pytest.mark.parametrize("size", [SMALL, DESKTOP], ids=["small", "desktop"])
async def test_settings_can_be_changed_by_anybody(size: ViewportSize) -> None:
    looking: Any = {"theme": "dark", "motion": "reduce", "headers": OWNER}
    async with make_gateway("settings") as gateway, look(gateway.url, size, **looking) as looked:
        await looked.page.click("#settings button:text-is('Change…')")
        assert await find_faults(looked.page) == []
        await looked.page.fill("#entry-over_voltage_protection", "59.2")
        await looked.page.click("#settings >> text=Review changes")
        await looked.page.wait_for_selector(".confirm")
        assert await find_faults(looked.page) == []
        await looked.page.fill("#confirm-over_voltage_protection", "over_voltage_protection")
        await looked.page.click("#settings >> text=Write to the meter")
        await looked.page.click("#settings summary")
        await looked.page.wait_for_selector("#settings details li")
        assert await find_faults(looked.page) == []
        assert await looked.page.evaluate(OUTSIDE, size["width"]) == []


async def test_a_full_battery_keeps_its_number_inside() -> None:
    async with make_gateway("full") as gateway, look(gateway.url) as looked:
        await looked.until("() => document.querySelector('.vessel__number').textContent === '100'")
        for width in (320, 390, 820, 1280):
            await looked.page.set_viewport_size(ViewportSize(width=width, height=800))
            inner, outer = [
                await looked.page.locator(name).bounding_box() for name in (".vessel__value", ".vessel__wall")
            ]
            assert inner and outer  # noqa: PT018 - both are there or neither
            assert outer["x"] < inner["x"], width
            assert inner["x"] + inner["width"] < outer["x"] + outer["width"], width


async def test_every_control_is_reached_by_the_tab_key_and_shows_it() -> None:
    async with make_gateway() as gateway, look(gateway.url) as looked:
        await looked.settled()
        await looked.until("() => document.querySelectorAll('#energy tbody tr').length > 20")
        wanted = await looked.page.evaluate(
            "() => [...document.querySelectorAll('a[href], button, summary, [tabindex=\"0\"]')]"
            ".filter(it => it.checkVisibility()).length"
        )
        reached = set()
        for _ in range(wanted + 3):
            await looked.page.keyboard.press("Tab")
            name, outline = await looked.page.evaluate(
                "() => { const it = document.activeElement; const all = [...document.querySelectorAll('*')];"
                " const name = it === document.body ? '' : String(all.indexOf(it));"
                " return [name, getComputedStyle(it).outlineStyle]; }"
            )
            if name:
                reached.add(name)
                assert outline != "none", name
        assert len(reached) == wanted


def test_the_page_is_light() -> None:
    files = [path for path in Path(STATIC).rglob("*") if path.is_file() and path.suffix != ".gz"]
    assert sum(len(gzip.compress(path.read_bytes(), 9)) for path in files) < MOST_BYTES


def test_every_packed_file_is_the_one_beside_it() -> None:
    packed = list(Path(STATIC).rglob("*.gz"))
    assert packed
    for path in packed:
        assert gzip.decompress(path.read_bytes()) == path.with_suffix("").read_bytes()
