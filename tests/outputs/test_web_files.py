"""The page's files: only what was built, kept as long as its name lasts, and with headers that let nothing else in."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from juntek.outputs.web import responses
from outputs.served import HASH, served

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = b"console.log('juntek')" * 200


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "static"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>Battery</title>")
    (folder / "manifest.webmanifest").write_text("{}")
    (folder / "assets" / "index-3f2a.js").write_bytes(SCRIPT)
    (folder / "assets" / "index-3f2a.js.gz").write_bytes(gzip.compress(SCRIPT))
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "static-secret.txt").write_text("secret")
    monkeypatch.setattr(responses, "FOLDER", folder)
    return folder


@pytest.mark.usefixtures("page")
async def test_the_page_is_at_the_root_and_asked_for_again_each_time() -> None:
    async with served() as site, site.browser() as browser:
        answer = await browser.get("/")
        assert "<title>Battery" in answer.text
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert answer.headers["cache-control"] == "no-cache"
        again = await browser.get("/", headers={"if-none-match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert (await browser.get("/manifest.webmanifest")).headers["content-type"] == "application/manifest+json"


@pytest.mark.usefixtures("page")
async def test_files_with_a_hash_in_their_name_are_kept_for_ever_and_sent_as_they_were_compressed() -> None:
    async with served() as site, site.browser() as browser:
        path = "/assets/index-3f2a.js"
        packed = await browser.get(path, headers={"accept-encoding": "gzip"})
        assert packed.content == SCRIPT
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert packed.headers["vary"] == "accept-encoding"
        asked = await browser.head(path, headers={"accept-encoding": "br, deflate, gzip;q=0.5"})
        assert asked.headers["content-encoding"] == "gzip"
        plain = await browser.get(path, headers={"accept-encoding": "identity"})
        assert plain.content == SCRIPT
        assert plain.headers["content-type"] == "text/javascript; charset=utf-8"


@pytest.mark.usefixtures("page")
@pytest.mark.parametrize(
    "path",
    ["/../secret.txt", "/%2e%2e/secret.txt", "/assets/..%2f..%2fsecret.txt", "//etc/passwd", "/..%5csecret.txt",
     "/assets", "/assets/", "/index.html/", "/assets/index-3f2a.js.gz", "/%00", "/../static-secret.txt"],
)  # fmt: skip
async def test_nothing_else_can_be_asked_for(path: str) -> None:
    async with served() as site, site.browser() as browser:
        request = browser.build_request("GET", site.url)
        request.url = request.url.copy_with(raw_path=path.encode())
        answer = await browser.send(request)
        assert answer.status_code == 404
        assert list(answer.json()) == ["error"]


@pytest.mark.usefixtures("page")
async def test_the_page_can_be_loaded_before_signing_in() -> None:
    async with served(password_hash=HASH) as site, site.browser() as browser:
        assert (await browser.get("/")).status_code == 200
        assert (await browser.get("/assets/index-3f2a.js")).status_code == 200


@pytest.mark.usefixtures("page")
@pytest.mark.parametrize("path", ["/", "/assets/index-3f2a.js", "/nothing", "/api/meters", "/api/nothing"])
async def test_every_answer_has_strict_headers(path: str) -> None:
    async with served() as site, site.browser() as browser:
        headers = (await browser.get(path)).headers
        policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["connect-src"] == policy["style-src"] == "'self'"
        assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "server" not in headers


async def test_a_page_that_was_not_built_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(responses, "FOLDER", tmp_path / "static")
    async with served() as site, site.browser() as browser:
        answer = await browser.get("/")
        assert answer.status_code == 503
        assert "has not been built" in answer.text
        assert answer.headers["content-type"].startswith("text/html")
