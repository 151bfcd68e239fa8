"""The page within Home Assistant: behind a proxy that sends what the Supervisor sends, in a frame of a real browser.

Home Assistant has signed in who asks, so that person may write what `allow_control` names.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, StreamingResponse
from starlette.routing import Route

from juntek.listening import Address, Limits
from juntek.listening.http_server import serve
from juntek.outputs import Context
from juntek.update import LatestUpdates, Outcome
from outputs.served import HASH, Served, context, served
from outputs.updates import kg_reading, kg_update
from servers.process import free_port
from web.browsing import look

SUPERVISOR, STRANGER = "127.0.0.3", "127.0.0.4"
"""Addresses of this computer that play others."""
PREFIX = "/api/hassio_ingress/2Nb4vlqGNMTCJXzPRDHp2g"
FRAME = f'<!doctype html><title>Home Assistant</title><iframe src="{PREFIX}/" width="900" height="700"></iframe>'


@asynccontextmanager
async def supervisor(site: Served) -> AsyncIterator[str]:
    """Home Assistant with a side bar, and its proxy; yields the address of the former."""
    there = httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(local_address=SUPERVISOR), timeout=3600)

    async def show_frame(_: Request) -> HTMLResponse:
        return HTMLResponse(FRAME)

    async def pass_on(request: Request) -> StreamingResponse:
        # What a browser says of this is not passed on.
        said = {key: value for key, value in request.headers.items() if not key.startswith("x-remote-user")}
        headers = said | {
            "x-ingress-path": PREFIX,
            "x-remote-user-id": "75e5d6f9a1b8419dbb2a1d7b5a1f9c3e",
            "x-remote-user-name": "anna",
            "x-remote-user-display-name": "Anna",
            "x-forwarded-for": "192.168.1.77, 172.30.32.1",
            "x-forwarded-proto": "http",
            "x-forwarded-host": request.headers["host"],
        }
        url = f"{site.url}/{request.path_params['path']}"
        body = await request.body()
        asked = there.build_request(request.method, url, headers=headers, params=request.query_params, content=body)
        answer = await there.send(asked, stream=True)
        return StreamingResponse(answer.aiter_raw(), answer.status_code, dict(answer.headers))

    routes = [Route("/", show_frame), Route(PREFIX + "/{path:path}", pass_on, methods=["GET", "POST", "DELETE"])]
    address = Address("127.0.0.1", free_port())
    async with there, serve(Starlette(routes=routes), address, "test", headers=[], limits=Limits(), proxies=()):
        yield f"http://127.0.0.1:{address.port}"


@asynccontextmanager
async def app(**options: object) -> AsyncIterator[Served]:
    async with served(auth="ingress", ingress_from=(SUPERVISOR,), **options) as site:  # type: ignore[arg-type]
        yield site


async def ask(site: Served, source: str, path: str = "/api/meters", **headers: str) -> httpx.Response:
    transport = httpx.AsyncHTTPTransport(local_address=source)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with site.browser(transport=transport) as browser:
        return await browser.get(path, headers=named)


async def test_only_the_supervisor_is_answered_whatever_others_say_they_are() -> None:
    async with app() as site:
        assert (await ask(site, SUPERVISOR, host="homeassistant.local:8123")).status_code == 200
        for source in (STRANGER, "127.0.0.1"):
            for path in ("/", "/api/meters", "/api/session", "/api/live", "/assets/x.js"):
                answer = await ask(
                    site, source, path, host="homeassistant.local:8123", x_forwarded_for=SUPERVISOR,
                    x_ingress_path=PREFIX, x_remote_user_name="anna", forwarded=f"for={SUPERVISOR}",
                    x_real_ip=SUPERVISOR,
                )  # fmt: skip
                assert answer.status_code == 403, (source, path)
                assert "within Home Assistant" in answer.json()["error"]


async def test_who_is_signed_in_at_home_assistant_is_known_by_name_and_needs_no_password() -> None:
    async with app() as site:
        session = (await ask(site, SUPERVISOR, "/api/session", x_remote_user_name="anna")).json()
    assert session == {"required": False, "signed_in": True, "user": "anna", "token": None}


async def test_nobody_is_believed_to_be_somebody_elsewhere() -> None:
    async with served() as site:
        session = (await ask(site, "127.0.0.1", "/api/session", x_remote_user_name="anna")).json()
    assert session["user"] is None


async def test_the_page_may_be_framed_by_home_assistant_and_by_whom_the_owner_names() -> None:
    for options, policy in (
        ({"auth": "ingress", "ingress_from": ("127.0.0.1",)}, "frame-ancestors 'self'"),
        ({"frame_ancestors": ("http://homeassistant.local:8123",)}, "frame-ancestors http://homeassistant.local:8123"),
        ({}, "frame-ancestors 'none'"),
        ({"password_hash": HASH}, "frame-ancestors 'none'"),
    ):
        async with served(**options) as site:
            answer = await ask(site, "127.0.0.1", "/api/session")
        assert answer.headers["content-security-policy"].endswith(policy)
        assert ("x-frame-options" in answer.headers) is policy.endswith("'none'")


@pytest.mark.browser
async def test_the_page_is_seen_within_home_assistant_and_stays_live() -> None:
    async with app() as site, supervisor(site) as url:
        await site.handle(kg_update(kg_reading(voltage=12.34)))
        async with look(url) as looked:
            page = looked.page.frame_locator("iframe")
            await page.get_by_text("12.34").first.wait_for()
            await site.handle(kg_update(kg_reading(voltage=13.57)))
            await page.get_by_text("13.57").first.wait_for()


def obedient() -> tuple[Context, list[tuple[Any, ...]]]:
    """A gateway whose meter does as it is told, and what it was told by whom."""
    told: list[tuple[Any, ...]] = []

    async def send(meter: str, key: str, value: Any, *, who: str = "") -> Outcome:  # noqa: ANN401
        told.append((meter, key, value, who))
        before = where.latest[meter]
        assert before.settings is not None
        where.latest[meter] = before._replace(settings=replace(before.settings, **{key: value}))
        return "obeyed"

    where = context("house", send=send, latest=LatestUpdates(house=kg_update()))
    return where, told


async def test_who_is_signed_in_at_home_assistant_may_write_what_is_allowed_under_their_own_name() -> None:
    where, told = obedient()
    wished = {"values": {"nominal_capacity": 200}}
    async with (
        app(where=where, allow_control=("settings",)) as site, supervisor(site) as url,
        httpx.AsyncClient(base_url=url, trust_env=False, headers={"x-remote-user-name": "mallory"}) as browser,
    ):  # fmt: skip
        session = (await browser.get(f"{PREFIX}/api/session")).json()
        address = f"{PREFIX}/api/meters/house/settings"
        answer = await browser.post(address, json=wished, headers={"x-juntek-token": session["token"]})
        assert answer.json()["outcomes"][0]["outcome"] == "obeyed"
    assert told == [("house", "nominal_capacity", 200, "Home Assistant user anna")]


async def test_nothing_is_written_within_home_assistant_that_our_own_page_did_not_ask_for() -> None:
    where, told = obedient()
    bertha = {"x-remote-user-id": "b"}
    async with app(where=where, allow_control=("settings",)) as site:
        there = httpx.AsyncHTTPTransport(local_address=SUPERVISOR)
        async with site.browser(transport=there, headers={"x-remote-user-id": "a"}) as anna:
            token = (await anna.get("/api/session")).json()["token"]
            for headers in (
                {}, {"x-juntek-token": "no"}, {"x-juntek-token": token} | bertha, {"x-juntek-token": token,
                "x-remote-user-id": ""}, {"x-juntek-token": token, "sec-fetch-site": "cross-site"},
                {"x-juntek-token": token, "origin": "http://evil.example"}, {"authorization": f"Bearer {token}"},
            ):  # fmt: skip
                answer = await anna.post(
                    "/api/meters/house/settings", json={"values": {"nominal_capacity": 200}}, headers=headers
                )
                assert answer.status_code == 403, headers
            assert (await anna.get("/api/session", headers={"x-remote-user-id": ""})).json()["token"] is None
    assert told == []


async def test_where_nothing_is_allowed_nobody_writes_within_home_assistant() -> None:
    where, told = obedient()
    async with app(where=where) as site:
        session = (await ask(site, SUPERVISOR, "/api/session", x_remote_user_id="a")).json()
    assert session["token"] is None
    assert told == []


@pytest.mark.browser
async def test_a_setting_is_changed_on_the_page_within_home_assistant() -> None:
    where, told = obedient()
    async with app(where=where, allow_control=("settings",)) as site, supervisor(site) as url:
        await site.handle(where.latest["house"])
        async with look(url) as looked:
            page = looked.page.frame_locator("iframe")
            await page.get_by_role("button", name="Change…").click()
            await page.locator("#entry-nominal_capacity").fill("200")
            await page.get_by_role("button", name="Review changes").click()
            await page.get_by_role("button", name="Write to the meter").click()
            await page.get_by_text("done, the meter says so").wait_for()
    assert told == [("house", "nominal_capacity", 200, "Home Assistant user anna")]
