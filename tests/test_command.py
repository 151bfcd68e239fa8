"""The builder of W lines writes what the manuals print, within limits, and says what can go wrong."""

from __future__ import annotations

import pytest

from juntek import RequestError
from juntek.rs485.command import act, set_value
from juntek.rs485.family import Model, find_models, model_of_family
from recorded import WRITES, Recorded


def family(name: str) -> Model:
    model = model_of_family(name)
    assert model is not None
    return model


@pytest.mark.parametrize("frame", [frame for frame in WRITES if "checksum 0" not in frame.note], ids=str)
def test_a_printed_write_can_be_built_from_its_meaning(frame: Recorded) -> None:
    """The two prints with checksum 0 are left out: ours carry a checksum."""
    number, raw = int(frame.raw[2:4]), int(frame.raw.split(",")[2])
    lines = [
        act(family("KG-F"), 1, action.key, raw).line for action in family("KG-F").actions if action.write == number
    ]
    for row in family("KG-F").settings.rows:
        if row.write == number:
            value = row.names[raw] if row.names else (raw - row.offset) / row.scale
            lines.append(set_value(family("KG-F"), 1, row.key, value).line)
    if frame.note.startswith("output off"):
        assert lines
    else:
        assert lines == [frame.data]


@pytest.mark.parametrize(
    ("key", "value"),
    [("nominal_capacity", 0), ("nominal_capacity", 10_000), ("over_voltage_protection", -1), ("relay_type", "maybe"),
     ("current_ratio", None), ("full_voltage", 57.6), ("voltage", 12.0)],
)  # fmt: skip
def test_a_setting_out_of_its_limits_is_refused_in_a_sentence(key: str, value: float | str | None) -> None:
    with pytest.raises(RequestError, match=key):
        set_value(family("KG-F"), 1, key, value)


@pytest.mark.parametrize(
    ("key", "operand"), [("output", 2), ("state_of_charge", 101), ("factory_reset", 0), ("explode", 1)]
)
def test_an_action_out_of_its_limits_is_refused(key: str, operand: int) -> None:
    with pytest.raises(RequestError, match=key):
        act(family("KG-F"), 1, key, operand)


@pytest.mark.parametrize("model", find_models(), ids=lambda model: model.family)
def test_what_can_switch_or_reset_is_called_dangerous(model: Model) -> None:
    assert {key: act(model, 1, key).risk for key in ("output", "factory_reset", "set_address", "clear_totals")} == {
        "output": "dangerous",
        "factory_reset": "dangerous",
        "set_address": "dangerous",
        "clear_totals": "accounting",
    }
    assert set_value(model, 1, "relay_type", "normally_closed").risk == "dangerous"


def test_a_protection_is_switched_off_with_nothing() -> None:
    assert set_value(family("KH-F"), 1, "over_temperature_protection", None).line == b":W25=1,1,255,\r\n"
