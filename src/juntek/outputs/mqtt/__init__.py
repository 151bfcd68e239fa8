"""States, availability and Home Assistant discovery over MQTT; rule: importing this loads no library."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from juntek.names import slug
from juntek.outputs import Context, Handle, Output
from juntek.outputs.mqtt.mqtt_options import TIMING, MqttOptions, Timing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["OUTPUT", "MqttOptions", "Timing", "open_sink"]


@asynccontextmanager
async def open_sink(options: MqttOptions, context: Context, timing: Timing = TIMING) -> AsyncIterator[Handle]:
    """Connect and yield `handle(update)`; leaving says that the gateway is offline.

    Raises ConfigurationError for what the owner must mend in the configuration or its files, BrokerError for a
    broker that refuses, cannot be reached or goes away; the latter also while the body only waits. Raises
    ModuleNotFoundError where the library is missing.
    """
    from juntek.outputs.mqtt.mqtt_session import open_session  # noqa: PLC0415 - only whoever publishes needs the library

    if options.site_topic:
        options = replace(options, base_topic=f"{options.base_topic}/{slug(context.site)}")
    async with open_session(options, context, timing) as handle:
        yield handle


OUTPUT = Output(
    section="mqtt",
    options=MqttOptions,
    open=open_sink,
    about="Home Assistant finds the meters by itself through its MQTT broker.",
    requires=("aiomqtt",),
    extra="mqtt",
    max_latency=lambda options: min(options.interval / 10, 0.1),
)
