"""The line on a pseudo-terminal, as a serial adapter gives it; rule: what comes while nobody has it open is lost."""

from __future__ import annotations

import asyncio
import os
import select
import tty
from pathlib import Path

from juntek.errors import LinkError
from juntek.simulator.line import Hear, Line

_LOOK = 0.02  # seconds between two looks whether somebody has opened the terminal


class PtyPort:
    """Serves a line at `path`, a symbolic link to the terminal."""

    def __init__(self, line: Line, path: Path) -> None:
        self._line = line
        self._path = path
        self._master = -1
        self._device = ""
        self._hear: Hear = self.hear
        self._write: Hear | None = None
        self._look: asyncio.TimerHandle | None = None
        self._watched = False

    @property
    def url(self) -> str:
        """The link URL for a client."""
        return str(self._path)

    async def open(self) -> None:
        """Make the terminal and the link to it; raises LinkError where it cannot."""
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self._device = os.ttyname(slave)
        # Closed on this side, so that the terminal tells whether a client has it open.
        os.close(slave)
        os.set_blocking(self._master, False)
        try:
            # One that a simulation left behind when it was killed may go; nobody's file does.
            if self._path.is_symlink() and str(self._path.readlink()).startswith("/dev/pts/"):
                self._path.unlink()
            self._path.symlink_to(self._device)
        except OSError as error:
            os.close(self._master)
            self._master = -1
            raise LinkError(
                f"Cannot make the link {self._path} ({error.strerror}); choose a path that is free and writable."
            ) from error
        self._write = self._line.join(self._hear)
        self._watch()

    async def close(self) -> None:
        """Pull the adapter out: the link is gone and a client reads an error or the end."""
        if self._master < 0:
            return
        self._line.leave(self._hear)
        if self._look is not None:
            self._look.cancel()
        self._unwatch()
        os.close(self._master)
        self._master = -1
        if self._path.is_symlink() and str(self._path.readlink()) == self._device:
            self._path.unlink()

    def hear(self, data: bytes) -> None:
        """Give bytes of the line to the client; what does not fit because he does not read is lost."""
        if not self._is_open():
            return
        try:
            os.write(self._master, data)
        except OSError:
            return

    def _is_open(self) -> bool:
        poll = select.poll()
        poll.register(self._master, 0)
        return not any(event & select.POLLHUP for _, event in poll.poll(0))

    def _watch(self) -> None:
        """Read while a client has the terminal open, look again later while none has."""
        if self._is_open():
            self._watched = True
            asyncio.get_running_loop().add_reader(self._master, self._read)
        else:
            self._look = asyncio.get_running_loop().call_later(_LOOK, self._watch)

    def _unwatch(self) -> None:
        if self._watched:
            self._watched = False
            asyncio.get_running_loop().remove_reader(self._master)

    def _read(self) -> None:
        try:
            data = os.read(self._master, 4096)
        except OSError:  # the client has closed it
            self._unwatch()
            self._watch()
            return
        if data and self._write is not None:
            self._write(data)
