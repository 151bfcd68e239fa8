"""The Dockerfile and what it is built from; the installation in it is tested with the README's."""

from __future__ import annotations

import re
import subprocess
import tomllib
from fnmatch import fnmatchcase

from stack.composed import DOCKERFILE, ROOT, read_image

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def is_sent(path: str) -> bool:
    """Whether .dockerignore lets a file into the build; the last line that fits decides."""
    sent = True
    parts = path.split("/")
    above = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        pattern = line.removeprefix("!")
        wild = pattern.removeprefix("**/")
        fits = any(fnmatchcase(each, pattern) or (wild != pattern and each.split("/")[-1] == wild) for each in above)
        sent = line.startswith("!") if fits else sent
    return sent


def test_all_of_the_source_gets_into_the_build_and_no_password() -> None:
    kept = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    sent = {path for path in kept if path and is_sent(path)}
    assert {path for path in kept if path.startswith("src/")} <= sent
    assert {PROJECT["project"]["readme"], *PROJECT["project"]["license-files"], "hatch_build.py"} <= sent
    assert {"pyproject.toml", "constraints.txt"} <= sent
    assert {path.split("/")[0] for path in sent} == {
        "LICENSE", "README.md", "constraints.txt", "hatch_build.py", "pyproject.toml", "src",
    }  # fmt: skip
    page = "src/juntek/outputs/web"
    for path in (".env", ".venv/bin/python", ".git/config", f"{page}/page/node_modules/x"):
        assert not is_sent(path)
    # The page where it is built; whether it is that of this source is looked at when it is installed.
    assert is_sent(f"{page}/static/index.html")


def test_it_installs_all_but_the_demo_in_the_versions_that_were_tested() -> None:
    text = DOCKERFILE.read_text(encoding="utf-8")
    (extras,) = re.findall(r"--constraint constraints\.txt '\.\[(.*)\]'", text)
    everything = PROJECT["project"]["optional-dependencies"]
    assert extras == "all"
    for extra in ("mqtt", "web", "metrics", "timeseries", "esphome"):
        assert extra in everything["all"][0]
    # The build fails where there is no page, and says how to go without.
    assert "outputs/web/static/index.html" in text
    assert "JUNTEK_SKIP_PAGE" in text


def test_it_runs_as_nobody_else_and_knows_the_command() -> None:
    image = read_image()
    assert image.user.isdecimal()
    assert int(image.user) >= 1000
    assert f"--uid {image.user} " in DOCKERFILE.read_text(encoding="utf-8")
    assert image.entrypoint[0] in PROJECT["project"]["scripts"]
    assert len(set(image.bases)) == 1
