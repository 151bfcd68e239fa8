"""The servers as pytest fixtures.

Rule: a module that wants them has `pytest_plugins = ["servers.fixtures"]`; a test whose server is missing ends in its
set-up, as `installed` decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from servers.home_assistant import VERSIONS, HomeAssistant
from servers.installed import BROKER, HOME_ASSISTANT, need_home_assistant, need_mosquitto
from servers.mosquitto import Mosquitto

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def pytest_itemcollected(item: pytest.Item) -> None:
    """A test that uses a broker fixture is a broker test, whether it says so or not."""
    used = set(getattr(item, "fixturenames", ()))
    if used & {"mosquitto", "start_mosquitto"} and not item.get_closest_marker(HOME_ASSISTANT):
        item.add_marker(BROKER)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker(BROKER) or item.get_closest_marker(HOME_ASSISTANT):
        need_mosquitto(HOME_ASSISTANT if item.get_closest_marker(HOME_ASSISTANT) else BROKER)


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
        broker.stop()


@pytest.fixture
def mosquitto(start_mosquitto: Callable[..., Mosquitto]) -> Mosquitto:
    """A fresh broker for one test: anybody may connect, nothing is retained yet."""
    return start_mosquitto()


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
