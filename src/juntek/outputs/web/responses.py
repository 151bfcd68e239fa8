"""What every response has in common: strict headers, JSON without blanks, compressed where that pays."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from starlette.responses import Response

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors "
)
"""The page loads nothing from elsewhere, runs no script that stands in its text, and is framed by whom we know."""


def security_headers(frame_ancestors: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Return what every response has; the page may be framed by pages of these origins."""
    headers = [
        ("content-security-policy", _POLICY + (" ".join(frame_ancestors) or "'none'")),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ]
    # The older header knows no origins.
    return headers if frame_ancestors else [*headers, ("x-frame-options", "DENY")]


NEVER_KEPT: Final = {"cache-control": "no-store"}
WORTH_COMPRESSING = 2048
"""Bytes from which on compression pays; level 1 takes a Raspberry Pi some 20 ms a megabyte."""


def encode(value: Any) -> bytes:  # noqa: ANN401 - anything that JSON can hold
    """Return JSON without blanks; raises ValueError for a number that JSON cannot hold."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def json_response(
    value: Any,  # noqa: ANN401 - anything that JSON can hold
    accepted: str = "",
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a response, compressed where that pays and is `accepted`, as Accept-Encoding says."""
    body = encode(value)
    more = NEVER_KEPT | {"vary": "accept-encoding"} | dict(headers or {})
    if len(body) >= WORTH_COMPRESSING and accepts(accepted, "gzip"):
        body = gzip.compress(body, 1)
        more["content-encoding"] = "gzip"
    return Response(body, status, more, media_type="application/json")


def accepts(accepted: str, coding: str) -> bool:
    """Return whether an Accept-Encoding header names a coding without refusing it."""
    for part in accepted.lower().split(","):
        name, _, quality = part.partition(";")
        if name.strip() == coding:
            return quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
