"""Links `socket://HOST:PORT` and `tcp://HOST:PORT`: bare bytes over TCP; rule: no thread and no library a link.

The other live links come from serialx. This one is plain asyncio: serialx looks its URL up in a thread, hands every
chunk through a second protocol and does not give out its socket, so that nothing could notice a bridge without
power: who only listens sends nothing, and would wait for ever.
"""

from __future__ import annotations

import asyncio

from juntek.links import Link
from juntek.links.stream import BridgeLink, keep_alive

CONNECT_TIMEOUT = 10.0
"""Seconds until a connection that is not answered is given up."""


async def open_link(url: str) -> Link:
    """Connect; raises LinkError, also when that takes more than CONNECT_TIMEOUT."""
    link = BridgeLink(url)
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            transport, _ = await asyncio.get_running_loop().create_connection(lambda: link, link.host, link.port)
    except (OSError, UnicodeError) as error:
        raise link.explain(error) from error
    keep_alive(transport.get_extra_info("socket"))
    return link
