"""Tests of the page need a browser, and a page; they share one browser, so they run in one loop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from inspect import iscoroutinefunction

import pytest
import pytest_asyncio

from servers.installed import BROWSER, need_browser
from web.browsing import close_browser


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker(BROWSER) and iscoroutinefunction(getattr(item, "function", None)):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session", autouse=True)
async def _one_browser() -> AsyncIterator[None]:
    yield
    await close_browser()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker(BROWSER):
        need_browser()
