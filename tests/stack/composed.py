"""compose.yaml as Compose itself reads it, and the Dockerfile's own words.

Rule: what is told here is read out of the files that owners use; nothing of them is repeated.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Final

import yaml  # type: ignore[import-untyped]

ROOT: Final = Path(__file__).resolve().parents[2]
COMPOSE: Final = ROOT / "compose.yaml"
DOCKERFILE: Final = ROOT / "Dockerfile"
EXAMPLE: Final = ROOT / ".env.example"

SET: Final = {
    "GRAFANA_PASSWORD": "grafana-secret",
    "MQTT_PASSWORD": "mqtt secret 1",
    "METER_LINK": "/dev/ttyUSB0",
}
"""What an owner has to write into .env."""


_VARIABLE: Final = re.compile(r"\$\{(\w+)(?::-([^}]*)|:\?[^}]*)\}")


def ask_compose(settings: Mapping[str, str], *arguments: str) -> tuple[int, str, str]:
    """Return status, output and complaints of the real Compose, with these lines in .env; it starts nothing."""
    program = shutil.which("docker-compose")
    assert program is not None, "docker-compose is not installed: run scripts/install-test-servers --engines"
    with NamedTemporaryFile("w", suffix=".env") as file:
        file.writelines(f"{key}={value}\n" for key, value in settings.items())
        file.flush()
        place = ["--project-directory", str(ROOT), "--file", str(COMPOSE), "--env-file", file.name]
        done = subprocess.run(
            [program, *place, *arguments],
            env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    return done.returncode, done.stdout, done.stderr


def read_services(**settings: str) -> dict[str, dict[str, Any]]:
    """Return all services as they are started with these lines in .env; a test holds this against the real Compose."""
    services: dict[str, dict[str, Any]] = _fill_in(
        yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"], {**SET, **settings}
    )
    return services


def _fill_in(value: Any, settings: Mapping[str, str]) -> Any:  # noqa: ANN401 - as deep as YAML
    if isinstance(value, dict):
        return {key: _fill_in(item, settings) for key, item in value.items()}
    if isinstance(value, list):
        return [_fill_in(item, settings) for item in value]
    if isinstance(value, str):
        return _VARIABLE.sub(lambda found: settings.get(found[1]) or found[2] or "", value)
    return value


@dataclass(frozen=True, slots=True)
class Image:
    """What the last stage of the Dockerfile makes of the image."""

    bases: tuple[str, ...]
    environment: dict[str, str]
    entrypoint: list[str]
    command: list[str]
    health: list[str]
    user: str


def read_image() -> Image:
    """Return what is said in the Dockerfile; its lists are JSON."""
    text = DOCKERFILE.read_text(encoding="utf-8").replace("\\\n", " ")
    words = [line.split(maxsplit=1) for line in text.splitlines() if line and not line.startswith("#")]
    last = max(number for number, (word, _) in enumerate(words) if word == "FROM")

    def said(word: str) -> list[str]:
        return [rest for name, rest in words[last:] if name == word]

    health = re.search(r"CMD (\[.*\])", said("HEALTHCHECK")[0])
    assert health
    return Image(
        bases=tuple(rest.split()[0] for word, rest in words if word == "FROM"),
        environment=dict(pair.split("=", 1) for line in said("ENV") for pair in shlex.split(line)),
        entrypoint=json.loads(said("ENTRYPOINT")[0]),
        command=json.loads(said("CMD")[0]),
        health=["CMD", *json.loads(health[1])],
        user=said("USER")[0],
    )
