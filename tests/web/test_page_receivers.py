"""What the page says of everything that readings go to."""

from __future__ import annotations

import pytest

from web.browsing import PHONE, Looked, look
from web.fake_gateway import GONE, REFUSED, SINKS, make_gateway

pytestmark = pytest.mark.browser

RECEIVERS = ".receiver"
WORKSHOP = "timeseries workshop"
AT_ONCE = 15_000
"""ms in which the page asks for nothing by itself: what it shows by then was sent to it."""
WORKSHOP_NAME = "Time-series database workshop"


async def marks(looked: Looked) -> dict[str, str]:
    await looked.page.wait_for_selector(RECEIVERS)
    shown: dict[str, str] = await looked.page.evaluate(
        "() => Object.fromEntries([...document.querySelectorAll('.receiver')]"
        ".map(it => [it.dataset.sink, it.dataset.mark]))"
    )
    return shown


async def lines_of(looked: Looked, name: str) -> list[str]:
    text = await looked.text(f"[data-sink='{name}']")
    return [line.replace("\N{NARROW NO-BREAK SPACE}", " ") for line in text.splitlines() if line]


async def test_every_receiver_is_named_as_owners_do_and_the_page_is_not_among_them() -> None:
    async with make_gateway() as gateway, look(gateway.url) as looked:
        assert await marks(looked) == {name: "well" for name in SINKS if name != "web"}
        names = await looked.page.locator(".receiver__name").all_inner_texts()
        assert names == [
            "MQTT broker", "History", "Time-series database workshop", "Time-series database 192.168.1.7:8086",
            "Metrics endpoint",
        ]  # fmt: skip
        assert set(await looked.page.locator(".receiver__state").all_inner_texts()) == {"Up to date"}
        assert await looked.text(".notices") == ""
        assert "juntek 1.2.3, running for" in await looked.text("#gateway")


async def test_what_is_away_or_behind_says_why_how_far_and_what_was_refused() -> None:
    async with make_gateway("trouble") as gateway, look(gateway.url, PHONE) as looked:
        assert await marks(looked) == {
            "mqtt": "away", "history": "well", WORKSHOP: "away", "timeseries 192.168.1.7:8086": "behind",
            "metrics": "well",
        }  # fmt: skip
        assert await lines_of(looked, "mqtt") == ["MQTT broker", "Not working, 5 minutes behind", REFUSED]
        assert await lines_of(looked, WORKSHOP) == [
            "Time-series database workshop",
            "Not working, 2 days behind",
            GONE,
        ]
        assert await lines_of(looked, "timeseries 192.168.1.7:8086") == [
            "Time-series database 192.168.1.7:8086",
            "3 hours behind, being sent",
            "1234 readings refused, 1 reading lost since the gateway started",
        ]


async def test_what_goes_away_is_told_at_the_top_too_and_no_longer_when_it_is_back() -> None:
    async with make_gateway(interval=3600) as gateway, look(gateway.url) as looked:
        await looked.page.wait_for_selector(f"[data-sink='{WORKSHOP}'][data-mark=well]")
        gateway.sink(WORKSHOP, connected=False, failures=1, error=GONE)
        await looked.page.wait_for_selector(f"[data-sink='{WORKSHOP}'][data-mark=away]", timeout=AT_ONCE)
        assert await looked.text(".notice[data-kind=away]") == f"{WORKSHOP_NAME} is not working. {GONE}"
        gateway.sink(WORKSHOP, failures=1, lag=7200)
        await looked.page.wait_for_selector(f"[data-sink='{WORKSHOP}'][data-mark=behind]", timeout=AT_ONCE)
        assert await looked.page.locator(".notice").count() == 0
        gateway.sink(WORKSHOP, failures=1)
        await looked.page.wait_for_selector(f"[data-sink='{WORKSHOP}'][data-mark=well]", timeout=AT_ONCE)


async def test_a_history_that_pauses_is_told_once() -> None:
    async with make_gateway("paused") as gateway, look(gateway.url) as looked:
        await looked.page.wait_for_selector("[data-sink=history][data-mark=away]")
        assert await looked.page.locator(".notice").count() == 1


async def test_a_gateway_that_is_gone_says_nothing_of_its_receivers() -> None:
    gateway = make_gateway("trouble")
    async with gateway, look(gateway.url) as looked:
        await looked.page.wait_for_selector("#gateway")
        await gateway.stop()
        await looked.page.wait_for_selector("#gateway", state="hidden")
        assert await looked.page.locator(".notice").count() == 1
        async with gateway:
            await looked.back_online()
            await looked.page.wait_for_selector("#gateway")


async def test_a_gateway_without_receivers_says_so() -> None:
    async with make_gateway() as gateway:
        gateway.context.sinks.clear()
        gateway.sink("web")
        async with look(gateway.url) as looked:
            await looked.page.wait_for_selector("#gateway >> text=Readings go to this page only.")
            assert await looked.page.locator(".receivers").is_hidden()


async def test_receivers_are_shown_before_there_is_a_meter() -> None:
    async with make_gateway("waiting") as gateway, look(gateway.url) as looked:
        assert set((await marks(looked)).values()) == {"well"}


async def test_nothing_that_a_receiver_says_becomes_a_part_of_the_page() -> None:
    async with make_gateway() as gateway:
        gateway.sink("mqtt", connected=False, error="<b id=made>It is gone.</b>")
        async with look(gateway.url) as looked:
            assert "<b id=made>It is gone.</b>" in await lines_of(looked, "mqtt")
            assert await looked.page.locator("#made").count() == 0


async def test_assistive_technology_finds_a_list_with_a_name() -> None:
    async with make_gateway("trouble") as gateway, look(gateway.url) as looked:
        await looked.page.wait_for_selector(RECEIVERS)
        receivers = looked.page.get_by_role("region", name="Gateway").get_by_role("list", name="Outputs")
        assert await receivers.get_by_role("listitem").count() == 5
