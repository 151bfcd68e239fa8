"""Values of two meters, of two quantities and beside frames are kept apart; what is in doubt is no value."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from juntek.capture import named_values
from juntek.capture.named_values import values_in_line
from juntek.capture.times import LineTimes
from juntek.reading import Reading
from owners_logs import check, events, utc, written

TWO_METERS: dict[str, tuple[str, Callable[[int, str, float], str]]] = {
    "Prometheus": ("", lambda n, m, v: "".join(
        f'kg_{k}{{meter="{m}"}} {w} 171558000{n}000\n' for k, w in (("voltage", v), ("current", -v)))),
    "Grafana": ("Time,Metric,Value\n", lambda n, m, v: "".join(
        f'2024-05-13 08:00:0{n},"{k} {{meter=""{m}""}}",{w}\n' for k, w in (("voltage", v), ("current", -v)))),
    "Grafana, joined": ("Time," + ",".join(f'"{k} {{meter=""{m}""}}"' for k, m in (
                            ("voltage", "a"), ("current", "b"), ("voltage", "b"), ("current", "a"))) + "\n",
                        lambda n, m, v: f"2024-05-13 08:00:0{n},{v},-9,99,{-v}\n" if m == "a" else ""),
    "InfluxDB": (",result,table,_time,_value,_field,meter\n", lambda n, m, v: "".join(
        f",,0,2024-05-13T06:00:0{n}Z,{w},{k},{m}\n" for k, w in (("voltage", v), ("current", -v)))),
    "a table": ("time,meter,voltage,current\n", lambda n, m, v: f"2024-05-13T06:00:0{n}Z,{m},{v},{-v}\n"),
    "logfmt": ("", lambda n, m, v: f"time=2024-05-13T06:00:0{n}Z meter={m} voltage={v} current={-v}\n"),
    "words": ("", lambda n, m, v: f"2024-05-13T06:00:0{n}Z {m} voltage={v} current={-v}\n"),
    "JSON": ("", lambda n, m, v: f'{{"time":"2024-05-13T06:00:0{n}Z","meter":"{m}","voltage":{v},"current":{-v}}}\n'),
    "JSON by topic": ("", lambda n, m, v: f'2024-05-13T06:00:0{n}Z kg/{m} {{"voltage":{v},"current":{-v}}}\n'),
}  # fmt: skip


@pytest.mark.parametrize(("head", "write"), TWO_METERS.values(), ids=TWO_METERS)
def test_of_two_meters_only_the_first_is_read(head: str, write: Callable[[int, str, float], str]) -> None:
    data = head + "".join(write(n, meter, volts) for n in range(2) for meter, volts in (("a", 13), ("b", 26)))
    readings = [event for event in events(data.encode()) if isinstance(event, Reading)]
    assert [(one.time, one.voltage, one.current) for one in readings] == [(1715580000 + n, 13, -13) for n in range(2)]


def test_what_is_left_is_not_that_of_a_second_meter() -> None:
    rows = "kg/soc_2 11\nkg/voltage 13\nkg/current 1\nkg/soc 99\nkg/voltage_2 26\nkg/current_2 5\nkg/voltage 13.1\n"
    readings = [event for event in events(rows.encode()) if isinstance(event, Reading)]
    assert [one.more.get("state_of_charge") for one in readings][-1] == 99


def reading(head: str, row: str) -> Reading:
    (one,) = events(f"time,voltage,current,{head}\n2024-05-13T06:00:00Z,13,{row}\n".encode())
    assert isinstance(one, Reading)
    return one


@pytest.mark.parametrize(
    ("head", "cell", "key", "right"),
    [
        ("Capacity (%)", "95", "remaining_capacity", None),
        ("remaining", "95 %", "remaining_capacity", None),
        ("battery", "13.2 V", "state_of_charge", None),
        ("remaining", '"1,234.5"', "remaining_capacity", 1234.5),
        ("remaining", '"1.234,5"', "remaining_capacity", 1234.5),
        ("remaining", '"1,23,4.5"', "remaining_capacity", None),
        ("temperature,remaining", '25.5,"1.234,5"', "remaining_capacity", None),
        ("remaining", "12:30", "remaining_capacity", None),
        ("remaining", "1e400", "remaining_capacity", None),
        ("temperature (°F)", "77", "temperature", 25),
        ("temperature", "298 K", "temperature", None),
        ("power (mW)", "13000", "power", 13),
        ("power", "-13", "power", 13),
        ("internal_resistance (Ω)", "0.0125", "internal_resistance", 12.5),
        ("relay", "OFF", "output_state", "off"),
        ("relay", "perhaps", "output_state", None),
        ("relay", "1" * 5000, "output_state", None),
    ],
)
def test_a_value_is_in_the_unit_of_its_quantity_or_none(head: str, cell: str, key: str, right: object) -> None:
    one = reading(head, f"1,{cell}")
    assert (getattr(one, key) if hasattr(one, key) else one.more.get(key)) == right


def test_a_percentage_of_the_capacity_is_the_state_of_charge() -> None:
    assert reading("Capacity (%)", "1,95").more["state_of_charge"] == 95


@pytest.mark.parametrize(("current", "direction", "right"), [(-3, "charging", 3), (3, "discharging", -3)])
def test_a_direction_beside_a_current_tells_its_sign(current: int, direction: str, right: int) -> None:
    assert reading("direction", f"{current},{direction}").current == right


@pytest.mark.parametrize(
    "line",
    [
        "2024-05-13T06:00:00Z Voltage: 13 V, Current: 3 A",
        "2024-05-13 06:00:00 UTC Voltage: 13 V, Current: 3 A",
        '{"time_utc": "2024-05-13 06:00:00", "voltage": 13, "current": 3}',
        "time_utc,voltage,current\n2024-05-13 06:00:00,13,3",
    ],
)
def test_values_do_not_touch_the_time_beside_them(line: str) -> None:
    (one,) = events(f"{line}\n".encode())
    assert isinstance(one, Reading)
    assert (one.time, one.voltage, one.current) == (1715580000, 13, 3)


FRAMES_AND_VALUES: dict[str, tuple[str, Callable[[str, str], str]]] = {
    "Home Assistant": ("entity_id,state,last_changed\n", lambda k, v: f'sensor.kg_{k},"{v}",{{time}}\n'),
    "JSON": ("", lambda k, v: json.dumps({"topic": f"kg/{k}", "payload": v})[:-1] + ', "tst": "{time}"}\n'),
    "a dump": ("", lambda k, v: f"{{time}} kg: {v.encode().hex(' ') if k == 'raw' else f'{k}={v}'}\n"),
}


@pytest.mark.parametrize(("head", "write"), FRAMES_AND_VALUES.values(), ids=FRAMES_AND_VALUES)
def test_what_a_frame_says_is_not_told_again_by_values(head: str, write: Callable[[str, str], str]) -> None:
    check(
        head.encode()
        + written(
            lambda at, f: "".join(
                write(k, v).replace("{time}", utc(at)) for k, v in (("raw", f), ("voltage", "1"), ("current", "2"))
            )
        )
    )


def test_parts_of_a_reading_are_of_one_reading_only() -> None:
    rows = "".join(f"2024-05-13 08:00:0{n},{13 + n},\n2024-05-13 08:00:0{n},,{n}\n" for n in range(3))
    readings = [
        event for event in events(f'Time,"kg voltage","kg current"\n{rows}'.encode()) if isinstance(event, Reading)
    ]
    assert [(one.voltage, one.current) for one in readings] == [(13, 0), (14, 1), (15, 2)]


@pytest.mark.parametrize("line", ["grid voltage=230 battery current=3", "voltage=52 load current=3", "loop i=3 v=5"])
def test_a_voltage_and_a_current_of_two_owners_are_no_reading(line: str) -> None:
    assert values_in_line(line.encode())[0] == []


def test_the_power_of_the_grid_is_not_that_of_the_battery() -> None:
    assert len(values_in_line(b"battery voltage=52 current=3 grid power=2000")[0]) == 2


@pytest.mark.parametrize(
    "line",
    [
        "time;" + "a_" * 30_000 + ";voltage;current",
        "time," + ",".join(f"m{n}_voltage" for n in range(10_000)),
        "x ':r50=1,'\n2024-05-13 " + "changed from " * 8_000,
        "time,voltage,current\n2024-05-13T06:00:00Z,13,1," + "x" * 200_000,
    ],
)
def test_no_line_is_too_long(line: str) -> None:
    assert not any(isinstance(event, Reading) for event in events(f"{line}\n".encode(), cut=1_000_000))


def test_values_beyond_the_most_are_left_out_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(named_values, "_MOST_VALUES", 3)
    rows = "entity_id,state,last_changed\n" + "".join(
        f"sensor.kg_{k},{v},2024-05-13T06:00:0{n}Z\n" for k, n, v in
        (("voltage", 0, 13), ("current", 0, 1), ("voltage", 5, 14), ("current", 1, 2))
    )  # fmt: skip
    times = LineTimes()
    readings = [event for event in events(rows.encode(), times) if isinstance(event, Reading)]
    assert [(one.voltage, one.current) for one in readings] == [(13, 1), (14, 1)]
    assert any("3 values" in remark for remark in times.remarks)


def test_names_that_come_again_without_a_time_end_nothing() -> None:
    rows = b"entity_id,state,last_changed\nentity_id,state\nsensor.kg_voltage,13\n"
    assert not any(isinstance(event, Reading) for event in events(rows))
