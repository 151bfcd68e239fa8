"""What a sink says of its libraries is what its extra brings, and all that it imports."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

import pytest

from juntek.outputs import find_outputs

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OUTPUTS = find_outputs()
DISTRIBUTIONS = packages_distributions()

IMPORTED = """
import importlib, pathlib, pkgutil, sys
import juntek.outputs.{section} as sink
for module in pkgutil.iter_modules(getattr(sink, "__path__", ())):
    importlib.import_module(sink.__name__ + "." + module.name)
print(*sorted({{name.partition(".")[0] for name in sys.modules}}))
"""


def names_in(requirements: list[str]) -> set[str]:
    """Names of distributions without their versions, as they are compared."""
    return {re.split(r"[^\w.-]", requirement)[0].lower().replace("_", "-") for requirement in requirements}


@pytest.mark.parametrize("section", OUTPUTS)
def test_the_libraries_of_a_sink_are_those_that_its_extra_brings(section: str) -> None:
    output = OUTPUTS[section]
    assert all(find_spec(library) for library in output.requires)
    brought = names_in(PROJECT["optional-dependencies"][output.extra]) if output.extra else set()
    assert names_in([name for library in output.requires for name in DISTRIBUTIONS[library]]) == brought


@pytest.mark.parametrize("section", OUTPUTS)
def test_the_modules_of_a_sink_import_its_libraries_and_none_of_another_sink(section: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED.format(section=section)], capture_output=True, text=True, check=True
    )
    of_all = {library for output in OUTPUTS.values() for library in output.requires}
    loaded = set(done.stdout.split())
    assert of_all & loaded == set(OUTPUTS[section].requires)
    assert not loaded & {"click", "multiprocessing", "rich"}, "those of the libraries' command lines"


@pytest.mark.parametrize("section", [section for section, output in OUTPUTS.items() if output.requires])
def test_a_sink_that_is_only_imported_loads_none_of_its_libraries(section: str) -> None:
    code = f"import sys, juntek.outputs.{section}; print(*sorted({set(OUTPUTS[section].requires)} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout == "\n"
