"""How the MQTT sink gets on with brokers: versions, TLS, logins, and what goes away; real brokers all."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import iotcore
import pytest
from paho.mqtt.client import Client

from juntek.outputs.mqtt import MqttOptions, Timing, open_sink
from juntek.outputs.mqtt.broker_login import BrokerError
from outputs.opened import AVAILABILITY, CONFIG, GATEWAY, HURRY, LINK, SETTINGS, STATE, context, count_on, next_on, sink
from outputs.updates import kg_reading, kg_update
from servers.certificates import CertificateAuthority, ServerCertificate
from servers.mosquitto import Encryption, Mosquitto, User
from servers.process import free_port
from servers.recorder import Recorder, record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.broker


# --- Protocol versions, TLS, passwords -----------------------------------------------------------------------------


@pytest.mark.parametrize(("protocol", "spoken"), [("auto", "p5"), ("5", "p5"), ("3.1.1", "p2")])
async def test_protocol_is_5_unless_told_otherwise(mosquitto: Mosquitto, protocol: str, spoken: str) -> None:
    async with record(mosquitto) as recorder, sink(mosquitto, protocol=protocol) as handle:
        await handle(kg_update())
        await next_on(recorder, STATE)
    connected = [line for line in mosquitto.log_text.splitlines() if "as juntek_gateway" in line]
    assert len(connected) == 1
    assert f"({spoken}," in connected[0]


@pytest.fixture
def old_broker() -> Iterator[iotcore.Broker]:
    """Speaks MQTT 3.1.1 only, and closes the connection of others."""
    with iotcore.Broker(port=free_port(), listen="127.0.0.1", max_payload_size=1_000_000) as broker:
        yield broker


async def test_broker_that_speaks_3_1_1_only_gets_it_without_waiting(old_broker: iotcore.Broker) -> None:
    options, patient = MqttOptions(port=old_broker.port), Timing(answer=3600.0)
    async with asyncio.timeout(60), open_sink(options, context(), patient) as handle:
        await handle(kg_update())
        await handle(kg_update(kg_reading(message_count=8)))


async def test_broker_that_speaks_3_1_1_only_is_told_of_where_5_is_wanted(old_broker: iotcore.Broker) -> None:
    with pytest.raises(BrokerError, match="closes the connection before it answers"):
        async with open_sink(MqttOptions(port=old_broker.port, protocol="5"), context()):
            pass


async def test_tls_with_the_right_authority(start_mosquitto: Callable[..., Mosquitto]) -> None:
    broker = start_mosquitto(encryption=Encryption())
    async with (
        record(broker) as recorder,
        sink(broker, tls=True, ca_file=broker.authority_certificate, interval=0) as handle,
    ):
        for number in range(20):
            await handle(kg_update(kg_reading(message_count=number)))
        await count_on(recorder, STATE, 20)


@pytest.mark.parametrize(
    ("certificate", "sentence"),
    [
        (ServerCertificate.EXPIRED, "out of date .*; renew it, or set this machine's clock"),
        (ServerCertificate.WRONG_HOST, "of another name .*; write the name in it into mqtt.host"),
    ],
)
async def test_bad_certificate_is_told_with_its_mend(
    start_mosquitto: Callable[..., Mosquitto], certificate: ServerCertificate, sentence: str
) -> None:
    broker = start_mosquitto(encryption=Encryption(certificate))
    with pytest.raises(BrokerError, match=sentence):
        async with sink(broker, tls=True, ca_file=broker.authority_certificate):
            pass


async def test_unknown_authority_is_told_with_its_mend(
    start_mosquitto: Callable[..., Mosquitto], tmp_path: Path
) -> None:
    broker = start_mosquitto(encryption=Encryption())
    other = CertificateAuthority(tmp_path / "other").certificate
    for trusted in (None, other):
        with pytest.raises(BrokerError, match=r"not trusted .*; give its authority as mqtt\.ca_file"):
            async with sink(broker, tls=True, ca_file=trusted):
                pass


async def test_client_certificate_is_shown(start_mosquitto: Callable[..., Mosquitto]) -> None:
    broker = start_mosquitto(encryption=Encryption(client_certificate_required=True))
    assert broker.client_key_pair
    own: dict[str, Any] = {
        "certificate_file": broker.client_key_pair.certificate,
        "key_file": broker.client_key_pair.key,
    }
    async with record(broker) as recorder, sink(broker, tls=True, ca_file=broker.authority_certificate, **own):
        await next_on(recorder, GATEWAY, "online")
    with pytest.raises(BrokerError, match=r"set mqtt\.certificate_file and mqtt\.key_file"):
        async with sink(broker, tls=True, ca_file=broker.authority_certificate):
            pass


async def test_port_with_tls_and_port_without_are_told_apart(
    mosquitto: Mosquitto, start_mosquitto: Callable[..., Mosquitto]
) -> None:
    with pytest.raises(BrokerError, match=r"set mqtt\.tls = true"):
        async with sink(start_mosquitto(encryption=Encryption())):
            pass
    with pytest.raises(BrokerError, match="TLS"):
        async with sink(mosquitto, tls=True):
            pass


async def test_user_and_password(start_mosquitto: Callable[..., Mosquitto], tmp_path: Path) -> None:
    broker = start_mosquitto(user=User("house", "secret"))
    file = tmp_path / "password"
    file.write_text("secret\n")
    async with record(broker) as recorder, sink(broker, username="house", password_file=file):
        await next_on(recorder, GATEWAY, "online")


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_refused_login_names_the_user_and_the_mend(
    start_mosquitto: Callable[..., Mosquitto], protocol: str
) -> None:
    broker = start_mosquitto(user=User("house", "secret"))
    with pytest.raises(BrokerError, match=r'refuses the user "house"; check mqtt\.username and the password'):
        async with sink(broker, username="house", password="guess", protocol=protocol):  # noqa: S106
            pass
    with pytest.raises(BrokerError, match=r"wants a user name; set mqtt\.username"):
        async with sink(broker, protocol=protocol):
            pass


async def test_broker_that_is_not_there_is_told() -> None:
    with pytest.raises(BrokerError, match="is not there; start it, or check"):
        async with open_sink(MqttOptions(port=free_port()), context()):
            pass
    for host in ("nowhere.invalid", "no..where", f"{'n' * 64}.invalid"):
        with pytest.raises(BrokerError, match=rf'name "{host}" is not known; check mqtt\.host'):
            async with open_sink(MqttOptions(host=host), context()):
                pass


async def test_what_the_broker_does_not_let_us_do_is_told_and_all_else_goes_on(
    start_mosquitto: Callable[..., Mosquitto], caplog: pytest.LogCaptureFixture
) -> None:
    where = context()
    broker = start_mosquitto(rights="topic readwrite juntek/#\n")
    async with record(broker) as recorder, sink(broker, where) as handle:
        for number in range(50):
            await handle(kg_update(kg_reading(message_count=number)))
        await next_on(recorder, STATE)
        async with asyncio.timeout(20):
            while not where.errors:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.05)
    assert "take what we say at homeassistant/device/juntek_house/config" in where.errors["mqtt"]
    assert len(caplog.records) == 1


async def test_port_where_nobody_answers_is_told_and_left() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        with pytest.raises(BrokerError, match="does not answer"):
            async with open_sink(MqttOptions(port=mute.getsockname()[1]), context(), Timing(answer=0.1)):
                pass
        mute.settimeout(30)
        connection, _ = mute.accept()
        with connection:
            connection.settimeout(30)
            await asyncio.to_thread(_read_to_the_end, connection)


async def test_broker_that_answers_what_the_library_cannot_read_is_left_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def read(_: Client) -> None:
        raise ValueError

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(b"HTTP")
        await reader.read()
        writer.close()

    monkeypatch.setattr(Client, "loop_read", read)
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server, asyncio.timeout(60):
        options = MqttOptions(port=server.sockets[0].getsockname()[1])
        with pytest.raises(BrokerError):
            async with open_sink(options, context(), replace(HURRY, answer=3600.0)):
                pass


async def test_gateway_that_is_stopped_while_it_logs_in_leaves() -> None:
    async def run(port: int) -> None:
        async with open_sink(MqttOptions(port=port), context()):
            pass

    with socket.create_server(("127.0.0.1", 0)) as mute:
        mute.settimeout(30)
        running = asyncio.create_task(run(mute.getsockname()[1]))
        connection, _ = await asyncio.to_thread(mute.accept)
        with connection:
            connection.settimeout(30)
            assert await asyncio.to_thread(connection.recv, 1024)
            await asyncio.sleep(0.3)  # for the thread that has connected to come back
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            await asyncio.to_thread(_read_to_the_end, connection)


def _read_to_the_end(connection: socket.socket) -> None:
    while connection.recv(1024):
        pass


# --- Brokers and gateways that go away -----------------------------------------------------------------------------


async def test_broker_that_dies_ends_a_body_that_only_waits(mosquitto: Mosquitto) -> None:
    async def wait_inside() -> None:
        async with asyncio.timeout(20), sink(mosquitto) as handle:
            await handle(kg_update())
            await asyncio.to_thread(mosquitto.kill)
            await asyncio.Event().wait()

    with pytest.raises(BrokerError, match="broke; check that it runs"):
        await wait_inside()


@pytest.mark.parametrize("manner", ["closes", "resets", "closes its half"])
async def test_broker_that_goes_away_before_it_answers_is_noticed_at_once(
    manner: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello = await reader.read(1000)
        writer.write(b"\x20\x03\x00\x00\x00" if b"MQTT\x05" in hello else b"\x20\x02\x00\x00")
        await writer.drain()
        await reader.read(1)  # our first message
        if manner == "resets":
            writer.transport.abort()
        elif manner == "closes its half":
            writer.write_eof()
            await reader.read(-1)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        patient = replace(HURRY, answer=3600.0)
        with pytest.raises(BrokerError):
            async with asyncio.timeout(60), open_sink(MqttOptions(port=port), context(), patient):
                await asyncio.Event().wait()
    gc.collect()
    assert not caplog.records


async def test_broker_that_confirms_nothing_is_left_without_a_word_so_that_the_last_will_is_spoken() -> None:
    heard, is_left = bytearray(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(b"\x20\x03\x00\x00\x00")
        while data := await reader.read(1000):
            heard.extend(data)
        writer.close()
        is_left.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server, asyncio.timeout(60):
        options = MqttOptions(port=server.sockets[0].getsockname()[1])
        with pytest.raises(BrokerError, match="broke; check that it runs"):
            async with open_sink(options, context(), replace(HURRY, answer=0.3)):
                pass
        await is_left.wait()
    assert AVAILABILITY.encode() in heard
    assert not heard.endswith(b"\xe0\x00"), "a DISCONNECT"


async def test_after_a_restart_of_the_broker_everything_is_published_again(mosquitto: Mosquitto) -> None:
    async def pass_on(recorder: Recorder) -> None:
        async with sink(mosquitto) as handle:
            await handle(kg_update())
            await next_on(recorder, STATE)
            await asyncio.to_thread(mosquitto.restart)
            for number in range(1000):
                await handle(kg_update(kg_reading(message_count=number)))
                await asyncio.sleep(0.01)

    async with record(mosquitto) as recorder:
        with pytest.raises(BrokerError):
            await pass_on(recorder)
        await recorder.wait_for_connection(2)
        since = len(recorder.messages)
        async with sink(mosquitto) as handle:
            await handle(kg_update(kg_reading(message_count=2000)))
            await recorder.wait_for(lambda message: message.topic == STATE and message.json()["message_count"] == 2000)
    topics = {message.topic for message in recorder.messages[since:]}
    assert {GATEWAY, CONFIG, AVAILABILITY, STATE, LINK, SETTINGS} <= topics


async def test_gateway_that_is_killed_is_offline_by_its_last_will(mosquitto: Mosquitto) -> None:
    program = f"""
