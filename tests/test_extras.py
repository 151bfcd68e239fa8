"""How a missing library is added, as juntek was installed: by a script, as a package, with pipx, uv or pip."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from juntek.extras import PACKAGED, install_line


@pytest.mark.parametrize(
    ("mark", "line"),
    [
        ("extras", "sudo ./scripts/install --with parquet"),
        ("pipx_metadata.json", "pipx inject juntek pyarrow"),
        ("uv-receipt.toml", "uv pip install --python {place}/bin/python pyarrow"),
    ],
)
def test_the_way_of_the_installation_is_the_way_of_the_library(tmp_path: Path, mark: str, line: str) -> None:
    (tmp_path / mark).touch()
    assert install_line("parquet", place=tmp_path) == line.format(place=tmp_path)


def test_the_debian_package_brings_no_further_libraries(tmp_path: Path) -> None:
    line = install_line("parquet", place=tmp_path, program=PACKAGED / "juntek" / "extras.py")
    assert "apt remove juntek" in line
    assert line.endswith("scripts/install --with parquet")


def test_all_libraries_of_several_extras_are_named(tmp_path: Path) -> None:
    (tmp_path / "pipx_metadata.json").touch()
    named = install_line("metrics,timeseries,web", place=tmp_path).split()[3:]
    assert {"prometheus-client", "uvicorn", "starlette"} <= set(named)
    assert all(name.replace("-", "").replace("_", "").isalnum() for name in named)


def test_in_an_environment_of_ones_own_pip_does_it(tmp_path: Path) -> None:
    assert install_line("web,mqtt", place=tmp_path).endswith(" -m pip install 'juntek[web,mqtt]'")


_EMBEDDED = """
import sys
from juntek.listening import http_server
assert "uvicorn.main" not in sys.modules and "multiprocessing" not in sys.modules
import uvicorn
assert not hasattr(uvicorn, "no_such_name")
from uvicorn.server import Server
from uvicorn import Server as asked, run
assert asked is Server and run.__module__ == "uvicorn.main", run
"""


def test_a_program_with_a_gateway_in_it_still_has_all_of_its_libraries() -> None:
    subprocess.run([sys.executable, "-c", _EMBEDDED], check=True, timeout=60)
