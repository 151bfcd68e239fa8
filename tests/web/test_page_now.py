"""What the page says of the battery now, and of whatever keeps it from knowing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest

from outputs.served import PASSWORD
from web.browsing import PHONE, look
from web.fake_gateway import make_gateway

pytestmark = pytest.mark.browser

NOTICES = ".notices"


async def test_live_values_change() -> None:
    async with make_gateway(interval=0.2) as gateway, look(gateway.url) as looked:
        await looked.until("() => document.querySelector('[data-value=current] .value__number').innerText > ''")
        before = await looked.text("[data-value=current] .value__number")
        await looked.until(
            "before => document.querySelector('[data-value=current] .value__number').innerText !== before", before
        )
        assert (await looked.text("[data-value=voltage] dd")).strip().endswith("V")
        assert await looked.text(NOTICES) == ""
        assert "% · house" in await looked.page.title()
        assert looked.complaints == []


async def test_the_flow_follows_the_direction() -> None:
    async with make_gateway(interval=3600) as gateway, look(gateway.url) as looked:
        for way in ("charging", "discharging", "idle"):
            gateway.said["direction"] = way
            await gateway.tell()
            await looked.until("way => document.querySelector('#now').dataset.direction === way", way)
            assert way.capitalize() in await looked.text(".headline__line")


async def test_a_battery_that_charges_is_not_said_to_last() -> None:
    async with make_gateway() as gateway:
        gateway.said = {"direction": "charging", "power": 39.0, "state_of_charge": 99.6, "time_to_full": None}
        async with look(gateway.url) as looked:
            await looked.until("() => document.querySelector('#now').dataset.direction === 'charging'")
            assert await looked.text("#now .outlook") == ""


async def test_motion_stops_for_those_who_do_not_want_it() -> None:
    running = "() => document.getAnimations().some(it => it.animationName === 'flow' && it.playState === 'running')"
    async with make_gateway(interval=0.2) as gateway:
        async with look(gateway.url) as looked:
            await looked.until("() => document.querySelector('#now').dataset.direction !== 'idle'")
            await looked.until(running)
        async with look(gateway.url, motion="reduce") as looked:
            await looked.until("() => document.querySelector('#now').dataset.direction !== 'idle'")
            assert not await looked.page.evaluate(running)


async def test_a_silent_meter_is_told_with_the_time_and_its_values_are_marked_old() -> None:
    async with make_gateway(interval=0.2) as gateway, look(gateway.url) as looked:
        await looked.until("() => document.querySelector('#now:not(.is-old) .value__number')")
        gateway.silence("house", ago=300)
        await looked.until("() => document.querySelector('#now.is-old')")
        told = (await looked.text(NOTICES)).replace("\N{NO-BREAK SPACE}", " ")
        assert "house has been silent since" in told
        assert "5 min ago" in told
        assert "check its power" in told
        assert "as of" in await looked.text(".vessel__age")
        assert (await looked.page.title()).startswith("(old)")
        gateway.read("house")
        await looked.until("() => !document.querySelector('#now.is-old')")
        assert await looked.text(NOTICES) == ""


async def test_a_gateway_that_is_gone_is_told_and_found_again() -> None:
    gateway = make_gateway(interval=0.2)
    async with gateway, look(gateway.url) as looked:
        await looked.settled()
        await gateway.stop()
        await looked.until("() => document.querySelector('.notice[data-kind=gone]')")
        assert "Reconnecting…" in await looked.text(NOTICES)
        assert await looked.page.locator("#now.is-old").count() == 1
        async with gateway:
            await looked.until("() => !document.querySelector('.notice')")
            assert await looked.page.locator("#now.is-old").count() == 0


async def test_a_gateway_that_never_answered_is_told() -> None:
    gateway = make_gateway()
    async with gateway, look(gateway.url) as looked:
        await looked.page.route("**/api/**", lambda route: route.abort())
        await looked.page.reload()
        await looked.until("() => document.querySelector('.notice[data-kind=gone]')")
        assert "Trying again" in await looked.text(NOTICES)
        await looked.page.unroute("**/api/**")
        await looked.back_online()
        await looked.until("() => !document.querySelector('.notice')")


async def test_before_the_first_reading_it_says_what_is_going_on() -> None:
    async with make_gateway("waiting") as gateway, look(gateway.url, PHONE) as looked:
        await looked.page.get_by_text("Waiting for the first reading of house").wait_for()
        assert "opening the link" in await looked.text(NOTICES)
        await looked.until("() => document.querySelector('.charts__note').innerText.includes('no history yet')")


async def test_a_young_history_says_since_when_it_is() -> None:
    async with make_gateway("young") as gateway, look(gateway.url) as looked:
        await looked.settled()
        assert "The history begins at" in await looked.text(".charts__note")
        assert await looked.page.get_attribute('.choice button:text-is("Hour")', "aria-pressed") == "true"


async def test_a_paused_history_says_why() -> None:
    async with make_gateway("paused") as gateway, look(gateway.url) as looked:
        await looked.until("() => document.querySelector('.notice[data-kind=paused]')")
        assert "The disk is full" in await looked.text(NOTICES)


async def test_without_a_history_it_says_how_to_get_one_and_asks_for_none() -> None:
    gateway = make_gateway()
    gateway.context = replace(gateway.context, database=None, sections=("web",))
    async with gateway, look(gateway.url) as looked:
        await looked.until("() => document.querySelector('#no-history:not([hidden])')")
        assert "add [history]" in await looked.text("#no-history")
        await looked.page.wait_for_timeout(1500)
        assert not [url for url in looked.asked if "/history?" in url or "/days?" in url]


async def test_without_a_meter_it_says_where_to_add_one() -> None:
    gateway = make_gateway("waiting")
    gateway.context = replace(gateway.context, meters=())
    async with gateway, look(gateway.url) as looked:
        await looked.until("() => document.querySelector('.notice')?.innerText.includes('[[meters]]')")


async def test_another_meter_is_one_click_away_and_stays_in_the_address() -> None:
    async with make_gateway() as gateway, look(gateway.url) as looked:
        await looked.page.click(".tab >> text=boat")
        await looked.until("() => location.hash.includes('meter=boat')")
        await looked.page.reload()
        await looked.until("() => document.querySelector('.tab[aria-current]')?.dataset.meter === 'boat'")
        await looked.settled()
        assert any("/meters/boat/history" in url for url in looked.asked)


async def test_a_password_is_asked_for_and_a_wrong_one_refused() -> None:
    async with make_gateway("password") as gateway, look(gateway.url, PHONE) as looked:
        await looked.page.fill("#password", "guess")
        await looked.page.click("button >> text=Sign in")
        await looked.until("() => document.querySelector('.trouble').innerText.includes('not the password')")
        await looked.page.fill("#password", PASSWORD)
        await looked.page.keyboard.press("Enter")
        await looked.settled()
        right = "document.querySelector('.tab:last-child').getBoundingClientRect().right"
        assert await looked.page.evaluate(f"{right} <= document.querySelector('.tabs').getBoundingClientRect().right")
        await looked.page.click("button >> text=Sign out")
        await looked.until("() => document.querySelector('#password')")
        assert not any("meters//" in url for url in looked.asked)


@pytest.mark.parametrize(("system", "chosen"), [("dark", "light"), ("light", "dark")])
async def test_the_theme_is_the_systems_until_one_chooses_and_is_remembered(
    system: Literal["light", "dark"], chosen: Literal["light", "dark"]
) -> None:
    grounds = {"light": "rgb(244, 242, 237)", "dark": "rgb(14, 18, 20)"}
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    async with make_gateway() as gateway, look(gateway.url, theme=system) as looked:
        assert await looked.page.evaluate(ground) == grounds[system]
        ink = "getComputedStyle(document.documentElement).getPropertyValue('--ink')"
        assert "light-dark" not in await looked.page.evaluate(ink), "the build says it so that old browsers know it"
        await looked.page.click(f"button[aria-label='Switch to {chosen} colours']")
        assert await looked.page.evaluate(ground) == grounds[chosen]
        await looked.page.reload()
        assert await looked.page.evaluate(ground) == grounds[chosen]


@pytest.mark.parametrize(("state", "level"), [("full", "good"), ("low", "empty"), ("tripped", "empty")])
async def test_the_colour_is_that_of_the_level_and_not_of_the_direction(state: str, level: str) -> None:
    async with make_gateway(state) as gateway, look(gateway.url) as looked:
        await looked.until("level => document.querySelector('#now').dataset.level === level", level)


async def test_only_a_protection_that_tripped_warns() -> None:
    async with make_gateway("off", interval=0.2) as gateway, look(gateway.url) as looked:
        await looked.until("() => document.querySelector('#meter').innerText.includes('Off')")
        assert await looked.page.locator(".notice").count() == 0
        gateway.said = {"output_state": "over_temperature"}
        await looked.until("() => document.querySelector('.notice[data-kind=output]')")
        assert "too hot" in await looked.text(NOTICES)
        gateway.said = {"output_state": "unknown"}
        await looked.until("() => !document.querySelector('.notice')")


async def test_energy_is_told_as_what_is_left_and_as_today_beside_yesterday() -> None:
    async with make_gateway("full") as gateway, look(gateway.url) as looked:
        left = "[data-value=left]"
        await looked.until("() => document.querySelector('[data-value=left] .value__unit').innerText === 'kWh'")
        assert "280" in await looked.text(left)
        assert "of" not in (await looked.text(left)).split()
        await looked.until("() => document.querySelector('[data-value=charged]').innerText.includes('yesterday')")


async def test_times_are_those_of_the_gateway_and_said_to_be_where_the_browser_has_others() -> None:
    night = f"{datetime.now(UTC) - timedelta(days=9):%Y-%m-%d}"
    span = f"#meter=house&from={night}T00:30:00Z&to={night}T03:30:00Z"
    async with make_gateway() as gateway:
        shown = []
        for zone in ("Europe/Berlin", "Europe/Paris", "America/New_York"):
            async with look(gateway.url + span, zone=zone) as looked:
                await looked.settled()
                shown.append((await looked.shown(), await looked.page.locator(".zone").is_visible()))
                if zone == "America/New_York":
                    assert "Europe/Berlin" in await looked.text(".zone")
        assert [told for _, told in shown] == [False, False, True]
        assert len({span for span, _ in shown}) == 1
