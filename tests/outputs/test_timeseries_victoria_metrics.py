"""Line protocol and the real VictoriaMetrics, alone and with vmauth before it."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest

from juntek.outputs.timeseries import connection
from juntek.outputs.timeseries import target as target_module
from juntek.outputs.timeseries.lines import head_of, labels_of
from juntek.outputs.timeseries.options import Options
from juntek.outputs.timeseries.target import TargetError, open_target
from outputs.pushed import LABELS, LOGIN, START, STRANGE, USER, both, check_held, lines, opened, trouble, volts
from servers.certificates import ServerCertificate
from servers.engine import once_shown

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from servers.engines import VictoriaMetrics


@pytest.mark.parametrize("path", ["/write", "/influx/write", "/api/v2/write?org=a&bucket=b", "/influx/api/v2/write"])
async def test_victoria_metrics_has_every_value_as_it_was_written(victoria_metrics: VictoriaMetrics, path: str) -> None:
    async with opened(victoria_metrics, path) as target:
        assert await target.write(lines(2000)) == []
    wanted = {
        'juntek_voltage_volts{meter="house",site="home"}': [(START + 1000 * n, volts(n)) for n in range(2000)],
        'juntek_current_amperes{meter="house",site="home"}': [(START + 1000 * n, -1.5) for n in range(2000)],
    }
    found = await asyncio.to_thread(once_shown, lambda: victoria_metrics.export('{__name__=~"juntek.*"}'), wanted)
    assert found == wanted


async def test_victoria_metrics_says_what_it_has_between_two_times(victoria_metrics: VictoriaMetrics) -> None:
    async with opened(victoria_metrics, "/write") as target:
        assert await target.find_held(LABELS, START, START + 10_000) == {}
        await target.write(lines(100))
        await target.write(lines(100, meter="boat"))
        await target.write(lines(1)[:1])
        await check_held(target, LABELS, START + 1, START + 10_000, both({START + 1000 * n for n in range(1, 11)}))
        assert await target.find_held(LABELS, START + 100_000, START + 10**9) == {}
        await target.write([f"{head_of(LABELS)}current_amperes=1.0 {START + 200_000}000000\n".encode()])
        await check_held(target, LABELS, START + 150_000, START + 10**9, {"current_amperes": {START + 200_000}})


async def test_victoria_metrics_says_what_it_has_though_it_was_asked_a_moment_ago_when_it_had_nothing(
    victoria_metrics: VictoriaMetrics,
) -> None:
    async with opened(victoria_metrics, "/write") as target:
        await target.write(lines(10))
        await target.find_held(LABELS, START, START + 10_000, flush=False)  # it does not show its newest series yet
        await asyncio.sleep(2)
        assert await target.find_held(LABELS, START, START + 10_000) == both({START + 1000 * n for n in range(10)})


async def test_victoria_metrics_says_it_of_many_readings_to_the_ms(victoria_metrics: VictoriaMetrics) -> None:
    head = head_of(LABELS)
    times = [START + 137 * number for number in range(30_000)]
    some = [f"{head}voltage_volts=26.5 {time}000000\n".encode() for time in times]
    async with opened(victoria_metrics, "/write") as target:
        assert await target.write(some) == []
        await check_held(target, LABELS, times[7], times[-7], {"voltage_volts": set(times[7:-6])})


async def test_victoria_metrics_says_it_of_the_right_field_though_others_read_it_too(
    victoria_metrics: VictoriaMetrics,
) -> None:
    """Where all are asked to save its memory, it gives one the times of another after somebody was not."""
    head = head_of(LABELS)
    held = {f"field{number}": {START + 1000 * n + number for n in range(5000)} for number in range(12)}
    pairs = sorted((time, field) for field, times in held.items() for time in times)
    some = [f"{head}{field}=1.5 {time}000000\n".encode() for time, field in pairs]
    async with AsyncExitStack() as stack:
        targets = [await stack.enter_async_context(opened(victoria_metrics, "/write")) for _ in range(4)]
        for start in range(0, len(some), 3000):
            await targets[0].write(some[start : start + 3000])
        await check_held(targets[0], LABELS, pairs[0][0], pairs[-1][0], held)
        for _ in range(10):
            await asyncio.to_thread(victoria_metrics.export, '{__name__=~"juntek.*"}')
            answers = await asyncio.gather(*(target.find_held(LABELS, START, pairs[-1][0]) for target in targets))
            assert answers == [held] * len(targets)


@pytest.mark.parametrize("part", [40_001, 60_002])
async def test_victoria_metrics_makes_no_reading_of_the_piece_of_a_line_before_a_break(
    victoria_metrics: VictoriaMetrics, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    """The way there lets a part through and no more, until we give up; it breaks there as it breaks here."""
    monkeypatch.setattr(target_module, "ANSWER_TIME", 0.5)
    ended = asyncio.Event()

    async def let_through(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, there = await asyncio.open_connection(victoria_metrics.host, victoria_metrics.port)
        there.write(await reader.readexactly(part))
        await there.drain()
        await asyncio.sleep(1)
        try:
            await reader.read()
            there.close()
        except ConnectionError:
            there.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            there.transport.abort()
        writer.close()
        ended.set()

    way = await asyncio.start_server(let_through, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{way.sockets[0].getsockname()[1]}/write"
    noise = random.Random(part)
    some = [b"juntek,meter=house voltage_volts=%r,current_amperes=%r %d000000\n"
            % (noise.random(), noise.random(), START + 1000 * number) for number in range(5000)]  # fmt: skip
    async with way, open_target(Options(url=url), "1") as target:
        with pytest.raises(TargetError, match="takes too long"):
            await target.write(some)
        await ended.wait()
    await asyncio.sleep(1)
    found = await asyncio.to_thread(victoria_metrics.export, '{__name__=~"juntek.*"}')
    times = {time for values in found.values() for time, _ in values}
    assert times
    assert not times - {START + 1000 * number for number in range(5000)}, "made up of a piece, which has no time"


@pytest.mark.parametrize("meter", STRANGE)
async def test_victoria_metrics_says_it_of_meters_with_strange_names(
    victoria_metrics: VictoriaMetrics, meter: str
) -> None:
    async with opened(victoria_metrics, "/write") as target:
        await target.write(lines(2, meter="other"))
        assert await target.find_held(labels_of("home", meter), START, START + 9999) == {}
        await target.write(lines(2, meter=meter))
        await check_held(target, labels_of("home", meter), START, START + 9999, both({START, START + 1000}))


async def test_victoria_metrics_with_a_password_and_tls(
    start_victoria_metrics: Callable[..., VictoriaMetrics], tmp_path: Path
) -> None:
    engine = start_victoria_metrics(user=USER, certificate=ServerCertificate.GOOD)
    file = tmp_path / "password"
    file.write_text(f"{USER.password}\n", encoding="utf-8")
    trusted: dict[str, Any] = {"ca_file": engine.authority_certificate}
    async with opened(engine, "/write", username=USER.name, password_file=file, **trusted) as target:
        assert await target.write(lines(100)) == []
        await check_held(target, LABELS, START, START + 10**6, both({START + 1000 * n for n in range(100)}))
    assert "refuses the user" in str(await trouble(engine, "/write", username="house", password="no", **trusted))  # noqa: S106
    assert "wants a login; set" in str(await trouble(engine, "/write", **trusted))
    assert "is not trusted" in str(await trouble(engine, "/write", **LOGIN))


async def test_victoria_metrics_that_dies_and_rises(victoria_metrics: VictoriaMetrics) -> None:
    async with opened(victoria_metrics, "/write") as target:
        await target.write(lines(1))
        await asyncio.to_thread(victoria_metrics.kill)
        for _ in range(2):
            with pytest.raises(TargetError, match="is not there; start it, or check") as said:
                await target.write(lines(10))
            assert not said.value.uncertain
        with pytest.raises(TargetError, match="is not there"):
            await target.find_held(LABELS, START, START + 9999)
        await asyncio.to_thread(victoria_metrics.start)
        assert await target.write(lines(10)) == []
        await check_held(target, LABELS, START, START + 10**6, both({START + 1000 * n for n in range(10)}))


async def test_victoria_metrics_that_was_started_anew_is_found_out_by_whatever_it_is_asked_next(
    victoria_metrics: VictoriaMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "IDLE_TIME", 600)  # the start of an engine may take its time
    async with opened(victoria_metrics, "/write") as writing, opened(victoria_metrics, "/write") as asking:
        await writing.write(lines(1))
        await asking.write(lines(1))
        await asking.find_held(LABELS, START, START + 9999)
        assert not writing.take_hang_up()
        assert not asking.take_hang_up()
        await asyncio.to_thread(victoria_metrics.kill)
        await asyncio.to_thread(victoria_metrics.start)
        await writing.write(lines(1))
        await asking.find_held(LABELS, START, START + 9999)
        await asking.write(lines(1))
        assert writing.take_hang_up()
        assert asking.take_hang_up()


@pytest.mark.parametrize("path", ["/wrote", "/api/v3/write_lp?db=home"])
async def test_victoria_metrics_has_no_other_path(victoria_metrics: VictoriaMetrics, path: str) -> None:
    said = await trouble(victoria_metrics, path)
    assert "takes nothing at /" in str(said)
    assert "; check host, port and path in timeseries.url (/write, /api/v2/write or" in str(said)
    assert not said.uncertain


@pytest.mark.parametrize("path", ["/write", "/api/v2/write"])
async def test_vmauth_takes_a_token_and_does_not_show_a_wrong_one(
    victoria_metrics: VictoriaMetrics, start_vmauth: Callable[[str], int], path: str
) -> None:
    url = victoria_metrics.url
    port = start_vmauth(f'users:\n- bearer_token: "right"\n  url_prefix: "{url}"\n')
    async with open_target(Options(url=f"http://127.0.0.1:{port}{path}", token="right"), "1") as target:  # noqa: S106
        assert await target.write(lines(100)) == []
        await check_held(target, LABELS, START, START + 10**6, both({START + 1000 * n for n in range(100)}))
    async with open_target(Options(url=f"http://127.0.0.1:{port}{path}", token="hunter2"), "1") as target:  # noqa: S106
        with pytest.raises(TargetError, match=r"refuses the token; check timeseries\.token\.") as said:
            await target.write(lines(100))
    assert not said.value.uncertain


async def test_vmauth_that_lets_a_user_only_write_cannot_be_asked(
    victoria_metrics: VictoriaMetrics, start_vmauth: Callable[[str], int]
) -> None:
    route = f'  url_map:\n  - src_paths: ["/write"]\n    url_prefix: "{victoria_metrics.url}"\n'
    port = start_vmauth(f'users:\n- username: "{USER.name}"\n  password: "{USER.password}"\n{route}')
    async with open_target(Options(url=f"http://127.0.0.1:{port}/write", **LOGIN), "1") as target:
        assert await target.write(lines(100)) == []
        assert await target.find_held(LABELS, START, START + 10**6) is None


async def test_vmauth_whose_engine_is_away_leaves_it_open_what_arrived(
    victoria_metrics: VictoriaMetrics, start_vmauth: Callable[[str], int]
) -> None:
    port = start_vmauth(f'users:\n- bearer_token: "right"\n  url_prefix: "{victoria_metrics.url}"\n')
    victoria_metrics.kill()
    async with open_target(Options(url=f"http://127.0.0.1:{port}/write", token="right"), "1") as target:  # noqa: S106
        with pytest.raises(TargetError, match=r"\(50[23]: ") as said:
            await target.write(lines(100))
    assert said.value.uncertain
