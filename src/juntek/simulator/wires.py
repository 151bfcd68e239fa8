"""The pair of wires, the display on it, what damages it, and the ports at which clients open it.

Rule: what one writes all others hear, and not himself; what nobody hears is lost.
"""

from __future__ import annotations

import asyncio
import os
import re
import select
import tty
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from typing import Literal

from juntek.errors import LinkError, RequestError

Display = Literal["none", "newer", "older"]
Hear = Callable[[bytes], None]

NEWER_PAUSE = 0.2
"""Seconds between two requests of a newer unit, each of which asks 2 to 3 times a second (TF27)."""
OLDER_PAUSE = 1.0
"""Seconds between two requests of an older unit."""
_LISTEN = re.compile(r"tcp://(?:\[(?P<six>[^\]]+)\]|(?P<host>[^/:]+)):(?P<port>\d{1,5})/?", re.ASCII | re.IGNORECASE)
_MOST_UNREAD = 65_536  # bytes kept for a client that does not read; more is lost, as on a real line
_LOOK = 0.005  # seconds between two looks whether somebody has opened the terminal, and has written


class Line:
    """Two wires, half duplex. `join` gives the function to write with; `noise` damages what is written."""

    def __init__(self, noise: Noise) -> None:
        self.noise = noise
        self._ears: list[Hear] = []

    def join(self, hear: Hear) -> Hear:
        """Connect someone; `hear` is called with what the others write. Return the function to write with."""
        self._ears.append(hear)
        return partial(self._write, hear)

    def leave(self, hear: Hear) -> None:
        """Disconnect someone, whose writing then reaches nobody; doing it twice is no error."""
        if hear in self._ears:
            self._ears.remove(hear)

    def _write(self, writer: Hear, data: bytes) -> None:
        if writer not in self._ears:
            return
        arrived = self.noise.pass_through(data)
        for hear in tuple(self._ears):
            if hear != writer and arrived:
                hear(arrived)


async def poll(line: Line, style: Display, address: int) -> None:
    """Ask a meter as the display does that some come with, until cancelled.

    Newer units as TF10, LD and TF27 saw it, older ones as MS and PO.
    """

    def hear(_: bytes) -> None:
        """A display shows what it hears; nobody looks at this one."""

    write = line.join(hear)
    try:
        for turn in count():
            if style == "newer":
                write(b":R5%d=%d,\n" % (turn % 2, address))
                await asyncio.sleep(NEWER_PAUSE)
            else:
                # About every ten seconds an older unit asks for identity and settings too.
                write(b":R%02d=%02d.\r\n" % ({4: 0, 9: 51}.get(turn % 12, 50), address))
                await asyncio.sleep(OLDER_PAUSE)
    finally:
        line.leave(hear)


class Noise:
    """Damages frames; the same seed and frames give the same damage. `damaged` counts the frames hit."""

    def __init__(self, seed: int, probability: float) -> None:
        self.probability = probability
        self.damaged = 0
        self._dice = Random(f"noise/{seed}")

    def pass_through(self, frame: bytes) -> bytes:
        """Return the frame as it arrives: mostly whole, else with one place where bytes are lost, changed or added."""
        dice = self._dice
        if not self.probability or dice.random() >= self.probability:
            return frame
        self.damaged += 1
        place = dice.randrange(len(frame) + 1)
        lost, added = (dice.choice((0, 1, 1, 2, 30)) for _ in "ab")
        arrived = frame[:place] + dice.randbytes(added) + frame[place + lost :]
        return arrived if arrived != frame else frame + b"\xff"  # so that every hit shows


# Ports --------------------------------------------------------------------------------------------------------


class TcpPort:
    """Serves a line at `tcp://HOST:PORT`; `url` is what a client opens."""

    def __init__(self, line: Line, listen: str) -> None:
        found = _LISTEN.fullmatch(listen)
        if found is None or int(found["port"]) > 65_535:
            raise RequestError(f"Cannot listen on {listen!r}; write tcp://HOST:PORT, such as tcp://127.0.0.1:0.")
        self._host: str = found["six"] or found["host"]
        self._port = int(found["port"])
        self._line = line
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        """The link URL for a client."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"socket://{host}:{self._port}"

    async def open(self) -> None:
        """Begin to listen; a free port that was chosen once is kept. Raises LinkError where it cannot."""
        try:
            self._server = await asyncio.start_server(self._serve, self._host, self._port)
        except OSError as error:
            # The library puts its own words into strerror.
            reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or error
            raise LinkError(
                f"Cannot listen on {self._host} port {self._port} ({reason}); choose a free port, or 0 to get one."
            ) from error
        self._port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Stop listening and cut all clients off."""
        if self._server is not None:
            self._server.close()  # nobody waits for it: Python 3.12 would wait for a client on its way
            for client in self._clients:
                client.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        """Keep one connection on the line for as long as it lasts."""

        def hear(data: bytes) -> None:
            if client.transport.get_write_buffer_size() < _MOST_UNREAD:
                client.write(data)

        write = self._line.join(hear)
        self._clients.add(client)
        with suppress(OSError):
            while data := await reader.read(4096):
                write(data)
        self._line.leave(hear)
        self._clients.discard(client)
        client.close()


class PtyPort:
    """Serves a line at `path`, a symbolic link to the terminal."""

    def __init__(self, line: Line, path: Path) -> None:
        self._line = line
        self._path = path
        self._device = ""
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """The link URL for a client."""
        return str(self._path)

    async def open(self) -> None:
        """Make the terminal and the link to it; raises LinkError where it cannot."""
        master, slave = os.openpty()
        tty.setraw(slave)
        self._device = os.ttyname(slave)
        # Closed on this side, so that the terminal tells whether a client has it open.
        os.close(slave)
        os.set_blocking(master, False)
        try:
            # One that a simulation left behind when it was killed may go; nobody's file does.
            if self._path.is_symlink() and str(self._path.readlink()).startswith("/dev/pts/"):
                self._path.unlink()
            self._path.symlink_to(self._device)
        except OSError as error:
            os.close(master)
            raise LinkError(
                f"Cannot make the link {self._path} ({error.strerror}); choose a path that is free and writable."
            ) from error
        self._master = master
        self._write = self._line.join(self._hear)
        self._task = asyncio.create_task(self._listen())

    def close(self) -> None:
        """Pull the adapter out: the link is gone and a client reads an error or the end."""
        if self._task is None:
            return
        self._line.leave(self._hear)
        self._task.cancel()
        self._task = None
        os.close(self._master)
        if self._path.is_symlink() and str(self._path.readlink()) == self._device:
            self._path.unlink()

    def _hear(self, data: bytes) -> None:
        """Give bytes of the line to the client; what does not fit because he does not read is lost."""
        terminal = select.poll()
        terminal.register(self._master, 0)
        is_open = not any(event & select.POLLHUP for _, event in terminal.poll(0))
        with suppress(OSError):
            if is_open:
                os.write(self._master, data)

    async def _listen(self) -> None:
        while True:
            with suppress(OSError):  # nobody has it open, or nothing was written
                if data := os.read(self._master, 4096):
                    self._write(data)
            await asyncio.sleep(_LOOK)
