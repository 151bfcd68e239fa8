"""What all tests share: the recorded frames, and the real servers."""

from __future__ import annotations

pytest_plugins = ["servers.fixtures"]
