"""The page's own files; rule: the framework serves them, each at one address, compressed where the build did it.

Files below `assets/` have a hash in their name and are kept by browsers for ever; all others are asked for again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from juntek.outputs.web.responses import accepts

FOLDER = Path(__file__).parent / "static"
CODINGS: Final = {"br": ".br", "gzip": ".gz"}
"""Ways to compress, best first, and what the names of such files end with."""
INDEX: Final = "index.html"
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
    """All files of the page; `/` is the page itself."""

    def __init__(self) -> None:
        super().__init__(directory=FOLDER, check_dir=False)
        self.config_checked = True  # a page that was not built is told below

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file, the best compressed form of it that the browser takes."""
        name = INDEX if path == "." else path
        if scope["path"] not in ("/", f"/{path}") or name.endswith(tuple(CODINGS.values())):
            raise HTTPException(404)  # each is at its own address only
        accepted = ",".join(Headers(scope=scope).getlist("accept-encoding"))
        for coding in (*(coding for coding in CODINGS if accepts(accepted, coding)), ""):
            try:
                response = await super().get_response(name + CODINGS.get(coding, ""), scope)
                break
            except HTTPException as error:
                if error.status_code != 404 or not (coding or name == INDEX):
                    raise
        else:
            return Response(_NOT_BUILT, 503, media_type="text/html")
        is_asset = name.startswith("assets/")
        response.headers["cache-control"] = "public, max-age=31536000, immutable" if is_asset else "no-cache"
        response.headers["vary"] = "accept-encoding"
        if coding:
            response.headers["content-encoding"] = coding
        if media_type := _TYPES.get(Path(name).suffix):
            response.headers["content-type"] = media_type
        return response
