"""The configuration for commands that do without one; rule: one that was not named is no hindrance."""

from __future__ import annotations

import os
from pathlib import Path

from juntek.config import Configuration, find_file, load
from juntek.errors import ConfigurationError


def configuration_if_any(config: Path | None = None) -> Configuration | None:
    """Return the configuration; one that was not named and is wrong, or not for this user, is no hindrance."""
    if config is None and find_file(os.environ) is None:
        return None
    try:
        return load(config, os.environ)
    except ConfigurationError:
        if config is not None:
            raise
        return None
