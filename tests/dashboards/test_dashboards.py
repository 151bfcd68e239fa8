"""The dashboards that are committed: of today, in order on the grid, and about values that there are."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from grafana.__main__ import main
from grafana.frame import TITLES, WIDTH

from dashboards.asked import BOARDS, PLACE, panels
from juntek.metric import GATEWAY_INFO, INFO, LINK_METRICS, READING_METRICS, SETTING_METRICS, SINK_METRICS

NAMES = {metric.name for metric in (*READING_METRICS, *SETTING_METRICS, *LINK_METRICS, *SINK_METRICS)}
EVERY_PANEL = [
    pytest.param(board, panel, id=f"{uid}-{panel['title']}") for uid, board in BOARDS.items() for panel in panels(board)
]
DOCUMENT = PLACE.parents[1] / "docs" / "grafana.md"
WITHOUT_THE_LIBRARY = """
import runpy, sys
sys.modules["grafana_foundation_sdk"] = None
sys.argv[1:] = ["--check"]
runpy.run_module("grafana", run_name="__main__")
"""
BUILT_IN = {"__rate_interval", "__interval", "__range"}


def test_the_files_are_those_that_the_code_makes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().err


def test_without_grafanas_library_one_sentence_says_how_to_install_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_THE_LIBRARY], cwd=PLACE.parents[1], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "A library is missing (grafana_foundation_sdk); install it with: ./scripts/setup dev\n"
    assert "./scripts/setup dev " in DOCUMENT.read_text()


def test_all_four_are_there_and_lead_to_each_other() -> None:
    assert set(BOARDS) == set(TITLES)
    for uid, board in BOARDS.items():
        assert {link["url"] for link in board["links"]} == {f"/d/{other}" for other in TITLES if other != uid}
        assert all(link["includeVars"] for link in board["links"])
        assert board["title"] == f"Juntek: {TITLES[uid]}"


@pytest.mark.parametrize("uid", BOARDS)
def test_the_document_tells_what_is_under_each_heading(uid: str) -> None:
    (chapter,) = re.findall(rf"^## {TITLES[uid]}\n(.*?)^## ", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    headings = [panel["title"] for panel in BOARDS[uid]["panels"] if panel["type"] == "row"]
    told = " ".join(chapter.split())
    assert [heading for heading in headings if f"*{heading}*" not in told] == []


@pytest.mark.parametrize("uid", BOARDS)
def test_a_dashboard_lets_choose_source_site_and_meter(uid: str) -> None:
    source, site, meter, *_ = BOARDS[uid]["templating"]["list"]
    assert (source["type"], source["query"]) == ("datasource", "prometheus")
    for variable, name in ((site, "site"), (meter, "meter")):
        assert variable["name"] == name
        assert variable["multi"]
        assert variable["includeAll"]
        assert variable["current"]["value"] == ["$__all"]
        assert variable["datasource"]["uid"] == "${datasource}"


@pytest.mark.parametrize("uid", BOARDS)
def test_panels_fill_the_grid_and_none_covers_another(uid: str) -> None:
    board = BOARDS[uid]
    cells: Counter[tuple[int, int]] = Counter()
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= WIDTH
        cells.update((place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"]))
    assert cells.most_common(1)[0][1] == 1
    height = 1 + max(y for _, y in cells)
    assert len(cells) == height * WIDTH, "there is a hole"
    assert [panel["id"] for panel in board["panels"]] == list(range(1, len(board["panels"]) + 1))


@pytest.mark.parametrize(("board", "panel"), EVERY_PANEL)
def test_a_panel_says_what_it_shows_and_asks_the_chosen_source(board: dict[str, Any], panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["targets"]
    for asked in (panel, *panel["targets"]):
        assert asked["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert [target["refId"] for target in panel["targets"]] == list("ABCDEFGHIJ")[: len(panel["targets"])]
    variables = {variable["name"] for variable in board["templating"]["list"]}
    for target in panel["targets"]:
        assert set(re.findall(r"\$\{?(\w+)", target["expr"])) <= variables | BUILT_IN


@pytest.mark.parametrize(("board", "panel"), EVERY_PANEL)
def test_a_panel_asks_only_for_what_the_gateway_says(board: dict[str, Any], panel: dict[str, Any]) -> None:
    del board
    for target in panel["targets"]:
        names = set(re.findall(r"\bjuntek_\w+", target["expr"]))
        assert names
        assert names <= NAMES | {INFO, GATEWAY_INFO}


def test_everything_that_a_gateway_says_is_shown_somewhere() -> None:
    asked = " ".join(
        target["expr"] for board in BOARDS.values() for panel in panels(board) for target in panel["targets"]
    )
    assert [name for name in sorted(NAMES | {INFO, GATEWAY_INFO}) if f"{name}{{" not in asked] == []


@pytest.mark.parametrize(("board", "panel"), EVERY_PANEL)
def test_a_value_that_came_in_two_ways_counts_once(board: dict[str, Any], panel: dict[str, Any]) -> None:
    """Pushed and scraped values differ in their labels: each is brought down to ours before anything else."""
    del board
    for target in panel["targets"]:
        for place in re.finditer(r"\bjuntek_\w+\{", target["expr"]):
            before = target["expr"][: place.start()]
            assert re.search(r"(max|min|avg) by \([a-z, ]+\) \((\w+_over_time|rate|increase)?\(?$", before), before[
                -60:
            ]


@pytest.mark.parametrize(("board", "panel"), EVERY_PANEL)
def test_a_legend_names_labels_that_the_query_keeps(board: dict[str, Any], panel: dict[str, Any]) -> None:
    del board
    for target in panel["targets"]:
        labels = set(re.findall(r"{{(\w+)}}", target.get("legendFormat", "")))
        assert all(re.search(rf"by \([^)]*\b{label}\b", target["expr"]) for label in labels)


@pytest.mark.parametrize(("board", "panel"), EVERY_PANEL)
def test_steps_rise_and_lines_have_gaps(board: dict[str, Any], panel: dict[str, Any]) -> None:
    del board
    defaults = panel["fieldConfig"]["defaults"]
    values = [step["value"] for step in defaults["thresholds"]["steps"]]
    assert values[0] is None
    assert all(low < high for low, high in pairwise(values[1:]))
    if panel["type"] == "timeseries":
        assert defaults["custom"]["spanNulls"] is False


def test_a_row_of_the_fleet_leads_to_its_battery() -> None:
    (meters,) = [
        panel for panel in panels(BOARDS["juntek-fleet"]) if panel["title"] == "Meters" and panel["type"] == "table"
    ]
    links = {
        override["matcher"]["options"]: item["value"][0]["url"]
        for override in meters["fieldConfig"]["overrides"]
        for item in override["properties"]
        if item["id"] == "links"
    }
    assert links["Meter"].startswith("/d/juntek-battery?${datasource:queryparam}")
    assert "var-site=${__data.fields.Site:percentencode}" in links["Meter"]
    assert "var-meter=${__data.fields.Meter:percentencode}" in links["Meter"]
