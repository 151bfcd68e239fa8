"""Who is let in: passwords, sessions, tokens, hosts and pages of others; rule: over real sockets wherever it can be."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from juntek import listening
from juntek.listening import HostCheck
from juntek.outputs.web.authentication import (
    MOST_SESSIONS,
    MOST_TRIES,
    NETWORK_TRIES,
    TRIES,
    TRY_TIME,
    LoginThrottle,
    Sessions,
    refuse_foreign,
)
from juntek.outputs.web.parameters import DAY
from juntek.outputs.web.passwords import hash_password, hash_token
from outputs.served import HASH, PASSWORD, Clock, Served, context, served, status_of_stream, write_past
from outputs.updates import kg_update

GUARDED = (
    "/api/meters",
    "/api/meters/house/latest",
    "/api/meters/house/history",
    "/api/meters/house/days",
    "/api/meters/house/export",
    "/api/health",
)
OPEN = ("/", "/api/session", "/api/openapi.json")
TOKEN = "juntek_test"  # noqa: S105 - it is the test's


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("past") / "juntek.db"
    write_past(path, hours=0.5)
    return path


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    path = tmp_path / "tokens"
    path.write_text(f"# scripts\n\ngrafana {hash_token(TOKEN)}\n")
    return path


@pytest.fixture
async def locked() -> AsyncIterator[httpx.AsyncClient]:
    """A browser that looks at a page with a password."""
    async with served(password_hash=HASH) as site, site.browser() as browser:
        yield browser


async def sign_in(browser: httpx.AsyncClient, password: str = PASSWORD) -> httpx.Response:
    return await browser.post("/api/session", json={"password": password})


def told(*, required: bool, signed_in: bool) -> dict[str, bool | None]:
    return {"required": required, "signed_in": signed_in, "user": None, "token": None}


async def test_without_a_password_everything_on_loopback_is_open(database: Path) -> None:
    async with served(context(database=database)) as site, site.browser() as browser:
        await site.handle(kg_update())
        assert [(await browser.get(path)).status_code for path in GUARDED] == [200] * len(GUARDED)
        assert await status_of_stream(browser) == 200
        assert (await browser.get("/api/session")).json() == told(required=False, signed_in=True)
        answer = await sign_in(browser, "anything")
        assert answer.json() == told(required=False, signed_in=True)
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("who", ["nobody", "guesser", "stale session", "bad token", "password as token", "basic"])
async def test_who_has_not_signed_in_sees_nothing_but_the_empty_page(database: Path, tokens: Path, who: str) -> None:
    headers = {
        "stale session": {"cookie": "juntek_session=abc"},
        "guesser": {"cookie": "juntek_session="},
        "bad token": {"authorization": "Bearer juntek_guess"},
        "password as token": {"authorization": f"Bearer {HASH}"},
        "basic": {"authorization": f"Basic {TOKEN}"},
    }.get(who, {})
    where = context(database=database)
    async with served(where, password_hash=HASH, tokens_file=tokens) as site, site.browser(headers=headers) as browser:
        await site.handle(kg_update())
        for path in GUARDED:
            answer = await browser.get(path)
            assert (answer.status_code, list(answer.json())) == (401, ["error"])
            assert answer.headers["www-authenticate"].startswith("Bearer")
        assert await status_of_stream(browser) == 401
        assert [(await browser.get(path)).status_code for path in OPEN[1:]] == [200, 200]
        assert (await browser.get("/api/session")).json() == told(required=True, signed_in=False)


async def test_who_signs_in_sees_everything_until_signing_out(database: Path) -> None:
    async with served(context(database=database), password_hash=HASH) as site, site.browser() as browser:
        await site.handle(kg_update())
        assert (await sign_in(browser)).json() == told(required=True, signed_in=True)
        assert [(await browser.get(path)).status_code for path in GUARDED] == [200] * len(GUARDED)
        session = browser.cookies["juntek_session"]
        assert (await browser.delete("/api/session")).json() == told(required=True, signed_in=False)
        assert "juntek_session" not in browser.cookies
        assert await status_with(browser, session) == 401


async def test_a_password_in_a_file_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "hash"
    path.write_text(f"{HASH}\n")
    async with served(password_hash_file=path) as site, site.browser() as browser:
        assert (await browser.get("/api/meters")).status_code == 401
        assert (await sign_in(browser)).status_code == 200


async def test_a_token_reads_and_changes_nothing(database: Path, tokens: Path) -> None:
    bearer = {"authorization": f"Bearer {TOKEN}"}
    where = context(database=database)
    async with served(where, password_hash=HASH, tokens_file=tokens) as site, site.browser(headers=bearer) as browser:
        await site.handle(kg_update())
        assert [(await browser.get(path)).status_code for path in GUARDED] == [200] * len(GUARDED)
        assert await status_of_stream(browser) == 200
        assert (await sign_in(browser, "wrong")).status_code == 401


async def test_the_session_cookie_is_kept_from_scripts_and_other_sites(locked: httpx.AsyncClient) -> None:
    cookie = (await sign_in(locked)).headers["set-cookie"]
    parts = {part.strip().lower() for part in cookie.split(";")}
    assert {"httponly", "samesite=strict", "path=/"} <= parts
    assert "secure" not in parts
    assert len(re.findall(r"juntek_session=([\w-]+)", cookie)[0]) >= 43
    safe = await locked.post("/api/session", json={"password": PASSWORD}, headers={"x-forwarded-proto": "https"})
    assert "secure" in safe.headers["set-cookie"].lower()


async def test_a_new_session_has_a_new_id_and_ends_the_old_one(locked: httpx.AsyncClient) -> None:
    await sign_in(locked)
    first = locked.cookies["juntek_session"]
    await sign_in(locked)
    assert locked.cookies["juntek_session"] != first
    assert await status_with(locked, first) == 401


async def test_guessing_is_slowed_down_and_the_owner_gets_in_from_elsewhere(locked: httpx.AsyncClient) -> None:
    for _ in range(TRIES):
        answer = await sign_in(locked, "wrong")
        assert (answer.status_code, answer.json()["error"]) == (401, "That is not the password.")
    answer = await sign_in(locked)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= TRY_TIME + 1
    elsewhere = await locked.post(
        "/api/session", json={"password": PASSWORD}, headers={"x-forwarded-for": "192.168.1.7"}
    )
    assert elsewhere.status_code == 200


async def test_many_guesses_at_once_do_not_slip_through(locked: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(sign_in(locked, f"guess {number}") for number in range(20)))
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(401) <= TRIES
    assert set(statuses) <= {401, 429, 503}
    assert (await sign_in(locked, "guess")).status_code in {401, 429}


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"password=x", {"content-type": "application/x-www-form-urlencoded"}, 415),
        (b'{"password": "x"}', {"content-type": "text/plain"}, 415),
        (b'{"password": "x"}', {}, 415),
        (b"{", {"content-type": "application/json"}, 400),
        (b"[" * 5000, {"content-type": "application/json"}, 400),
        (b'"x"', {"content-type": "application/json"}, 400),
        (b"{}", {"content-type": "application/json"}, 400),
        (b'{"password": 1}', {"content-type": "application/json"}, 400),
        (b'{"password": ""}', {"content-type": "application/json"}, 400),
        (b'{"password": "x", "user": "y"}', {"content-type": "application/json"}, 400),
        (b'{"password": "\xff"}', {"content-type": "application/json"}, 400),
        (b'{"password": "' + b"x" * 1025 + b'"}', {"content-type": "application/json"}, 400),
        (b'{"password": "\\ud800"}', {"content-type": "application/json"}, 401),
        (b" " * 100_000, {"content-type": "application/json"}, 413),
    ],
)
async def test_a_sign_in_that_is_none_is_refused(
    locked: httpx.AsyncClient, body: bytes, headers: dict[str, str], status: int
) -> None:
    answer = await locked.post("/api/session", content=body, headers=headers)
    assert (answer.status_code, list(answer.json())) == (status, ["error"])


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "PATCH"])
async def test_nothing_but_post_signs_in_and_nothing_but_delete_signs_out(
    locked: httpx.AsyncClient, method: str
) -> None:
    answer = await locked.request(method, "/api/session", json={"password": PASSWORD})
    assert "set-cookie" not in answer.headers
    await sign_in(locked)
    await locked.request(method, "/api/session")
    assert (await locked.get("/api/meters")).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": "http://["},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
async def test_a_page_of_somebody_else_signs_nobody_in_or_out(
    locked: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    answer = await locked.post("/api/session", json={"password": PASSWORD}, headers=headers)
    assert answer.status_code == 403
    assert (await locked.delete("/api/session", headers=headers)).status_code == 403


async def test_our_own_page_signs_in() -> None:
    async with served(password_hash=HASH) as site, site.browser() as browser:
        headers = {"origin": site.url, "sec-fetch-site": "same-origin"}
        answer = await browser.post("/api/session", json={"password": PASSWORD}, headers=headers)
        assert answer.status_code == 200
        refuse_foreign({"origin": site.url, "host": site.url.removeprefix("http://")})


async def test_nobody_else_may_read_answers_across_origins() -> None:
    async with served() as site, site.browser() as browser:
        answer = await browser.get("/api/meters", headers={"origin": "http://evil.example"})
        assert not [name for name in answer.headers if name.startswith("access-control")]
        answer = await browser.options(
            "/api/session", headers={"origin": "http://evil.example", "access-control-request-method": "POST"}
        )
        assert answer.status_code == 405
        assert not [name for name in answer.headers if name.startswith("access-control")]


# Hosts --------------------------------------------------------------------------------------------------------


def ports(site: Served, host: str) -> str:
    return host.replace("PORT", str(site.port))


OURS = (
    "localhost:PORT", "LOCALHOST", "127.0.0.1:PORT", "[::1]:PORT", "192.168.1.5:PORT", "pi", "pi.local:PORT",
    "PI.LOCAL.", "solar.example.org",
)  # fmt: skip
NOT_OURS = (
    "evil.example", "evil.example:PORT", "localhost.evil.example", "127.0.0.1.evil.example", "pi.evil.example",
    "evil.example#localhost", "evil.example[::1]", "user@localhost", "localhost:evil", "", "[::1",
    "local host", "127.0.0.1:PORT, evil",
)  # fmt: skip


async def test_names_of_this_computer_are_answered() -> None:
    async with served(allowed_hosts=("Solar.Example.org",)) as site, site.browser() as browser:
        for host in OURS:
            assert (await browser.get("/api/meters", headers={"host": ports(site, host)})).status_code == 200, host


async def test_any_other_name_is_refused_on_every_path() -> None:
    async with served() as site, site.browser() as browser:
        for host in NOT_OURS:
            for path in ("/", "/api/meters", "/api/session", "/api/live"):
                answer = await browser.get(path, headers={"host": ports(site, host)})
                assert answer.status_code == 421, (host, path)
                assert "web.allowed_hosts" in answer.json()["error"]
                assert "content-security-policy" in answer.headers


HERE = b"# made by DHCP\n\nnameserver 192.168.178.1\ndomain Fritz.Box\nsearch solar.example. .\n"


@pytest.mark.parametrize(
    ("machine", "network", "known", "unknown"),
    [
        (
            "Pi.example.org",
            HERE,
            "pi.lan:8140 pi.home.arpa pi.fritz.box pi.solar.example. pi. battery",  # the last: nobody can buy it
            # another network's, DNS rebinding, what is no name of ours
            "pi.speedport.ip pi.evil.example pi.lan.evil.example pi.. .. evil.lan evil.fritz.box fritz.box bat+tery",
        ),
        ("pi", None, "pi.lan", "pi.fritz.box"),  # without word of the network
        ("pi", b"search caf\xe9", "pi.lan", "pi.fritz.box"),
        ("", HERE, "localhost", ".local .fritz.box"),  # a machine without a name lets no empty name in
    ],
)
def test_a_name_of_the_local_network_is_ours_when_it_is_our_own(  # noqa: PLR0917 - a table
    machine: str, network: bytes | None, known: str, unknown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "RESOLVER", tmp_path / "resolv.conf")
    if network is not None:
        (tmp_path / "resolv.conf").write_bytes(network)
    check = HostCheck(machine, ())
    assert [name for name in known.split() if not check.knows(name)] == []
    assert [name for name in ("", "bat tery", *unknown.split()) if check.knows(name)] == []


# Sessions and tries by a clock --------------------------------------------------------------------------------


def test_a_session_ends_when_nobody_visits_and_stays_while_somebody_does() -> None:
    clock = Clock()
    sessions = Sessions(100.0, clock)
    visited, forgotten = sessions.open(), sessions.open()
    clock.now += 99
    assert sessions.visit(visited)
    clock.now += 99
    assert sessions.visit(visited)
    assert not sessions.visit(forgotten)
    assert not sessions.visit("")


def test_sessions_are_kept_as_hashes_and_are_not_too_many() -> None:
    sessions = Sessions(100.0, Clock())
    opened = [sessions.open() for _ in range(MOST_SESSIONS + 1)]
    assert not sessions.visit(opened[0])
    assert sessions.visit(opened[1])
    assert len(sessions._ends) == MOST_SESSIONS
    assert not set(opened) & set(sessions._ends)


# Sessions in a file -------------------------------------------------------------------------------------------


async def test_a_session_survives_a_restart_and_signing_out_does_too(database: Path) -> None:
    where = context(database=database)
    async with served(where, password_hash=HASH) as site, site.browser() as browser:
        await sign_in(browser)
        session = browser.cookies["juntek_session"]
        await sign_in(other := site.browser())
        left = other.cookies["juntek_session"]
        await other.delete("/api/session")
        await other.aclose()
    kept = database.with_suffix(".sessions")
    assert kept.stat().st_mode & 0o777 == 0o600
    assert session not in kept.read_text()
    async with served(where, password_hash=HASH) as site, site.browser() as browser:
        assert await status_with(browser, session) == 200
        assert await status_with(browser, left) == 401
        for stolen in json.loads(kept.read_text()):
            assert await status_with(browser, stolen) == 401
        assert await status_with(browser, session[:-1] + ("A" if session[-1] != "A" else "B")) == 401


async def test_with_another_password_nobody_is_signed_in(database: Path) -> None:
    where = context(database=database)
    async with served(where, password_hash=HASH) as site, site.browser() as browser:
        await sign_in(browser)
        session = browser.cookies["juntek_session"]
    async with served(where, password_hash=hash_password(PASSWORD)) as site, site.browser() as browser:
        assert await status_with(browser, session) == 401


async def test_a_session_in_the_file_ends_after_its_days_and_a_visit_renews_it_and_the_cookie(database: Path) -> None:
    clock = Clock()
    where = context(database=database, time=clock)
    async with served(where, password_hash=HASH, session_days=2) as site, site.browser() as browser:
        await sign_in(browser)
        session = browser.cookies["juntek_session"]
    clock.now += 1.5 * DAY
    async with served(where, password_hash=HASH, session_days=2) as site, site.browser() as browser:
        answer = await browser.get("/api/session", headers={"cookie": f"juntek_session={session}"})
        assert f"juntek_session={session}; " in answer.headers["set-cookie"]
        assert f"Max-Age={2 * DAY:.0f}" in answer.headers["set-cookie"]
    clock.now += 1.5 * DAY
    async with served(where, password_hash=HASH, session_days=2) as site, site.browser() as browser:
        assert await status_with(browser, session) == 200
    clock.now += 2.1 * DAY
    async with served(where, password_hash=HASH, session_days=2) as site, site.browser() as browser:
        assert await status_with(browser, session) == 401


@pytest.mark.parametrize("text", ["", "[]", "{", '{"x": null}', "\x00"])
def test_a_file_of_sessions_that_cannot_be_read_signs_everybody_out(tmp_path: Path, text: str) -> None:
    path = tmp_path / "juntek.sessions"
    path.write_text(text)
    sessions = Sessions(100.0, Clock(), HASH, path)
    session = sessions.open()
    sessions.save()
    again = Sessions(100.0, Clock(), HASH, path)
    assert again.visit(session)


def test_a_file_of_sessions_that_cannot_be_written_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    sessions = Sessions(100.0, Clock(), HASH, tmp_path / "nowhere" / "juntek.sessions")
    session = sessions.open()
    sessions.save()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert sessions.visit(session)


def test_not_every_visit_is_written() -> None:
    clock = Clock()
    sessions = Sessions(100 * DAY, clock)
    session = sessions.open()
    sessions.save()
    clock.now += 0.9 * DAY
    assert sessions.visit(session)
    assert not sessions.changed
    clock.now += 0.2 * DAY
    assert sessions.visit(session)
    assert sessions.changed


async def status_with(browser: httpx.AsyncClient, session: str) -> int:
    return (await browser.get("/api/meters", headers={"cookie": f"juntek_session={session}"})).status_code


def test_tries_are_forgotten_with_time_and_with_the_right_password() -> None:
    clock = Clock()
    throttle = LoginThrottle(clock)
    for _ in range(TRIES):
        assert throttle.wait("10.0.0.1") == 0
        throttle.count("10.0.0.1")
    assert throttle.wait("10.0.0.1") == TRY_TIME
    assert throttle.wait("10.0.0.2") == 0
    throttle.forgive("10.0.0.1")
    assert throttle.wait("10.0.0.1") == 0
    for _ in range(TRIES):
        throttle.count("10.0.0.1")
    clock.now += TRY_TIME + 1
    assert throttle.wait("10.0.0.1") == 0
    assert not throttle._wrong


def test_an_ipv6_network_has_many_addresses_and_not_as_many_tries() -> None:
    throttle = LoginThrottle(Clock())
    for number in range(NETWORK_TRIES):
        assert throttle.wait("2001:db8::ffff") == 0
        throttle.count(f"2001:db8::{number + 1:x}")
    assert throttle.wait("2001:db8::ffff") > 0
    assert throttle.wait("2001:db8:0:1::1") == 0
    assert throttle.wait("::ffff:10.0.0.1") == 0


def test_the_wrong_passwords_of_others_lock_nobody_out() -> None:
    throttle = LoginThrottle(Clock())
    for number in range(10 * MOST_TRIES):
        throttle.count(f"10.{number // 250}.{number % 250}.1")
    assert throttle.wait("192.168.1.20") == 0
    throttle.count("192.168.1.20")
    assert throttle.wait("192.168.1.20") > 0  # while so many guess, each has one try


async def test_the_owner_gets_in_while_another_address_guesses() -> None:
    async with served(password_hash=HASH) as site:
        other = httpx.AsyncHTTPTransport(local_address="127.0.0.2")
        async with site.browser() as browser, site.browser(transport=other) as guesser:
            await sign_in(browser)
            for _ in range(MOST_TRIES + 5):
                assert (await guesser.post("/api/session", json={"password": "wrong"})).status_code in (401, 429)
            assert (await browser.get("/api/meters")).status_code == 200
            await browser.delete("/api/session")
            await sign_in(browser)
