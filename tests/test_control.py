"""What may be written: every wish becomes a change within the limits, or a sentence; a plan is all or nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from juntek import RequestError
from juntek.control import Change, NotAllowedError, carry_out, describe, plan, require_confirmed
from juntek.control.controls import ALL, Permission, controls_of
from juntek.errors import LinkLostError, NoReplyError
from juntek.outputs.mqtt.entities import entity_of
from juntek.reading import Settings
from juntek.update import Outcome
from outputs.updates import kg_reading, kg_update, kh_update

UPDATES = (kg_update(), kh_update())
SOME = Permission.of(("settings",))

WISHES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12), st.from_regex(r"-?\d{1,6}(\.\d{1,3})?"),
    st.sampled_from(["on", "off", "normally_open", "PRESS", ""]), st.lists(st.integers(), max_size=2),
    st.binary(max_size=3),
)  # fmt: skip


@pytest.mark.parametrize("update", UPDATES, ids=["KG-F", "KH-F"])
@given(wish=WISHES, data=st.data())
def test_every_wish_is_a_change_within_the_limits_or_a_sentence(update: Any, wish: Any, data: st.DataObject) -> None:  # noqa: ANN401
    controls = controls_of(update)
    control = controls[data.draw(st.sampled_from(sorted(controls)))]
    try:
        changes = plan(update, {control.key: wish}, ALL, control.kind)
    except RequestError:
        return
    for change in changes:
        assert control.writable
        if control.choices:
            assert change.new in control.choices
        elif change.new is None:
            assert control.off is not None or not control.takes_value
        else:
            assert isinstance(change.new, int | float)
            assert control.minimum is not None
            assert control.maximum is not None
            assert control.minimum <= change.new <= control.maximum


@pytest.mark.parametrize("update", UPDATES, ids=["KG-F", "KH-F"])
def test_dangerous_things_are_allowed_by_their_own_name_only(update: Any) -> None:  # noqa: ANN401
    for control in controls_of(update).values():
        assert not Permission().allows(control)
        assert SOME.allows(control) == (control.writable and control.risk != "dangerous")
        assert Permission.of((control.key,)).allows(control) == control.writable


@pytest.mark.parametrize("update", UPDATES, ids=["KG-F", "KH-F"])
def test_every_protection_can_be_switched_off_in_home_assistant(update: Any) -> None:  # noqa: ANN401
    for control in controls_of(update).values():
        if control.off is None or not control.writable:
            continue
        entity = entity_of(control)
        assert entity["min"] <= control.off <= entity["max"]
        assert control.read(str(control.off)) is None
        assert entity["template"].endswith(f"else {control.off:g}")


def test_a_plan_with_one_wrong_part_is_none() -> None:
    update = kg_update()
    for wrong in ({"full_voltage": 1}, {"nominal_capacity": 0}, {"output": "off"}, {"nominal-capacity": 5}):
        with pytest.raises(RequestError):
            plan(update, {"nominal_capacity": 100, **wrong}, ALL)
    with pytest.raises(NotAllowedError):
        plan(update, {"nominal_capacity": 100, "relay_type": "normally_closed"}, SOME)


def test_a_meter_that_is_away_or_has_not_said_how_it_is_set_is_not_written_to() -> None:
    with pytest.raises(NoReplyError):
        plan(kg_update(available=False), {"nominal_capacity": 1}, ALL)
    with pytest.raises(RequestError):
        plan(kg_update(settings=None), {"nominal_capacity": 1}, ALL)
    with pytest.raises(RequestError):
        plan(kg_update(reading=None, settings=None, identity=None), {"nominal_capacity": 1}, ALL)


def test_with_a_current_flowing_the_zero_is_not_set() -> None:
    with pytest.raises(RequestError, match="flow now"):
        plan(kg_update(kg_reading(current=-12.5)), {"zero-current": None}, ALL, "action")
    (change,) = plan(kg_update(kg_reading(current=0.12)), {"zero-current": None}, ALL, "action")
    assert change.new is None


def test_what_nothing_undoes_says_so() -> None:
    update = kg_update(kg_reading(current=0.0))
    actions = [control for control in controls_of(update).values() if control.kind == "action"]
    values = {"state_of_charge": 50, "output": "on", "set_address": 2}
    wishes = {one.key: values.get(one.key) for one in actions}
    warnings = {one.key: one.warning for one in plan(update, wishes, ALL, "action")}
    assert {key for key, text in warnings.items() if "undone" in text} == {"clear_totals", "factory_reset"}


@pytest.mark.parametrize(
    ("key", "beyond", "within"),
    [
        ("over_voltage_protection", 12, 14),
        ("under_voltage_protection", 14, 12),
        ("over_current_protection", 9, 11),
        ("over_power_protection", 131, 133),
        ("over_temperature_protection", 40, 42),
    ],
)
def test_a_limit_that_would_trip_at_once_says_so(key: str, beyond: float, within: float) -> None:
    update = kg_update(kg_reading(voltage=13.2, current=-10.0, temperature=41))
    (change,) = plan(update, {key: beyond}, ALL)
    assert "beyond this limit now" in change.warning
    assert "beyond this limit now" not in plan(update, {key: within}, ALL)[0].warning
    with pytest.raises(RequestError):
        require_confirmed([change], [])
    require_confirmed([change], [key])


def test_no_secret_is_described() -> None:
    for update in UPDATES:
        assert "bluetooth_password" not in str(describe(update, ALL))
        with pytest.raises(RequestError):
            plan(update, {"bluetooth_password": 1}, ALL)


async def test_after_a_lost_link_nothing_more_is_sent() -> None:
    sent: list[str] = []

    async def send(meter: str, key: str, value: Any, *, who: str = "") -> Outcome:  # noqa: ANN401, ARG001
        sent.append(key)
        raise LinkLostError("The link was lost.")

    update = kg_update()
    assert isinstance(update.settings, Settings)
    changes: list[Change] = plan(update, {"nominal_capacity": 100, "protection_delay": 9}, ALL)
    results = await carry_out(send, lambda: update, changes, who="a test")
    assert sent == ["nominal_capacity"]
    assert [result.outcome for result in results] == ["unknown", "refused"]
    assert all(result.detail for result in results)
