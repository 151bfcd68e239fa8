"""Energy is not made of nothing: exchanged links, used meters, frozen lines, wavering counters, first frames."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from juntek.battery.ledger import Ledger
from juntek.reading import Identity
from metered import MeteredBattery, reading, trust_in

ZONE = ZoneInfo("Europe/Amsterdam")
NOON = 1_780_000_000.0
FAMILIES = ("KG-F", "KH-F", "KL-F")


class Gateway:
    """A ledger that is fed as a gateway feeds it, once a second, and can be started again."""

    def __init__(self, *, nominal: float | None = 280.0) -> None:
        self.ledger, self.time, self.nominal = Ledger(ZONE), NOON, nominal
        self.elapsed: float | None = None

    def read(self, battery: MeteredBattery, seconds: int, current: float, output: str = "on") -> None:
        for _ in range(seconds):
            battery.flow(1, current)
            self.add(battery, output)

    def add(self, battery: MeteredBattery, output: str = "on") -> None:
        """Read it a second later."""
        self.time += 1
        said = battery.reading(self.time)
        self.ledger.add(said._replace(elapsed=self.elapsed, nominal_capacity=self.nominal, output_state=output))
        self.elapsed = 1.0

    def start_again(self, seconds: float) -> None:
        self.ledger = Ledger.restore(self.ledger.snapshot(), ZONE)
        self.elapsed, self.time = None, self.time + seconds


def used_meter(family: str, out: float, in_: float, remaining: float, run_time: float) -> MeteredBattery:
    """Return a battery whose meter has counted so many Ah out and in before."""
    battery = MeteredBattery(family, remaining=remaining)
    battery.capacity, battery.energy = [out, in_], [out * 51.0, in_ * 53.0]
    battery.run_time = run_time
    return battery


def identity(code: int, serial: int) -> Identity:
    raw = b":r00=1,1,%d,110,%d," % (code, serial)
    return Identity(1, "KG-F", "KG140F", "shunt", 120, 400, "1.10", serial, raw)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("gap", [5.0, 60.0, 3600.0, 36_000.0])
@pytest.mark.parametrize("run_time", ["the same", "more", "less", "off"])
def test_exchanged_links_count_nothing(family: str, gap: float, run_time: str) -> None:
    house = used_meter(family, 1000.0, 1100.0, 200.0, 1e6)
    boat = used_meter(family, 3900.0, 4000.0, 90.0, {"more": 3e6, "less": 2e5}.get(run_time, 1e6 + 60 + gap))
    output = "off" if run_time == "off" else "on"
    gateway = Gateway()
    gateway.read(house, 60, -20.0, output)
    boat.run_time = house.run_time if run_time == "off" else boat.run_time
    before = gateway.ledger.totals()[:4]
    gateway.start_again(gap)
    gateway.read(boat, 3, -20.0, output)
    made = [new - old for new, old in zip(gateway.ledger.totals()[:4], before, strict=True)]
    assert max(made) <= 0.02 * 52
    assert gateway.ledger.notice == "replaced"
    gateway.read(boat, 600, -20.0, output)
    made = [new - old for new, old in zip(gateway.ledger.totals()[:4], before, strict=True)]
    assert made[0] == pytest.approx(20 * 602 / 3600, rel=0.02)
    assert made[2] == pytest.approx(20 * 602 / 3600 * 52, rel=0.02)
    assert made[1] <= 0.002
    assert made[3] <= 0.1


def test_another_identity_is_another_meter_however_well_it_fits() -> None:
    house, boat = used_meter("KG-F", 100.0, 110.0, 200.0, 1e6), used_meter("KG-F", 101.0, 111.0, 200.0, 1.001e6)
    gateway = Gateway()
    gateway.ledger.identify(identity(2140, 6))
    gateway.read(house, 60, -1.0)
    before = gateway.ledger.totals()[:4]
    gateway.start_again(1000.0)
    gateway.ledger.identify(identity(2140, 7))
    gateway.read(boat, 3, 0.0)
    assert gateway.ledger.totals()[:4] == before
    assert gateway.ledger.notice == "replaced"


@pytest.mark.parametrize("family", ["KG-F", "KH-F", "KL-F", "unknown"])
@pytest.mark.parametrize("current", [49.9, -49.9])
def test_a_frame_that_is_repeated_counts_nothing(family: str, current: float) -> None:
    battery, gateway = MeteredBattery(family), Gateway()
    gateway.read(battery, 600, current)
    before, trust = gateway.ledger.totals()[:4], trust_in(gateway.ledger)
    for _ in range(20):
        gateway.add(battery)
    stuck = gateway.ledger.notice
    assert stuck == "stuck"
    for _ in range(3600):
        gateway.add(battery)
    assert gateway.ledger.totals()[:4] == before
    assert trust_in(gateway.ledger) == trust
    battery.step(0.0)
    battery.flow(3620, 0.0)
    gateway.read(battery, 60, 0.0)
    assert gateway.ledger.notice is None
    assert gateway.ledger.totals()[:4] == pytest.approx(before, abs=0.05)


def test_what_was_counted_while_a_bridge_hung_is_caught_up() -> None:
    battery, gateway = MeteredBattery("KG-F"), Gateway()
    gateway.read(battery, 60, -30.0)
    frozen = battery.reading(None)
    for _ in range(3600):
        battery.flow(1, -30.0)
        gateway.time += 1
        gateway.ledger.add(frozen._replace(time=gateway.time, elapsed=1.0))
    gateway.read(battery, 60, -30.0)
    assert gateway.ledger.totals().discharged_capacity == pytest.approx(battery.capacity[0], abs=0.002)


@pytest.mark.parametrize(("family", "current"), [("KG-F", -5.0), ("KH-F", -5.0), *((f, -0.05) for f in FAMILIES)])
def test_a_run_time_that_stands_still_while_the_output_is_off_is_not_stuck(family: str, current: float) -> None:
    """Nor are counters that a small current does not move."""
    battery, gateway = MeteredBattery(family), Gateway()
    for _ in range(2000):
        battery.flow(1, current)
        battery.run_time = 77.0
        gateway.add(battery, "off")
        assert gateway.ledger.notice is None
    if current == -5.0:
        assert gateway.ledger.totals().discharged_energy == pytest.approx(battery.energy[0], rel=0.02)


@pytest.mark.parametrize("fall", [0.001, 0.05, 1.0, 4.0])
def test_a_counter_that_wavers_is_counted_once(fall: float) -> None:
    battery, gateway = MeteredBattery("KG-F"), Gateway()
    battery.capacity[0] = 10.0
    for second in range(1200):
        battery.flow(1, -20.0)
        gateway.time += 1
        said = battery.reading(gateway.time)
        if second % 15 in range(10, 13) and said.discharged_capacity is not None:
            said = said._replace(discharged_capacity=round(said.discharged_capacity - fall, 3))
        gateway.ledger.add(said._replace(elapsed=gateway.elapsed))
        gateway.elapsed = 1.0
    assert gateway.ledger.totals().discharged_capacity <= battery.capacity[0] + 0.002
    assert gateway.ledger.totals().discharged_capacity >= battery.capacity[0] * 0.9


@pytest.mark.parametrize("wrong", [14.5, 4.0, 0.0, 100.0])
@pytest.mark.parametrize("start", ["first", "again", "again after hours"])
def test_a_first_frame_whose_counter_is_wrong_counts_nothing(wrong: float, start: str) -> None:
    battery, gateway = MeteredBattery("KG-F"), Gateway()
    battery.capacity[0] = 4.9
    if start != "first":
        gateway.read(battery, 60, -3.0)
        gateway.start_again(1.0)
        if start == "again after hours":
            battery.flow(7200, -3.0)
            gateway.time += 7200
    battery.flow(1, -3.0)
    gateway.time += 1
    said = battery.reading(gateway.time)
    gateway.ledger.add(said._replace(discharged_capacity=wrong))
    gateway.elapsed = 1.0
    gateway.read(battery, 60, -3.0)
    assert gateway.ledger.totals().discharged_capacity == pytest.approx(battery.capacity[0], abs=0.002)
    assert gateway.ledger.notice is None


def test_a_counter_that_cannot_be_moves_nothing_and_goes_on() -> None:
    ledger = Ledger(ZONE)
    for second, counted in enumerate((1.0, 1.0, 900.0, 1.001, 1.002)):
        ledger.add(reading(NOON + second, discharged_capacity=counted, charged_energy=0.0))
    assert ledger.totals().discharged_capacity == 1.002


def test_an_engine_that_is_started_is_no_other_meter() -> None:
    battery, gateway = MeteredBattery("KG-F"), Gateway()
    gateway.ledger.limit(100)
    for _ in range(50):
        for seconds, current in ((10, -2.0), (2, -400.0), (30, 60.0)):
            battery.step(current)
            gateway.read(battery, seconds, current)
    assert gateway.ledger.notice is None
    assert gateway.ledger.totals().discharged_capacity == pytest.approx(battery.capacity[0], abs=0.002)
