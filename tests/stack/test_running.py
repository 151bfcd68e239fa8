"""The demo of compose.yaml, from the file that scripts/stack writes to the values in broker and VictoriaMetrics."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import yaml  # type: ignore[import-untyped]
from aiomqtt import MqttError

from dashboards.asked import BOARDS, Reader, asked
from servers.mosquitto import User
from servers.process import ServerFailedError
from servers.recorder import record
from stack.composed import ROOT, SET
from stack.running import OLDER, Stack, wait_for
from stack.scripted import read_settings, run_script

pytestmark = [pytest.mark.engines, pytest.mark.broker, pytest.mark.timeout(600)]  # a month is made first


@dataclass(frozen=True, slots=True)
class BrokerPlace:
    """What a client of the broker has to know."""

    port: int
    user: User | None
    host: str = "127.0.0.1"

    def tls_context(self) -> None:
        """Speak no TLS."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Everything of the demo, started in the order of compose.yaml; the gateway makes a month of the past first."""
    folder = tmp_path_factory.mktemp("stack")
    status, said = run_script(folder, "--demo", "--only-env")
    assert status == 0, said
    with Stack(folder / "containers", **read_settings(folder)) as running:
        for name in ("broker", "victoria-metrics", "vmalert", "simulator", "gateway"):
            running.start(name, 300)
        yield running


