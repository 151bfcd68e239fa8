"""What all tests share: the recorded frames, and the real servers."""

from __future__ import annotations

import signal

from hypothesis import HealthCheck, settings

# A shell lets what runs in its background ignore Ctrl-C, and the programs that tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says nothing on a busy machine.
settings.register_profile("juntek", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("juntek")

pytest_plugins = ["servers.fixtures"]
