"""Recorded frames decode to what their authors saw, and what no table explains is not guessed."""

from __future__ import annotations

import json
from typing import Any

import pytest

import juntek
from juntek import Garbage, Identity, Options, Reading, Settings
from juntek.quantity import DIRECTIONS, OUTPUT_STATES, QUANTITIES
from juntek.reading import average
from juntek.rs485.decode import raw_of, value_of
from juntek.rs485.family import Field, Model, find_models
from juntek.rs485.framing import encode
from recorded import BAD, REPLIES, REQUESTS, Recorded
from replies import reasons_of

MODELS = find_models()
ROWS = [
    (model.family, layout.command, row)
    for model in MODELS
    for layout in (model.readings, model.settings)
    for row in layout.rows
]


def values_of(frame: Recorded | bytes) -> dict[str, Any]:
    (value,) = juntek.decode(frame if isinstance(frame, bytes) else frame.data)
    assert isinstance(value, Reading | Settings | Identity)
    return value.as_dict()


def reading_of(frame: bytes, **options: Any) -> Reading:  # noqa: ANN401 - of Options
    (reading,) = juntek.Bus({1: Options(**options)}).feed(frame)
    assert isinstance(reading, Reading)
    return reading


@pytest.mark.parametrize("frame", REPLIES, ids=str)
def test_a_recorded_reply_says_what_its_author_saw(frame: Recorded) -> None:
    values = values_of(frame)
    assert {key: values[key] for key in frame.expected} == frame.expected


@pytest.mark.parametrize("frame", BAD, ids=str)
def test_a_reply_that_is_printed_wrong_is_garbage(frame: Recorded) -> None:
    (value,) = juntek.decode(frame.data)
    assert isinstance(value, Garbage)


@pytest.mark.parametrize("frame", REQUESTS, ids=str)
def test_a_request_is_a_value_and_not_a_reading(frame: Recorded) -> None:
    (value,) = juntek.decode(frame.data)
    assert isinstance(value, juntek.Frame)
    assert value.command == frame.kind


def test_voltage_comes_before_current_as_time_left_proves() -> None:
    """TF27 reported 53.15 V, 1.27 A and 13425 minutes: 284 Ah last so long at 1.27 A, and at 53 A they do not."""
    values = values_of(encode("r50", 1, (5315, 127, 284_163, 1000, 2000, 14069, 127, 0, 0, 0, 13_425, 5499)))
    assert values["voltage"] == 53.15
    assert values["current"] == -1.27
    assert abs(values["time_to_empty"] - 13425) < 100


@pytest.mark.parametrize(
    ("raw", "celsius"),
    [(79, None), (80, -20), (95, -5), (99, -1), (100, 0), (101, 1), (134, 34), (220, 120)],
)
def test_temperature_below_zero_is_below_zero_and_absent_without_a_probe(raw: int, celsius: int | None) -> None:
    frame = encode("r50", 1, (2638, 93, 1000, 24003, 8, 107797, raw, 0, 0, 0, 64, 1086))
    assert values_of(frame)["temperature"] == celsius


@pytest.mark.parametrize(
    ("code", "state"),
    [(0, "on"), (1, "over_voltage"), (2, "over_current"), (3, "low_voltage"), (4, "negative_over_current"),
     (5, "over_power"), (6, "over_temperature"), (99, "off"), (255, "off"), (7, "unknown")],
)  # fmt: skip
def test_the_output_state_is_a_word_and_its_code_is_kept(code: int, state: str) -> None:
    values = values_of(encode("r50", 1, (2638, 93, 1000, 24003, 8, 107797, 120, 0, code, 0, 64, 1086)))
    assert (values["output_state"], values["output_code"]) == (state, code)
    assert state in OUTPUT_STATES


@pytest.mark.parametrize(
    ("direction", "raw_current", "invert", "current", "word"),
    [
        (0, 1030, False, -10.3, "discharging"),
        (1, 1030, False, 10.3, "charging"),
        (0, 1030, True, 10.3, "charging"),
        (1, 1030, True, -10.3, "discharging"),
        (0, 4, False, -0.04, "idle"),
        (1, 0, False, 0.0, "idle"),
    ],
)
def test_charging_is_positive_and_a_shunt_fitted_backwards_can_be_told(
    direction: int, raw_current: int, invert: bool, current: float, word: str
) -> None:
    frame = encode("r50", 1, (5166, raw_current, 109337, 0, 0, 1, 125, 0, 0, direction, 0, 9117))
    reading = reading_of(frame, invert_current=invert)
    assert (reading.current, reading.direction) == (current, word)
    assert reading.power == round(51.66 * current, 2)
    assert (reading.charge_power, reading.discharge_power) == (max(reading.power, 0), max(-reading.power, 0))
    assert word in DIRECTIONS


