"""The charts: what hands do, and what is asked of the gateway for it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from juntek.quantity import QUANTITIES, Chart, Quantity
from juntek.reading import READERS
from web.browsing import PHONE, TABLET, Looked, look
from web.fake_gateway import make_gateway
from web.fake_past import DAY, Past

pytestmark = pytest.mark.browser

AREA = ".charts__area"


def range_button(name: str) -> str:
    return f'#history .choice button:text-is("{name}")'


async def turn_wheel(looked: Looked, by: int, *places: str) -> list[bool]:
    """Turn the wheel in the middle of each place, all in one moment; say which of them took it from the page."""
    taken: list[bool] = await looked.page.evaluate(
        """([by, places]) => places.map(place => {
          const { left, top, width, height } = document.querySelector(place).getBoundingClientRect();
          const middle = { clientX: left + width / 2, clientY: top + height / 2 };
          const turn = new WheelEvent('wheel', { deltaY: by, bubbles: true, cancelable: true, ...middle });
          return !document.querySelector(place).dispatchEvent(turn);
        })""",
        [by, places],
    )
    return taken


async def finer_than(looked: Looked, resolution: float) -> None:
    await looked.until("most => Number(document.querySelector('#history').dataset.resolution) < most", resolution)
    await looked.settled()


async def middle(looked: Looked) -> tuple[float, float]:
    await looked.page.locator(AREA).scroll_into_view_if_needed()
    box = await looked.page.locator(".strip[data-quantity=power] .u-over").bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


async def test_every_range_shows_as_much_as_it_says_and_shorter_ones_have_finer_points() -> None:
    async with make_gateway() as gateway, look(gateway.url) as looked:
        seen = []
        for name in ("All", "Year", "Month", "Week", "Day", "Hour"):
            await looked.page.click(range_button(name))
            await looked.settled()
            seen.append(await looked.resolution())
            assert await looked.page.get_attribute(range_button(name), "aria-pressed") == "true"
        assert all(finer <= coarser for coarser, finer in pairwise(seen))
        assert seen[0] >= 3600
        assert seen[-1] <= 5
        assert looked.complaints == []


async def test_the_wheel_zooms_around_the_pointer_and_loads_finer_points() -> None:
    async with make_gateway() as gateway, look(gateway.url + "#meter=house&range=month") as looked:
        await looked.settled()
        before, widest = await looked.resolution(), max(to - start for start, to in looked.tiles())
        await looked.page.mouse.move(*await middle(looked))
        for _ in range(10):
            await looked.page.mouse.wheel(0, -240)
        await finer_than(looked, before / 10)
        start, to = looked.tiles()[-1]
        assert to - start < widest / 10
        await looked.until("() => location.hash.includes('from=')")
        assert all(start <= time.time() for start, _ in looked.tiles())


async def test_a_wheel_that_was_scrolling_the_page_goes_on_doing_so() -> None:
    async with make_gateway() as gateway, look(gateway.url) as looked:
        await looked.settled()
        assert await turn_wheel(looked, 200, ".brand", AREA) == [False, False]
        await looked.page.mouse.move(400, 150)
        await looked.page.mouse.wheel(0, 1200)
        await looked.until("() => scrollY > 300")


async def test_a_drag_moves_into_the_past_and_what_was_seen_is_not_asked_for_again() -> None:
    async with make_gateway() as gateway, look(gateway.url + "#meter=house&range=week") as looked:
        await looked.settled()
        now, count = await looked.shown(), len(looked.tiles())
        x, y = await middle(looked)
        for _ in range(3):
            await looked.page.mouse.move(x - 300, y)
            await looked.page.mouse.down()
            await looked.page.mouse.move(x + 300, y, steps=8)
            await looked.page.mouse.up()
        await looked.settled()
        assert await looked.shown() != now
        assert len(looked.tiles()) > count
        asked = len(looked.tiles())
        await looked.page.click(range_button("Week"))
        await looked.settled()
        # only what reaches into the present may be asked for once more
        assert len(looked.tiles()) <= asked + 1


async def test_what_is_passed_by_quickly_is_not_loaded() -> None:
    async with make_gateway() as gateway, look(gateway.url + "#meter=house&range=year") as looked:
        await looked.settled()
        before = len(looked.tiles())
        assert all(await turn_wheel(looked, -100, *[AREA] * 25))
        await looked.settled()
        assert 0 < len(looked.tiles()) - before <= 8


async def test_two_fingers_zoom_on_a_phone() -> None:
    async with make_gateway() as gateway, look(gateway.url + "#meter=house&range=month", PHONE) as looked:
        await looked.settled()
        before = await looked.resolution()
        x, y = await middle(looked)
        session = await looked.page.context.new_cdp_session(looked.page)

        async def touch(kind: str, *places: float) -> None:
            points = [{"x": place, "y": y, "id": index} for index, place in enumerate(places)]
            await session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        for _ in range(3):
            await touch("touchStart", x - 10, x + 10)
            for spread in range(20, 120, 10):
                await touch("touchMove", x - spread, x + spread)
            await touch("touchEnd")
        await finer_than(looked, before / 10)


async def test_the_keyboard_reads_points_zooms_and_moves() -> None:
    async with make_gateway() as gateway, look(gateway.url) as looked:
        await looked.settled()
        await looked.page.focus(AREA)
        spoken = "#history > [role=status]"
        await looked.page.keyboard.press("End")
        last = await looked.text(spoken)
        assert "State of charge" in last
        assert "Temperature" in last
        await looked.page.keyboard.press("ArrowLeft")
        assert await looked.text(spoken) != last
        await looked.page.keyboard.press("Home")
        first, shown, before = await looked.text(spoken), await looked.shown(), await looked.resolution()
        assert first != last
        for _ in range(4):
            await looked.page.keyboard.press("+")
        await looked.settled()
        assert await looked.resolution() < before
        assert await looked.shown() != shown
        shown = await looked.shown()
        await looked.page.keyboard.press("PageUp")
        await looked.until("shown => document.querySelector('#charts-span').innerText !== shown", shown)


async def test_the_charts_are_also_a_table() -> None:
    async with make_gateway() as gateway, look(gateway.url) as looked:
        await looked.settled()
        await looked.page.click("#history summary")
        await looked.until("() => document.querySelectorAll('#history tbody tr').length > 20")
        assert await looked.page.locator("#history thead th").all_inner_texts() == [
            "Time",
            "State of charge",
            "Power",
            "Current",
            "Voltage",
            "Temperature",
        ]
        await looked.page.focus(AREA)
        await looked.page.keyboard.press("PageUp")
        await looked.until("() => location.hash.includes('from=')")
        await looked.settled()
        times = "() => [...document.querySelectorAll('#history tbody th')].map(it => it.innerText)"
        shown = (await looked.shown()).split(", ")[0]
        await looked.until(f"shown => ({times})()[0]?.startsWith(shown) && ({times})().length > 20", shown)


async def test_a_quantity_that_nobody_told_the_page_of_has_a_chart_with_its_label(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = Quantity("cell_spread", "Cell spread", "mV", "voltage", "instant", 1, chart=Chart(10, order=2))
    monkeypatch.setitem(QUANTITIES, row.key, row)
    monkeypatch.setitem(READERS, row.key, lambda reading: reading.more.get(row.key))
    async with make_gateway(interval=0.2) as gateway:
        gateway.said[row.key] = 12.34
        async with look(gateway.url + "#meter=house&range=hour") as looked:
            await looked.settled()
            strip = ".strip[data-quantity=cell_spread]"
            await looked.until("strip => document.querySelector(strip)?.offsetHeight > 0", strip)
            assert await looked.text(f"{strip} .strip__label") == "Cell spread, mV"
            shown = [
                await place.get_attribute("data-quantity")
                for place in await looked.page.locator(".strip:visible").all()
            ]
            assert shown.index("cell_spread") == shown.index("power") + 1
            await looked.page.focus(AREA)
            while "12.3" not in await looked.text(f"{strip} .strip__value"):  # until a reading is in view
                await looked.page.keyboard.press("End")
            assert not [url for url in looked.asked if "cell_spread" in url]
            assert looked.complaints == []


async def test_a_gap_in_the_past_is_not_bridged() -> None:
    async with make_gateway() as gateway, look(gateway.url + "#meter=house&range=day") as looked:
        await looked.settled()
        _, y = await middle(looked)
        box = await looked.page.locator(AREA).bounding_box()
        assert box is not None
        seen = set()
        for step in range(60):
            await looked.page.mouse.move(box["x"] + 60 + step * (box["width"] - 80) / 60, y)
            seen.add(await looked.text(".strip[data-quantity=voltage] .strip__value"))
        assert "no reading" in seen


async def test_energy_has_bars_and_the_same_numbers_in_a_table() -> None:
    async with make_gateway() as gateway, look(gateway.url) as looked:
        await looked.until("() => document.querySelectorAll('.bars__column').length === 30")
        await looked.page.focus(".bars__area")
        await looked.page.keyboard.press("End")
        told = await looked.text(".bars__readout")
        row = await looked.page.locator("#energy tbody tr").first.locator("td").first.inner_text()
        assert row.splitlines()[0] in told
        await looked.page.click('#energy .choice button:text-is("Months")')
        await looked.until("() => document.querySelectorAll('.bars__column').length === 12")
        assert any("by=month" in url for url in looked.asked)
        shown = await looked.text("#energy .card__span")
        await looked.page.click("#energy button[aria-label=Earlier]")
        await looked.until("shown => document.querySelector('#energy .card__span').innerText !== shown", shown)


async def test_a_tap_on_a_bar_says_its_day_and_goes_on_saying_it() -> None:
    async with make_gateway() as gateway, look(gateway.url, PHONE) as looked:
        await looked.until("() => document.querySelectorAll('.bars__column').length === 30")
        await looked.page.locator(".bars__column").nth(20).tap()
        told = await looked.text(".bars__readout")
        assert "charged" in told
        assert await looked.page.locator(".bars__column.is-chosen").count() == 1


@pytest.mark.parametrize("share", [0.00005, 0.001, 1.0])
async def test_no_label_of_an_axis_stands_twice_and_there_are_three_at_least(share: float) -> None:
    pasts = {"house": Past(31 * DAY, share=share)}
    async with make_gateway(pasts=pasts) as gateway, look(gateway.url, PHONE) as looked:
        await looked.until("() => document.querySelectorAll('.bars__column').length === 30")
        labels = await looked.page.locator(".bars__line span").all_inner_texts()
        assert labels == labels[::-1]
        upper = labels[: len(labels) // 2 + 1]
        assert len(upper) >= 3
        assert len(set(upper)) == len(upper)


async def test_the_table_of_days_shows_the_way_to_what_is_out_of_sight() -> None:
    async with make_gateway() as gateway:
        async with look(gateway.url, PHONE, motion="reduce") as looked:
            await looked.until("() => document.querySelectorAll('#energy tbody tr').length > 20")
            more = looked.page.locator("#energy button >> text=More columns")
            place = "document.querySelector('#energy .scroll').scrollLeft"
            for _ in range(30):
                if not await more.is_visible():
                    break
                before = await looked.page.evaluate(place)
                await more.click()
                assert await looked.page.evaluate(place) > before, "who wants no motion waits for none"
                await looked.page.wait_for_timeout(50)
            last = looked.page.locator("#energy thead th").last
            box = await last.bounding_box()
            assert box is not None
            assert box["x"] + box["width"] <= 375
        async with look(gateway.url) as looked:
            await looked.until("() => document.querySelectorAll('#energy tbody tr').length > 20")
            assert not await looked.page.locator("#energy button >> text=More columns").is_visible()
            assert "Efficiency is" in await looked.text("#energy")


@pytest.mark.parametrize("formats", [["CSV"], ["CSV", "Parquet"]])
async def test_only_formats_that_the_gateway_has_are_offered(
    formats: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("juntek.outputs.web.live.find_spec", lambda _: "Parquet" in formats or None)
    async with make_gateway() as gateway, look(gateway.url) as looked:
        await looked.settled()
        assert await looked.page.locator(".exports a:visible").all_inner_texts() == formats


DRAWN = """
() => {
  window.cut = []; window.whole = [];
  const draw = CanvasRenderingContext2D.prototype.fillText;
  CanvasRenderingContext2D.prototype.fillText = function (text, x, y, ...more) {
    const half = this.textAlign === 'center' ? this.measureText(text).width / 2 : 0;
    const right = this.getTransform().e + x + half;
    (half > 0 && right > this.canvas.width ? window.cut : window.whole).push(text);
    return draw.call(this, text, x, y, ...more);
  };
}
"""


@pytest.mark.parametrize("length", [timedelta(minutes=10), timedelta(days=1)], ids=str)
async def test_no_time_below_the_charts_is_cut(length: timedelta) -> None:
    """Charts that end a little after midnight have a label at their very end, where there is no room for it."""
    async with make_gateway() as gateway, look(gateway.url, TABLET) as looked:
        await looked.page.add_init_script(f"({DRAWN})()")
        midnight = datetime.now(ZoneInfo("Europe/Berlin")).replace(hour=0, minute=0, second=0) - timedelta(days=2)
        for share in (0.001, 0.01, 0.03):
            end = midnight.astimezone(UTC) + length * share
            start = end - length
            span = f"from={start:%Y-%m-%dT%H:%M:%SZ}&to={end:%Y-%m-%dT%H:%M:%SZ}"
            await looked.page.goto("about:blank")
            await looked.page.goto(f"{gateway.url}#meter=house&{span}")
            await looked.settled()
            assert await looked.page.evaluate("window.whole.length") > 10
            assert await looked.page.evaluate("window.cut") == [], span
