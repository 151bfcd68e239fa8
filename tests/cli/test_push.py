"""`juntek history push` as an owner runs it: the past into a new engine, stopped and run again."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cli.program import PATIENCE, environment, run
from history.made import START
from juntek.files import hold, lock_of
from juntek.history.cursors import Cursors
from juntek.outputs.timeseries import TimeseriesOptions
from juntek.outputs.timeseries.delivery import BATCH
from outputs.delivering import Points, check_all, check_same, expected, in_influxdb, in_victoria_metrics
from outputs.moody import write_history
from servers.engines import InfluxDB, VictoriaMetrics
from servers.process import free_port, started

COUNT = 6_000
WEEK = 7 * 86_400


@pytest.fixture
def engine(start_victoria_metrics: Callable[..., VictoriaMetrics]) -> VictoriaMetrics:
    """Keeps once what comes twice, started as compose.yaml does."""
    return start_victoria_metrics("-dedup.minScrapeInterval=1ms")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recorded") / "juntek.db"
    write_history(path, 0, COUNT)
    return path


@pytest.fixture
def database(recorded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(recorded, tmp_path))


def push(database: Path, *arguments: object, status: int = 0) -> str:
    ended = run("history", "push", *arguments, "--database", database)
    assert ended.status == status, ended.talk
    return ended.output if status == 0 else ended.talk


def configure(home: Path, database: Path, *urls: str) -> None:
    targets = "".join(f'[[timeseries]]\nurl = "{url}"\n' for url in urls)
    meter = '[[meters]]\nname = "house"\nlink = "/dev/ttyUSB0"\n'
    (home / "juntek.toml").write_text(f'{meter}[history]\npath = "{database}"\n{targets}')


def before(database: Path, minutes: int) -> Points:
    """What the history has of the first minutes from 15:00."""
    start = 1000 * (round(START) + 2800)
    return Points({p: count for p, count in expected(database).items() if start <= p[0] < start + 60_000 * minutes})


@contextmanager
def gateway_of(database: Path, label: str) -> Iterator[None]:
    """What a gateway keeps others off from, as long as it runs."""
    with hold(lock_of(database)) as first, hold(lock_of(database, label)) as alone:
        assert first
        assert alone
        yield


def test_a_new_engine_gets_all_there_is(database: Path, engine: VictoriaMetrics) -> None:
    url = f"{engine.url}/write"
    place = url.split("/")[2]
    assert push(database, url) == f"{COUNT} readings sent to {place}.\n"
    check_all(lambda: in_victoria_metrics(engine), database)
    assert push(database, url).startswith(f"Nothing is left to send to {place};")
    check_all(lambda: in_victoria_metrics(engine), database)


def test_a_push_that_is_killed_is_run_again_and_nothing_is_doubled(database: Path, engine: VictoriaMetrics) -> None:
    url = f"{engine.url}/write"
    command = [sys.executable, "-m", "juntek", "history", "push", url, "--rate", "100", "--database", str(database)]
    with started(*command, env=environment()):
        end = time.monotonic() + PATIENCE
        while not in_victoria_metrics(engine):
            assert time.monotonic() < end
    assert 0 < len(in_victoria_metrics(engine)) < len(expected(database))
    push(database, url)
    check_all(lambda: in_victoria_metrics(engine), database)


def test_a_range_is_sent_once_more_where_it_is_asked_for(database: Path, engine: VictoriaMetrics) -> None:
    url = f"{engine.url}/write"
    push(database, url, "--from", "2026-09-21T15:00", "--to", "2026-09-21T15:10")
    check_same(lambda: in_victoria_metrics(engine), before(database, minutes=10))
    push(database, url, "--from", "2026-09-21T15:05", "--to", "2026-09-21T15:15")
    check_same(lambda: in_victoria_metrics(engine), before(database, minutes=15))


@pytest.mark.parametrize(("refused_week", "first", "second"), [(0, 600, 600), (2, 5000, 600)], ids=["first", "last"])
def test_readings_that_an_engine_refuses_are_told_and_hold_up_no_others(
    tmp_path: Path, influxdb: InfluxDB, refused_week: int, first: int, second: int
) -> None:
    """InfluxDB takes no number into a field that has text in the same week."""
    path = tmp_path / "juntek.db"
    write_history(path, 0, first)
    write_history(path, 2 * WEEK, second)
    influxdb.create_database("juntek")
    text = f'juntek,meter=other,site=home voltage_volts="much" {round(START + refused_week * WEEK)}'
    influxdb.write("juntek", text, "s")
    ended = run("history", "push", f"{influxdb.url}/write?db=juntek", "--database", path)
    assert ended.status == 0
    sent, refused = (first, second) if refused_week else (second, first)
    assert ended.output.startswith(f"{sent} readings sent to")
    assert ended.talk.startswith(f"{refused} readings were refused: ")
    assert "field type conflict" in ended.talk
    border = (START + WEEK) * 1000
    expected_there = {point for point in expected(path) if (point[0] < border) is bool(refused_week)}
    assert {point for point in in_influxdb(influxdb) if (point[0] < border) is bool(refused_week)} == expected_there


def test_an_engine_that_refuses_all_is_told_and_has_all_once_it_is_mended(tmp_path: Path, influxdb: InfluxDB) -> None:
    path = tmp_path / "juntek.db"
    write_history(path, 0, 3000)
    influxdb.create_database("juntek")
    influxdb.write("juntek", f'juntek,meter=other,site=home voltage_volts="much" {round(START)}', "s")
    for _ in range(2):
        talk = push(path, f"{influxdb.url}/write?db=juntek", status=6)
        assert "refuses all that it is sent (partial write: field type conflict" in talk
    influxdb.query("DROP DATABASE juntek")
    influxdb.create_database("juntek")
    assert push(path, f"{influxdb.url}/write?db=juntek").startswith("3000 readings sent to")
    check_all(lambda: in_influxdb(influxdb), path)


def test_an_engine_under_another_name_gets_all_again_and_keeps_it_once(database: Path, engine: VictoriaMetrics) -> None:
    push(database, f"{engine.url}/write")
    push(database, f"{engine.url.replace('127.0.0.1', 'localhost')}/write")
    check_all(lambda: in_victoria_metrics(engine), database)


def test_what_a_running_gateway_sends_is_left_to_it(database: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}/write"
    place = url.split("/")[2]
    with gateway_of(database, place):
        said = push(database, url)
    assert said == (
        f"The gateway that is running sends {place} what it has not got, about {COUNT} readings, beside the new ones.\n"
    )
    with Cursors(database, place) as cursors:
        assert cursors.look()["house"][0].has_gap


def test_what_another_push_sends_is_left_to_it(database: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}/write"
    place = url.split("/")[2]
    with hold(lock_of(database, place)):
        said = push(database, url, status=6)
    assert said == f"Another push to {place} is running; let it end, then run this again.\n"


def test_what_is_too_old_for_an_engine_is_counted_and_the_rest_arrives(tmp_path: Path, influxdb: InfluxDB) -> None:
    path = tmp_path / "juntek.db"
    newest = int(time.time() - START) - 1000
    write_history(path, newest - 40 * 86_400, 2 * BATCH)
    write_history(path, newest, 100)
    influxdb.query('CREATE DATABASE "juntek" WITH DURATION 7d')
    ended = run("history", "push", f"{influxdb.url}/write?db=juntek", "--database", path)
    assert ended.output.startswith("100 readings sent to"), ended.talk
    assert ended.talk.startswith(f"{2 * BATCH} readings were refused: partial write: points beyond retention policy")
    assert len(in_influxdb(influxdb)) == 100 * 12


def test_asking_again_lets_a_running_gateway_send_nothing_again(database: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}/write"
    place = url.split("/")[2]
    with gateway_of(database, place):
        push(database, url)
        with Cursors(database, place) as cursors:
            cursor, _ = cursors.look()["house"]
            cursors.save({"house": cursor._replace(past=cursor.until)})
        for _ in range(2):
            assert push(database, url) == (
                f"The gateway that is running sends {place} the new ones, and it has all others.\n"
            )


def test_another_database_of_the_same_engine_is_another_target(
    database: Path, tmp_path: Path, influxdb: InfluxDB
) -> None:
    for name in ("boats", "juntek"):
        influxdb.create_database(name)
    configure(tmp_path, database, f"{influxdb.url}/write?db=boats")
    place = influxdb.url.split("/")[2]
    with gateway_of(database, TimeseriesOptions(url=f"{influxdb.url}/write?db=boats").label):
        ended = run("history", "push", f"{influxdb.url}/write?db=juntek", home=tmp_path)
    assert ended.output == f"{COUNT} readings sent to {place}/write?db=juntek.\n"
    check_all(lambda: in_influxdb(influxdb), database)


def test_a_target_that_is_away_costs_the_others_nothing(
    database: Path, tmp_path: Path, engine: VictoriaMetrics
) -> None:
    configure(tmp_path, database, f"http://127.0.0.1:{free_port()}/write", f"{engine.url}/write")
    ended = run("history", "push", home=tmp_path)
    assert (ended.status, ended.talk.count("\n")) == (6, 1)
    assert "is not there; start it, or check host and port in timeseries.url." in ended.talk
    assert ended.output == f"{COUNT} readings sent to {engine.url.split('/')[2]}.\n"
    check_all(lambda: in_victoria_metrics(engine), database)


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        ((), 2, "There is no [[timeseries]] in the configuration; give the URL of the target."),
        (("127.0.0.1:8428",), 2, 'URL is a URL such as "http://127.0.0.1:8428/write"'),
        (("http://127.0.0.1:1/write",), 6, "is not there; start it, or check host and port in URL."),
        (("http://127.0.0.1:1/write", "--username", "a"), 2, "--username needs its password; set --password-file too."),
        (("http://127.0.0.1:1/write", "--meter", "barn"), 2, 'There is no history of a meter "barn"; there is one of'),
        (("http://127.0.0.1:1/write", "--from", "may"), 2, '"may" is no time'),
        (("http://127.0.0.1:1/write", "--rate", "1"), 2, "--rate is 10 to"),
        (("http://127.0.0.1:1/write", "--token-file", "none"), 2, "--token-file none does not exist"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    database: Path, tmp_path: Path, arguments: tuple[str, ...], status: int, sentence: str
) -> None:
    ended = run("history", "push", *arguments, "--database", database, home=tmp_path)
    assert ended.status == status
    assert sentence in ended.talk
    assert ended.talk.count("\n") == 1


def test_what_cannot_be_sent_from_here_is_not_asked_for(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"http://127.0.0.1:{free_port()}/write"
    push(database, url, "--token-file", "none", status=2)
    for module in ("delivery", "target"):
        monkeypatch.delitem(sys.modules, f"juntek.outputs.timeseries.{module}", raising=False)
    monkeypatch.setitem(sys.modules, "httpx", None)
    assert "A library is missing (httpx)" in push(database, url, status=6)
    with Cursors(database, url.split("/")[2]) as cursors:
        assert not cursors.look()["house"][0].has_gap
