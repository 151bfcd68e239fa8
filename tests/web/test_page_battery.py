"""The card of the battery, and what the charts show of its estimate."""

from __future__ import annotations

import pytest

from web.browsing import look
from web.fake_gateway import make_gateway

pytestmark = pytest.mark.browser


async def test_a_battery_that_is_estimated_has_a_card_and_what_few_ask_for_is_folded_away() -> None:
    async with make_gateway("battery") as gateway, look(gateway.url) as looked:
        await looked.page.wait_for_selector("#battery:not([hidden])")
        told = (await looked.text("#battery")).replace("\N{NO-BREAK SPACE}", " ")
        for words in ("63 %", "give or take 2 %", "8.91 kWh", "271.8 Ah", "97 %", "ago"):
            assert words in told
        assert "Deepest discharge" not in told
        await looked.page.click("#battery summary")
        assert "Deepest discharge" in await looked.text("#battery")
        assert looked.complaints == []


async def test_what_may_be_anything_is_called_a_guess() -> None:
    async with make_gateway("battery") as gateway:
        gateway.said |= {"state_of_charge": 58.2, "state_of_charge_uncertainty": 58.2}
        async with look(gateway.url) as looked:
            await looked.until("() => document.querySelector('#battery .battery__sure')?.textContent.startsWith('58')")
            told = await looked.text("#battery .battery__sure")
            assert told.replace("\N{NO-BREAK SPACE}", " ").startswith("58 %")
            assert told.count("58") == 1
            widths = await looked.page.eval_on_selector_all(".gauge span", "all => all.map(it => it.style.width)")
            assert widths == ["0%", "58.2%"]


async def test_without_an_estimate_there_is_no_card_and_nothing_is_asked_for_it() -> None:
    async with make_gateway() as gateway, look(gateway.url) as looked:
        await looked.settled()
        assert not await looked.page.locator("#battery").is_visible()
        assert not [url for url in looked.asked if "/battery/" in url]


async def test_the_chart_has_the_band_of_the_estimate_and_marks_where_it_was_set() -> None:
    async with make_gateway("battery") as gateway, look(gateway.url) as looked:
        await looked.settled()
        await looked.until(
            "() => document.querySelector('.strip[data-quantity=state_of_charge]').dataset.marks === '3'"
        )
        assert any("state_of_charge_uncertainty" in url for url in looked.asked if "/history?" in url)
        await looked.page.focus(".charts__area")
        await looked.page.keyboard.press("Home")
        value = float((await looked.text(".strip[data-quantity=state_of_charge] .strip__value")).split()[0])
        low, high = [
            float(word)
            for word in (await looked.text(".strip[data-quantity=state_of_charge] .strip__between")).split()
            if word[0].isdigit()
        ]
        assert low <= value - 1.8 < value + 1.8 <= high
