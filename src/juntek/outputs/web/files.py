"""The page's own files; rule: only what was in the folder at the start can be asked for, so no path leads out of it.

Files below `assets/` have a hash in their name and are kept by browsers for ever; all others are asked for again.
A file with `.br` or `.gz` behind its name is the same, compressed when the page was built.
"""

from __future__ import annotations

import asyncio
import hashlib
import mimetypes
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from juntek.outputs.web.answers import Refusal, accepts

FOLDER = Path(__file__).parent / "static"
CODINGS: Final = ((".br", "br"), (".gz", "gzip"))
"""Endings and names of the ways to compress, best first."""
_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}
_NOT_BUILT = b"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>juntek</title>
<p>The page has not been built: install the package with <code>pip install .</code>, or use the API,
which is described at <a href="/api/openapi.json">/api/openapi.json</a>.</p></html>
"""


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file, and its compressed forms by coding."""

    path: Path
    media_type: str
    kept: str
    packed: dict[str, Path] = field(default_factory=dict)


class Files:
    """All files of the page."""

    def __init__(self) -> None:
        self._files = _find_files(FOLDER)

    async def show(self, request: Request) -> Response:
        """Answer with a file; `/` is the page itself."""
        name = request.path_params.get("name", "") or "index.html"
        file = self._files.get(name)
        if file is None:
            if name == "index.html":
                return Response(_NOT_BUILT, 503, {"cache-control": _ASK_AGAIN}, media_type="text/html")
            raise Refusal(404, "There is nothing at this address; the page is at /.")
        accepted = request.headers.get("accept-encoding", "")
        coding = next((name for _, name in CODINGS if name in file.packed and accepts(accepted, name)), None)
        path = file.packed[coding] if coding else file.path
        try:
            body = await asyncio.to_thread(path.read_bytes)
        except OSError:
            raise Refusal(503, "The page's files are gone; restart the gateway.") from None
        mark = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
        headers = {"cache-control": file.kept, "etag": mark, "vary": "accept-encoding"}
        if coding:
            headers["content-encoding"] = coding
        if mark in request.headers.get("if-none-match", ""):
            return Response(None, 304, headers)
        return Response(body, 200, headers, media_type=file.media_type)


def _find_files(folder: Path) -> dict[str, PageFile]:
    found: dict[str, PageFile] = {}
    endings = tuple(ending for ending, _ in CODINGS)
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if not path.is_file() or path.name.endswith(endings):
            continue
        name = path.relative_to(folder).as_posix()
        media_type = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        packed = {coding: path.with_name(path.name + ending) for ending, coding in CODINGS}
        found[name] = PageFile(
            path,
            media_type,
            _FOR_EVER if name.startswith("assets/") else _ASK_AGAIN,
            {coding: other for coding, other in packed.items() if other.is_file()},
        )
    return found
