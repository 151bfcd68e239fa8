"""compose.yaml, its images, its doors and its passwords, as Compose itself reads them."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from stack.composed import COMPOSE, EXAMPLE, ROOT, SET, ask_compose, read_image, read_services

pytestmark = pytest.mark.engines

ALWAYS = {"broker", "victoria-metrics", "vmalert", "grafana", "gateway"}


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    return read_services()


def test_there_is_everything_and_the_simulator_only_in_the_demo(services: dict[str, dict[str, Any]]) -> None:
    assert set(services) == {*ALWAYS, "simulator"}
    written = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
    assert {name: service["profiles"] for name, service in written.items() if "profiles" in service} == {
        "simulator": ["demo"]
    }


@pytest.mark.parametrize("more", [{}, {"RETENTION": "5y", "ALERT_RECEIVER": "-notifier.url=http://alerts:9093"}])
def test_compose_takes_the_file_and_reads_it_as_these_tests_do(more: dict[str, str]) -> None:
    status, said, complaint = ask_compose({**SET, **more}, "--profile", "demo", "config")
    assert status == 0, complaint
    theirs = yaml.safe_load(said)["services"]
    ours = read_services(**more)
    assert set(theirs) == set(ours)
    for name, service in ours.items():
        for key in ("image", "command", "entrypoint", "environment", "user", "tmpfs"):
            assert theirs[name].get(key) == service.get(key), f"{name}: {key}"


@pytest.mark.parametrize("key", SET)
@pytest.mark.parametrize("value", [None, ""])
def test_it_does_not_start_without_passwords_and_a_link(key: str, value: str | None) -> None:
    environment = {name: text for name, text in SET.items() if name != key}
    if value is not None:
        environment[key] = value
    status, _, complaint = ask_compose(environment, "config", "--quiet")
    assert status != 0
    assert f"{key} is not set" in complaint
    assert "./scripts/stack" in complaint


def test_no_password_stands_in_a_file_that_ships() -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    assert {"GRAFANA_PASSWORD=", "MQTT_PASSWORD="} <= set(lines)
    for path in (
        COMPOSE,
        *(ROOT / "contrib" / "compose").iterdir(),
        *(ROOT / "grafana" / "provisioning").rglob("*.yml"),
    ):
        for line in path.read_text(encoding="utf-8").splitlines():
            found = re.match(r"\s*\"?[\w-]*password[\w-]*\"?\s*[:=]\s*(.*)", line, re.IGNORECASE)
            assert found is None or found[1].startswith("${"), f"{path}: {line}"


def test_everything_that_can_be_set_is_in_the_example_and_nothing_else() -> None:
    used = set(re.findall(r"\$\{(\w+):[-?]", COMPOSE.read_text(encoding="utf-8")))
    offered = set(re.findall(r"^(?:# )?([A-Z][A-Z_]+)=", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE))
    assert offered == {*used, "COMPOSE_PROFILES"}
    assert "$" not in re.sub(r"\$\{\w+:[-?][^}]*\}|\$\$", "", COMPOSE.read_text(encoding="utf-8"))


def test_defaults_in_the_example_are_those_of_the_stack() -> None:
    defaults = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", COMPOSE.read_text(encoding="utf-8")))
    offered = dict(re.findall(r"^# ([A-Z][A-Z_]+)=(.*)$", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE))
    for key in ("GRAFANA_LISTEN", "MQTT_LISTEN", "PAGE_LISTEN", "VICTORIA_METRICS_LISTEN", "RETENTION", "SERIAL_GROUP"):
        assert offered[key] == defaults[key]


def test_only_grafana_is_seen_from_the_network(services: dict[str, dict[str, Any]]) -> None:
    doors = {(name, port) for name, service in services.items() for port in service.get("ports", [])}
    assert doors == {
        ("grafana", "3000:3000"),
        ("broker", "127.0.0.1:1883:1883"),
        ("victoria-metrics", "127.0.0.1:8428:8428"),
        ("gateway", "127.0.0.1:8140:8140"),
    }


def test_everything_has_its_version_is_started_again_and_fills_no_disk(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        if "build" not in service:
            assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+\.\d+", service["image"]), name
        assert service["restart"] == "unless-stopped", name
        assert {"max-size", "max-file"} <= set(service["logging"]["options"]), name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert "privileged" not in service, name
    for base in read_image().bases:
        assert re.fullmatch(r"python:\d+\.\d+\.\d+-slim-[a-z]+", base)


def test_everything_is_asked_how_it_does(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        health = service.get("healthcheck", {}).get("test") or read_image().health
        assert health[0] == "CMD", name
        # What is known to be in each of these images: Alpine's wget, Mosquitto's own clients, our Python.
        assert health[1] in ("wget", "mosquitto_sub", "python"), name


def test_what_is_waited_for_is_healthy_first(services: dict[str, dict[str, Any]]) -> None:
    waits = {
        (name, other, how["condition"])
        for name, service in services.items()
        for other, how in service.get("depends_on", {}).items()
    }
    assert waits == {
        ("gateway", "broker", "service_healthy"),
        ("gateway", "victoria-metrics", "service_healthy"),
        ("grafana", "victoria-metrics", "service_healthy"),
        ("vmalert", "victoria-metrics", "service_healthy"),
    }


def test_every_file_that_is_mounted_is_there_and_cannot_be_changed_from_inside(
    services: dict[str, dict[str, Any]],
) -> None:
    volumes = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["volumes"]
    for name, service in services.items():
        for volume in service.get("volumes", []):
            source, target, *mode = volume.split(":")
            assert target.startswith("/")
            if source in volumes:
                assert not mode
            else:
                assert (ROOT / source).exists(), f"{name}: {source}"
                assert mode == ["ro"], f"{name}: {volume}"


def test_the_gateway_may_open_serial_ports_and_no_other_device(services: dict[str, dict[str, Any]]) -> None:
    gateway = services["gateway"]
    assert "/dev:/dev:ro" in gateway["volumes"]
    assert {rule.split()[1] for rule in gateway["device_cgroup_rules"]} == {"188:*", "166:*", "204:*", "4:64"}
    assert "devices" not in gateway
    assert all("/dev" not in volume.split(":")[0] for volume in services["simulator"].get("volumes", []))
