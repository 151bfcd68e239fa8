"""The metrics endpoint, for Prometheus and what reads its format; rule: importing this loads no library."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Annotated

from juntek.listening import Address, Limits, hosts_problem, parse_address
from juntek.option import Option, check_options
from juntek.outputs import Context, Handle, Output

__all__ = ["OUTPUT", "MetricsOptions", "open_sink"]

MOST_CONNECTIONS = 32
"""There are few who ask, and one that takes the metrics slowly holds all of them in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsOptions:
    """Where the endpoint is, at /metrics; raises ConfigurationError where a value cannot be right.

    Whoever reaches it may look: the format knows no password.
    """

    listen: Annotated[str, Option('"0.0.0.0:9485": all addresses of this computer')] = "127.0.0.1:9485"
    allowed_hosts: Annotated[
        tuple[str, ...], Option("other names that whoever asks has for this computer", check=hosts_problem,
                                example=["battery.example.org"])
    ] = ()  # fmt: skip

    def __post_init__(self) -> None:
        _ = self.address
        check_options("metrics", self)

    @property
    def address(self) -> Address:
        """Where to listen; raises ConfigurationError for what is no address."""
        return parse_address(self.listen, "metrics.listen", 9485)


def open_sink(
    options: MetricsOptions,
    context: Context,
    limits: Limits = Limits(connections=MOST_CONNECTIONS),  # noqa: B008
) -> AbstractAsyncContextManager[Handle]:
    """Return what serves the metrics at `options.listen` and yields `handle(update)`; leaving closes every connection.

    Raises ListenError where the address cannot be listened at, ModuleNotFoundError where a library is missing.
    """
    from juntek.outputs.metrics.endpoint import serve  # noqa: PLC0415 - only whoever serves them needs the library

    return serve(options, context, limits)


OUTPUT = Output(
    section="metrics",
    options=MetricsOptions,
    open=open_sink,
    about="Metrics for Prometheus, of the meters and of the gateway itself: http://127.0.0.1:9485/metrics",
    requires=("prometheus_client", "uvicorn"),
    extra="metrics",
    ready="ready",
    has_queue=False,
    max_latency=lambda _: 1.0,  # who looks comes every few seconds at most
)
