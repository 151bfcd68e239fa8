"""KH-F: shunt meters with a clock, separate counters of discharged and charged energy, and none of capacity."""

from juntek.rs485.family import Field, Layout, Model, usual_actions

_MANUAL = "KH-man p. 29"
_CAPTURES = "KH-man row quoted by CK; SL, SC"

READINGS = Layout(
    "r50",
    (
        Field(index=2, key="voltage", scale=100, high=12_600, kind="level", step=4,
              source="KH-man p. 29; proven by capacity/time there and in SL"),
        Field(index=3, key="current", scale=100, high=50_000, kind="level", step=25,
              source="KH-man p. 29; magnitude, the sign is in field 11"),
        Field(index=4, key="remaining_capacity", scale=1000, high=10**8, kind="stock", step=30, source=_MANUAL),
        Field(index=5, key="discharged_energy", scale=100, kind="counter", step=200,
              source="KH-man p. 29; 0.01 Wh (CK rate, SL), the manual's kWh/1000 is wrong"),
        Field(index=6, key="charged_energy", scale=100, kind="counter", step=200,
              source="KH-man p. 29; 0.01 Wh (CK rate, SL), the manual's kWh/1000 is wrong"),
        Field(index=7, key="", kind="counter", step=3,
              source="operation record value; its unit is not known, so it is not shown"),
        Field(index=8, key="temperature", offset=100, high=225, low=75, kind="level", step=1, absent=79,
              source=_MANUAL),
        Field(index=9, key="", high=0, kind="flag", source="undetermined; 0 in every capture"),
        Field(index=10, key="output_state", high=255, kind="flag", source="KH-man p. 29; off is 99 (SL, SC, PH)"),
        Field(index=11, key="direction", high=1, kind="flag", source="KH-man p. 29, in words"),
        Field(index=12, key="", high=65_535, kind="echo", source="time left, min; ours instead"),
        Field(index=13, key="", high=250, kind="flag", source="time adjust; 100 is none"),
        Field(index=14, key="date", high=991_231, kind="date", source="YYMMDD; 101 is a clock never set (SL, SC)"),
        Field(index=15, key="clock", high=235_959, kind="clock", step=3, source="HHMMSS"),
    ),
)  # fmt: skip

SETTINGS = Layout(
    "r51",
    (
        Field(index=2, key="over_voltage_protection", scale=100, off=0, write=20, high=12_600, source=_CAPTURES),
        Field(index=3, key="under_voltage_protection", scale=100, off=0, write=21, high=12_600, source=_CAPTURES),
        Field(index=4, key="over_current_protection", scale=100, off=0, write=22, high=50_000, source=_CAPTURES),
        Field(index=5, key="negative_over_current_protection", scale=100, off=0, write=23, high=50_000,
              source=_CAPTURES),
        Field(index=6, key="over_power_protection", scale=100, off=0, write=24, high=9_999_999, source=_CAPTURES),
        Field(index=7, key="over_temperature_protection", offset=100, off=255, write=25, writable=(100, 220), high=255,
              source="CK; 255 is off (SL, SC)"),
        Field(index=8, key="protection_recovery_time", write=26, writable=(0, 99), high=999, source=_CAPTURES),
        Field(index=9, key="protection_delay", write=27, writable=(0, 99), high=999, source=_CAPTURES),
        Field(index=10, key="nominal_capacity", scale=10, write=28, low=1, high=99_999, risk="accounting",
              source="CK; SL: 280.0 Ah, SC: 110.0 Ah"),
        Field(index=11, key="voltage_calibration", offset=100, write=29, writable=(80, 120),
              high=250, risk="accounting", source=_CAPTURES),
        Field(index=12, key="current_calibration", offset=100, write=30, writable=(75, 125),
              high=250, risk="accounting", source=_CAPTURES),
        Field(index=13, key="temperature_calibration", offset=100, write=31, high=250, risk="accounting",
              source=_CAPTURES),
        Field(index=14, key="", source="undefined; 0 in every capture"),
        Field(index=15, key="relay_type", names=("normally_open", "normally_closed"), write=34, high=1,
              source=_CAPTURES),
        Field(index=16, key="current_ratio", write=36, low=1, high=9999, risk="accounting", source=_CAPTURES),
        Field(index=17, key="time_calibration", offset=100, high=250, source="CK; 100 is none"),
        Field(index=18, key="data_logging", names=("on", "off"), high=1, source="CK; 0 is on"),
        Field(index=19, key="full_voltage", scale=100, high=12_600, source="CK, SL, SC"),
        Field(index=20, key="empty_voltage", scale=100, high=12_600, source="CK, SL, SC"),
        Field(index=21, key="full_current", high=100, source="CK; percent of the capacity"),
        Field(index=22, key="full_detection_time", scale=10, high=9999, source="CK; 0.1 min"),
        Field(index=23, key="low_temperature_protection", offset=100, off=255, high=255, source="CK; 255 is off"),
        Field(index=24, key="temperature_unit", names=("celsius", "fahrenheit"), high=1, source="CK"),
        Field(index=25, key="bluetooth_password", high=999_999, source="CK"),
        Field(index=26, key="log_interval", offset=-1, high=9999, source="CK: 2 is 3 s; SL: 59 is 60 s"),
        Field(index=27, key="", optional=True, source="unknown, 0 or 15, newer firmware only (SL, SC)"),
    ),
)  # fmt: skip

# KH-man's own table of writes could not be read; these are the ones that the other manuals and ST have.
ACTIONS = usual_actions(address="KG-man p. 23", output="KH-man p. 26, ST; drives the relay", others="KG-man p. 25")

MODEL = Model(family="KH-F", prefix="KH", series={4: "shunt"}, readings=READINGS, settings=SETTINGS, actions=ACTIONS)
