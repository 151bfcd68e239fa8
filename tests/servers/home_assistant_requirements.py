"""Prints what the integrations of the test configuration need, one requirement a line.

Rule: runs inside the Home Assistant environment that is being made, so it imports nothing of ours. Home
Assistant would install these at its first start; done beforehand, a test needs no network and no patience.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path

CONFIGURED = {
    "api",
    "config",
    "energy",
    "history",
    "http",
    "isal",
    "mqtt",
    "recorder",
    "sensor",
    "system_log",
}
"""What `home_assistant.CONFIGURATION` names, what that pulls in, and the compression of its web server."""


def collect_requirements(components: Path, wanted: set[str]) -> set[str]:
    """Requirements of the wanted integrations and of everything they depend on, as pip specifiers."""
    requirements: set[str] = set()
    waiting, visited = set(wanted), set()
    while waiting:
        domain = waiting.pop()
        visited.add(domain)
        manifest = json.loads((components / domain / "manifest.json").read_text(encoding="utf-8"))
        requirements.update(manifest.get("requirements", ()))
        waiting.update(set(manifest.get("dependencies", ())) - visited)
    return requirements


if __name__ == "__main__":
    bootstrap = importlib.import_module("homeassistant.bootstrap")
    always = {*bootstrap.CORE_INTEGRATIONS, *bootstrap.DEFAULT_INTEGRATIONS}
    directory = Path(bootstrap.__file__ or "").parent / "components"
    print("\n".join(sorted(collect_requirements(directory, always | CONFIGURED))))  # noqa: T201