import asyncio
from juntek.outputs.mqtt import MqttOptions, open_sink
from outputs.opened import context
from outputs.updates import kg_update

async def main():
    async with open_sink(MqttOptions(port={mosquitto.port}), context()) as handle:
        await handle(kg_update())
        await asyncio.Event().wait()

asyncio.run(main())
"""
    tests = str(Path(__file__).parents[1])
    async with record(mosquitto) as recorder:
        child = await asyncio.create_subprocess_exec(sys.executable, "-c", program, cwd=tests)
        try:
            await next_on(recorder, STATE)
        finally:
            child.send_signal(signal.SIGKILL)
            await child.wait()
        await next_on(recorder, GATEWAY, "offline")
    async with record(mosquitto) as late:
        assert await next_on(late, GATEWAY) == "offline"


async def test_cancelled_gateway_says_offline(mosquitto: Mosquitto) -> None:
    async def run() -> None:
        async with sink(mosquitto) as handle:
            await handle(kg_update())
            await asyncio.Event().wait()

    async with record(mosquitto) as recorder:
        task = asyncio.create_task(run())
        await next_on(recorder, STATE)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await next_on(recorder, GATEWAY, "offline")


async def test_second_gateway_with_the_same_base_topic_is_found_out(mosquitto: Mosquitto) -> None:
    with pytest.raises(BrokerError, match='no other gateway uses the base topic "juntek"'):
        async with asyncio.timeout(20), sink(mosquitto), sink(mosquitto):
            await asyncio.Event().wait()


async def test_error_of_the_body_comes_out_as_it_is(mosquitto: Mosquitto) -> None:
    with pytest.raises(ZeroDivisionError):
        async with sink(mosquitto):
            raise ZeroDivisionError
