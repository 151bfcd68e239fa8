"""The page and its API, put together; rule: what is missing is said before anybody is let in."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.routing import Route

from juntek.errors import ConfigurationError
from juntek.history.queries import HistoryReader
from juntek.listening import server as listening
from juntek.outputs import Context
from juntek.outputs.web.access import DAY, Gate, HostCheck, Sessions, Tries
from juntek.outputs.web.answers import SECURITY_HEADERS
from juntek.outputs.web.api import Api
from juntek.outputs.web.files import Files
from juntek.outputs.web.health import LOOK_EVERY, News
from juntek.outputs.web.live import Hub
from juntek.outputs.web.options import Options
from juntek.outputs.web.passwords import is_hash, is_token_hash
from juntek.outputs.web.past import Past
from juntek.outputs.web.present import GATEWAY, Meters
from juntek.outputs.web.site import Site
from juntek.update import Update

log = logging.getLogger(__name__)


@asynccontextmanager
async def serve(options: Options, context: Context) -> AsyncIterator[Callable[[Update], Awaitable[None]]]:
    """Do what `open_sink` promises."""
    password_hash, tokens = _read_password_hash(options), _read_tokens(options)
    past = Past(_open_history(context))
    meters = Meters(context)
    hub = Hub(meters.describe)
    clock = asyncio.get_running_loop().time
    gate = Gate(options.needs_password, Sessions(options.session_days * DAY, clock), Tries(clock), tokens)
    api = Api(
        meters=meters, past=past, hub=hub, gate=gate, password_hash=password_hash, version=context.version,
        time=context.time, zone=context.time_zone,
    )  # fmt: skip
    files = Files()
    routes = [*api.routes(), Route("/", files.show), Route("/{name:path}", files.show)]
    site = Site(list(routes), HostCheck(context.gateway, options.allowed_hosts))

    async def handle(update: Update) -> None:
        meters.take(update)
        hub.tell(update.meter)

    try:
        async with listening.serve(site, options.address, "web.listen", headers=SECURITY_HEADERS):
            log.info("web: the page is at http://%s/", options.address.seen_from(context.gateway))
            watching = asyncio.create_task(_watch(News(context, clock), hub))
            try:
                yield handle
            finally:
                watching.cancel()
                hub.close()
    finally:
        await past.close()


async def _watch(news: News, hub: Hub) -> None:
    """Tell every page when a sink goes away or comes back, and now and then how far it is behind."""
    while True:
        await asyncio.sleep(LOOK_EVERY)
        if news.take():
            hub.tell(GATEWAY)


def _read_password_hash(options: Options) -> str | None:
    if options.password_hash is not None or options.password_hash_file is None:
        return options.password_hash
    text = _read("password_hash_file", options.password_hash_file).strip()
    if not is_hash(text):
        raise ConfigurationError(
            f"web.password_hash_file {options.password_hash_file} does not hold what juntek web password writes; "
            "write it again with: juntek web password"
        )
    return text


def _read_tokens(options: Options) -> frozenset[str]:
    if options.tokens_file is None:
        return frozenset()
    hashes: set[str] = set()
    for number, line in enumerate(_read("tokens_file", options.tokens_file).splitlines(), start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 2 or not is_token_hash(words[1]):
            raise ConfigurationError(
                f"web.tokens_file {options.tokens_file}: line {number} is not a name and a hash; make it with: "
                "juntek web token NAME"
            )
        hashes.add(words[1])
    return frozenset(hashes)


def _read(key: str, path: Path) -> str:
    try:
        return path.expanduser().read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigurationError(f"web.{key} {path} does not exist; write it or correct the key.") from None
    except PermissionError:
        raise ConfigurationError(f"web.{key} {path} may not be read; give this user the right to.") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"web.{key} {path} is not text; write it again.") from None
    except OSError as error:
        raise ConfigurationError(f"web.{key} {path} cannot be read ({error.strerror}); correct the key.") from None


def _open_history(context: Context) -> HistoryReader | None:
    """Return what reads the history of the gateway; None where it keeps none."""
    if context.database is None:
        return None
    return HistoryReader(context.database, time_zone=context.time_zone, clock=context.time)
