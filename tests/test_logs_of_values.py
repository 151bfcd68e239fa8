"""Values that other programs have decoded, in tables and one by one: the same readings come out, at their times."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from juntek.capture.decoded import owned_quantity, quantity_of
from juntek.capture.named_values import values_in_line
from juntek.capture.times import LineTimes
from juntek.reading import Reading
from owners_logs import LOCAL, VALUES, check, events, utc, written

TABLES: dict[str, tuple[str, Callable[[datetime, float, float, float], str]]] = {
    "our names": ("time,voltage,current,remaining_capacity", lambda at, v, i, q: f"{at.isoformat()},{v},{i},{q}"),
    "units": ("Timestamp;Battery Voltage (mV);Current [mA];Remaining (mAh)",
              lambda at, v, i, q: f"{at.timestamp():.0f};{v * 1000:.0f};{i * 1000:.0f};{q * 1000:.0f}"),
    "German": ("sep=;\nDatum;Uhrzeit;Spannung;Strom;Restkapazität",
               lambda at, v, i, q: f"{at:%d.%m.%Y;%H:%M:%S};" + f"{v};{i};{q}".replace(".", ",")),
    "quotes and units": ('"Time","battery_voltage_v","current_a","capacity_Ah"',
                         lambda at, v, i, q: f'"{at:%Y-%m-%d %H:%M:%S}","{v} V","{i} A","{q} Ah"'),
    "a direction": ("time\tvoltage\tcurrent\tremaining_ah\tdirection",
                    lambda at, v, i, q: f"{at.isoformat()}\t{v}\t{abs(i)}\t{q}\tdischarging"),
    "UTC in the name": ("time (UTC),voltage,current,remaining",
                        lambda at, v, i, q: f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S},{v},{i},{q}"),
    "French": ("Date;Tension (V);Courant (A);restkapazität",
               lambda at, v, i, q: f"{at:%d.%m.%Y %H:%M:%S};{v};{i};{q}"),
    "a percentage": ("time,voltage,current,soc,nominal_capacity",
                     lambda at, v, i, q: f"{at.isoformat()},{v},{i},{q / 2.5},250"),
    "words": ("Date & Time,Battery Volts,Battery Amps,Amp Hours Remaining",
              lambda at, v, i, q: f"{at:%m/%d/%Y %I:%M:%S %p},{v},{i},{q}"),
    "Portuguese": ("Data/Hora;Tensão (V);Corrente (A);Capacidade restante (Ah)",
                   lambda at, v, i, q: f"{at:%d/%m/%Y %H:%M:%S};" + f"{v};{i};{q}".replace(".", ",")),
    "a direction without its name": ("time,voltage,current,status,remaining",
                                     lambda at, v, i, q: f"{at.isoformat()},{v},{abs(i)},Discharging,{q}"),
    "thousands": ("time,voltage,current,Remaining (mAh)",
                  lambda at, v, i, q: f'{at.isoformat()},{v},{i},"{q * 1000:,.0f}"'),
    "thousands, German": ("Zeit;Spannung;Strom;Restkapazität [mAh]",
                          lambda at, v, i, q: f"{at:%d.%m.%Y %H:%M:%S};" + f"{v};{i};".replace(".", ",")
                          + f"{q * 1000:,.0f}".replace(",", ".")),
    "Chinese": ("时间,电压(V),电流\uff08A\uff09,剩余容量(Ah)",
                lambda at, v, i, q: f"{at:%Y-%m-%d %H:%M:%S},{v},{i},{q}"),
    "Italian": ("Data;Ora;Tensione (V);Corrente (A);Capacità residua (Ah)",
                lambda at, v, i, q: f"{at:%d/%m/%Y;%H.%M.%S};" + f"{v};{i};{q}".replace(".", ",")),
    "a column of times without a known name": (
        "Tijdstip;Spanning;Stroom;Resterende capaciteit", lambda at, v, i, q: f"{at:%d-%m-%Y %H:%M:%S};{v};{i};{q}"),
    "units in a row of their own": ("Time\tVoltage\tCurrent\tRemaining\n\tmV\tmA\tAh",
                                    lambda at, v, i, q: f"{at.isoformat()}\t{v * 1000:.0f}\t{i * 1000:.0f}\t{q}"),
    "a zone above the times, and devices above the names": (
        ("timestamp,Charger [9],Charger [9],KG [2],KG [2],KG [2]\n"
         "Europe/Lisbon (+01:00),Voltage,Current,Voltage,Current,Remaining capacity\n,V,A,V,A,Ah"),
        lambda at, v, i, q: f"{at.astimezone(ZoneInfo('Europe/Lisbon')):%Y-%m-%d %H:%M:%S},1,2,{v},{i},{q}"),
    "blanks between, in the time as well": ("Time                 Voltage Current Remaining\n----   ----- ----- ----",
                                            lambda at, v, i, q: f"{at:%d.%m.%Y %H:%M:%S}  {v}  {i}   {q}"),
    "days as Excel counts them": ("Time,Voltage,Current,Remaining", lambda at, v, i, q:
        f"{25569 + (at.timestamp() + 7200) / 86400:.9f},{v},{i},{q}"),
    "a drawn table": ("| time | voltage | current | remaining |\n|---|---|---|---|",
                      lambda at, v, i, q: f"| {at.isoformat()} | {v} | {i} | {q} |"),
}  # fmt: skip


@pytest.mark.parametrize(("head", "write"), TABLES.values(), ids=TABLES)
@pytest.mark.parametrize("encode_text", ["utf-8", "utf-16", "cp1252"])
def test_a_table_of_decoded_values_gives_readings(
    head: str, write: Callable[[datetime, float, float, float], str], encode_text: str
) -> None:
    encode_text = "utf-8" if "时" in head else encode_text
    lines = [write(at, *values) for at, values in zip(LOCAL, VALUES, strict=True)]
    check("\r\n".join([head, *lines, ""]).encode(encode_text))
    check("\r\n".join(["# of my own", head, *reversed(lines), ""]).encode(encode_text))


def test_what_each_column_was_taken_for_is_said() -> None:
    times = LineTimes()
    found = events(b"time,Battery Voltage,amps,note\n2024-05-13T06:00:00Z,52.1,-3,x\n", times)
    (reading,) = found
    assert isinstance(reading, Reading)
    assert reading.as_dict()["remaining_capacity"] is None
    (remark,) = times.remarks
    for part in ("Battery Voltage as voltage in V", "amps as current in A", "Not used: note"):
        assert part in remark


def test_how_large_a_battery_is_does_not_tell_how_full() -> None:
    (reading,) = events(b"time,voltage,current,nominal_capacity\n2024-05-13T06:00:00Z,52.1,-3,280\n")
    assert isinstance(reading, Reading)
    told = reading.as_dict()
    assert (told["nominal_capacity"], told["remaining_capacity"], told["state_of_charge"]) == (280, None, None)


def test_a_frame_in_a_row_goes_before_the_values_beside_it() -> None:
    check(b"time,voltage,current,raw\n" + written(lambda at, f: f'{at.isoformat()},1.5,-2,"{f}"\n'))


@pytest.mark.parametrize(
    "name", ["max_voltage", "cell_voltage_1", "time_to_empty", "charge_power", "message_count", "current limit"]
)
def test_another_column_is_not_taken_for_a_quantity(name: str) -> None:
    assert quantity_of(name)[0] is None


@pytest.mark.parametrize("name", ["sensor.kg_max_voltage", "sensor.cell_voltage", "kg/charge_power", "x/current/limit"])
def test_another_name_is_not_taken_for_a_quantity(name: str) -> None:
    assert owned_quantity(name)[0] is None


# One by one -------------------------------------------------------------------------------------------------

NAMES = ("voltage", "current", "remaining_capacity")
One = Callable[[datetime, str, float], str]


def one_by_one(write: One) -> str:
    return "".join(
        write(at, name, value)
        for at, values in zip(LOCAL, VALUES, strict=True)
        for name, value in zip(NAMES, values, strict=True)
    )


ANNOTATED = (
    "#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,dateTime:RFC3339,double,string\n#default,_result,,,,,,\n"
)
PERIOD = "2024-05-12T00:00:00Z,2024-05-14T00:00:00Z"
ONE_BY_ONE: dict[str, tuple[str, One]] = {
    "Home Assistant": ("entity_id,state,last_changed\nsensor.attic_temperature,31.5,2024-05-13T06:00:00.000Z\n",
                       lambda at, name, value: f"sensor.kg_{name},{value},{utc(at)}\n"),
    "Home Assistant, numbered": ("entity_id,state,last_changed\n",
                                 lambda at, name, value: f"sensor.kg_{name}_2,{value},{utc(at)}\n"),
    "with units": ("entity_id,state,unit,last_changed\n",
                   lambda at, name, value: f"sensor.kg_{name},{value * 1000},m{'VA'[name == 'current']},{utc(at)}\n"
                   if name != "remaining_capacity" else f"sensor.kg_{name},{value},Ah,{utc(at)}\n"),
    "Home Assistant, statistics": ("statistic_id,unit,start,min,max,mean\n",
                                   lambda at, name, value: f"sensor.kg_{name},,{utc(at)},-99,999,{value}\n"),
    "Home Assistant, SQLite": ("entity_id,state,last_updated_ts\n",
                               lambda at, name, value: f"sensor.kg_{name},{value},{at.timestamp()}\n"),
    "Grafana": ('"Time","Metric","Value"\n',
                lambda at, name, value: f'{at:%Y-%m-%d %H:%M:%S},"{name} {{meter=""house""}}",{value}\n'),
    "InfluxDB": (f"{ANNOTATED},result,table,_start,_stop,_time,_value,_field\n",
                 lambda at, name, value: f",,0,{PERIOD},{utc(at)},{value},{name}\n"),
    "mosquitto_sub -F": ("", lambda at, name, value: f"{at:%Y-%m-%dT%H:%M:%S%z} house/kg/{name} {value}\n"),
    "JSON behind a topic": ("", lambda at, name, value:
                            f'kg/{name} {{"value": {value}, "ts": {at.timestamp() * 1000}}}\n'),
    "a topic in columns": ("", lambda at, name, value: f"{at:%Y-%m-%d %H:%M:%S}\tkg/{name}\t{value}\n"),
    "mosquitto_sub -F %J": ("", lambda at, name, value: json.dumps(
        {"tst": at.isoformat(), "topic": f"house/kg/{name}", "payload": str(value)}) + "\n"),
    "openHAB": ("", lambda at, name, value:
                f"{at:%Y-%m-%d %H:%M:%S}.000 [INFO ] [Event] - Item 'Kg_{name}' changed from 1.5 to {value}\n"),
    "ioBroker": ("", lambda at, name, value: f"{at:%Y-%m-%d %H:%M:%S} info: javascript.0 kg.0.{name} = {value}\n"),
    "Prometheus": ("", lambda at, name, value: f'juntek_{name}{{meter="house"}} {value} {at.timestamp() * 1000:.0f}\n'),
    "FHEM": ("", lambda at, name, value: f"{at:%Y-%m-%d_%H:%M:%S} kg {name}: {value}\n"),
}  # fmt: skip


@pytest.mark.parametrize(("head", "write"), ONE_BY_ONE.values(), ids=ONE_BY_ONE)
def test_values_one_by_one_are_joined_by_their_time(head: str, write: One) -> None:
    data = head + one_by_one(write)
    check(data.encode())
    check(data.encode(), cut=7)


LISTS: dict[str, Callable[[str, list[tuple[datetime, float]]], object]] = {
    "Prometheus": lambda name, states: {"status": "success", "data": {"resultType": "matrix", "result": [{
        "metric": {"__name__": f"juntek_{name}", "meter": "kg"},
        "values": [[at.timestamp(), str(value)] for at, value in states],
    }]}},
    "VictoriaMetrics": lambda name, states: {
        "metric": {"__name__": f"juntek_{name}", "meter": "kg"},
        "values": [value for _, value in states], "timestamps": [int(at.timestamp() * 1000) for at, _ in states],
    },
    "Home Assistant": lambda name, states: [[
        {"state": str(value), "last_changed": at.isoformat()} | ({} if number else {"entity_id": f"sensor.kg_{name}"})
        for number, (at, value) in enumerate(states)
    ]],
    "openHAB": lambda name, states: {"name": f"Kg_{name}", "datapoints": "3", "data": [
        {"time": int(at.timestamp() * 1000), "state": str(value)} for at, value in states
    ]},
}  # fmt: skip


@pytest.mark.parametrize("write", LISTS.values(), ids=LISTS)
def test_lists_of_states_are_joined(write: Callable[[str, list[tuple[datetime, float]]], object]) -> None:
    columns = zip(NAMES, zip(*VALUES, strict=True), strict=True)
    check("".join(json.dumps(write(n, [*zip(LOCAL, values, strict=True)])) + "\n" for n, values in columns).encode())


LINES: dict[str, Callable[[datetime, float, float, float], str]] = {
    "words": lambda at, v, i, q: f"{at:%Y-%m-%d %H:%M:%S} INFO Voltage: {v} V, Current: {i} A, Remaining: {q} Ah\n",
    "logfmt": lambda at, v, i, q: f"time={at.isoformat()} level=info voltage={v} current={i} remaining_capacity={q}\n",
    "beside what an outlet says": lambda at, v, i, q: (
        json.dumps(
            {"Time": at.isoformat(), "ENERGY": {"Voltage": 230, "Current": 1.2}, "KG": {"u": v, "i": i, "Remaining": q}}
        )
        + "\n"
    ),
    "a direction without its name": lambda at, v, i, q: (
        json.dumps({"time": at.isoformat(), "volts": v, "amps": abs(i), "remaining": q, "mode": "discharging"}) + "\n"
    ),
    "Python": lambda at, v, i, q: f"{at.isoformat()} got { {'voltage': v, 'current': i, 'remaining': q} }\n",
    "Python alone": lambda at, v, i, q: f"{ {'at': at.isoformat(), 'voltage': v, 'current': i, 'ah': q} }\n",
    "JavaScript": lambda at, v, i, q: (
        f"{at:%d %b %H:%M:%S} - [info] [debug:kg]\n{{\n  voltage: {v},\n  current: {i},\n  is_full: false,\n"
        f"  remaining: {q}\n}}\n"
    ),
    "quotes behind a topic": lambda at, v, i, q: (
        f"[{at:%Y-%m-%d %H:%M:%S}] info: topic 'kg/state', payload '{json.dumps({'u': v, 'i': i, 'ah': q})}'\n"
    ),
    "a line for each": lambda at, v, i, q: (
        f"Time: {at.isoformat()}\nVoltage: {v} V\nCurrent: {i} A\nRemaining: {q} Ah\n\n"
    ),
    "PowerShell": lambda at, v, i, q: (
        f"Time      : {at:%d.%m.%Y %H:%M:%S}\r\n"
        + f"Voltage   : {v}\r\nCurrent   : {i}\r\nRemaining : {q}\r\n\r\n".replace(".", ",")
    ),
    "YAML": lambda at, v, i, q: (
        f"- time: {at.isoformat()}\n  voltage: {v}\n  current: {i}\n  remaining_capacity: {q}\n"
    ),
    "line protocol": lambda at, v, i, q: (
        f"kg,host=a voltage={v},current={i},remaining_ah={q} {at.timestamp() * 1e9:.0f}\n"
    ),
}


@pytest.mark.parametrize("write", LINES.values(), ids=LINES)
def test_several_values_on_a_line_are_a_reading(write: Callable[[datetime, float, float, float], str]) -> None:
    check("".join(write(at, *values) for at, values in zip(LOCAL, VALUES, strict=True)).encode())


@pytest.mark.parametrize("part", ["a=1 ", "voltage=1 ", "2025年1", "a/b "])
def test_a_line_without_end_is_not_searched_for_values(part: str) -> None:
    assert values_in_line(part.encode() * 20_000) == ([], part.encode() * 20_000)


@pytest.mark.parametrize(
    "line",
    [
        "over_voltage=58.4 over_current=200",
        "Max Voltage: 58.4 V, Max Current: 200 A",
        "grid voltage=230 battery voltage=52 current=3",
    ],
)
def test_a_line_that_may_say_something_else_says_nothing(line: str) -> None:
    assert [event for event in events(f"2024-05-13 08:00:00 {line}\n".encode()) if isinstance(event, Reading)] == []


@pytest.mark.parametrize("head", [head for head, _ in ONE_BY_ONE.values() if head])
def test_a_table_by_names_is_put_in_the_order_of_time(head: str) -> None:
    write = next(write for other, write in ONE_BY_ONE.values() if other == head)
    check((head + "".join(sorted(one_by_one(write).splitlines(keepends=True)))).encode())


UNTIMED: dict[str, One] = {
    "mosquitto_sub -v": lambda _, name, value: f"house/kg/{name} {value}\n",
    "Home Assistant's topics": lambda _, name, value: f"homeassistant/sensor/kg_{name}/state {value}\n",
    "ESPHome": lambda at, name, value: f"\x1b[0;36m[{at:%H:%M:%S}][D][sensor:094]: 'Kg {name}': "
    f"Sending state {value:.5f} with 3 decimals of accuracy\x1b[0m\n",
    "ESPHome of 2026": lambda at, name, value: f"[{at:%H:%M:%S}.123][S][sensor]: 'Kg {name}' >> {value:.3f}\n",
}  # fmt: skip


@pytest.mark.parametrize("write", UNTIMED.values(), ids=UNTIMED)
def test_values_without_times_are_joined_as_they_come(write: One) -> None:
    check(one_by_one(write).encode(), timed=False)


def test_a_value_holds_until_it_changes_or_is_unavailable() -> None:
    rows = (
        "kg/voltage 52.65\nkg/current -3\nkg/current -4\nkg/voltage unavailable\nkg/current -5\nkg/current -6\n"
        "kg/voltage 52.5\nkg/current -7\n"
    )
    readings = [event for event in events(rows.encode()) if isinstance(event, Reading)]
    assert [(one.voltage, one.current) for one in readings] == [(52.65, -3), (52.5, -6), (52.5, -7)]


def test_two_meters_are_not_mixed() -> None:
    times = LineTimes()
    rows = (
        "a/kg/voltage 52.65\nb/kg/voltage 13.1\nb/kg/current 2\na/kg/current -3\nb/soc 9\n"
        "b/kg/voltage 13.2\nb/kg/current 3\n"
    )
    readings = [event for event in events(rows.encode(), times) if isinstance(event, Reading)]
    assert [(one.voltage, one.current) for one in readings] == [(13.1, 2), (13.2, 3)]
    assert "a_kg" in times.remarks[-1]


def test_frames_go_before_the_values_beside_them() -> None:
    check(
        written(
            lambda at, f: (
                f"{at.isoformat()} kg/raw {f}\n{at.isoformat()} kg/voltage 1.5\n{at.isoformat()} kg/current 2\n"
            )
        )
    )


TWO_TIMES = {
    "InfluxDB, annotated": (f"{ANNOTATED},result,table,_start,_stop,_time,_value,_field\n",
                            ',,0,{period},{time},"{f}",raw\n'),
    "influx, a table": ("Result: _result\n  _start:time  _stop:time  _field:string  _time:time  _value:string\n----\n",
                        "{start}  {stop}  raw  {time}  {f}\n"),
    "InfluxDB 3": ("+---+---+\n| raw | time |\n+---+---+\n", "| {f} | {naive} |\n"),
}  # fmt: skip


@pytest.mark.parametrize(("head", "row"), TWO_TIMES.values(), ids=TWO_TIMES)
def test_of_several_times_beside_a_frame_its_own_is_taken(head: str, row: str) -> None:
    start, stop = PERIOD.split(",")
    body = written(
        lambda at, f: row.format(period=PERIOD, start=start, stop=stop, time=utc(at), naive=utc(at)[:-5], f=f)
    )
    check(head.encode() + body)


PARTS = 'Time,"kg voltage","kg current","kg remaining"\n'


def test_rows_that_have_each_a_part_of_a_reading_are_joined() -> None:
    rows = "2024-05-13 08:00:00,52.65,,\n2024-05-13 08:00:00,,-3,250\n2024-05-13 08:09:00,,-4,250\n"
    readings = [event for event in events((PARTS + rows).encode()) if isinstance(event, Reading)]
    assert [(one.voltage, one.current) for one in readings] == [(52.65, -3)]


def test_parts_of_two_meters_are_no_reading() -> None:
    rows = "time,device,voltage,current\n2024-05-13 08:00:00,a,52.65,\n2024-05-13 08:00:00,b,,-3\n"
    assert not [event for event in events(rows.encode()) if isinstance(event, Reading)]
    (reading,) = events((rows + "2024-05-13 08:00:01,b,13.1,\n").encode())
    assert isinstance(reading, Reading)
    assert (reading.voltage, reading.current) == (13.1, -3)


SPICE = [
    b"{",
    b"}",
    b"[",
    b"'",
    b'"',
    b",",
    b"\n",
    b"\0",
    b"\xff",
    b"-" * 50,
    b"9" * 30,
    b"1e999",
    b"Europe/",
    b"\t",
    b"{'a':" * 20,
]


def test_a_log_that_is_damaged_anywhere_is_read_as_far_as_it_goes() -> None:
    dice = random.Random(5)
    logs = [head.encode() + one_by_one(write).encode() for head, write in ONE_BY_ONE.values()]
    for writes in (
        [(f"{head}\n", write) for head, write in TABLES.values()],
        [("", write) for write in LINES.values()],
    ):
        for head, line in writes:
            lines = [line(at, *values) for at, values in zip(LOCAL, VALUES, strict=True)]
            logs.append((head + "\n".join(lines)).encode())
    for _ in range(500):
        data, at = dice.choice(logs), dice.randrange(500)
        for added in (dice.choice(SPICE), dice.choice(logs)[: dice.randrange(200)], b""):
            data, at = data[:at] + added + data[at + dice.randrange(20) :], dice.randrange(500)
        events(data, cut=dice.choice((7, 4096)))
