"""The simulated meter speaks as the protocol says a real one does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from juntek.errors import RequestError
from juntek.rs485.family import find_models
from juntek.rs485.framing import encode
from juntek.simulator import Meter
from juntek.simulator.meter import Sample
from juntek.simulator.meter_settings import parse_variant
from simulator.lines import FAMILIES, ask, make_meter, parse_one, read, write

ORDINAL = 739_000


def sample(meter: Meter, current: float, voltage: float = 52.0, *, seconds: float = 1, second: float = 0) -> None:
    meter.sample(seconds, Sample(voltage, current, 23.4, ORDINAL, second))


@pytest.mark.parametrize(
    "spelling",
    [
        b":R50=1,2,1,\r\n",
        b":R50=1,2,1,\n",
        b":R50=1,2,1\r\n",
        b":R50=1,\n",
        b":R50=01.\r\n",
        b":R50=1,0,1,\r\n",
        b":R50=0,2,1,\r\n",
        b"\x00\xff:R50=1,\n",
        b":R50=5,\n:R50=1,\n",
    ],
)
def test_every_spelling_of_a_request_gets_the_answer(spelling: bytes) -> None:
    frame = ask(make_meter(), spelling)
    assert frame is not None
    assert (frame.command, frame.address, len(frame.fields)) == ("r50", 1, 12)


@pytest.mark.parametrize(
    "line",
    [
        b":R50=2,2,1,\r\n",  # another address
        b":R50=1,3,1,\r\n",  # wrong checksum
        b":R99=1,2,1,\r\n",  # unknown command
        b":r50=1,2,1,\r\n",  # another meter's reply
        b":W99=1,2,1,\r\n",
        b":W33=1,2,1,\r\n",  # reserved
        b":W10=1,5,0,\r\n",  # a write with a wrong checksum
        b":W10=1,\n",  # a write of nothing
        b":W10=1,4,1,2,\r\n",  # a write of two values
        b"hello\r\n",
    ],
)
def test_what_is_not_meant_for_it_or_not_understood_is_met_with_silence(line: bytes) -> None:
    meter = make_meter()
    assert ask(meter, line) is None
    assert meter.output


@pytest.mark.parametrize(
    ("name", "code"),
    [("KG140F", 2140), ("KL110F", 2110), ("KH140F", 4140), ("KG160F", 2160), ("KL610F", 2610), ("kg110f", 2110)],
)
def test_its_identity_tells_series_voltage_and_range(name: str, code: int) -> None:
    frame = ask(make_meter(name), b":R00=1,2,1,\r\n")
    assert frame is not None
    assert frame.fields[0] == code
    assert len(frame.fields) == 3


def test_a_name_that_is_no_meter_gets_a_sentence_with_names_that_are() -> None:
    with pytest.raises(RequestError, match=r"no meter 'BMV-712'.* KG140F, KH140F, KL140F"):
        parse_variant("BMV-712")


@pytest.mark.parametrize(("name", "counts"), [("KG140F", (12, 15)), ("KL140F", (12, 15)), ("KH140F", (14, 26))])
def test_replies_have_as_many_numbers_as_the_captured_ones(name: str, counts: tuple[int, int]) -> None:
    meter = make_meter(name)
    frames = [ask(meter, b":R50=1,2,1,\r\n"), ask(meter, b":R51=1,2,1,\r\n")]
    assert tuple(len(frame.fields) for frame in frames if frame) == counts


@given(st.sampled_from(FAMILIES), st.floats(-400, 400), st.floats(0, 119), st.floats(-20, 120))
def test_every_number_keeps_within_its_row(name: str, current: float, voltage: float, temperature: float) -> None:
    meter = make_meter(name)
    for _ in range(3):
        meter.sample(3600, Sample(voltage, current, temperature, ORDINAL, 86_399))
        voltage += 0.5
        current /= 2
    for row, number in zip(meter.variant.model.readings.rows, meter.numbers(), strict=True):
        assert row.low <= number <= row.high, row


def test_values_are_those_of_the_rows() -> None:
    meter = make_meter(left=100.0)
    sample(meter, -12.34, 52.16, seconds=0)
    shown = {"voltage": 5216, "remaining_capacity": 100_000, "temperature": 123, "direction": 0, "output_state": 0}
    assert read(meter).items() >= shown.items()


@pytest.mark.parametrize(("name", "shown"), [("KG110F", 1234), ("KG120F", 1234), ("KG140F", 1230), ("KG160F", 1230)])
def test_the_smaller_ranges_show_hundredths_of_an_ampere(name: str, shown: int) -> None:
    meter = make_meter(name)
    sample(meter, 12.34)
    assert (read(meter)["current"], read(meter)["direction"]) == (shown, 1)


def test_it_counts_the_true_current_and_not_the_one_it_shows() -> None:
    meter = make_meter(left=100.0)
    for _ in range(3600):
        sample(meter, -0.04)
    assert read(meter)["current"] == 0
    assert read(meter)["remaining_capacity"] == 99_960


@pytest.mark.parametrize(
    ("name", "counted"),
    [
        ("KG140F", {"discharged_capacity": 10_000, "charged_energy": 100_000}),
        ("KL140F", {"counted_capacity": 30_000, "counted_energy": 150_000}),
        ("KH140F", {"discharged_energy": 50_000, "charged_energy": 100_000, "date": 240424, "clock": 90507}),
    ],
)
def test_each_family_counts_its_own_way(name: str, counted: dict[str, int]) -> None:
    meter = make_meter(name)
    sample(meter, -10, 50, seconds=3600)
    sample(meter, 20, 50, seconds=3600, second=9 * 3600 + 5 * 60 + 7)
    assert read(meter).items() >= counted.items()


@pytest.mark.parametrize("name", ["KG140F", "KH140F"])
@pytest.mark.parametrize(
    ("current", "minutes"),
    [(-12.5, 480), (12.5, 864), (-0.0625, 96_000 - 65_536), (-0.05, 120_000 - 65_536), (0.001, 0)],
)
def test_the_time_left_follows_a_finer_current_and_wraps_after_65535_minutes(
    name: str, current: float, minutes: int
) -> None:
    meter = make_meter(name, left=100.0)
    sample(meter, current, seconds=0)
    assert meter.numbers()[10] == minutes  # to empty: 100 Ah; to full: 180 Ah


def test_what_is_left_stays_between_nothing_and_the_nominal_capacity() -> None:
    meter = make_meter(left=1.0)
    sample(meter, -100, seconds=3600)
    assert read(meter)["remaining_capacity"] == 0
    sample(meter, 400, seconds=3600)
    assert read(meter)["remaining_capacity"] == 280_000
    assert read(meter)["discharged_capacity"] == 100_000


def test_it_guesses_the_resistance_from_a_step_of_the_load() -> None:
    meter = make_meter()
    sample(meter, 0, 52.0)
    sample(meter, -1, 51.98)
    assert read(meter)["internal_resistance"] == 0
    for _ in range(8):
        sample(meter, -100, 51.0)
        sample(meter, 0, 52.0)
    assert read(meter)["internal_resistance"] == pytest.approx(1000, abs=10)  # 10 milliohms


def test_without_a_probe_the_temperature_is_79() -> None:
    meter = make_meter()
    meter.sample(1, Sample(52, 0, None, ORDINAL, 0))
    assert read(meter)["temperature"] == 79


SETTINGS = [(name, row) for name in FAMILIES for row in parse_variant(name).model.settable.values()]


@pytest.mark.parametrize(("name", "row"), SETTINGS, ids=[f"{name}-{row.key}" for name, row in SETTINGS])
def test_every_setting_is_written_acknowledged_and_read_back_and_its_limits_hold(name: str, row) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    meter = make_meter(name)
    for value in {row.low, min(row.high, 99_999), row.low + 1}:
        reply = write(meter, row.write, value)
        assert reply is not None
        assert (reply.command, reply.address, reply.raw) == (
            f"w{row.write:02}",
            1,
            b":w%02d=1,1,0," % row.write,
        )
        assert read(meter, "r51").get(row.key, value) == value
    before = read(meter, "r51")
    assert write(meter, row.write, row.high + 1) is None
    if row.low:
        assert write(meter, row.write, row.low - 1) is None
    assert read(meter, "r51") == before


def test_a_kl_has_no_write_for_delay_and_recovery() -> None:
    assert write(make_meter("KL140F"), 26, 5) is None
    assert write(make_meter("KG140F"), 26, 5) is not None


@pytest.mark.parametrize("family", [model.family for model in find_models()])
def test_every_action_of_the_family_is_obeyed_within_its_limits(family: str) -> None:
    for action in next(model for model in find_models() if model.family == family).actions:
        meter = make_meter(family[:2] + "140F")
        assert write(meter, action.write, action.high) is not None, action.key
        assert write(meter, action.write, action.high + 1) is None, action.key


def test_a_checksum_of_0_is_not_verified() -> None:
    meter = make_meter()
    assert ask(meter, b":W10=1,0,0,\r\n") is not None
    assert read(meter)["output_state"] == 99


def test_a_new_address_is_obeyed_from_the_next_request_on() -> None:
    meter = make_meter()
    reply = write(meter, 1, 7)
    assert reply is not None
    assert reply.address == 1
    assert ask(meter, b":R50=1,2,1,\r\n") is None
    answer = ask(meter, b":R50=7,2,1,\r\n")
    assert answer is not None
    assert answer.address == 7


def test_to_address_0_it_obeys_and_answers_with_its_own() -> None:
    meter = make_meter(address=9)
    reply = write(meter, 60, 50, address=0)
    assert reply is not None
    assert reply.address == 9
    assert read(meter)["remaining_capacity"] == 140_000


def test_clearing_clears_run_time_energy_and_capacity_but_not_what_is_left() -> None:
    meter = make_meter(left=100)
    sample(meter, -36, seconds=100)
    sample(meter, 36, seconds=100)
    write(meter, 62, 1)
    values = read(meter)
    assert (values["discharged_capacity"], values["charged_energy"], values["run_time"]) == (0, 0, 0)
    assert values["remaining_capacity"] == 100_000


def test_zeroing_with_a_current_flowing_spoils_the_counting_as_on_a_real_one() -> None:
    meter = make_meter()
    sample(meter, -5)
    write(meter, 61, 1)
    sample(meter, -5)
    assert read(meter)["current"] == 0
    sample(meter, -15)
    assert read(meter)["current"] == 1000


def test_calibration_shifts_what_is_measured() -> None:
    meter = make_meter("KG110F")
    write(meter, 29, 110)
    write(meter, 30, 90)
    write(meter, 31, 102)
    sample(meter, -10, 50)
    values = read(meter)
    assert (values["voltage"], values["current"], values["temperature"]) == (5500, 900, 125)


def test_a_factory_reset_forgets_the_settings() -> None:
    meter = make_meter()
    write(meter, 20, 5840)
    write(meter, 35, 1)
    assert read(meter, "r51")["over_voltage_protection"] == 0
    assert read(meter, "r51")["nominal_capacity"] == 1000


def test_a_smaller_capacity_bounds_what_is_left() -> None:
    meter = make_meter(left=200)
    write(meter, 28, 1500)
    assert read(meter)["remaining_capacity"] == 150_000


def test_a_kh_takes_a_long_high_voltage_at_a_low_current_for_full_and_a_kg_does_not() -> None:
    for name, left in (("KH140F", 280_000), ("KG140F", 270_040)):
        meter = make_meter(name, left=270)
        for _ in range(144):
            sample(meter, 1, 55.2)
        assert read(meter)["remaining_capacity"] == left


@given(st.sampled_from(FAMILIES), st.binary(max_size=60))
def test_no_bytes_make_it_raise(name: str, noise: bytes) -> None:
    ask(make_meter(name), noise + b"\n")


@given(st.sampled_from(FAMILIES), st.integers(0, 99), st.integers(0, 2**40))
def test_whatever_is_written_it_goes_on_answering(name: str, number: int, value: int) -> None:
    meter = make_meter(name)
    meter.answer(parse_one(encode(f"W{number:02}", 1, [value])))
    sample(meter, -10)
    assert len(meter.numbers()) in meter.variant.model.readings.counts
    assert len(meter.settings.numbers()) in meter.variant.model.settings.counts
