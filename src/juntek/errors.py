"""The errors this package raises; rule: bad bytes are values, so only links, requests and configuration raise.

Every message is one sentence that an owner can act on. Anything else that escapes is a bug.
"""


class JuntekError(Exception):
    """Base of all errors raised on purpose; its text is a sentence for the owner."""


class LinkError(JuntekError):
    """The link could not be opened: wrong port, no permission, in use, unknown host, bad URL."""


class LinkLostError(LinkError):
    """An open link went away: USB pulled, TCP cut, end of a capture."""


class NoReplyError(JuntekError, TimeoutError):
    """The link is open and the meter does not answer."""


class UnknownLayoutError(JuntekError):
    """The meter answers in a layout that no model table explains."""


class RequestError(JuntekError, ValueError):
    """The caller asked for something that cannot be: an address of 300, a setting out of its limits."""


class ConfigurationError(JuntekError):
    """The configuration is wrong; the text names the file, the key and the mend."""


class DatabaseError(JuntekError):
    """What is kept cannot be read or written: disk full, read-only, damaged, from a newer version."""


class DamagedFileError(DatabaseError):
    """The database is damaged, or not a database."""


def counted(count: int, thing: str) -> str:
    """Return a number of things, with an s where it is not one: the only place that makes a plural."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
