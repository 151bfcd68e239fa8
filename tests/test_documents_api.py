"""What docs/api.md says is what the server does; rule: each of its requests is sent, with a token made as it says."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from cli.program import run
from documents import ROOT, blocks, table, words
from juntek.outputs.web.api import description as describe_api
from outputs.served import HASH, context, served, write_past
from outputs.updates import kg_update

API = ROOT / "docs" / "api.md"
ADDRESS = "http://127.0.0.1:8140"


def requests() -> Iterator[list[str]]:
    for block in blocks(API):
        for line in block.text.splitlines():
            if line.startswith("curl "):
                yield shlex.split(line)[1:]


def test_every_address_is_told() -> None:
    assert sorted(words(row[0])[0] for row in table(API, "address")) == sorted(describe_api("1")["paths"])


def test_every_parameter_that_is_told_is_one() -> None:
    for address, meaning in table(API, "address"):
        path = describe_api("1")["paths"][words(address)[0]]
        parameters = (path.get("get") or path["post"])["parameters"]
        known = {parameter["name"] for parameter in parameters if parameter["in"] == "query"}
        kinds = {word for parameter in parameters for word in parameter["schema"].get("enum", ())}
        assert set(words(meaning)) <= known | kinds, address
        assert known <= set(words(meaning)) | {"quantities"}, address


async def test_every_request_is_answered(tmp_path: Path) -> None:
    (command,) = (block.text for block in blocks(API) if block.text.startswith("juntek "))
    made = run(*shlex.split(command.replace("web-tokens", str(tmp_path / "web-tokens")))[1:], home=tmp_path)
    write_past(tmp_path / "juntek.db", hours=1.0)
    where = context("house", database=tmp_path / "juntek.db", sections=("history", "web"))
    async with (
        served(where, password_hash=HASH, tokens_file=tmp_path / "web-tokens") as site,
        site.browser() as browser,
    ):
        await site.handle(kg_update())
        for request in requests():
            header = request[request.index("-H") + 1].replace("$TOKEN", made.output.strip())
            name, _, value = header.partition(": ")
            (url,) = (argument for argument in request if argument.startswith(ADDRESS))
            async with browser.stream("GET", url.removeprefix(ADDRESS), headers={name: value}) as answer:
                assert answer.status_code == 200, (url, await answer.aread())
                assert await anext(answer.aiter_bytes()), url
            assert (await browser.get(url.removeprefix(ADDRESS))).status_code == 401, url
    assert sum(1 for _ in requests()) > 5


def test_the_requests_are_those_of_curl() -> None:
    """Options that curl has, and each of those that take a value has one."""
    for request in requests():
        options = [word for word in request if word.startswith("-")]
        assert set(options) <= {"-H", "-o", "-N"}, request
