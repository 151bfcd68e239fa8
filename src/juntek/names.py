"""Names that owners give, as topics and addresses can bear them; rule: what a name becomes never changes."""

import re


def slug(name: str) -> str:
    """Return the name with everything but letters, digits, `_` and `-` replaced by `_`."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)