@pytest.mark.parametrize("direction", [0, 1])
@pytest.mark.parametrize("invert", [False, True])
@pytest.mark.parametrize(("raw_voltage", "raw_current"), [(5166, 0), (0, 0), (0, 1030)])
def test_zero_has_no_sign_in_what_is_published(
    direction: int, raw_voltage: int, raw_current: int, invert: bool
) -> None:
    frame = encode("r50", 1, (raw_voltage, raw_current, 109337, 0, 0, 1, 100, 0, 0, direction, 0, 9117))
    reading = reading_of(frame, invert_current=invert)
    text = json.dumps(reading.as_dict())
    assert '"charge_power": 0.0' in text
    assert '"discharge_power": 0.0' in text
    assert "-0.0" not in text


@pytest.mark.parametrize("sign", [1, -1])
def test_zero_has_no_sign_where_an_average_is_rounded_to_it(sign: int) -> None:
    still = reading_of(encode("r50", 1, (5166, 0, 109337, 0, 0, 1, 100, 0, 0, 1, 0, 9117)))
    least = still._replace(current=0.01 * sign, power=0.01 * sign, temperature=sign)
    text = json.dumps(average([least, *[still] * 29]).as_dict())
    assert '"current": 0.0,' in text
    assert "-0.0" not in text


def test_state_of_charge_needs_a_capacity_and_reaches_100_percent() -> None:
    full = encode("r50", 1, (1349, 19, 90000, 87862, 122559, 137818, 79, 0, 0, 1, 0, 30000))
    assert values_of(full)["state_of_charge"] is None
    settings = b":r51=1,27,0,0,0,0,0,100,0,0,900,100,100,100,0,0,1,\r\n"
    _, reading = juntek.decode(settings + full)
    assert isinstance(reading, Reading)
    assert (reading.state_of_charge, reading.nominal_capacity, reading.time_to_full) == (100.0, 90.0, 0)
    assert reading_of(full, nominal_capacity=180.0).state_of_charge == 50.0


def test_the_clock_of_a_meter_that_was_never_set_is_absent() -> None:
    frame = b":r50=1,46,5319,396,254929,25304424,26717081,91107,122,0,99,0,3877,100,101,0,\r\n"
    assert values_of(frame)["clock"] is None


UNKNOWN = [
    *(("r50", [1] * count) for count in (1, 2, 7, 11, 13, 15, 20)),
    ("r51", [1, 2, 3]),
    *(("r00", [code, 110, 6]) for code in (0, 999, 3140, 5140, 9140, 9999)),
]


@pytest.mark.parametrize(("command", "numbers"), UNKNOWN)
def test_a_length_or_a_model_code_that_no_table_has_is_reported_and_not_guessed(
    command: str, numbers: list[int]
) -> None:
    values = juntek.decode(encode(command, 1, numbers) * 3)
    assert reasons_of(values) == ["unknown_layout"] * 3
    assert all(value.raw.startswith(b":%s=1," % command.encode()) for value in values)


@pytest.mark.parametrize(
    ("family", "row"), [(family, row) for family, _, row in ROWS], ids=lambda value: str(value)[:40]
)
def test_a_row_names_its_source_and_a_key_of_the_vocabulary(family: str, row: Field) -> None:
    assert row.source, family
    assert row.key in (*QUANTITIES, "", "counted_capacity", "counted_energy", "date", "clock")
    assert row.low <= row.high


@pytest.mark.parametrize(
    "row", [row for _, command, row in ROWS if command == "r51" and row.key], ids=lambda row: row.key
)
def test_a_setting_can_be_taken_apart_and_put_together(row: Field) -> None:
    for raw in (row.low, row.low + 1, min(row.high, 99_999)):
        value = value_of(row, raw)
        assert raw_of(row, value) == raw
    if row.off is not None:
        assert value_of(row, row.off) is None


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.family)
def test_the_rows_of_a_layout_stand_in_the_order_of_the_wire(model: Model) -> None:
    for layout in (model.readings, model.settings):
        assert [row.index for row in layout.rows] == list(range(2, 2 + len(layout.rows)))
        assert not any(
            earlier.optional and not later.optional
            for earlier, later in zip(layout.rows, layout.rows[1:], strict=False)
        )


def test_settings_keep_their_nulls_and_units() -> None:
    values = values_of(b":r51=5,132,5840,4160,20000,16000,1000000,170,30,10,3200,100,100,100,0,0,1,\r\n")
    assert values["over_voltage_protection"] == 58.4
    assert values["over_current_protection"] == 200.0
    assert values["over_temperature_protection"] == 70
    assert values["nominal_capacity"] == 320.0
    assert values["full_voltage"] is None
    off = values_of(b":r51=1,65,0,0,0,0,0,255,0,0,2800,100,100,95,0,0,1,100,0,2752,2450,2,20,255,0,0,59,0,\r\n")
    assert off["over_voltage_protection"] is None
    assert off["low_temperature_protection"] is None
    assert off["log_interval"] == 60
