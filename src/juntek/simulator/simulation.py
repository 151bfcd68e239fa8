"""A simulation that clients can connect to; rule: the only place here that has a clock, and it is the loop's."""

from __future__ import annotations

import asyncio
from typing import Self

from juntek.rs485.framing import Frame, Framer
from juntek.simulator.site import Options, Site
from juntek.simulator.wires import Display, Line, Noise, PtyPort, TcpPort, poll

_ANY_PORT = "tcp://127.0.0.1:0"


class Simulation:
    """`async with Simulation(options) as simulation:` serves `simulation.url` until the block is left.

    `sites` are meters that were brought to the present before (`make_site`, `history`); by default they are new.
    """

    def __init__(self, options: Options, *, sites: tuple[Site, ...] | None = None) -> None:
        self.options = options
        self.sites = sites or tuple(Site(options, index) for index in range(len(options.models)))
        self.noise = Noise(options.seed, options.noise)
        self._line = Line(self.noise)
        self._ports: list[TcpPort | PtyPort] = []
        if options.pty is not None:
            self._ports.append(PtyPort(self._line, options.pty))
        if options.listen is not None or options.pty is None:
            self._ports.append(TcpPort(self._line, options.listen or _ANY_PORT))
        self._framer = Framer()
        self._display: asyncio.Task[None] | None = None
        self._time = 0.0

    @property
    def url(self) -> str:
        """The link URL for clients; of the pseudo-terminal where there are both."""
        return self._ports[0].url

    @property
    def urls(self) -> tuple[str, ...]:
        """All link URLs for clients."""
        return tuple(port.url for port in self._ports)

    async def __aenter__(self) -> Self:
        self._time = asyncio.get_running_loop().time()
        self._write = self._line.join(self._answer)
        await self.plug_in()
        self.plug_display(self.options.display)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.unplug_display()
        self._line.leave(self._answer)  # replies under way reach nobody
        await self.pull()

    async def run(self) -> None:
        """Wait until it is cancelled."""
        await asyncio.Event().wait()

    async def pull(self) -> None:
        """Pull the link out: clients are cut off, and nobody can connect until `plug_in`."""
        for port in self._ports:
            port.close()

    async def plug_in(self) -> None:
        """Put the link back, at the same URL; raises LinkError where that is taken."""
        try:
            for port in self._ports:
                port.close()
                await port.open()
        except BaseException:
            await self.pull()
            raise

    def plug_display(self, style: Display = "newer", address: int | None = None) -> None:
        """Plug a display in, in the place of one that is there, that polls the first meter or the one at `address`."""
        self.unplug_display()
        if style != "none":
            self._display = asyncio.create_task(poll(self._line, style, address or self.sites[0].meter.address))

    def unplug_display(self) -> None:
        """Unplug the display."""
        if self._display is not None:
            self._display.cancel()

    def silence(self, address: int | None = None, *, silent: bool = True) -> None:
        """Make the meter at `address`, or every one, stop answering, or answer again; its battery lives on."""
        for site in self.sites:
            if address in (None, site.meter.address):
                site.meter.silent = silent

    def _answer(self, data: bytes) -> None:
        """Let each meter answer the requests in some bytes of the line."""
        for event in self._framer.feed(data):
            if isinstance(event, Frame) and event.command[0] in "RW":
                loop = asyncio.get_running_loop()
                before, self._time = self._time, loop.time()
                for site in self.sites:
                    site.advance((self._time - before) * self.options.speed)
                    if (reply := site.meter.answer(event)) is not None:
                        loop.call_later(self.options.latency, self._write, reply)
