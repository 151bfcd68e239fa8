"""The keys of a [[timeseries]] section."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from juntek.errors import ConfigurationError
from juntek.outputs.timeseries import OUTPUT, TimeseriesOptions

URL = "http://127.0.0.1:8428/write"


def test_one_key_is_enough() -> None:
    options = TimeseriesOptions(url=URL)
    assert (options.interval, options.rate, options.username, options.label) == (1.0, 10_000, None, "127.0.0.1:8428")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8428/write",
        "http://pi/write?db=home",
        "https://influx.example/api/v2/write?org=a%20b&bucket=home",
        "https://influx.example:8181/api/v3/write_lp?db=home",
        "http://[::1]:8086/prefix/write",
        "http://pi:8480/insert/0/influx/write",
        "http://pi:8428/influx/api/v2/write",
        "http://pi:9009/api/v1/push/influx/write",
        "HTTP://Pi.local/write/",
    ],
)
def test_url_of_every_engine_is_taken(url: str) -> None:
    assert TimeseriesOptions(url=url).url == url


@pytest.mark.parametrize(
    ("url", "label"),
    [
        ("http://pi/write", "pi:80"),
        ("https://influx.example/write", "influx.example:443"),
        ("http://[fe80::1]:8086/write", "[fe80::1]:8086"),
    ],
)
def test_target_without_a_name_is_called_by_host_and_port(url: str, label: str) -> None:
    assert TimeseriesOptions(url=url).label == label
    assert TimeseriesOptions(url=url, name="workshop").label == "workshop"


def test_reading_may_come_late_by_a_tenth_of_a_batch() -> None:
    assert OUTPUT.max_latency(TimeseriesOptions(url=URL, interval=10)) == 1.0


PATHS = (
    "add /write for VictoriaMetrics, QuestDB and InfluxDB 1 (?db=...), /api/v2/write?org=...&bucket=... for InfluxDB "
    "2, /api/v3/write_lp?db=... for InfluxDB 3."
)
FORM = 'timeseries.url is a URL such as "http://127.0.0.1:8428/write"'


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"url": "http://pi:8428"}, f'timeseries.url "http://pi:8428" lacks a path; {PATHS}'),
        ({"url": "http://pi:8428/"}, f'timeseries.url "http://pi:8428" lacks a path; {PATHS}'),
        ({"url": "http://pi:8428?db=home"}, f'timeseries.url "http://pi:8428" lacks a path; {PATHS}'),
        (
            {"url": "http://pi:8428/api/v1/write"},
            f"timeseries.url leads to /api/v1/write, which does not keep what we send; write {PATHS[4:]}",
        ),
        (
            {"url": "http://pi:8428/api/v1/import/prometheus"},
            "timeseries.url leads to /api/v1/import/prometheus, which",
        ),
        ({"url": "http://pi/victoria/api/v1/import/?x=1"}, "timeseries.url leads to /api/v1/import, which does not"),
        ({"url": "http://pi:8086/query?db=home"}, "timeseries.url leads to /query, which does not keep what we send"),
        ({"url": ""}, f'{FORM}, not "".'),
        ({"url": "pi:8428/write"}, f'{FORM}, not "pi:8428/write".'),
        ({"url": "tcp://pi/write"}, f'{FORM}, not "tcp://pi/write".'),
        ({"url": "http:///write"}, f'{FORM}, not "http:///write".'),
        ({"url": "http://pi:0/write"}, f'{FORM}, not "http://pi:0/write".'),
        ({"url": "http://pi:65536/write"}, f"{FORM}, with a port of 1 to 65535 and an IPv6 address in brackets"),
        ({"url": "http://[::1/write"}, f"{FORM}, with a port of 1 to 65535 and an IPv6 address in brackets"),
        ({"url": "http://pi/write?db=a b"}, "timeseries.url has spaces in it; write %20 for each."),
        ({"url": "http://pi/write\n"}, "timeseries.url has spaces in it; write %20 for each."),
        ({"url": "http://pi/write?db=a#b"}, "timeseries.url has a #, after which nothing is sent; write %23 for it."),
        ({"url": f"{URL}?db=a&precision=s"}, "timeseries.url has a precision; leave it out, as times are always sent"),
        ({"name": " workshop"}, "timeseries.name has spaces around it or characters that cannot be shown"),
        ({"name": "work\nshop"}, "timeseries.name has spaces around it or characters that cannot be shown"),
        ({"interval": 0.01}, "timeseries.interval is 0.1 to 3600 s, not 0.01."),
        ({"interval": 3601.0}, "timeseries.interval is 0.1 to 3600 s, not 3601."),
        ({"interval": float("nan")}, "timeseries.interval is 0.1 to 3600 s, not nan."),
        ({"rate": 9}, "timeseries.rate is 10 to 1000000 readings a second, not 9."),
        ({"rate": 1e7}, "timeseries.rate is 10 to 1000000 readings a second, not 10000000."),
        ({"ca_file": Path("x")}, "timeseries.ca_file is for TLS only; begin timeseries.url with https:// too."),
        ({"username": "house"}, "timeseries.username needs its password; set timeseries.password_file too."),
        ({"password": "x"}, "timeseries.password needs a user name; set timeseries.username too."),
        ({"password_file": Path("x")}, "timeseries.password_file needs a user name; set timeseries.username too."),
        ({"username": "a:b", "password": "x"}, "timeseries.username has a colon, which HTTP does not allow"),
        ({"token": "x", "username": "house", "password": "x"}, "timeseries.token and timeseries.username are two ways"),
        ({"token_file": Path("x"), "username": "house"}, "timeseries.token and timeseries.username are two ways"),
    ],
)
def test_wrong_value_is_refused_with_the_key_and_the_mend(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        TimeseriesOptions(**{"url": URL} | values)
    assert str(refusal.value).startswith(sentence)
    assert str(refusal.value).endswith(".")


@pytest.mark.parametrize(
    "url",
    [
        "http://house:hunter2@pi/write",
        "http://house:hunter2@pi:8428",
        "http://hunter2@pi/write",
        "ftp://house:hunter2@pi/write",
        "http://house:hunter2/x@pi/write",
        "http://pi/write?db=home&u=house&p=hunter2",
        "http://pi/write?db=home&P=hunter2",
        "http://pi/write?authKey=hunter2",
        "http://pi?token=hunter2",
    ],
)
def test_secret_in_the_url_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        TimeseriesOptions(url=url)
    assert "hunter2" not in str(refusal.value)


def test_secrets_are_not_shown() -> None:
    assert "hunter2" not in repr(TimeseriesOptions(url=URL, username="house", password="hunter2"))  # noqa: S106
    assert "hunter2" not in repr(TimeseriesOptions(url=URL, token="hunter2"))  # noqa: S106
