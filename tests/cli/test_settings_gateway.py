"""`juntek settings` on a link that our gateway holds goes by the gateway, or says why it cannot."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cli.program import Ended
from cli.program import run_apart as run
from gateway.controlled import Controlled, controlled
from juntek.files import hold, lock_of
from juntek.history.queries import HistoryReader
from juntek.outputs.web.passwords import token_path


async def juntek(site: Controlled, *arguments: object) -> Ended:
    """Run the program beside the gateway, which holds its lock as `juntek run` does."""
    with hold(lock_of(site.database)):
        return await asyncio.to_thread(run, *arguments, "--config", site.config, home=site.config.parent)


async def test_settings_are_written_by_the_gateway_that_holds_the_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with controlled(tmp_path, monkeypatch) as site:
        link = site.wires.simulation.url
        result = await juntek(site, "settings", "set", link, "nominal_capacity=200", "--yes")
        assert (result.status, "nominal_capacity: obeyed." in result.output) == (0, True), result.talk
        assert site.setting("nominal_capacity") == 200
        result = await juntek(site, "act", link, "charge=50", "--yes")
        assert (result.status, "state_of_charge: obeyed." in result.output) == (0, True), result.talk
        with HistoryReader(site.database) as reader:
            assert {entry.who.partition(" ")[0] for entry in reader.commands()} == {"command"}
        refused = await juntek(site, "settings", "set", link, "relay_type=normally_closed", "--yes-dangerous")
        assert (refused.status, "allow_control" in refused.talk) == (3, True)
        assert (await juntek(site, "settings", "show", link, "--address", "5")).status == 2
        assert site.writes == 2


async def test_a_gateway_that_cannot_be_asked_is_named_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with controlled(tmp_path, monkeypatch) as site:
        token_path(site.database).unlink()
        result = await juntek(site, "settings", "set", site.wires.simulation.url, "nominal_capacity=200", "--yes")
        assert (result.status, len(result.talk.splitlines())) == (3, 1)
        assert "stop the gateway" in result.talk
        assert site.writes == 0
