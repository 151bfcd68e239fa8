"""Line protocol and the real VictoriaMetrics, alone and with vmauth before it."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from typing import TYPE_CHECKING, Any

import pytest

from juntek.outputs.timeseries import TimeseriesOptions
from juntek.outputs.timeseries.line_protocol import TargetError
from juntek.outputs.timeseries.target import open_target
from outputs.pushed import LOGIN, START, USER, check_taken, lines, opened, trouble, volts
from servers.certificates import ServerCertificate
from servers.engine import once_shown

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from servers.engines import VictoriaMetrics


@pytest.mark.parametrize("path", ["/write", "/influx/write", "/api/v2/write?org=a&bucket=b", "/influx/api/v2/write"])
async def test_victoria_metrics_has_every_value_as_it_was_written(victoria_metrics: VictoriaMetrics, path: str) -> None:
    async with opened(victoria_metrics, path) as target:
        await check_taken(target, lines(2000))
    wanted = {
        'juntek_voltage_volts{meter="house",site="home"}': [(START + 1000 * n, volts(n)) for n in range(2000)],
        'juntek_current_amperes{meter="house",site="home"}': [(START + 1000 * n, -1.5) for n in range(2000)],
    }
    found = await asyncio.to_thread(once_shown, lambda: victoria_metrics.export('{__name__=~"juntek.*"}'), wanted)
    assert found == wanted


@pytest.mark.parametrize("part", [40_001, 60_002])
async def test_victoria_metrics_makes_no_reading_of_the_piece_of_a_line_before_a_break(
    victoria_metrics: VictoriaMetrics, part: int
) -> None:
    """The way there lets a part through and no more, until we give up; it breaks there as it breaks here."""
    ended = asyncio.Event()

    async def let_through(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, there = await asyncio.open_connection(victoria_metrics.host, victoria_metrics.port)
        try:
            there.write(await reader.readexactly(part))
            await there.drain()
            await asyncio.sleep(0.4)
            await reader.read()
            there.close()
        except ConnectionError:
            there.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            there.transport.abort()
        finally:
            writer.close()
            ended.set()

    way = await asyncio.start_server(let_through, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{way.sockets[0].getsockname()[1]}/write"
    noise = random.Random(part)
    some = [b"juntek,meter=house voltage_volts=%r,current_amperes=%r %d000000\n"
            % (noise.random(), noise.random(), START + 1000 * number) for number in range(5000)]  # fmt: skip
    async with way, open_target(TimeseriesOptions(url=url), "1", response_time=0.2) as target:
        with pytest.raises(TargetError, match="takes too long"):
            await target.write(some)
        async with asyncio.timeout(30):
            await ended.wait()
    await asyncio.sleep(1)
    found = await asyncio.to_thread(victoria_metrics.export, '{__name__=~"juntek.*"}')
    times = {time for values in found.values() for time, _ in values}
    assert times
    assert not times - {START + 1000 * number for number in range(5000)}, "made up of a piece, which has no time"


async def test_victoria_metrics_with_a_password_and_tls(
    start_victoria_metrics: Callable[..., VictoriaMetrics], tmp_path: Path
) -> None:
    engine = start_victoria_metrics(user=USER, certificate=ServerCertificate.GOOD)
    file = tmp_path / "password"
    file.write_text(f"{USER.password}\n", encoding="utf-8")
    trusted: dict[str, Any] = {"ca_file": engine.authority_certificate}
    async with opened(engine, "/write", username=USER.name, password_file=file, **trusted) as target:
        await check_taken(target, lines(100))
    assert "refuses the user" in str(await trouble(engine, "/write", username="house", password="no", **trusted))  # noqa: S106
    assert "wants a login; set" in str(await trouble(engine, "/write", **trusted))
    assert "is not trusted" in str(await trouble(engine, "/write", **LOGIN))


@pytest.mark.parametrize("path", ["/wrote", "/api/v3/write_lp?db=home"])
async def test_victoria_metrics_has_no_other_path(victoria_metrics: VictoriaMetrics, path: str) -> None:
    said = await trouble(victoria_metrics, path)
    assert "takes nothing at /" in str(said)
    assert "; check host, port and path in timeseries.url (/write, /api/v2/write or" in str(said)


@pytest.mark.parametrize("path", ["/write", "/api/v2/write"])
async def test_vmauth_takes_a_token_and_does_not_show_a_wrong_one(
    victoria_metrics: VictoriaMetrics, start_vmauth: Callable[[str], int], path: str
) -> None:
    url = victoria_metrics.url
    port = start_vmauth(f'users:\n- bearer_token: "right"\n  url_prefix: "{url}"\n')
    async with open_target(TimeseriesOptions(url=f"http://127.0.0.1:{port}{path}", token="right"), "1") as target:  # noqa: S106
        await check_taken(target, lines(100))
    async with open_target(TimeseriesOptions(url=f"http://127.0.0.1:{port}{path}", token="hunter2"), "1") as target:  # noqa: S106
        with pytest.raises(TargetError, match=r"refuses the token; check timeseries\.token\."):
            await target.write(lines(100))
