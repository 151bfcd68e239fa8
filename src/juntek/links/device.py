"""Link by a device path such as `/dev/serial/by-id/usb-…` or `COM3`; rule: whatever fails, say what to do about it."""

from __future__ import annotations

import asyncio
import errno
import getpass
import os
import stat
from contextlib import suppress
from pathlib import Path

from juntek.errors import LinkError
from juntek.links import Link
from juntek.links.stream import READ_BLOCK, StreamLink, connect_serial, describe, load_serialx
from juntek.names import hide_secrets

try:
    import grp
    from termios import error as TermiosError  # noqa: N812 - an error like the others here
except ImportError:  # Windows has neither
    grp = None  # type: ignore[assignment]
    TermiosError = OSError  # type: ignore[assignment,misc]

DEVICES = Path("/dev")
# Names of serial adapters and of a Raspberry Pi's own port.
_PORT_NAMES = ("ttyUSB*", "ttyACM*", "ttyAMA*", "serial[0-9]*")
TERMINALS = Path("/sys/class/tty")
"""Where Linux lists them by name, ports and consoles; a pseudo terminal of a program is not among them."""


async def open_link(url: str) -> Link:
    """Open the port for this program alone, 115200 8N1; raises LinkError."""
    return await _open(url, url, await asyncio.to_thread(_find_lasting_names, url))


async def _open(url: str, path: str, names: tuple[Path, ...]) -> Link:
    users = await asyncio.to_thread(_find_rivals, path)
    if users:
        raise LinkError(_in_use(path, users))
    link = DeviceLink(url, names)
    try:
        transport = await connect_serial(link, path, exclusive=True)
    except (OSError, load_serialx().SerialException, TermiosError) as error:
        raise LinkError(await asyncio.to_thread(explain, path, error)) from error
    if hasattr(transport, "max_size"):  # of what the system hands over at a time
        transport.max_size = READ_BLOCK
    return link


class DeviceLink(StreamLink):
    """A port that is found again when it comes back under another name: `names` are those that stay."""

    least_silence = 60.0
    """A port of this computer is hardly ever open at one end only; mostly a display sleeps, or a meter has no power."""

    def __init__(self, url: str, names: tuple[Path, ...]) -> None:
        super().__init__(url, "check the plug and the power of the adapter")
        self._names = names

    async def reopen(self) -> Link:
        """Open the same adapter again; raises LinkError, also when there is another one at its old name."""
        path = await asyncio.to_thread(_find_again, self.url, self._names)
        return await _open(self.url, path, self._names)


def _find_lasting_names(url: str) -> tuple[Path, ...]:
    """Names that the system gives the port by its place and by its adapter, whatever its number.

    The place comes first: cheap adapters have no number of their own, and several of them share one name. A symbolic
    link that the owner gave is such a name itself.
    """
    if Path(url).is_symlink():
        return ()
    port = Path(url).resolve()
    links = [link for kind in ("by-path", "by-id") for link in sorted((DEVICES / "serial" / kind).glob("*"))]
    return tuple(link for link in links if link.resolve() == port)


def _find_again(url: str, names: tuple[Path, ...]) -> str:
    found = next((name for name in names if name.exists()), None)
    if found is not None:
        return str(found)
    if names and Path(url).exists():
        # To read another meter in the place of this one would be worse than to wait.
        raise LinkError(
            f"Another adapter is at {url} now; plug {names[-1].name} in again, or start anew to take this one."
        )
    return url


def list_ports() -> list[str]:
    """Paths of the serial ports of this computer, the ones that stay the same after a restart first."""
    lasting = sorted((DEVICES / "serial" / "by-id").glob("*"))
    resolved = {path.resolve() for path in lasting}
    others = [path for name in _PORT_NAMES for path in sorted(DEVICES.glob(name))]
    return [str(path) for path in [*lasting, *(path for path in others if path.resolve() not in resolved)]]


def find_users(path: str) -> list[tuple[int, str]]:
    """Process number and command of every program that holds the device, as far as this user may see them."""
    users: list[tuple[int, str]] = []
    try:
        device = Path(path).stat()
    except OSError:
        return users
    if not stat.S_ISCHR(device.st_mode):
        return users
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if any(_is_device(entry, device.st_rdev) for entry in (process / "fd").iterdir()):
                words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
                users.append((int(process.name), " ".join(words[:2]).strip()))
    return users


def _find_rivals(path: str) -> list[tuple[int, str]]:
    """Programs that would take bytes from us: many (pyserial unless told otherwise) use a port without a lock."""
    # The program that made a pseudo terminal may well hold this end too, and reads nothing from it.
    is_port = (TERMINALS / Path(path).resolve().name).exists()
    return find_users(path) if is_port else []


def _is_device(entry: Path, number: int) -> bool:
    """Whether an open file is the device of that number, whatever its name: a container may give it another."""
    with suppress(OSError):
        # A thousand of them; Path objects cost more.
        return os.readlink(entry).startswith("/dev/") and entry.stat().st_rdev == number  # noqa: PTH115
    return False


def explain(path: str, error: Exception) -> str:
    """Make of a failure to open the port a sentence with its mend."""
    code = error.errno if isinstance(error, OSError) else error.args[0] if error.args else None
    if isinstance(error, FileNotFoundError):
        return _no_port(path)
    if isinstance(error, PermissionError):
        return _no_permission(path)
    if code in (errno.EBUSY, errno.EWOULDBLOCK):
        return _in_use(path, find_users(path))
    if code in (errno.ENOTTY, errno.EISDIR, errno.EINVAL):
        return f"{path} is not a serial port; to play a recording write replay:{path}."
    if code in (errno.EIO, errno.ENXIO, errno.ENODEV):
        return f"Nothing answers behind {path}; take another port, or unplug the adapter and plug it in again."
    return f"Cannot open {hide_secrets(path)} ({describe(error)}); unplug the adapter and plug it in again."


def _no_port(path: str) -> str:
    in_devices = DEVICES / path
    if not path.startswith("/") and in_devices.exists():
        return f"There is no file {path} here; if the port is meant write {in_devices}."
    ports = list_ports()
    if ports:
        return f"There is no port {path}; this computer has {' and '.join(ports[:4])}."
    return f"There is no port {path}, nor any other; plug the adapter in and look with: ls /dev/serial/by-id"


def _no_permission(path: str) -> str:
    user = getpass.getuser()
    try:
        owner = grp.getgrgid(Path(path).stat().st_gid)
    except (OSError, KeyError, AttributeError):
        return f"No permission to open {path}; run as a user who may."
    if owner.gr_name == "root":
        return f"No permission to open {path}, which only root may; give it a group by a udev rule, or run as root."
    if user in owner.gr_mem and owner.gr_gid not in os.getgroups():
        return f"No permission to open {path} yet; log out and in again, as {user} has only now joined {owner.gr_name}."
    return (
        f"No permission to open {path}, which belongs to the group {owner.gr_name}; "
        f"join it with: sudo usermod -aG {owner.gr_name} {user}   and log in again."
    )


def _in_use(path: str, users: list[tuple[int, str]]) -> str:
    others = [(number, command) for number, command in users if number != os.getpid()]
    if others:
        number, command = others[0]
        return f"{path} is in use by '{command}' (process {number}); stop that program, as only one can read a port."
    if users:
        return f"{path} is already open in this program; write the very same link for all meters on one bus."
    return (
        f"{path} is in use by a program of another user; put sudo before this command where it is the gateway, "
        f"else find it with: sudo fuser -v {path}"
    )
