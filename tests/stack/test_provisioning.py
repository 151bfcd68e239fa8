"""What Grafana reads at its start fits compose.yaml, the dashboards and Grafana's own list of keys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from stack.composed import ROOT, read_services

PROVISIONING = ROOT / "grafana" / "provisioning"
DASHBOARDS = ROOT / "grafana" / "dashboards"

# grafana.com, "Provision Grafana" and "Configure the Prometheus data source".
SOURCE_KEYS = {"name", "uid", "type", "access", "orgId", "url", "isDefault", "editable", "version", "jsonData"}
SOURCE_DATA_KEYS = {"httpMethod", "prometheusType", "prometheusVersion", "timeInterval", "manageAlerts", "queryTimeout"}
PROVIDER_KEYS = {
    "name", "orgId", "folder", "folderUid", "type", "disableDeletion", "updateIntervalSeconds", "allowUiUpdates",
    "options",
}  # fmt: skip


def read(path: Path) -> Any:  # noqa: ANN401 - whatever YAML holds
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_the_data_source_is_the_victoriametrics_of_the_stack() -> None:
    document = read(PROVISIONING / "datasources" / "juntek.yml")
    (source,) = document.pop("datasources")
    assert document == {"apiVersion": 1}
    assert set(source) <= SOURCE_KEYS
    assert set(source["jsonData"]) <= SOURCE_DATA_KEYS
    services = read_services()
    assert "-httpListenAddr=:8428" in services["victoria-metrics"]["command"]
    assert source["url"] == "http://victoria-metrics:8428"
    assert source["isDefault"] is True
    # Alerts are seen in Grafana, by way of the data source.
    assert source["jsonData"]["manageAlerts"] is True
    assert "-vmalert.proxyURL=http://vmalert:8880" in services["victoria-metrics"]["command"]


def test_the_dashboards_are_found_where_they_are_mounted_and_open_with_that_source() -> None:
    document = read(PROVISIONING / "dashboards" / "juntek.yml")
    (provider,) = document.pop("providers")
    assert document == {"apiVersion": 1}
    assert set(provider) <= PROVIDER_KEYS
    place = provider["options"]["path"]
    grafana = read_services()["grafana"]
    assert f"./grafana/dashboards:{place}:ro" in grafana["volumes"]
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home.startswith(f"{place}/")
    boards = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in DASHBOARDS.glob("*.json")}
    assert len(boards) == 4
    assert "Battery" in boards[Path(home).name]["title"]
    (source,) = read(PROVISIONING / "datasources" / "juntek.yml")["datasources"]
    for board in boards.values():
        (variable,) = [each for each in board["templating"]["list"] if each["type"] == "datasource"]
        assert variable["query"] == source["type"]


def test_both_folders_are_mounted_where_grafana_looks() -> None:
    volumes = read_services()["grafana"]["volumes"]
    for folder in PROVISIONING.iterdir():
        assert f"./grafana/provisioning/{folder.name}:/etc/grafana/provisioning/{folder.name}:ro" in volumes
