"""The servers as pytest fixtures.

Rule: a module that wants them has `pytest_plugins = ["servers.fixtures"]`; a test whose server is missing ends in its
set-up, as `installed` decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import pytest

from servers.engine import Engine
from servers.engines import InfluxDB, Prometheus, VictoriaMetrics
from servers.home_assistant import VERSIONS, HomeAssistant
from servers.installed import BROKER, ENGINES, HOME_ASSISTANT, need_engines, need_home_assistant, need_mosquitto
from servers.mosquitto import Mosquitto

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

E = TypeVar("E", bound=Engine)

ENGINE_FIXTURES = {"victoria_metrics", "start_victoria_metrics", "influxdb", "start_influxdb", "start_prometheus"}


def pytest_itemcollected(item: pytest.Item) -> None:
    """A test that uses the fixture of a broker or an engine is a test of that group, whether it says so or not."""
    used = set(getattr(item, "fixturenames", ()))
    if used & {"mosquitto", "start_mosquitto"} and not item.get_closest_marker(HOME_ASSISTANT):
        item.add_marker(BROKER)
    if used & ENGINE_FIXTURES:
        item.add_marker(ENGINES)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker(BROKER) or item.get_closest_marker(HOME_ASSISTANT):
        need_mosquitto(HOME_ASSISTANT if item.get_closest_marker(HOME_ASSISTANT) else BROKER)
    if item.get_closest_marker(ENGINES):
        need_engines()


@pytest.fixture
def start_mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Mosquitto]]:
    """Starts a broker with the options of `Mosquitto`; all are stopped after the test."""
    need_mosquitto()
    started: list[Mosquitto] = []

    def start(**options: object) -> Mosquitto:
        started.append(Mosquitto(tmp_path_factory.mktemp("mosquitto"), **options))  # type: ignore[arg-type]
        return started[-1]

    yield start
    for broker in started:
        broker.kill()  # at once: to end in order takes it a tenth of a second


@pytest.fixture
def mosquitto(start_mosquitto: Callable[..., Mosquitto]) -> Mosquitto:
    """A fresh broker for one test: anybody may connect, nothing is retained yet."""
    return start_mosquitto()


@pytest.fixture
def start_victoria_metrics(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., VictoriaMetrics]]:
    """Starts a VictoriaMetrics with the options of its class; all are stopped after the test."""
    yield from _starter(VictoriaMetrics, tmp_path_factory)


@pytest.fixture
def victoria_metrics(start_victoria_metrics: Callable[..., VictoriaMetrics]) -> VictoriaMetrics:
    """A fresh VictoriaMetrics for one test: anybody may write, nothing is in it yet."""
    return start_victoria_metrics()


@pytest.fixture
def start_influxdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., InfluxDB]]:
    """Starts an InfluxDB with the options of its class; all are stopped after the test."""
    yield from _starter(InfluxDB, tmp_path_factory)


@pytest.fixture
def influxdb(start_influxdb: Callable[..., InfluxDB]) -> InfluxDB:
    """A fresh InfluxDB for one test: anybody may write; `create_database` makes the first one."""
    return start_influxdb()


@pytest.fixture
def start_prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Prometheus]]:
    """Starts a Prometheus that scrapes the given HOST:PORTs; all are stopped after the test."""
    yield from _starter(Prometheus, tmp_path_factory)


def _starter(kind: type[E], directories: pytest.TempPathFactory) -> Iterator[Callable[..., E]]:
    need_engines()
    started: list[E] = []

    def start(*arguments: object, **options: object) -> E:
        started.append(kind(directories.mktemp(kind.program), *arguments, **options))  # type: ignore[arg-type]
        return started[-1]

    yield start
    for engine in started:
        engine.stop()


@pytest.fixture(
    scope="module",
    params=[pytest.param(version, marks=pytest.mark.homeassistant) for version in VERSIONS],
)
def home_assistant(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HomeAssistant]:
    """A Home Assistant with a broker of its own (`home_assistant.broker`); started once a module and version.

    Tests of a module share it, so each uses device ids of its own and no state of another test.
    """
    version: str = request.param
    need_mosquitto(HOME_ASSISTANT)
    need_home_assistant(version)
    with (
        Mosquitto(tmp_path_factory.mktemp("mosquitto")) as broker,
        HomeAssistant(tmp_path_factory.mktemp("home-assistant"), version, broker) as server,
    ):
        yield server
