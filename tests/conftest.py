"""What all tests share: the recorded frames, and the real servers."""

from __future__ import annotations

import signal

# A shell lets what runs in its background ignore Ctrl-C, and the programs that tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["servers.fixtures"]
