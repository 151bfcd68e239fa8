"""The alert rules, judged by promtool and by vmalert: each fires when it should, and is silent when it should be."""

from __future__ import annotations

import re
import subprocess
import time
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml  # type: ignore[import-untyped]

from juntek import metric
from juntek.outputs import metrics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servers.engines import VictoriaMetrics

pytestmark = pytest.mark.engines

HERE = Path(__file__).parent
RULES = HERE.parents[1] / "grafana" / "alerts" / "juntek.yml"
FILES = sorted(HERE.glob("*.test.yml"))
ALERTS: dict[str, dict[str, Any]] = {
    rule["alert"]: rule
    for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
}
NAMES = {
    *(each.name for each in (*metric.READING_METRICS, *metric.SETTING_METRICS)),
    *(each.name for each in (*metric.LINK_METRICS, *metric.SINK_METRICS)),
    metric.INFO,
    metric.GATEWAY_INFO,
}
OWN = {f"juntek_own_{side}_{what}" for side in ("over", "under") for what in ("voltage_volts", "temperature_celsius")}


def run(*command: str | Path) -> tuple[int, str]:
    """Return the status of a tool and all that it said."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    return done.returncode, done.stdout + done.stderr


def those_of(alert: str) -> Iterator[dict[str, Any]]:
    """Give the tests that ask after an alert, with what they ask after others left out."""
    for file in FILES:
        for test in yaml.safe_load(file.read_text(encoding="utf-8"))["tests"]:
            asked = [each for each in test["alert_rule_test"] if each["alertname"] == alert]
            if asked:
                yield {**test, "alert_rule_test": asked}


def test_prometheus_and_vmalert_take_the_rules() -> None:
    status, said = run("promtool", "check", "rules", RULES)
    assert status == 0, said
    status, said = run("vmalert", "-dryRun", f"-rule={RULES}")
    assert status == 0, said


def test_the_example_for_prometheus_finds_gateway_and_rules() -> None:
    example = HERE.parents[1] / "contrib" / "prometheus.yml"
    status, said = run("promtool", "check", "config", example)
    assert status == 0, said
    assert f"{len(ALERTS)} rules found" in said
    document = yaml.safe_load(example.read_text(encoding="utf-8"))
    assert document["scrape_configs"][0]["static_configs"][0]["targets"] == [metrics.MetricsOptions().listen]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name.removesuffix(".test.yml"))
def test_the_alerts_fire_when_they_should_and_only_then(file: Path) -> None:
    status, said = run("promtool", "test", "rules", file)
    assert status == 0, said


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_is_seen_to_fire_and_to_be_silent(alert: str) -> None:
    asked = [each for test in those_of(alert) for each in test["alert_rule_test"]]
    assert any(each["exp_alerts"] for each in asked)
    assert any(not each["exp_alerts"] for each in asked)


@pytest.mark.parametrize("mutant", ["vector(0) > 1", "group by (site, meter, sink) ({__name__=~'juntek_.+'})"])
@pytest.mark.parametrize("alert", ALERTS)
def test_the_tests_notice_a_rule_that_never_or_always_fires(alert: str, mutant: str, tmp_path: Path) -> None:
    rule = deepcopy(ALERTS[alert]) | {"expr": mutant}
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "mutant", "rules": [rule]}]}))
    tests = {"rule_files": ["rules.yml"], "evaluation_interval": "30s", "tests": list(those_of(alert))}
    (tmp_path / "tests.yml").write_text(yaml.safe_dump(tests))
    status, said = run("promtool", "test", "rules", tmp_path / "tests.yml")
    assert status != 0
    assert "FAILED" in said


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_says_where_how_bad_and_how_much(alert: str) -> None:
    rule = ALERTS[alert]
    assert rule["labels"]["severity"] in ("warning", "critical")
    for text in (rule["annotations"]["summary"], rule["annotations"]["description"]):
        assert "$labels.site" in text
        assert not re.search(r"\$labels\.(?!site|meter|sink)", text)
    # A job or an instance in the labels would tell the same alert twice.
    assert re.search(r"by \(site(, meter|, sink)?\)", rule["expr"])
    used = set(re.findall(r"\bjuntek_\w+", rule["expr"]))
    assert used
    assert used <= NAMES | OWN


def test_the_block_for_own_numbers_works_as_it_says(tmp_path: Path) -> None:
    text = RULES.read_text(encoding="utf-8")
    remarks, rules = text.split("\ngroups:\n")
    assert set(re.findall(r"juntek_own_\w+", remarks)) == OWN
    block = re.match(r"(?:#   .*\n)+", rules)
    assert block
    opened = re.sub(r"^# ", "", block[0], flags=re.MULTILINE)
    mended = text.replace(block[0], opened)
    (tmp_path / "juntek.yml").write_text(mended, encoding="utf-8")
    tests = """
        rule_files: [juntek.yml]
        evaluation_interval: 30s
        tests:
          - interval: 15s
            input_series:
              - {series: 'juntek_voltage_volts{site="home",meter="house"}', values: '28.7x40'}
              - {series: 'juntek_voltage_volts{site="home",meter="shed"}', values: '28.7x40'}
            promql_expr_test:
              - expr: count by (site, meter) (ALERTS{alertname="JuntekOverVoltage",alertstate="firing"})
                eval_time: 5m
                exp_samples: [{labels: '{site="home",meter="house"}', value: 1}]
    """
    (tmp_path / "tests.yml").write_text(tests, encoding="utf-8")
    status, said = run("promtool", "test", "rules", tmp_path / "tests.yml")
    assert status == 0, said
    status, said = run("vmalert", "-dryRun", f"-rule={tmp_path / 'juntek.yml'}")
    assert status == 0, said


# VictoriaMetrics has a language of its own that is close to that of Prometheus; vmalert shows that it is close enough.

MINUTES = 90
GOOD = {"state_of_charge_ratio": 0.8, "voltage_volts": 26.5, "temperature_celsius": 20, "output_code": 0}
METERS: dict[str, dict[str, float]] = {
    "well": {},
    "very low": {"state_of_charge_ratio": 0.05},
    "low": {"state_of_charge_ratio": 0.15},
    "over": {"voltage_volts": 30.5},
    "under": {"voltage_volts": 21.0},
    "own limit": {"voltage_volts": 27.4, "over_voltage_protection_volts": 27.5},
    "not over": {"voltage_volts": 30.5, "over_voltage_protection_volts": 31.0},
    "hot": {"temperature_celsius": 55},
    "frost": {"temperature_celsius": -3, "current_amperes": 9},
    "tripped": {"output_code": 2},
    "off": {"output_code": 99},
}
EXPECTED = {
    "JuntekLowCharge very low",
    "JuntekVeryLowCharge very low",
    "JuntekLowCharge low",
    "JuntekOverVoltage over",
    "JuntekUnderVoltage under",
    "JuntekOverVoltage own limit",
    "JuntekOverTemperature hot",
    "JuntekUnderTemperature frost",
    "JuntekChargingInFrost frost",
    "JuntekProtectionTripped tripped",
    "JuntekMeterSilent silent",
    "JuntekRejectedFrames noisy",
    "JuntekMeterGone gone",
    "JuntekSinkLag slow",
    "JuntekSinkDown slow",
    "JuntekReadingsLost slow",
    "JuntekReadingsRefused slow",
    "JuntekGatewayGone cabin",
}


def escaped(name: str) -> str:
    """Write a tag as line protocol does."""
    return name.replace(" ", "\\ ")


def pushed(start: int) -> Iterator[str]:
    """Give an hour and a half as it is pushed: readings every second, the rest every 15 s."""
    for second in range(60 * MINUTES):
        at = start + second
        for meter, bad in METERS.items():
            values = ",".join(f"{name}={value}" for name, value in (GOOD | bad).items())
            yield f"juntek,site=home,meter={escaped(meter)} {values} {at}"
        if second % 15:
            continue
        healthy = f"frames_total={second},meter_up=1 {at}"
        for meter in METERS:
            yield f"juntek,site=home,meter={escaped(meter)} {healthy}"
            yield f"juntek,site=home,meter={escaped(meter)},reason=noise garbage_frames_total=7 {at}"
        yield f"juntek,site=home,meter=noisy {healthy}"
        yield f"juntek,site=home,meter=noisy,reason=noise garbage_frames_total={second // 5} {at}"
        yield f"juntek,site=home,meter=silent meter_up={0 if second > 600 else 1} {at}"
        yield f"juntek,site=home,gateway=pi,version=1 gateway_info=1 {at}"
        yield f"juntek,site=home,sink=mqtt sink_up=1,sink_lag_seconds=0,sink_lost_updates_total=0 {at}"
        lost = 0 if second < 3600 else 4
        yield (
            "juntek,site=home,sink=slow sink_up=0,sink_lag_seconds=400,"
            f"sink_lost_updates_total={lost},sink_refused_readings_total={lost} {at}"
        )
        if second < 900:
            yield f"juntek,site=home,meter=gone {healthy}"
            yield f"juntek,site=cabin,meter=house {healthy}"
            yield f"juntek,site=cabin,gateway=pi,version=1 gateway_info=1 {at}"


def test_victoriametrics_and_vmalert_come_to_the_same(victoria_metrics: VictoriaMetrics) -> None:
    start = (int(time.time()) - 60 * MINUTES - 600) // 60 * 60
    victoria_metrics.write("\n".join(pushed(start)), precision="s")
    victoria_metrics.flush()
    limits = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)) for at in (start + 60, start + 60 * MINUTES)]
    status, said = run(
        "vmalert",
        f"-rule={RULES}",
        f"-datasource.url={victoria_metrics.url}",
        "-datasource.queryStep=30s",  # else this release looks every five minutes only, and no "for" can pass
        f"-remoteWrite.url={victoria_metrics.url}",
        f"-replay.timeFrom={limits[0]}",
        f"-replay.timeTo={limits[1]}",
        "-replay.rulesDelay=0s",
        "-replay.disableProgressBar",
        "-httpListenAddr=127.0.0.1:0",
    )
    assert status == 0, said
    victoria_metrics.flush()
    fired = victoria_metrics.query(
        f'count by (alertname, site, meter, sink) (last_over_time(ALERTS{{alertstate="firing"}}[{MINUTES}m]))',
        time=start + 60 * MINUTES,
    )
    found = set()
    for series in fired:
        labels = dict(re.findall(r'(\w+)="([^"]*)"', series))
        found.add(f"{labels['alertname']} {labels.get('meter') or labels.get('sink') or labels['site']}")
    assert found == EXPECTED
