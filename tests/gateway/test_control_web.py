"""Settings over HTTP: planned, confirmed, written, read back and kept; and what must never reach a wire."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from itertools import product
from pathlib import Path

import pytest

from gateway.controlled import Controlled, controlled
from juntek.history.queries import HistoryReader
from juntek.outputs.web.operation import MOST_WRITING
from juntek.outputs.web.passwords import token_path
from juntek.update import Outcome
from meter.served import WRONG_WRITES, until

SETTINGS = "/api/meters/house/settings"


def audit(site: Controlled) -> list[tuple[str, object, object, str]]:
    with HistoryReader(site.database) as reader:
        return [(entry.key, entry.old, entry.new, entry.outcome) for entry in reader.commands()]


async def test_a_page_plans_writes_and_shows_what_became_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with controlled(tmp_path, monkeypatch) as site, site.signed_in() as browser:
        facts = (await browser.get(SETTINGS)).json()
        allowed = {setting["key"]: setting["allowed"] for setting in facts["settings"]}
        assert facts["writable"]
        assert (allowed["nominal_capacity"], allowed["relay_type"]) == (True, False)
        wished = {"values": {"nominal_capacity": 200, "current_calibration": 0}}
        (change,) = (await browser.post(f"{SETTINGS}/plan", json=wished)).json()["changes"]
        assert (change["key"], change["old"], change["new"], change["risk"]) == (
            "nominal_capacity", 280, 200, "accounting",
        )  # fmt: skip
        assert site.writes == 0
        (outcome,) = (await browser.post(SETTINGS, json=wished)).json()["outcomes"]
        assert (outcome["outcome"], outcome["detail"]) == ("obeyed", "")
        assert site.setting("nominal_capacity") == 200
        (outcome,) = (await browser.post("/api/meters/house/actions/state_of_charge", json={"value": 90})).json()[
            "outcomes"
        ]
        assert outcome["outcome"] == "obeyed"
        commands = (await browser.get("/api/commands", params={"meter": "house", "limit": 1})).json()["commands"]
        assert [(one["key"], one["new"], one["outcome"]) for one in commands] == [("state_of_charge", 90, "obeyed")]
        assert commands[0]["who"].startswith("page session ")
        assert audit(site)[1] == ("nominal_capacity", 280, 200, "obeyed")


async def test_what_is_dangerous_is_allowed_by_its_name_and_confirmed_by_its_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with controlled(tmp_path, monkeypatch, web='["output"]') as site, site.signed_in() as browser:
        url = "/api/meters/house/actions/output"
        for body in ({"value": "off"}, {"value": "off", "confirm": ["relay_type"]}):
            assert (await browser.post(url, json=body)).status_code == 422
        assert (await browser.post(SETTINGS, json={"values": {"nominal_capacity": 9}})).status_code == 403
        assert site.writes == 0
        assert (await browser.post(url, json={"value": "off", "confirm": ["output", 1]})).status_code == 400
        (outcome,) = (await browser.post(url, json={"value": "off", "confirm": ["output"]})).json()["outcomes"]
        assert outcome["outcome"] == "obeyed"


@pytest.mark.parametrize("writes", WRONG_WRITES)
async def test_a_meter_that_does_not_take_a_value_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: str
) -> None:
    async with controlled(tmp_path, monkeypatch) as site, site.signed_in() as browser:
        meter = site.wires.simulation.sites[0].meter
        monkeypatch.setattr(meter, "write", partial(WRONG_WRITES[writes], meter))
        answer = await browser.post(SETTINGS, json={"values": {"nominal_capacity": 200}})
        (outcome,) = answer.json()["outcomes"]
        assert outcome["outcome"] == "refused"
        assert ("280" if writes == "ignored" else "199.9") in outcome["detail"]
        assert site.writes == 3
        assert audit(site) == [("nominal_capacity", 280, 200, "refused")]


HEADERS: tuple[dict[str, str], ...] = (
    {}, {"x-juntek-token": "no"}, {"x-juntek-token": ""}, {"x-juntek-token": "é"}, {"authorization": "Bearer no"},
    {"sec-fetch-site": "cross-site"}, {"origin": "http://evil.example"}, {"authorization": "Basic a2lsbw=="},
)  # fmt: skip
BODIES: tuple[object, ...] = (
    {"values": {"nominal_capacity": 1}}, {"values": {"relay_type": "normally_closed"}}, {"value": 1}, {}, [], "x", None,
    {"values": {"nominal_capacity": "1e9"}}, {"values": {"explode": 1}, "confirm": ["explode"]}, {"values": 3},
    {"values": {"nominal_capacity": 200}, "confirm": "nominal_capacity"}, {"values": {"over_voltage_protection": -1}},
    {"values": {"nominal_capacity": float("nan")}}, {"values": {"nominal_capacity": True}}, {"values": {"": {}}},
    {"values": {"full_voltage": 50}, "confirm": ["full_voltage"]}, {"value": "on", "confirm": ["output"]},
)  # fmt: skip
PATHS = (
    SETTINGS, f"{SETTINGS}/plan", "/api/meters/boat/settings", "/api/meters/house/actions/output",
    "/api/meters/house/actions/factory_reset", "/api/meters/house/actions/set_address", "/api/meters/house/actions/x",
)  # fmt: skip


async def test_a_thousand_requests_that_may_not_write_write_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with controlled(tmp_path, monkeypatch) as site, site.signed_in() as browser:
        token = browser.headers.pop("x-juntek-token")
        count = 0
        for path, body, headers in product(PATHS, BODIES, HEADERS):
            shown = [(b"content-type", b"application/json")]
            shown += [(name.encode(), value.encode()) for name, value in headers.items()]
            answer = await browser.post(path, content=json.dumps(body), headers=shown)
            assert 400 <= answer.status_code < 500, (path, body, headers)
            count += 1
        own = {"content-type": "application/json", "x-juntek-token": token}
        for path, body in product(PATHS, BODIES):  # now it is our page, and what it asks for cannot be, or may not
            right = isinstance(body, dict) and body.get("values") == {"nominal_capacity": 1}
            if right or body == {} or path.endswith("/plan") or body == {"value": 1}:
                continue
            answer = await browser.post(path, content=json.dumps(body), headers=own)
            assert 400 <= answer.status_code < 500, (path, body)
            count += 1
        for body in BODIES:  # a form of another page cannot send JSON
            answer = await browser.post(
                SETTINGS, content=json.dumps(body), headers={**own, "content-type": "text/plain"}
            )
            assert answer.status_code == 415
        assert count > 1000
        assert site.writes == 0
        assert audit(site) == []


async def test_who_writes_faster_than_the_meter_takes_it_is_told_to_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free, sent = asyncio.Event(), 0

    async def send(*_: object, **__: object) -> Outcome:
        nonlocal sent
        sent += 1
        await free.wait()
        return "obeyed"

    async with controlled(tmp_path, monkeypatch) as site, site.signed_in() as browser:
        monkeypatch.setattr(site.gateway.commands, "send", send)
        wished = {"values": {"nominal_capacity": 200}}
        asked = [asyncio.create_task(browser.post(SETTINGS, json=wished)) for _ in range(MOST_WRITING)]
        await until(lambda: sent == MOST_WRITING)
        answer = await browser.post(SETTINGS, json=wished)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        free.set()
        assert {answer.status_code for answer in await asyncio.gather(*asked)} == {200}
        assert (await browser.post(SETTINGS, json=wished)).status_code == 200


async def test_without_allow_control_nobody_may_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with controlled(tmp_path, monkeypatch, web="[]") as site, site.signed_in() as browser:
        assert browser.headers["x-juntek-token"] == ""
        assert (await browser.post(SETTINGS, json={"values": {"nominal_capacity": 1}})).status_code == 403
        assert not (await browser.get(SETTINGS)).json()["writable"]
        local = token_path(site.database).read_text().strip()
        async with site.browser(authorization=f"Bearer {local}") as other:
            assert (await other.get(SETTINGS)).status_code == 200
            assert (await other.post(SETTINGS, json={"values": {"nominal_capacity": 1}})).status_code == 403
        assert site.writes == 0
    assert not token_path(site.database).exists()
