"""Settings changed on the page: shown, confirmed, written, and what became of it."""

from __future__ import annotations

import pytest

from web.browsing import PHONE, Looked, look
from web.fake_gateway import OWNER, FakeGateway, make_gateway

pytestmark = pytest.mark.browser

CARD = "#settings"


def capacity(gateway: FakeGateway) -> float:
    settings = gateway.context.latest["house"].settings
    assert settings is not None
    return settings.nominal_capacity


async def change(looked: Looked, **values: str) -> None:
    await looked.page.click(f"{CARD} button:text-is('Change…')")
    for key, value in values.items():
        await looked.page.fill(f"#entry-{key}", value)
    await looked.page.click(f"{CARD} >> text=Review changes")


async def test_a_setting_is_shown_before_it_is_written_and_what_became_of_it_after() -> None:
    async with make_gateway("settings", interval=0.2) as gateway, look(gateway.url, PHONE, headers=OWNER) as looked:
        await change(looked, nominal_capacity="300")
        plan = (await looked.text(f"{CARD} .changes")).replace("\N{NO-BREAK SPACE}", " ")
        assert "280 Ah \N{RIGHTWARDS ARROW} 300 Ah" in plan
        assert capacity(gateway) == 280.0
        await looked.page.click(f"{CARD} >> text=Write to the meter")
        await looked.page.wait_for_selector(f"{CARD} [data-outcome=obeyed]")
        assert capacity(gateway) == 300.0
        await looked.page.click(f"{CARD} summary")
        await looked.page.wait_for_selector(f"{CARD} details li")
        assert await looked.page.locator(f"{CARD} details li").count() == 2
        assert looked.complaints == []


async def test_what_is_dangerous_is_written_only_when_its_key_is_typed() -> None:
    async with make_gateway("settings") as gateway, look(gateway.url, headers=OWNER) as looked:
        await change(looked, over_voltage_protection="59.2")
        write = looked.page.locator(f"{CARD} button >> text=Write to the meter")
        assert await write.is_disabled()
        await looked.page.fill("#confirm-over_voltage_protection", "over_voltage")
        assert await write.is_disabled()
        await looked.page.fill("#confirm-over_voltage_protection", "over_voltage_protection")
        await write.click()
        await looked.page.wait_for_selector(f"{CARD} [data-outcome=obeyed]")


async def test_what_the_gateway_refuses_is_said_and_what_was_entered_stays() -> None:
    async with make_gateway("settings") as gateway, look(gateway.url, headers=OWNER) as looked:
        await change(looked, nominal_capacity="99999")
        await looked.until("() => document.querySelector('#settings .trouble').innerText > ''")
        assert "9999.9" in await looked.text(f"{CARD} .trouble")
        assert await looked.page.input_value("#entry-nominal_capacity") == "99999"
        assert capacity(gateway) == 280.0


async def test_what_is_no_number_is_not_taken_for_switched_off() -> None:
    async with make_gateway("settings") as gateway, look(gateway.url, headers=OWNER) as looked:
        await looked.page.click(f"{CARD} button:text-is('Change…')")
        await looked.page.focus("#entry-over_voltage_protection")
        await looked.page.keyboard.press("Control+a")
        await looked.page.keyboard.type("1e-")
        await looked.page.click(f"{CARD} >> text=Review changes")
        await looked.until("() => document.querySelector('#settings .trouble').innerText.includes('number')")


async def test_a_button_that_is_pressed_twice_writes_once() -> None:
    async with make_gateway("settings") as gateway, look(gateway.url, headers=OWNER) as looked:
        await change(looked, nominal_capacity="300")
        await looked.page.dblclick(f"{CARD} button >> text=Write to the meter")
        await looked.page.wait_for_selector(f"{CARD} [data-outcome=obeyed]")
        assert len(gateway.told) == 1


async def test_a_meter_that_keeps_its_own_value_is_told() -> None:
    async with make_gateway("settings") as gateway:
        gateway.outcome = "refused"
        async with look(gateway.url, headers=OWNER) as looked:
            await change(looked, nominal_capacity="300")
            await looked.page.click(f"{CARD} >> text=Write to the meter")
            await looked.page.wait_for_selector(f"{CARD} [data-outcome=refused]")
            assert "still says 280 Ah" in await looked.text(f"{CARD} .changes")


async def test_what_is_entered_outlasts_what_the_meter_says_meanwhile() -> None:
    async with make_gateway("settings", interval=0.1) as gateway, look(gateway.url, headers=OWNER) as looked:
        await looked.page.click(f"{CARD} button:text-is('Change…')")
        await looked.page.fill("#entry-nominal_capacity", "300")
        frames = r"document.querySelector('#meter').innerText.match(/Good frames\s+([^\n]+)/)[1].replace(/\D/g, '')"
        seen = await looked.page.evaluate(frames)
        await looked.until(f"seen => {frames} > seen", seen)
        assert await looked.page.input_value("#entry-nominal_capacity") == "300"
        assert await looked.page.locator("#entry-address").count() == 0  # it is not allowed
        await looked.page.click(f"{CARD} >> text=Cancel")
        await looked.page.wait_for_selector(f"{CARD} button:text-is('Change…')")


async def test_an_action_is_confirmed_too() -> None:
    async with make_gateway("settings") as gateway, look(gateway.url, headers=OWNER) as looked:
        await looked.page.click(f"{CARD} button:text-is('Change…')")
        await looked.page.fill("#entry-state_of_charge", "90")
        await looked.page.click(f"{CARD} button[aria-label*='Set state of charge']")
        assert "90" in await looked.text(f"{CARD} .changes")
        await looked.page.click(f"{CARD} >> text=Write to the meter")
        await looked.page.wait_for_selector(f"{CARD} [data-outcome=obeyed]")
        assert gateway.told == [("house", "state_of_charge", 90)]


async def test_a_session_that_may_not_write_sees_the_log_and_no_way_to_change() -> None:
    gateway = make_gateway("settings")
    gateway.options["allow_control"] = ()
    async with gateway, look(gateway.url, headers=OWNER) as looked:
        await looked.until("() => document.querySelector('#settings .fact')")
        await looked.page.wait_for_timeout(300)
        assert await looked.page.locator(f"{CARD} button").count() == 0
        await looked.page.click(f"{CARD} summary")
        await looked.page.wait_for_selector(f"{CARD} details li")
        assert not [url for url in looked.asked if url.endswith("/settings")]
