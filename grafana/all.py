"""All dashboards, as the files that Grafana reads; rule: the same code gives the same bytes."""

from __future__ import annotations

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from grafana import battery, bus_health, energy, fleet

MODULES = (battery, energy, bus_health, fleet)


def documents() -> dict[str, str]:
    """Return the text of each dashboard by the name of its file."""
    encoder = JSONEncoder(indent=2, sort_keys=True, ensure_ascii=False)
    boards = [module.build() for module in MODULES]
    return {f"{board.uid}.json": encoder.encode(board) + "\n" for board in boards}
