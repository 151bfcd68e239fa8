"""Line protocol and the real InfluxDB 1, the strictest judge of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from juntek.outputs.timeseries import TimeseriesOptions
from juntek.outputs.timeseries.line_protocol import TargetError
from juntek.outputs.timeseries.target import open_target
from outputs.pushed import LOGIN, START, STRANGE, USER, check_taken, lines, opened, trouble, volts
from servers.certificates import CertificateAuthority, ServerCertificate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from servers.engines import InfluxDB

YEAR = 365 * 86_400_000


async def test_influxdb_has_every_value_as_it_was_written(influxdb: InfluxDB) -> None:
    influxdb.create_database("home")
    async with opened(influxdb, "/write?db=home") as target:
        await check_taken(target, lines(2000))
        await check_taken(target, lines(2000))  # it keeps a point once
    rows = await asyncio.to_thread(influxdb.query, "SELECT * FROM juntek", "home")
    assert [(row["time"], row["voltage_volts"]) for row in rows] == [
        (START + 1000 * number, volts(number)) for number in range(2000)
    ]
    assert {(row["meter"], row["site"], row["current_amperes"]) for row in rows} == {("house", "home", -1.5)}


@pytest.mark.parametrize("meter", STRANGE)
async def test_influxdb_keeps_meters_with_strange_names_apart(influxdb: InfluxDB, meter: str) -> None:
    influxdb.create_database("home")
    async with opened(influxdb, "/write?db=home") as target:
        await check_taken(target, lines(1, meter=meter))
    rows = await asyncio.to_thread(influxdb.query, "SELECT * FROM juntek", "home")
    assert [row["meter"] for row in rows] == [meter]


async def test_influxdb_without_the_database_or_the_path_is_told(influxdb: InfluxDB) -> None:
    said = await trouble(influxdb, "/write?db=nowhere")
    assert '(database not found: "nowhere"); create it there, or correct the URL.' in str(said)
    assert "wants to know the database" in str(await trouble(influxdb, "/write"))
    assert "takes nothing at /api/v2/write" in str(await trouble(influxdb, "/api/v2/write?org=a&bucket=b"))


async def test_influxdb_with_a_login(start_influxdb: Callable[..., InfluxDB], tmp_path: Path) -> None:
    engine = start_influxdb(user=USER)
    engine.create_database("home")
    file = tmp_path / "password"
    file.write_text(f"{USER.password}\n", encoding="utf-8")
    async with opened(engine, "/write?db=home", username=USER.name, password_file=file) as target:
        await check_taken(target, lines(100))
    said = await trouble(engine, "/write?db=home", username=USER.name, password="guess")  # noqa: S106
    assert 'refuses the user "house"; check timeseries.username and timeseries.password.' in str(said)
    said = await trouble(engine, "/write?db=home")
    assert "wants a login; set timeseries.username and timeseries.password_file" in str(said)
    engine.query("CREATE USER reader WITH PASSWORD 'x'")
    said = await trouble(engine, "/write?db=home", username="reader", password="x")  # noqa: S106
    assert 'does not let the user "reader" write' in str(said)
    assert len(engine.query("SELECT voltage_volts FROM juntek", "home")) == 100


@pytest.mark.parametrize(
    ("certificate", "sentence"),
    [
        (ServerCertificate.EXPIRED, "certificate that is out of date (certificate has expired); renew it, or set"),
        (ServerCertificate.WRONG_HOST, "certificate of another name (IP address mismatch, certificate is not valid"),
    ],
)
async def test_influxdb_with_a_bad_certificate_gets_no_password(
    start_influxdb: Callable[..., InfluxDB], certificate: ServerCertificate, sentence: str
) -> None:
    engine = start_influxdb(certificate=certificate)
    said = await trouble(engine, "/write?db=home", ca_file=engine.authority_certificate, **LOGIN)
    assert sentence in str(said)


async def test_influxdb_with_tls(start_influxdb: Callable[..., InfluxDB], tmp_path: Path) -> None:
    engine = start_influxdb(certificate=ServerCertificate.GOOD)
    engine.create_database("home")
    async with opened(engine, "/write?db=home", ca_file=engine.authority_certificate) as target:
        await check_taken(target, lines(1000))
    other = CertificateAuthority(tmp_path / "other").certificate
    for trusted in (None, other):
        said = str(await trouble(engine, "/write?db=home", ca_file=trusted))
        assert "is not trusted" in said
        assert "; give its authority as timeseries.ca_file." in said
    async with open_target(
        TimeseriesOptions(url=f"{engine.url.replace('https', 'http')}/write?db=home"), "1"
    ) as target:
        # It says so and hangs up at once; which of the two is seen first is chance.
        with pytest.raises(TargetError, match=r"begin timeseries\.url with https://|https:// where it speaks TLS"):
            await target.write(lines(3))
