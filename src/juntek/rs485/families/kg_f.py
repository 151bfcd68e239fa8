"""KG-F: shunt meters with a counter of discharged capacity and a counter of charged energy."""

from juntek.rs485.family import Field, Layout, Model, usual_actions

_MANUAL = "KG-man pp. 22-27"

READINGS = Layout(
    "r50",
    (
        Field(index=2, key="voltage", scale=100, high=62_000, kind="level", step=4,
              source="KG-man p. 26; proven by capacity/time in LD, TF, AV, PO"),
        Field(index=3, key="current", scale=100, high=75_000, kind="level", step=25,
              source="KG-man p. 26; magnitude, the sign is in field 11"),
        Field(index=4, key="remaining_capacity", scale=1000, high=10**8, kind="stock", step=30,
              source="KG-man p. 26; AV: -0.303 Ah in 18 s at 60.55 A"),
        Field(index=5, key="discharged_capacity", scale=1000, kind="counter", step=30,
              source="KG-man p. 11; counts discharge only (LD, AV, JK)"),
        Field(index=6, key="charged_energy", scale=100, kind="counter", step=200,
              source="KG-man p. 12; 0.01 Wh, counts charge only (LD: 16.54 V, JK: 13.36 V)"),
        Field(index=7, key="run_time", kind="counter", step=3,
              source="KG-man p. 26; stands still while the output is off (PO, MM)"),
        Field(index=8, key="temperature", offset=100, high=225, low=75, kind="level", step=1, absent=79,
              source="KG-man p. 26; 79 without a probe (CM, SH)"),
        Field(index=9, key="", high=0, kind="flag", source="reserved; 0 in 16 of 16 captures"),
        Field(index=10, key="output_state", high=255, kind="flag", source="KG-man p. 26; off is 99 (PO, MM)"),
        Field(index=11, key="direction", high=1, kind="flag", source="0 discharge, 1 charge: KH-man, AV, LD, TF, PO"),
        Field(index=12, key="", high=65_535, kind="echo",
              source="time left, min; 16 bit, another current (JK): ours instead"),
        Field(index=13, key="internal_resistance", scale=100, high=65_535, kind="level", step=40,
              source="KG-man p. 26; the meter's estimate"),
    ),
)  # fmt: skip

SETTINGS = Layout(
    "r51",
    (
        Field(index=2, key="over_voltage_protection", scale=100, off=0, write=20, high=62_000, source=_MANUAL),
        Field(index=3, key="under_voltage_protection", scale=100, off=0, write=21, high=62_000, source=_MANUAL),
        Field(index=4, key="over_current_protection", scale=100, off=0, write=22, high=75_000,
              source="KG-man; TF27: 200.00 A on a KG160F"),
        Field(index=5, key="negative_over_current_protection", scale=100, off=0, write=23, high=75_000, source=_MANUAL),
        Field(index=6, key="over_power_protection", scale=100, off=0, write=24, high=9_999_999, source=_MANUAL),
        Field(index=7, key="over_temperature_protection", offset=100, off=100, write=25, writable=(100, 220),
              high=255, low=100, source="KG-man; 100 in every capture without the protection"),
        Field(index=8, key="protection_recovery_time", write=26, writable=(0, 99), high=999, source=_MANUAL),
        Field(index=9, key="protection_delay", write=27, writable=(0, 99), high=999, source=_MANUAL),
        Field(index=10, key="nominal_capacity", scale=10, write=28, low=1, high=99_999, risk="accounting",
              source="KG-man; TF27: 320.0 Ah, MS: 420.0 Ah"),
        Field(index=11, key="voltage_calibration", offset=100, write=29, writable=(80, 120), high=250,
              risk="accounting", source=_MANUAL),
        Field(index=12, key="current_calibration", offset=100, write=30, writable=(75, 125), high=250,
              risk="accounting", source=_MANUAL),
        Field(index=13, key="temperature_calibration", offset=100, write=31, high=250, risk="accounting",
              source=_MANUAL),
        Field(index=14, key="", source="reserved; 0 in every capture"),
        Field(index=15, key="relay_type", names=("normally_open", "normally_closed"), write=34, high=1,
              source=_MANUAL),
        Field(index=16, key="current_ratio", write=36, low=1, high=9999, risk="accounting",
              source="KG-man, Hall sensors only; 1 in every capture"),
        Field(index=17, key="voltage_curve_scale", write=37, risk="harmless", optional=True,
              source="KG-man; not sent by any captured meter"),
        Field(index=18, key="current_curve_scale", write=38, risk="harmless", optional=True,
              source="KG-man; not sent by any captured meter"),
    ),
)  # fmt: skip

ACTIONS = usual_actions(address="KG-man p. 23", output="KG-man p. 23; drives the relay", others="KG-man p. 25")

MODEL = Model(
    family="KG-F", prefix="KG", series={1: "hall", 2: "shunt"}, readings=READINGS, settings=SETTINGS, actions=ACTIONS
)