def ask(stack: Stack, path: str, **values: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Ask as Grafana does, by POST where there is something to say."""
    body = urlencode(values).encode() if values else None
    with urllib.request.urlopen(stack.url("victoria-metrics") + path, body, timeout=60) as answer:  # noqa: S310
        return json.load(answer)["data"]


def query(stack: Stack, expression: str) -> dict[tuple[str, ...], float]:
    """Return the present values, by site and meter or sink."""
    return {
        tuple(row["metric"].get(label, "") for label in ("site", "meter", "sink")): float(row["value"][1])
        for row in ask(stack, "/api/v1/query", query=expression)["result"]
    }


def test_only_what_debian_is_too_old_for_was_left_out(stack: Stack) -> None:
    assert stack.left_out == OLDER


def test_readings_arrive_in_victoriametrics(stack: Stack) -> None:
    meters = {("home", "house", ""), ("home", "boat", "")}
    wait_for("voltages of both meters", lambda: set(query(stack, "juntek_voltage_volts")) == meters)
    assert all(40 < volts < 60 for volts in query(stack, "juntek_voltage_volts").values())
    wait_for("charges", lambda: set(query(stack, "juntek_state_of_charge_ratio")) == meters)
    assert all(0 < charge <= 1 for charge in query(stack, "juntek_state_of_charge_ratio").values())


def test_the_health_of_the_gateway_arrives_by_the_same_way(stack: Stack) -> None:
    sinks = {"history", "metrics", "mqtt", "web"}
    wait_for("sinks that are up", lambda: sinks <= {sink for _, _, sink in query(stack, "juntek_sink_up == 1")})
    wait_for("meters that are up", lambda: len(query(stack, "juntek_meter_up == 1")) == 2)
    (info,) = ask(stack, "/api/v1/query", query="juntek_gateway_info")["result"]
    assert info["metric"]["site"] == "home"
    assert not {"job", "instance"} & set(info["metric"])


async def test_the_broker_has_the_states(stack: Stack) -> None:
    place = BrokerPlace(stack.ports["broker"], User("juntek", stack.settings["MQTT_PASSWORD"]))
    async with record(place, "juntek/#") as recorder:
        message = await recorder.wait_for(lambda message: message.topic == "juntek/house/state", 60)
    assert 40 < message.json()["voltage"] < 60


@pytest.mark.parametrize("user", [None, User("juntek", "wrong"), User("admin", "admin"), User("juntek", "")])
async def test_the_broker_lets_nobody_in_without_the_password(stack: Stack, user: User | None) -> None:
    with pytest.raises(MqttError):
        async with record(BrokerPlace(stack.ports["broker"], user), "#"):
            pass


def test_the_broker_keeps_a_hash_of_the_password(stack: Stack) -> None:
    passwords = stack.folder("broker") / "run" / "juntek" / "passwords"
    text = passwords.read_text(encoding="utf-8")
    assert text.startswith("juntek:$7$")
    assert stack.settings["MQTT_PASSWORD"] not in text
    assert passwords.stat().st_mode & 0o077 == 0


async def test_a_password_may_have_blanks_and_signs(tmp_path: Path) -> None:
    with Stack(tmp_path, **SET) as stack:
        await asyncio.to_thread(stack.start, "broker")  # its health check signs in
        async with record(BrokerPlace(stack.ports["broker"], User("juntek", SET["MQTT_PASSWORD"])), "#"):
            pass


def test_a_password_that_would_be_cut_is_refused(tmp_path: Path) -> None:
    refused = pytest.raises(ServerFailedError, match="may not have a colon")
    with Stack(tmp_path, **SET | {"MQTT_PASSWORD": "long:short"}) as stack, refused:
        stack.start("broker")


def test_the_page_and_the_history_are_there(stack: Stack) -> None:
    with urllib.request.urlopen(stack.url("gateway") + "/api/meters", timeout=60) as answer:  # noqa: S310
        assert {meter["name"] for meter in json.load(answer)} == {"house", "boat"}
    assert (stack.folder("gateway") / "var" / "lib" / "juntek" / "juntek.db").exists()


def show(stack: Stack, board: str) -> dict[str, int]:
    """Return how many series each query of a dashboard has, as it opens in Grafana."""
    found = {}
    for one in asked(BOARDS[board], Reader(datetime.now(UTC))):
        limits = {"start": str(one.start), "end": str(one.end), "step": str(one.step)}
        path, values = ("/api/v1/query_range", limits) if one.step else ("/api/v1/query", {"time": str(one.end)})
        found[str(one)] = len(ask(stack, path, query=one.expr, **values)["result"])
    return found


MAY_BE_EMPTY = {
    "juntek-battery/Time left/A": "it is B while the battery is discharged",
    "juntek-battery/Time left/B": "it is A while the battery is charged",
    "juntek-bus-health/Rejected frames/A": "there is none on a simulated line",
    "juntek-fleet/Sites that have gone/A": "none has",
    **{f"juntek-battery/Settings of the meters/{ref}": "simulated meters have no protection set" for ref in "BCDEFGH"},
}
"""Queries that rightly have no answer in the demo."""


@pytest.mark.parametrize("board", BOARDS)
def test_every_dashboard_has_data_in_the_demo(board: str, stack: Stack) -> None:
    # Some look at the growth of a minute, which has to pass.
    wait_for(
        "data in every panel",
        lambda: {one for one, series in show(stack, board).items() if not series} <= set(MAY_BE_EMPTY),
        150,
    )


def test_a_newcomer_sees_a_month_at_once(stack: Stack) -> None:
    days = query(stack, "count_over_time(avg_over_time(juntek_state_of_charge_ratio[1h])[30d:1d])")
    assert {key[:2]: count >= 29 for key, count in days.items()} == {("home", "house"): True, ("home", "boat"): True}


def test_grafana_sees_every_alert_rule_through_its_data_source(stack: Stack) -> None:
    written = yaml.safe_load((ROOT / "grafana" / "alerts" / "juntek.yml").read_text(encoding="utf-8"))["groups"]

    def rules() -> list[dict[str, Any]]:
        return [rule for group in ask(stack, "/api/v1/rules")["groups"] for rule in group["rules"]]

    assert {rule["name"] for rule in rules()} == {rule["alert"] for group in written for rule in group["rules"]}
    wait_for(
        "every rule was asked once", lambda: all(not rule["lastEvaluation"].startswith("0001") for rule in rules())
    )
    assert [rule["name"] for rule in rules() if rule["health"] != "ok" or rule["lastError"]] == []
    assert not ask(stack, "/api/v1/alerts")["alerts"]  # and all is well in the demo


async def test_a_meter_that_falls_silent_is_an_alert_and_comes_back(stack: Stack) -> None:
    def pending() -> set[str]:
        return {alert["name"] for alert in ask(stack, "/api/v1/alerts")["alerts"] or ()}  # null: none

    stack.stop("simulator")
    await asyncio.to_thread(wait_for, "an alert", lambda: "JuntekMeterSilent" in pending(), 240)
    stack.start("simulator")
    await asyncio.to_thread(wait_for, "no alert", lambda: "JuntekMeterSilent" not in pending(), 240)
