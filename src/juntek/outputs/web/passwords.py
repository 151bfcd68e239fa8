"""Passwords and tokens as they are kept; rule: only hashes are kept, and a comparison takes the same time for all.

A password is slow to hash, because people choose it. A token is not: it is 256 random bits. One is written as it is,
with which the command line here asks the gateway: it is for the gateway's own user, and new at each start.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import re
import secrets
from pathlib import Path
from typing import Final, NamedTuple

from juntek.errors import ConfigurationError
from juntek.files import read_bytes, write_private

log = logging.getLogger(__name__)

_COST, _BLOCK, _LANES = 2**14, 8, 5
"""scrypt in 16 MB of memory; the least that OWASP's cheat sheet on storing passwords gives for that memory."""

_MOST_MEMORY: Final = 65 * 2**20
_LARGEST_COST: Final = 2**16
_HASH = re.compile(r"scrypt:(\d{1,6}):(\d{1,2}):(\d{1,2}):([A-Za-z0-9_-]{22,88}={0,2}):([A-Za-z0-9_-]{43}=)")
_TOKEN_HASH = re.compile(r"sha256:[0-9a-f]{64}")
TOKEN_MARK = "juntek_"  # noqa: S105 - no secret: it lets a leaked token be recognised
WRITE: Final = "write"
"""The word behind the hash of a token that may write to meters."""
LONGEST_PASSWORD: Final = 1024
WHO: Final = "x-juntek-user"
"""The header with the name of the user at the command line; believed of this token only."""


def hash_password(password: str) -> str:
    """Return what stands for a password in a file or the environment; takes a part of a second."""
    salt = secrets.token_bytes(16)
    return f"scrypt:{_COST}:{_BLOCK}:{_LANES}:{_encode(salt)}:{_encode(_derive(password, salt))}"


def is_hash(text: str) -> bool:
    """Return whether this can be what `hash_password` made, at a cost that this computer will pay."""
    found = _HASH.fullmatch(text)
    cost, block, lanes = map(int, found.groups()[:3]) if found is not None else (0, 0, 0)
    return 1 < cost <= _LARGEST_COST and cost & (cost - 1) == 0 and 1 <= block <= 8 and 1 <= lanes <= 16


def matches(password: str, hashed: str) -> bool:
    """Return whether the password is the one that was hashed; takes a part of a second. False for a bad hash."""
    found = _HASH.fullmatch(hashed)
    if found is None or len(password) > LONGEST_PASSWORD:
        return False
    derived = _derive(password, base64.urlsafe_b64decode(found[4]), *map(int, found.groups()[:3]))
    return hmac.compare_digest(derived, base64.urlsafe_b64decode(found[5]))


def make_token() -> str:
    """Return a new token for a script."""
    return TOKEN_MARK + secrets.token_urlsafe(32)


def hash_token(token: str) -> str:
    """Return what stands for a token in a file."""
    return f"sha256:{digest(token)}"


def digest(secret: str) -> str:
    """Return the SHA-256 of a random secret, under which it is looked up."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


class Token(NamedTuple):
    """A token of a script; that of the command line here has no name."""

    name: str
    may_write: bool


def read_password_hash(path: Path) -> str:
    """Return the hash in web.password_hash_file. Raises ConfigurationError."""
    text = _read("password_hash_file", path).strip()
    if not is_hash(text):
        raise ConfigurationError(
            f"web.password_hash_file {path} does not hold what juntek web password writes; write it again with: "
            "juntek web password"
        )
    return text


def read_tokens(path: Path) -> dict[str, Token]:
    """Return the tokens in web.tokens_file by their hashes. Raises ConfigurationError."""
    tokens: dict[str, Token] = {}
    for number, line in enumerate(_read("tokens_file", path).splitlines(), start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) < 2 or words[2:] not in ([], [WRITE]) or not _TOKEN_HASH.fullmatch(words[1]):
            raise ConfigurationError(
                f"web.tokens_file {path}: line {number} is not a name and a hash; make it with: juntek web token NAME"
            )
        tokens[words[1]] = Token(words[0], may_write=words[2:] == [WRITE])
    return tokens


def token_path(database: Path) -> Path:
    """Return where the token of the gateway with this database is."""
    return database.with_suffix(".token")


def write_token(database: Path) -> str | None:
    """Make a token and write it; None where it cannot be written."""
    path, token = token_path(database), make_token()
    try:
        write_private(path, f"{token}\n")
    except OSError as error:
        log.warning("web: cannot write %s (%s), so juntek settings cannot ask this gateway.", path, error.strerror)
        return None
    return token


def _read(key: str, path: Path) -> str:
    try:
        return read_bytes(path, f"web.{key}").decode()
    except UnicodeDecodeError:
        raise ConfigurationError(f"web.{key} {path} is not text; write it again.") from None


def _derive(password: str, salt: bytes, cost: int = _COST, block: int = _BLOCK, lanes: int = _LANES) -> bytes:
    data = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(data, salt=salt, n=cost, r=block, p=lanes, maxmem=_MOST_MEMORY, dklen=32)


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()
