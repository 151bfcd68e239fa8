"""What is sent: JSON and the page's own files, compressed where that pays; rule: every response has strict headers."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

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


def encode(value: Any) -> bytes:  # noqa: ANN401 - anything that JSON can hold, data classes and dates
    """Return JSON without blanks; raises ValueError for a number that JSON cannot hold."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain).encode()


def _plain(value: Any) -> Any:  # noqa: ANN401 - one of these
    return value.isoformat() if isinstance(value, date) else asdict(value)


def json_response(
    value: Any,  # noqa: ANN401 - anything that JSON can hold
    accepted: str = "",
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a response, compressed where that pays and is `accepted`, as Accept-Encoding says."""
    body = encode(value)
    more = NEVER_KEPT | {"vary": "accept-encoding"} | dict(headers or {})
    if len(body) >= WORTH_COMPRESSING and takes_gzip(accepted):
        body = gzip.compress(body, 1)
        more["content-encoding"] = "gzip"
    return Response(body, status, more, media_type="application/json")


def takes_gzip(accepted: str) -> bool:
    """Return whether an Accept-Encoding header names gzip without refusing it."""
    codings = dict(part.partition(";")[::2] for part in accepted.lower().replace(" ", "").split(","))
    return re.fullmatch(r"q=0(\.0*)?", codings.get("gzip", "q=0")) is None


FOLDER = Path(__file__).parent / "static"
_INDEX: Final = "index.html"
_TYPES: Final = {
    ".js": "text/javascript; charset=utf-8",  # Python's table has other names for these
    ".webmanifest": "application/manifest+json",
}
_NOT_BUILT = b"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>juntek</title>
<p>The page has not been built: install juntek once more where it reaches the internet, or use the API,
which is described at <a href="/api/openapi.json">/api/openapi.json</a>.</p></html>
"""


class PageFiles(StaticFiles):
    """The page's own files, each at one address, compressed where the build did it; `/` is the page itself.

    Files below `assets/` have a hash in their name and are kept by browsers for ever; all others are asked for again.
    """

    def __init__(self) -> None:
        super().__init__(directory=FOLDER, check_dir=False)
        self.config_checked = True  # a page that was not built is told below

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file, compressed where there is such a form of it and the browser takes that."""
        name = _INDEX if path == "." else path
        if scope["path"] not in ("/", f"/{path}") or name.endswith(".gz"):
            raise HTTPException(404)  # each is at its own address only
        if name == _INDEX and self.lookup_path(name)[1] is None:
            return Response(_NOT_BUILT, 503, media_type="text/html")
        response = await super().get_response(name, scope)
        accepted = ",".join(Headers(scope=scope).getlist("accept-encoding"))
        is_packed = takes_gzip(accepted) and self.lookup_path(f"{name}.gz")[1] is not None
        if is_packed:
            response = await super().get_response(f"{name}.gz", scope)
            response.headers["content-encoding"] = "gzip"
        is_asset = name.startswith("assets/")
        response.headers["cache-control"] = "public, max-age=31536000, immutable" if is_asset else "no-cache"
        response.headers["vary"] = "accept-encoding"
        if media_type := _TYPES.get(Path(name).suffix):
            response.headers["content-type"] = media_type
        return response
