"""A simulation that clients can connect to; rule: the only place here that has a clock, and it is the loop's."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from juntek.simulator.ports import PtyPort, TcpPort
from juntek.simulator.simulation_options import Display, Options
from juntek.simulator.site import Site
from juntek.simulator.wires import Answerer, DisplayUnit, Line, Noise

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
        self._display = DisplayUnit(self._line)
        self._ports: list[TcpPort | PtyPort] = []
        if options.pty is not None:
            self._ports.append(PtyPort(self._line, options.pty))
        if options.listen is not None or options.pty is None:
            self._ports.append(TcpPort(self._line, options.listen or _ANY_PORT))
        self._answerer = Answerer(
            self._line,
            tuple(site.meter for site in self.sites),
            latency=options.latency,
            catch_up=self.catch_up,
        )
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
        self._answerer.enter()
        try:
            await self.plug_in()
        except BaseException:
            await self._stop()
            raise
        self.plug_display(self.options.display)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def run(self) -> None:
        """Wait until it is cancelled."""
        await asyncio.Event().wait()

    def catch_up(self) -> None:
        """Bring all meters to the present simulated time."""
        now = asyncio.get_running_loop().time()
        elapsed = (now - self._time) * self.options.speed
        self._time = now
        for site in self.sites:
            site.advance(elapsed)

    async def pull(self) -> None:
        """Pull the link out: clients are cut off, and nobody can connect until `plug_in`."""
        for port in self._ports:
            await port.close()

    async def plug_in(self) -> None:
        """Put the link back, at the same URL; raises LinkError where that is taken."""
        for port in self._ports:
            await port.close()
            await port.open()

    def plug_display(self, style: Display = "newer", address: int | None = None) -> None:
        """Plug a display in that polls the first meter or the one at `address`."""
        self._display.plug_in(style, address or self.sites[0].meter.address)

    def unplug_display(self) -> None:
        """Unplug the display."""
        self._display.unplug()

    def silence(self, address: int | None = None, *, silent: bool = True) -> None:
        """Make the meter at `address`, or every one, stop answering, or answer again; its battery lives on."""
        for site in self.sites:
            if address in (None, site.meter.address):
                (self._answerer.silent.add if silent else self._answerer.silent.discard)(site.meter)

    async def _stop(self) -> None:
        self._display.unplug()
        self._answerer.leave()
        for port in self._ports:
            await port.close()
