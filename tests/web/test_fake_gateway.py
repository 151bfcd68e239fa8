"""The gateway that is pretended for the page says nothing that the real one would not say in another way."""

from __future__ import annotations

import time

import httpx
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from juntek.outputs.web.api import description
from servers.process import NO_TLS
from web.fake_gateway import STATES, make_gateway

DESCRIBED = description("1")
NOW = int(time.time())
QUERIES = {
    "/api/meters/{name}/history": f"?from={NOW - 86_400}&to={NOW}&quantities=voltage,state_of_charge&points=100",
    "/api/meters/{name}/days": "?from=2026-01-01&to=2026-01-03&by=day",
    "/api/meters/{name}/battery/events": f"?start=0&end={NOW}",
    "/api/commands": "?meter=house&limit=5",
}
COMMON = {"/api/meters", "/api/quantities", "/api/health", "/api/meters/{name}/history", "/api/meters/{name}/days"}
OF_STATES = {
    "settings": {"/api/session", "/api/commands", "/api/meters/{name}/settings"},
    "battery": {"/api/meters/{name}/battery/events"},
}


@pytest.mark.parametrize("state", [state for state in STATES if state != "password"])
def test_what_the_page_is_tested_with_is_what_the_api_is_described_to_say(state: str) -> None:
    with make_gateway(state) as gateway, httpx.Client(base_url=gateway.url, trust_env=False, verify=NO_TLS) as browser:
        for path in sorted(COMMON | OF_STATES.get(state, set())):
            answer = browser.get(path.replace("{name}", "house") + QUERIES.get(path, ""))
            content = DESCRIBED["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
            schema = content["schema"] | {"components": DESCRIBED["components"]}
            faults = [
                f"{fault.json_path}: {fault.message}"
                for fault in Draft202012Validator(schema).iter_errors(answer.json())
            ]
            assert faults == [], path
