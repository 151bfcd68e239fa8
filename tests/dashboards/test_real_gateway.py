"""Every query of every dashboard finds what a real gateway pushed to a real VictoriaMetrics."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dashboards.asked import BOARDS, asked, every_query
from dashboards.filled import Filled
from dashboards.gateway import fill_by_gateway
from servers.engines import VictoriaMetrics

pytestmark = [pytest.mark.engines, pytest.mark.timeout(300)]

ONLY_AT_TIMES = {
    "juntek-fleet/Sites that have gone/A",  # none has
    "juntek-battery/Time left/A",  # the simulated batteries are charged at nine in the morning
    "juntek-battery/Time left/B",  # or discharged
    "juntek-battery/Settings of the meters/H",  # off, and cannot be set over the wire
}
"""What a gateway whose meters are well need not have an answer to."""


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """VictoriaMetrics, with what a real gateway with two simulated meters pushes to it."""
    with (
        VictoriaMetrics(tmp_path_factory.mktemp("engine")) as engine,
        fill_by_gateway(tmp_path_factory.mktemp("gateway"), engine) as filled,
    ):
        yield filled


@pytest.mark.parametrize(("uid", "number"), [pytest.param(uid, number, id=name) for uid, number, name in every_query()])
def test_every_query_finds_what_the_gateway_pushed(real: Filled, uid: str, number: int) -> None:
    """It has run for less than a minute: looked at closely, as a newcomer does, but for days and months."""
    query = asked(BOARDS[uid], real.reader(range=None if uid == "juntek-energy" else ("now-15m", "now")))[number]
    assert real.answer(query) or str(query) in ONLY_AT_TIMES, query.expr
