"""The package as a program uses it: `import juntek`, in asynchronous and in plain code."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from importlib.resources import files
from pathlib import Path

import pytest

import juntek
from juntek import meter as meters
from juntek.meter import Timing
from juntek.rs485.framing import encode
from juntek.simulator import Options, Simulation
from meter.served import until

REPLY = encode("r50", 1, [5186, 3250, 103_000, 0, 0, 60, 120, 0, 0, 0, 190, 1136])


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("juntek.meter.line.TIMING", Timing(listen_first=0.1, reply=0.2))


@pytest.fixture
async def simulation() -> AsyncIterator[Simulation]:
    async with Simulation(Options(models=("KG140F", "KH140F"), addresses=(1, 2))) as simulation:
        yield simulation


# Asynchronous ------------------------------------------------------------------------------------------------


async def test_iterating_over_a_meter_gives_its_readings(simulation: Simulation) -> None:
    async with juntek.open_meter(simulation.url, interval=0.02) as meter:
        readings = []
        async for reading in meter:
            readings.append(reading)
            if len(readings) == 5:
                break
        assert meter.identity is not None
        assert meter.settings is not None
        assert (meter.identity.model, meter.settings.nominal_capacity) == ("KG140F", 280.0)
        assert (meter.health.mode, meter.health.connected, meter.health.error) == ("poll", True, None)
        # One may go on where one has left off.
        assert (await anext(meter)).message_count == 6
    assert [reading.message_count for reading in readings] == [1, 2, 3, 4, 5]
    assert all(isinstance(reading, juntek.Reading) for reading in readings)


async def test_options_say_what_an_owner_knows(simulation: Simulation) -> None:
    async with juntek.open_meter(simulation.url, 2, mode="poll", nominal_capacity=560.0, invert_current=True) as meter:
        inverted = await anext(meter)
    async with juntek.open_meter(simulation.url, 2, mode="poll") as meter:
        plain = await anext(meter)
    assert (inverted.address, inverted.family) == (2, "KH-F")
    assert plain.state_of_charge == pytest.approx(2 * (inverted.state_of_charge or 0), rel=0.01)
    assert (inverted.current > 0) != (plain.current > 0)


async def test_updates_tell_what_else_changes(simulation: Simulation) -> None:
    async with juntek.open_meter(simulation.url, interval=0.02, mode="poll") as meter:
        seen = set()
        async for update in meter.updates():
            seen |= {key for key in ("identity", "settings", "reading") if getattr(update, key) is not None}
            if len(seen) == 3:
                break
    assert update.available


async def test_two_meters_can_be_read_by_one_program(simulation: Simulation) -> None:
    async with Simulation(Options(models=("KL140F",))) as other:

        async def first(url: str, address: int) -> str:
            async with juntek.open_meter(url, address, mode="poll") as meter:
                return (await anext(meter)).family

        families = await asyncio.gather(first(simulation.url, 2), first(other.url, 1))
    assert list(families) == ["KH-F", "KG-F"]  # a KL-F looks like a KG-F until the owner says otherwise


async def test_a_wrong_port_is_an_error_at_once() -> None:
    with pytest.raises(juntek.LinkError, match="There is no port"):
        async with juntek.open_meter("/dev/there-is-none"):
            pytest.fail("nothing was opened")


@pytest.mark.parametrize("address", [0, 100, -1])
async def test_an_address_that_cannot_be_is_a_wrong_request(address: int) -> None:
    with pytest.raises(juntek.RequestError, match="A meter's address is 1 to 99"):
        async with juntek.open_meter("replay:nothing", address):
            pytest.fail("nothing was opened")


async def test_a_silent_meter_is_an_error_with_a_sentence(simulation: Simulation) -> None:
    simulation.silence()
    async with juntek.open_meter(simulation.url, timeout=0.3, interval=0.1, mode="poll") as meter:
        with pytest.raises(juntek.NoReplyError) as error:
            await anext(meter)
        assert str(error.value) == (
            f"No answer from address 1 on {simulation.url}; check the meter's power, the wires A and B, "
            f"and its address at the display."
        )
        # A program that is patient may go on.
        simulation.silence(silent=False)
        while True:
            try:
                await anext(meter)
                break
            except juntek.NoReplyError:
                continue


async def test_a_link_that_stays_away_is_an_error_of_the_link(simulation: Simulation) -> None:
    async with juntek.open_meter(simulation.url, timeout=0.5, interval=0.02, mode="poll") as meter:
        await anext(meter)
        await simulation.pull()
        with pytest.raises(juntek.LinkLostError, match=r"Cannot open socket|was lost"):
            await drain(meter)


async def drain(meter: juntek.LiveMeter) -> None:
    async for _ in meter:
        pass


async def test_a_meter_of_an_unknown_family_is_an_error_that_says_so() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline():
            writer.write(encode("r50", 1, [1, 2, 3, 4, 5]))
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        url = f"socket://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with juntek.open_meter(url, timeout=0.3, interval=0.05, mode="poll") as meter:
            with pytest.raises(juntek.UnknownLayoutError, match="juntek capture"):
                await anext(meter)


async def test_a_slow_program_gets_the_newest(simulation: Simulation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meters, "MOST_WAITING", 5)
    async with juntek.open_meter(simulation.url, interval=0.01, mode="poll") as meter:
        await until(lambda: meter.health.frames > 30)
        newest = meter.health.frames - 2  # identity and settings are frames, too
        assert ((await anext(meter)).message_count or 0) > newest - 6


# Decoding ----------------------------------------------------------------------------------------------------


def test_bytes_are_decoded_without_any_link() -> None:
    events = juntek.decode(b":R50=1,\n" + REPLY + b"noise\n" + REPLY[:-9])
    request, reading, *garbage = events
    assert isinstance(request, juntek.Frame)
    assert (request.command, request.address) == ("R50", 1)
    assert isinstance(reading, juntek.Reading)
    assert (reading.voltage, reading.current, reading.temperature) == (51.86, -32.5, 20)
    assert reading.time is None
    assert [piece.reason for piece in garbage if isinstance(piece, juntek.Garbage)] == ["noise", "cut"]


def test_decoding_does_no_input_and_no_output() -> None:
    script = (
        "import sys, juntek\n"
        "def refuse(event, arguments):\n"
        "    if event.split('.')[0] in ('open', 'socket', 'os', 'subprocess', 'time'): raise RuntimeError(event)\n"
        f"juntek.decode({REPLY!r})\n"  # the tables are found the first time
        "sys.addaudithook(refuse)\n"
        f"assert len(juntek.decode({REPLY * 3!r})) == 3\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


# The package -------------------------------------------------------------------------------------------------


def test_importing_the_package_imports_no_library_of_others() -> None:
    script = (
        "import sys; before = set(sys.modules); import juntek\n"
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(result.stdout.split())
    assert loaded - sys.stdlib_module_names == {"juntek"}


def test_the_public_names_are_these() -> None:
    assert sorted(juntek.__all__) == juntek.__all__
    assert juntek.__all__ == [
        "Bus",
        "ConfigurationError",
        "Event",
        "Frame",
        "Garbage",
        "Identity",
        "JuntekError",
        "LinkError",
        "LinkLostError",
        "LiveMeter",
        "NoReplyError",
        "Options",
        "Reading",
        "RequestError",
        "Settings",
        "UnknownLayoutError",
        "decode",
        "open_meter",
        "read",
    ]


@pytest.mark.parametrize("name", [name for name in juntek.__all__ if name != "Event"])
def test_every_public_name_has_its_contract(name: str) -> None:
    documented = getattr(juntek, name)
    text = inspect.getdoc(documented) or ""
    assert text.split("\n", maxsplit=1)[0].endswith((".", ";", ",")), text
    assert not text.startswith(f"{name}("), "the text that Python makes by itself"
    if inspect.isclass(documented):
        for method, value in vars(documented).items():
            if not method.startswith("_") and (inspect.isfunction(value) or isinstance(value, property)):
                assert value.__doc__, f"{name}.{method}"


def test_all_errors_can_be_caught_as_one() -> None:
    errors = [getattr(juntek, name) for name in juntek.__all__ if name.endswith("Error")]
    assert all(issubclass(error, juntek.JuntekError) for error in errors)
    assert issubclass(juntek.NoReplyError, TimeoutError)
    assert issubclass(juntek.RequestError, ValueError)


def test_both_ways_to_read_take_the_same_arguments() -> None:
    def arguments(function: Callable[..., object]) -> list[tuple[str, object]]:
        return [(name, each.default) for name, each in inspect.signature(function).parameters.items()]

    assert arguments(juntek.read) == arguments(juntek.open_meter)


def test_type_checkers_are_told_that_the_package_is_typed(tmp_path: Path) -> None:
    assert files(juntek).joinpath("py.typed").is_file()
    project = Path(__file__).parents[1]
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", tmp_path, project],
        check=True,
        timeout=120,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("juntek-*.whl")
    listing = subprocess.run(
        [sys.executable, "-m", "zipfile", "-l", wheel], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert "juntek/py.typed" in listing
    assert "juntek/rs485/families/kg_f.py" in listing
    assert "tests/" not in listing
