"""The live view: what it draws at every size, and the program itself on a real terminal."""

from __future__ import annotations

import itertools
import signal
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

import juntek
from cli.program import on_a_terminal, run, simulator
from juntek.cli.formats import draw_bars
from juntek.cli.watch_view import Trend, Watched, draw
from juntek.reading import Reading
from juntek.update import Health, Update

SIZES = [(80, 24), (120, 40), (50, 20), (30, 10)]
LINK = "socket://192.168.1.20:4001"
EVENTS = juntek.decode(
    b":r00=1,212,2140,110,1,\r\n"
    b":r51=1,142,0,0,0,0,0,100,0,0,2800,100,100,100,0,0,1,\r\n"
    b":r50=1,159,5236,430,167612,468,421,510,120,0,0,1,1565,0,\r\n"
)
(IDENTITY,) = (event for event in EVENTS if isinstance(event, juntek.Identity))
(SETTINGS,) = (event for event in EVENTS if isinstance(event, juntek.Settings))
(READING,) = (event for event in EVENTS if isinstance(event, juntek.Reading))
WELL = Health(mode="poll", connected=True, frames=412, garbage=Counter(checksum=2, noise=1))


def watched_with(health: Health, *, readings: int = 0, heard: float | None = None) -> Watched:
    """A meter that has been watched for some time, discharging at first and then charging."""
    watched = Watched(LINK, 1, started=0.0)
    reading: Reading | None = None
    for second in range(readings):
        current = second / 4 - 20
        reading = READING._replace(
            voltage=52.0 + current / 50,
            current=current,
            power=52 * current,
            direction="charging" if current > 0 else "discharging",
        )
        watched.trend.add(reading, float(second))
    watched.heard = heard
    identity, settings = (IDENTITY, SETTINGS) if readings else (None, None)
    watched.update = Update("meter", bool(readings), reading, identity, settings, health)
    return watched


STATES = {
    "nothing yet": (Watched(LINK, 1, started=0.0), 2.0),
    "listening first": (watched_with(Health(mode="starting", connected=True)), 2.0),
    "a display that asks another": (watched_with(Health(mode="listen", connected=True)), 9.0),
    "no answer": (watched_with(Health(mode="poll", connected=True, error="No answer from address 1.")), 12.0),
    "all is well": (watched_with(WELL, readings=160, heard=99.5), 100.0),
    "late": (watched_with(WELL, readings=160, heard=93.0), 100.0),
    "silent": (watched_with(replace(WELL, error="No answer from address 1."), readings=160, heard=10.0), 100.0),
    "no link": (
        watched_with(
            replace(WELL, mode="starting", connected=False, error="The link was lost; check the plug.", reconnects=2),
            readings=160,
            heard=10.0,
        ),
        100.0,
    ),
    "the end of a recording": (
        watched_with(replace(WELL, mode="closed", connected=False), readings=160, heard=9.0),
        100.0,
    ),
}


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_view_of_a_meter_that_is_well(size: tuple[int, int], snapshot: SnapshotAssertion) -> None:
    watched, now = STATES["all is well"]
    assert draw(watched, now, *size).plain == snapshot


@pytest.mark.parametrize("state", STATES)
def test_the_view_says_what_is_going_on(state: str, snapshot: SnapshotAssertion) -> None:
    watched, now = STATES[state]
    lines = draw(watched, now, 80, 24).plain.splitlines()
    assert (lines[0], lines[2:6] if watched.update.reading is None else [], lines[-5:]) == snapshot


@pytest.mark.parametrize("readings", [0, 160])
def test_the_view_says_that_it_is_the_gateway_that_asks(readings: int) -> None:
    watched = watched_with(WELL, readings=readings, heard=99.5 if readings else None)
    watched.by_gateway = True
    shown = draw(watched, 100.0, 80, 24).plain
    assert "gateway is polling" in shown
    assert readings or "The gateway is asking address 1" in shown


@pytest.mark.parametrize("state", STATES)
def test_the_view_never_is_larger_than_the_terminal(state: str) -> None:
    watched, now = STATES[state]
    for width, height in itertools.product((1, 20, 21, 59, 60, 75, 76, 80, 109, 110, 300), (1, 5, 12, 24, 60)):
        lines = draw(watched, now, width, height).plain.split("\n")
        assert len(lines) <= height
        assert max(map(len, lines)) <= width


def test_what_is_not_known_is_not_drawn() -> None:
    watched, now = STATES["all is well"]
    reading = READING._replace(nominal_capacity=None, temperature=None)
    watched = replace(watched, update=watched.update._replace(reading=reading))
    text = draw(watched, now, 80, 24).plain
    assert "%" not in text
    assert "°C" not in text
    assert "the whole is not known yet" in text
    assert "None" not in text


# The curves -------------------------------------------------------------------------------------------------


@given(st.lists(st.one_of(st.none(), st.floats(-500, 500))), st.integers(1, 6))
def test_bars_are_as_long_as_the_values_and_as_high_as_the_rows(values: list[float | None], rows: int) -> None:
    lines = draw_bars(values, -500, 500, rows)
    assert [len(line) for line in lines] == [len(values)] * rows
    for column, value in enumerate(values):
        assert (lines[-1][column] == " ") == (value is None)


def test_bars_grow_with_the_values() -> None:
    assert draw_bars([0, 1, 2, 3, 4, 5, 6, 7], 0, 7, 1) == ["▁▂▃▄▅▆▇█"]
    assert draw_bars([0, None, 7.5, 15], 0, 15, 2) == ["  ▁█", "▁ ██"]


def test_a_gap_in_the_readings_is_a_gap_in_the_curve() -> None:
    trend = Trend()
    for second, voltage in ((0, 50.0), (1, 51.0), (1.5, 53.0), (4, 54.0)):
        trend.add(READING._replace(voltage=voltage), second)
    assert trend.columns("voltage", 6) == [None, 50.0, 52.0, None, None, 54.0]


def test_the_curve_takes_longer_steps_when_time_goes_on() -> None:
    trend = Trend()
    for second in range(100):
        trend.add(READING, float(second))
    assert (trend.span(100), trend.span(60), trend.span(30)) == (1, 2, 5)
    assert trend.columns("voltage", 60).count(None) == 10


# The program ------------------------------------------------------------------------------------------------


def test_the_view_follows_the_meter_and_its_link_and_ends_with_q() -> None:
    with simulator() as meter, on_a_terminal("watch", meter.url) as screen:
        screen.wait_for("KG140F")
        screen.wait_for("polling")
        meter.stop()
        screen.wait_for("no link")
        screen.wait_for("there; start it")
        with simulator("--listen", meter.url.replace("socket", "tcp")):
            screen.wait_for("polling")
            screen.type("q")
            assert screen.wait_for_end() == 0


def test_a_signal_is_a_good_end_too() -> None:
    with simulator("--display") as meter, on_a_terminal("watch", meter.url) as screen:
        screen.wait_for("listening")
        screen.process.send_signal(signal.SIGINT)
        assert screen.wait_for_end() == 0


def test_without_a_terminal_there_is_something_better() -> None:
    result = run("watch", "socket://127.0.0.1:1")
    assert (result.status, result.output) == (2, "")
    assert result.talk == "A live view needs a terminal; for a file or a pipe use: juntek read\n"
