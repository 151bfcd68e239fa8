"""What becomes of a test whose server is not installed.

Rule: a test that asks for a server which is not installed is left out with a sentence that says how to install it;
where the environment variable JUNTEK_REQUIRE names the group (`broker`, `engines`, `homeassistant`, `browser`,
`packaging`; commas between), it fails.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from servers.engines import missing_engines
from servers.home_assistant import find_environment
from servers.mosquitto import find_program

BROKER, ENGINES, HOME_ASSISTANT, BROWSER = "broker", "engines", "homeassistant", "browser"
PACKAGING = "packaging"
"""The marks of tests, and the words of JUNTEK_REQUIRE."""


def need_mosquitto(group: str = BROKER) -> None:
    """Skip or fail, as JUNTEK_REQUIRE says of the group, where Mosquitto or openssl is not installed."""
    if find_program("mosquitto") is None or find_program("openssl") is None:
        _do_without(group, "Mosquitto is not installed: run scripts/install-test-servers --mosquitto")


def need_engines() -> None:
    """Skip or fail, as JUNTEK_REQUIRE says, where VictoriaMetrics, InfluxDB, Prometheus or promtool is missing."""
    if missing := missing_engines():
        remedy = "run scripts/install-test-servers --engines"
        _do_without(ENGINES, f"Not installed: {', '.join(missing)}; {remedy}")


def need_home_assistant(version: str) -> None:
    """Skip or fail, as JUNTEK_REQUIRE says, where this version is not installed."""
    if find_environment(version) is None:
        remedy = "run scripts/install-test-servers --home-assistant"
        _do_without(HOME_ASSISTANT, f"Home Assistant {version} is not installed: {remedy}")


def need_browser() -> None:
    """Skip or fail, as JUNTEK_REQUIRE says, where Chromium, the page or its tools are missing."""
    web = Path(__file__).resolve().parents[2] / "src" / "juntek" / "outputs" / "web"
    if shutil.which("chromium") is None:
        _do_without(BROWSER, "Chromium is not installed: run scripts/install-test-servers --chromium")
    if not (web / "static" / "index.html").exists() or not (web / "page" / "node_modules" / "axe-core").exists():
        _do_without(BROWSER, "The page is not built: run scripts/page")


def need_debian(folder: Path) -> None:
    """Skip or fail, as JUNTEK_REQUIRE says, where there is no Debian in that folder, or we are not root."""
    if os.geteuid() != 0 or not (folder / ".made").exists():
        _do_without(PACKAGING, "There is no Debian to install into: run scripts/install-test-servers --debian as root")


def _do_without(group: str, sentence: str) -> None:
    required = {word.strip() for word in os.environ.get("JUNTEK_REQUIRE", "").split(",")}
    if group in required:
        pytest.fail(f"{sentence} (JUNTEK_REQUIRE names {group})", pytrace=False)
    pytest.skip(sentence)
