"""Links to a serial port: a real pseudo terminal, and every way in which a port can fail."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import stat
import subprocess
import sys
import termios
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from serialx.descriptor_transport import DescriptorTransport

from juntek.errors import LinkError, LinkLostError
from juntek.links import Link, device, open_link
from juntek.links.stream import READ_BLOCK, StreamLink
from links.peers import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from links.peers import Pty


async def test_the_line_is_115200_8n1(pty: Pty) -> None:
    async with await open_link(pty.path):
        _, _, flags, _, speed_in, speed_out, _ = termios.tcgetattr(pty.master)
    assert (speed_in, speed_out) == (termios.B115200, termios.B115200)
    assert flags & termios.CSIZE == termios.CS8
    assert not flags & (termios.PARENB | termios.CSTOPB | termios.CRTSCTS)


async def test_writing_to_a_pulled_adapter_is_a_lost_link(pty: Pty) -> None:
    async with await open_link(pty.path) as link:
        pty.pull()
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(LinkLostError):
                await write_for_ever(link)


async def test_a_closed_port_can_be_opened_again(pty: Pty) -> None:
    for _ in range(3):
        async with await open_link(pty.path) as link:
            os.write(pty.master, b"again")
            assert (await link.read()).data == b"again"


async def write_for_ever(link: Link) -> None:
    while True:
        await link.write(b"x")


# Errors -----------------------------------------------------------------------------------------------------


async def test_a_port_open_twice_in_this_program(pty: Pty, is_sentence: Callable[[object], str]) -> None:
    async with await open_link(pty.path):
        with pytest.raises(LinkError) as error:
            await open_link(pty.path)
    assert "already open in this program" in is_sentence(error.value)


HOLD = "import fcntl, os, sys; port = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)"


@contextmanager
def another_program(path: str, then: str) -> Iterator[int]:
    program = f"{HOLD}; {then}; print(); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout
        holder.stdout.readline()
        yield holder.pid
        holder.communicate(b"\n")


async def test_a_port_that_another_program_has_locked(pty: Pty, is_sentence: Callable[[object], str]) -> None:
    with another_program(pty.path, "fcntl.flock(port, fcntl.LOCK_EX)") as number, pytest.raises(LinkError) as error:
        await open_link(pty.path)
    assert f"(process {number})" in is_sentence(error.value)
    assert Path(sys.executable).name in str(error.value)


async def test_a_port_that_another_program_has_open_without_a_lock(
    pty: Pty, monkeypatch: pytest.MonkeyPatch, is_sentence: Callable[[object], str]
) -> None:
    monkeypatch.setattr(device, "TERMINALS", Path("/dev/pts"))
    with another_program(pty.path, "pass") as number, pytest.raises(LinkError) as error:
        await open_link(pty.path)
    assert f"(process {number})" in is_sentence(error.value)


def test_a_device_has_its_users_under_another_name_too(tmp_path: Path) -> None:
    """A container gives the same adapter a name of its own."""
    other_name = tmp_path / "adapter"
    try:
        os.mknod(other_name, 0o600 | stat.S_IFCHR, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("only root makes devices")
    with another_program("/dev/zero", "pass") as number:
        assert number in [user for user, _ in device.find_users(str(other_name))]


def test_a_port_locked_by_a_program_that_cannot_be_seen(is_sentence: Callable[[object], str]) -> None:
    text = is_sentence(device.explain("/dev/ttyUSB7", OSError(errno.EBUSY, "busy")))
    assert "sudo fuser -v /dev/ttyUSB7" in text


async def test_no_such_port_names_those_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_sentence: Callable[[object], str]
) -> None:
    monkeypatch.setattr(device, "DEVICES", tmp_path)
    with pytest.raises(LinkError) as error:
        await open_link("/dev/ttyUSB99")
    assert "plug the adapter in" in is_sentence(error.value)

    by_id = tmp_path / "serial" / "by-id"
    by_id.mkdir(parents=True)
    for name in ("ttyUSB0", "ttyAMA0"):
        (tmp_path / name).touch()
    (by_id / "usb-1a86_USB_Serial-if00-port0").symlink_to(tmp_path / "ttyUSB0")
    with pytest.raises(LinkError) as error:
        await open_link("/dev/ttyUSB99")
    assert f"{by_id}/usb-1a86_USB_Serial-if00-port0 and {tmp_path}/ttyAMA0" in is_sentence(error.value)
    assert device.list_ports() == [f"{by_id}/usb-1a86_USB_Serial-if00-port0", f"{tmp_path}/ttyAMA0"]

    with pytest.raises(LinkError) as error:
        await open_link("ttyUSB0")
    assert f"write {tmp_path}/ttyUSB0" in is_sentence(error.value)


@pytest.mark.parametrize("path", ["/dev/null", "/tmp", __file__])  # noqa: S108 - a folder that always is
async def test_a_file_that_is_no_port(path: str, is_sentence: Callable[[object], str]) -> None:
    with pytest.raises(LinkError) as error:
        await open_link(path)
    assert f"replay:{path}" in is_sentence(error.value)


class Group:
    gr_name, gr_gid = "dialout", 4242
    gr_mem: tuple[str, ...] = ()


def test_no_permission_names_the_group_and_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, is_sentence: Callable[[object], str]
) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "pi")
    monkeypatch.setattr("grp.getgrgid", lambda _: Group)
    port = tmp_path / "ttyUSB0"
    port.touch()
    refused = PermissionError(errno.EACCES, "Permission denied")
    assert "sudo usermod -aG dialout pi" in is_sentence(device.explain(str(port), refused))

    monkeypatch.setattr(Group, "gr_mem", ("pi",))
    assert "log out and in again" in is_sentence(device.explain(str(port), refused))

    monkeypatch.setattr(Group, "gr_name", "root")
    assert "udev rule" in is_sentence(device.explain(str(port), refused))
    assert "run as a user who may" in is_sentence(device.explain(str(tmp_path / "gone"), refused))


@pytest.mark.parametrize(
    ("error", "mend"),
    [
        (OSError(errno.EIO, "Input/output error"), "plug it in again"),
        (termios.error(errno.EIO, "Input/output error"), "plug it in again"),
        (OSError(errno.EMFILE, "Too many open files"), "Too many open files"),
    ],
)
def test_any_other_failure_is_a_sentence_as_well(
    error: Exception, mend: str, is_sentence: Callable[[object], str]
) -> None:
    assert mend in is_sentence(device.explain("/dev/ttyUSB0", error))


def test_the_lock_is_the_one_other_programs_look_at(pty: Pty) -> None:
    async def hold_and_try() -> None:
        async with await open_link(pty.path):
            other = os.open(pty.path, os.O_RDWR | os.O_NOCTTY)
            try:
                with pytest.raises(BlockingIOError):
                    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            finally:
                os.close(other)

    asyncio.run(hold_and_try())


async def test_the_reads_of_a_port_are_small(pty: Pty) -> None:
    async with await open_link(pty.path) as link:
        assert isinstance(link, StreamLink)
        assert isinstance(link._transport, DescriptorTransport)
        assert link._transport.max_size == READ_BLOCK
