"""A battery and a Juntek meter without either of them; rule: replies come from the same tables as decoding.

`Simulation` serves it on a TCP port or a pseudo-terminal, `history` gives days of its replies at once.
"""

from juntek.simulator.meter import Meter
from juntek.simulator.simulation import Simulation
from juntek.simulator.site import Options, Site, history, make_site
from juntek.simulator.wires import Display

__all__ = ["Display", "Meter", "Options", "Simulation", "Site", "history", "make_site"]
