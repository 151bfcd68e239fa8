"""Tests of the page need a browser, and a page."""

from __future__ import annotations

import pytest

from servers.installed import BROWSER, need_browser


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker(BROWSER):
        need_browser()
