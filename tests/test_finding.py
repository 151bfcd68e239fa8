"""What `juntek find` says of the wirings that owners have: each is made up of a line, and named by its cause."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cli.program import run, simulator
from juntek.cli.find import describe, explain_none, next_step
from juntek.errors import LinkError, NoReplyError
from juntek.finding import Patience, Survey, survey
from juntek.rs485.wiring import look_at
from juntek.simulator import Options, Simulation

HASTE = Patience(listen=0.3, answer=0.003, straggler=0.5)
FRAMES = (
    b":R50=1,2,1,\r\n:r50=1,69,5222,10280,123456,892611,1231,99441,121,0,0,1,51,36000,\r\n"
    b":R51=1,2,1,\r\n:r51=1,177,5200,4400,0,0,0,100,0,0,2800,100,100,100,0,0,1,\r\n"
)
SAMPLES = 32
"""To a bit, for a wire that is drawn out as levels."""


# A wire, bit by bit ---------------------------------------------------------------------------------------------


def wire(data: bytes, gap: int = 0) -> Iterator[int]:
    """The levels of a wire that carries bytes: start 0, eight bits from the least, stop 1."""
    yield from [1] * 40
    for byte in data:
        yield from (0, *((byte >> bit) & 1 for bit in range(8)), 1, *[1] * gap)
    yield from [1] * 40


def hear(
    data: bytes, *, swapped: bool = False, speed: int = 115200, gap: int = 0, strict: bool = False, own: int = 115200
) -> bytes:
    """What a port hears of bytes that are sent at another speed than its own, or with A and B swapped.

    A strict one takes the missing stop bit of a byte for the start of the next, as many a chip does.
    """
    levels = [bool(level) ^ swapped for level in wire(data, gap) for _ in range(SAMPLES)]
    bit = SAMPLES * speed / own
    heard, at = bytearray(), 1
    while at + 10 * bit < len(levels):
        if levels[at] or not levels[at - 1]:
            at += 1
            continue
        byte = sum(levels[int(at + bit * (place + 1.5))] << place for place in range(8))
        heard.append(byte)
        at += int(9.5 * bit)
        if strict and byte and at < len(levels) and not levels[at]:
            at -= int(0.5 * bit)
            levels[at - 1] = True  # so this is a start
            continue
        while at < len(levels) and not levels[at]:
            at += 1
    return bytes(heard)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("gap", range(4))
@pytest.mark.parametrize("text", [FRAMES, b":R50=1,2,1,\r\n" * 6, b":R50=7,\n:R51=7,\n" * 4])
def test_swapped_wires_are_known_by_their_bytes(text: bytes, gap: int, strict: bool) -> None:
    assert look_at(hear(text, swapped=True, gap=gap, strict=strict)).cause == "swapped"


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("own", [9600, 19200, 38400, 57600])
def test_a_converter_at_another_speed_is_known_by_its_bytes(own: int, strict: bool) -> None:
    readings = [r50(number) for number in range(60)]
    assert look_at(hear(b"".join(readings), own=own, strict=strict)).cause == "converter"


def r50(number: int) -> bytes:
    numbers = [2560 + number, 1000 + number % 7, 123456 + number, 892611, 1231 + number, 99441 + number, 121]
    numbers += [0, 0, 1, 51, 36000]
    return b":R50=1,\n:r50=1,%d,%s,\r\n" % (sum(numbers) % 255 + 1, ",".join(map(str, numbers)).encode())


@pytest.mark.parametrize("device", [
    bytes.fromhex("55aaeb90") + bytes(range(0, 200, 3)), bytes.fromhex("a5409008000000000000007d"),
    b"".join(bytes((0xFE, 9, count, 1, 1, 0, count * 37 % 256)) for count in range(30)),
])  # fmt: skip
def test_a_language_in_bytes_is_another_device_and_no_noise(device: bytes) -> None:
    assert look_at(device).cause == "device"


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("speed", [1200, 2400, 4800, 9600, 19200, 38400, 57600])
@given(data=st.binary(min_size=40, max_size=80) | st.text("0123456789,.:=VA \r\n", min_size=40).map(str.encode))
@example(b"\xde\x81\x95\x8bV\tGwK7\x95l\xdf|0S\xe4\xf5sj\xc4\x03i\x87l\x85\xac \x84x\x17:\xca\xea\xde\x85_,JI'")
@settings(max_examples=20)
def test_another_speed_is_known_by_its_bytes(speed: int, strict: bool, data: bytes) -> None:
    assert look_at(hear(data, speed=speed, strict=strict)).cause == "speed"


@given(st.integers(0, 2**32))
def test_noise_is_called_noise(seed: int) -> None:
    assert look_at(random.Random(seed).randbytes(200)).cause == "noise"


@given(st.binary(max_size=400))
def test_any_bytes_look_like_something(data: bytes) -> None:
    assert look_at(data).cause in {"swapped", "speed", "converter", "device", "noise"}


# Links ------------------------------------------------------------------------------------------------------

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def line(serve: Serve) -> AsyncIterator[str]:
    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.transport.abort()

    async with await asyncio.start_server(take, "127.0.0.1", 0) as server:
        yield f"socket://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def saying(data: bytes, times: int = 1000) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:  # noqa: ARG001
        for _ in range(times):
            writer.write(data)
            await asyncio.sleep(0.02)

    return serve


async def keep_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:  # noqa: ARG001
    await reader.read(-1)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(100):
        writer.write(data)


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:  # noqa: ARG001
    writer.close()


def modbus(*frames: bytes) -> bytes:
    def crc(frame: bytes) -> bytes:
        value = 0xFFFF
        for byte in frame:
            value ^= byte
            for _ in range(8):
                value = value >> 1 ^ (0xA001 if value & 1 else 0)
        return value.to_bytes(2, "little")

    return b"".join(frame + crc(frame) for frame in frames)


WIRINGS: dict[str, tuple[Serve, str, str]] = {
    "A and B swapped": (saying(hear(FRAMES, swapped=True)), "swapped", "wap"),
    "a display alone": (saying(b":R50=1,2,1,\r\n"), "display_only", "address 1"),
    "noise": (saying(random.Random(3).randbytes(60)), "noise", "noise"),
    "a charger at 9600": (saying(hear(b"PID\t0xA053\r\nV\t13100\r\n", speed=9600)), "speed", "9600"),
    "a meter at 57600": (saying(hear(FRAMES, speed=57600)), "speed", "57600"),
    "a converter at 9600": (saying(hear(b"".join(map(r50, range(90))), own=9600)), "converter", "115200"),
    "an inverter": (saying(modbus(b"\x01\x03\x04\x02\x58\x00\x10", b"\x01\x04\x02\xff\xff")), "device", "Modbus"),
    "a charger that is asked for much": (saying(modbus(b"\x01\x03\x78" + bytes(range(120)))), "device", "Modbus"),
    "a GPS receiver": (saying(b"$GPGLL,4916.45,N,12311.12,W,225444,A*31\r\n"), "device", "NMEA"),
    "a charger's text": (saying(b"\r\nPID\t0xA053\r\nV\t13100\r\nI\t-100\r\n"), "device", "VE.Direct"),
    "nothing, or the wrong jack": (keep_silent, "silent", "power"),
    "an adapter without a meter": (echo, "echo", "echo"),
    "a converter that hangs up": (hang_up, "unreachable", "lost"),
}


@pytest.mark.parametrize("wiring", WIRINGS)
async def test_the_cause_is_named_and_what_to_do(wiring: str) -> None:
    serve, cause, word = WIRINGS[wiring]
    async with line(serve) as url:
        found = await survey(url, HASTE)
    assert found.cause == cause
    assert not found.meters
    said = " ".join(describe(found))
    assert word in said
    assert url in said
    assert next_step([found])


async def test_a_meter_is_named_with_what_an_owner_compares() -> None:
    async with Simulation(Options(models=("KH140F",))) as house:
        found = await survey(house.url, HASTE)
    assert (found.cause, list(found.meters), found.asked_by_display) == ("meters", [1], set())
    (facts,) = found.as_dict()["meters"]
    assert facts["model"] == "KH140F"
    assert 40 < facts["voltage"] < 60
    assert 0 <= facts["state_of_charge"] <= 100
    assert f"--link '{house.url}' --address 1" in next_step([found])


@pytest.mark.parametrize("addresses", [(2,), (17,), (99,), (1, 2)])
async def test_meters_at_other_addresses_are_found(addresses: tuple[int, ...]) -> None:
    async with Simulation(Options(models=("KG140F", "KH140F")[: len(addresses)], addresses=addresses)) as house:
        found = await survey(house.url, HASTE)
    assert tuple(found.meters) == addresses
    assert f"--address {addresses[0]}" in next_step([found])


async def test_a_meter_beside_its_display_is_heard_and_the_display_is_named() -> None:
    async with Simulation(Options(display="newer")) as house:
        found = await survey(house.url, Patience(listen=2.5, answer=0.02, straggler=0.2))
    assert list(found.meters) == [1]
    assert found.asked_by_display == {1}
    assert "display asks address 1" in " ".join(describe(found))


def test_nothing_but_questions_is_sent() -> None:
    sent = bytearray()

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:  # noqa: ARG001
        while data := await reader.read(100):
            sent.extend(data)

    async def look() -> None:
        async with line(note) as url:
            await survey(url, HASTE)

    asyncio.run(look())
    requests = bytes(sent).split()
    assert len(requests) == 99
    assert {request[:4] for request in requests} == {b":R00"}


# The command --------------------------------------------------------------------------------------------------


def test_the_command_ends_with_what_to_do_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("juntek.cli.find.Patience", lambda: HASTE)
    with simulator("--pty", tmp_path / "port", "--model", "KG140F"):
        result = run("find", str(tmp_path / "port"), home=tmp_path)
    assert result.status == 0
    assert "KG140F" in result.output
    assert result.output.splitlines()[-1] == f"Next: juntek setup --link '{tmp_path / 'port'}' --address 1"


def test_what_was_found_is_there_for_scripts(tmp_path: Path) -> None:
    result = run("find", "socket://127.0.0.1:1", "--format", "json", home=tmp_path)
    assert result.status == 4
    (port,) = json.loads(result.output)["ports"]
    assert (port["cause"], port["meters"]) == ("unreachable", [])


async def test_a_port_that_another_program_holds_is_in_use(tmp_path: Path) -> None:
    port = tmp_path / "port"
    with simulator("--pty", port, "--model", "KG140F"):
        command = ("-m", "juntek", "read", str(port), "--mode", "poll")
        reader = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=subprocess.PIPE)
        try:
            assert reader.stdout is not None
            await reader.stdout.readline()
            found = await survey(str(port), HASTE)
        finally:
            reader.terminate()
            await reader.communicate()
    assert found.cause == "in_use"
    assert str(reader.pid) in found.detail


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user who may not open a port")
def test_a_port_that_this_user_may_not_open_is_told_with_the_group(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    for folder in tmp_path.parents[:3]:
        if str(folder).startswith("/tmp/"):  # noqa: S108 - where tests have their folders
            folder.chmod(0o755)
    master, slave = os.openpty()
    port = os.ttyname(slave)
    os.chown(port, 0, 20)
    Path(port).chmod(0o660)
    program = (
        f"import asyncio; from juntek.finding import *; print(asyncio.run(survey({port!r}, Patience())).as_dict())"
    )
    command = ["setpriv", "--reuid=65534", "--clear-groups", "--regid=65534", sys.executable, "-c", program]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=150)
    os.close(master)
    os.close(slave)
    assert "'cause': 'no_permission'" in result.stdout, result.stderr
    assert "dialout" in result.stdout


def test_no_meter_is_a_matter_of_the_link_only_where_none_could_be_used() -> None:
    closed = [Survey("/dev/a", "no_permission"), Survey("/dev/b", "in_use"), Survey("/dev/c", "unreachable")]
    assert isinstance(explain_none(closed), LinkError)
    assert isinstance(explain_none([*closed, Survey("/dev/d", "silent")]), NoReplyError)


def test_the_likeliest_mend_comes_first() -> None:
    silent, swapped = Survey("/dev/a", "silent"), Survey("/dev/b", "swapped")
    assert "/dev/b" in next_step([silent, swapped])
