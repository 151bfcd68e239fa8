"""Names that owners give, as topics and addresses can bear them; rule: what a name becomes never changes."""

import re


def slug(name: str) -> str:
    """Return the name in letters of ASCII, with everything but letters, digits, `_` and `-` replaced by `_`."""
    if not name.isascii():
        from anyascii import anyascii  # noqa: PLC0415 - its tables are loaded for names that need them

        name = "".join(anyascii(letter).strip() or "_" for letter in name)
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)
