"""What every test of a link needs: the other end, and no file left open."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from links.peers import PATIENCE, Peer, Pty, open_files, tcp_peer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator


@pytest.fixture(autouse=True)
async def no_file_is_left_open() -> AsyncIterator[None]:
    before = open_files()
    yield
    for _ in range(int(PATIENCE / 0.01)):
        if len(open_files()) <= len(before):
            return
        await asyncio.sleep(0.01)
    assert open_files() == before


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with tcp_peer() as peer:
        yield peer


@pytest.fixture
def pty() -> Iterator[Pty]:
    pty = Pty()
    yield pty
    pty.pull()


@pytest.fixture
def is_sentence() -> Callable[[object], str]:
    """A check that a message is one line for an owner, without the marks of a traceback or a Python object."""

    def check(message: object) -> str:
        text = str(message)
        assert "\n" not in text
        assert text[0].isupper() or text[0] in "'/" or "://" in text.split(maxsplit=1)[0] or text.startswith("replay:")
        assert not any(mark in text for mark in ("Traceback", "object at", "Error(", "errno", "Errno"))
        return text

    return check
