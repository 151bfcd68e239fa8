"""An output of another package is a file: it is found, configured, run and supervised, and nothing else is touched."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.program import environment
from juntek.simulator import Options, Simulation

LAMP = '''
"""A lamp that burns while a battery is charged."""

from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from juntek.errors import JuntekError
from juntek.option import Option, check_options
from juntek.outputs import Output


@dataclass(frozen=True, slots=True, kw_only=True)
class LampOptions:
    """Where the lamp is."""

    state_file: Annotated[Path | None, Option("where its state is written", example="lamp.txt")] = None
    brightness: Annotated[int, Option("when it burns", unit="%", low=1, high=100)] = 80

    def __post_init__(self):
        check_options("lamp", self)


entered = []


@asynccontextmanager
async def open_lamp(options, context):
    entered.append(1)
    if len(entered) == 1:
        raise JuntekError("The lamp is dark; plug it in.")

    async def handle(update):
        if update.reading is not None:
            with options.state_file.open("a") as file:
                file.write(f"{options.brightness} {update.reading.voltage}\\n")

    yield handle


OUTPUT = Output(
    section="lamp",
    options=LampOptions,
    open=open_lamp,
    about="A lamp that burns while a battery is charged.",
    depends_on=("history",),
    ready="burning",
)
'''
METER = '[[meters]]\nname = "house"\nlink = "{link}"\nmode = "poll"\ninterval = 0.1\n'


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "package" / "juntek" / "outputs"
    folder.mkdir(parents=True)
    (folder / "lamp.py").write_text(LAMP)
    (tmp_path / "lamp.txt").touch()
    return tmp_path


def variables(home: Path, **others: str) -> dict[str, str]:
    path = os.pathsep.join(filter(None, (str(home / "package"), os.environ.get("PYTHONPATH"))))
    return environment(home, PYTHONPATH=path, **others)


def juntek(home: Path, *arguments: str, **others: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "juntek", *arguments],
        env=variables(home, **others), cwd=home, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def write(home: Path, lamp: str, link: str = "/dev/ttyUSB0") -> None:
    (home / "juntek.toml").write_text(f"{METER.format(link=link)}[lamp]\n{lamp}")


def test_its_keys_stand_in_the_file_that_config_init_writes(home: Path) -> None:
    assert juntek(home, "config", "init", "new.toml").returncode == 0
    text = (home / "new.toml").read_text()
    section = text.partition("# [lamp]\n")[2].partition("\n\n")[0]
    assert "# A lamp that burns while a battery is charged.\n# [lamp]\n" in text
    assert section.split("#")[1].strip() == 'state_file = "lamp.txt"'
    assert "# brightness = 80" in section
    assert juntek(home, "config", "check", "--offline", "--config", "new.toml").returncode == 0


@pytest.mark.parametrize(
    ("lamp", "line", "key"),
    [
        ("brightness = 101", 7, "lamp.brightness"),
        ("\nbrightness = 'much'", 8, "lamp.brightness"),
        ("state_file = '/no/such'", 7, "lamp.state_file"),
        ("color = 'red'", 7, '[lamp] has no key "color"'),
    ],
)
def test_what_is_wrong_in_its_section_is_told_with_line_and_key(home: Path, lamp: str, line: int, key: str) -> None:
    write(home, lamp)
    checked = juntek(home, "config", "check", "--offline")
    assert (checked.returncode, checked.stdout) == (3, "")
    assert checked.stderr.startswith(f"juntek.toml, line {line}: {key}")


def test_a_variable_takes_precedence_and_check_shows_it(home: Path) -> None:
    write(home, "brightness = 90")
    checked = juntek(home, "config", "check", "--offline", JUNTEK_LAMP__BRIGHTNESS="70")
    assert checked.returncode == 0
    assert "lamp     brightness=70" in checked.stdout
    assert "history" in checked.stdout  # which it depends on


async def test_it_is_run_and_entered_again_when_it_fails(home: Path) -> None:
    async with Simulation(Options()) as simulation:
        serving = asyncio.create_task(simulation.run())
        write(home, 'state_file = "lamp.txt"\nbrightness = 90\n', link=simulation.url)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "juntek", "run", env=variables(home), cwd=home, stderr=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(60):
            while not (home / "lamp.txt").read_text():  # noqa: ASYNC110 - a file has no event
                await asyncio.sleep(0.05)
        process.terminate()
        _, talk = await process.communicate()
        serving.cancel()
    assert process.returncode == 0
    assert (home / "lamp.txt").read_text().startswith("90 ")
    assert "lamp: The lamp is dark; plug it in. Trying again." in talk.decode()
    assert "lamp: burning." in talk.decode()
