"""KL-F: shunt meters like the KG-F on the wire, whose two counters nobody has shown to count one direction.

No raw `r50` or `r51` of a KL-F is public; KL-man prints the KG-F's layout.
"""

from juntek.rs485.family import Field, Layout, Model, usual_actions

_MANUAL = "KL-man pp. 25-30"

READINGS = Layout(
    "r50",
    (
        Field(index=2, key="voltage", scale=100, high=62_000, kind="level", step=4, source=_MANUAL),
        Field(index=3, key="current", scale=100, high=75_000, kind="level", step=25, source=_MANUAL),
        Field(index=4, key="remaining_capacity", scale=1000, high=10**8, kind="stock", step=30,
              source="KL-man; LU: 55456 min at the shown current"),
        Field(index=5, key="counted_capacity", scale=1000, kind="counter", step=30,
              source="KL-man: of charging and discharging; yet 5.408 + 4.592 = 10.000 Ah in its example"),
        Field(index=6, key="counted_energy", scale=100, kind="counter", step=200,
              source="KL-man: accumulated; 0.01 Wh (94.37 Wh / 4.592 Ah = 20.55 V)"),
        Field(index=7, key="run_time", kind="counter", step=3, source=_MANUAL),
        Field(index=8, key="temperature", offset=100, high=225, low=75, kind="level", step=1, absent=79,
              source=_MANUAL),
        Field(index=9, key="", high=0, kind="flag", source="to be determined, says KL-man"),
        Field(index=10, key="output_state", high=255, kind="flag", source=_MANUAL),
        Field(index=11, key="direction", high=1, kind="flag", source=_MANUAL),
        Field(index=12, key="", high=65_535, kind="echo", source="time left, min; ours instead"),
        Field(index=13, key="internal_resistance", scale=100, high=65_535, kind="level", step=40, source=_MANUAL),
    ),
)  # fmt: skip

SETTINGS = Layout(
    "r51",
    (
        Field(index=2, key="over_voltage_protection", scale=100, off=0, write=20, high=62_000, source=_MANUAL),
        Field(index=3, key="under_voltage_protection", scale=100, off=0, write=21, high=62_000, source=_MANUAL),
        Field(index=4, key="over_current_protection", scale=100, off=0, write=22, high=75_000, source=_MANUAL),
        Field(index=5, key="negative_over_current_protection", scale=100, off=0, write=23, high=75_000, source=_MANUAL),
        Field(index=6, key="over_power_protection", scale=100, off=0, write=24, high=9_999_999, source=_MANUAL),
        Field(index=7, key="over_temperature_protection", offset=100, off=100, write=25, writable=(100, 220),
              high=255, low=100, source=_MANUAL),
        Field(index=8, key="protection_recovery_time", high=999, source="read only: KL-man's table has no W for it"),
        Field(index=9, key="protection_delay", high=999, source="read only: KL-man's table has no W for it"),
        Field(index=10, key="nominal_capacity", scale=10, write=28, low=1, high=99_999, risk="accounting",
              source=_MANUAL),
        Field(index=11, key="voltage_calibration", offset=100, write=29, writable=(80, 120), high=250,
              risk="accounting", source=_MANUAL),
        Field(index=12, key="current_calibration", offset=100, write=30, writable=(75, 125), high=250,
              risk="accounting", source=_MANUAL),
        Field(index=13, key="temperature_calibration", offset=100, write=31, high=250, risk="accounting",
              source=_MANUAL),
        Field(index=14, key="", source="reserved"),
        Field(index=15, key="relay_type", names=("normally_open", "normally_closed"), write=34, high=1,
              source=_MANUAL),
        Field(index=16, key="current_ratio", write=36, low=1, high=9999, risk="accounting", source=_MANUAL),
        Field(index=17, key="voltage_curve_scale", optional=True, source=_MANUAL),
        Field(index=18, key="current_curve_scale", optional=True, source=_MANUAL),
    ),
)  # fmt: skip

ACTIONS = usual_actions(address="KL-man p. 26", output="KL-man p. 26; drives the relay", others="KL-man p. 28")

MODEL = Model(
    family="KL-F", prefix="KL", series={1: "hall", 2: "shunt"}, readings=READINGS, settings=SETTINGS, actions=ACTIONS,
)  # fmt: skip
