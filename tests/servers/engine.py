"""A server of time series on 127.0.0.1 and a free port: its life as a process, and one question over HTTP.

Rule: what it has on its disk stays there over stop() and kill(), and start() brings it back on the same port.
All calls block: in an async test, ask in a thread.
"""

from __future__ import annotations

import shutil
import ssl
import time
from abc import abstractmethod
from base64 import b64encode
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode

from servers.certificates import CertificateAuthority, KeyPair, ServerCertificate
from servers.process import Server, ServerFailedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from servers.mosquitto import User


T = TypeVar("T")


def once_shown(ask: Callable[[], T], wanted: T) -> T:
    """Return the answer as soon as it is the one that is wanted, otherwise the one after a minute.

    A busy VictoriaMetrics may show what it took some tenths of a second late, though it was told to show all: it does
    not wait for what it had begun by itself.
    """
    end = time.monotonic() + 60
    while (answer := ask()) != wanted and time.monotonic() < end:
        time.sleep(0.1)
    return answer


class Engine(Server):
    """One server, running from the moment it is made; a context manager that stops it.

    With `user` nobody else may ask or write. With `certificate` the port speaks TLS only, and
    `authority_certificate` is what a client has to trust.
    """

    program: str
    ready_path: str

    def __init__(
        self, directory: Path, *, user: User | None = None, certificate: ServerCertificate | None = None
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.user = user
        self._directory = directory
        self._authority = CertificateAuthority(directory / "certificates") if certificate else None
        self._key_pair = self._authority.issue_server(certificate) if self._authority and certificate else None
        super().__init__(self.program, directory / f"{self.program}.log")
        self.start()

    @property
    def url(self) -> str:
        """Where it is reached, without a path."""
        return f"{'https' if self._authority else 'http'}://{self.host}:{self.port}"

    @property
    def authority_certificate(self) -> Path:
        """PEM file of the authority that signed the server's certificate (only with `certificate`)."""
        if self._authority is None:
            raise ServerFailedError("this server speaks no TLS")
        return self._authority.certificate

    def start(self) -> None:
        """Start on the same port and disk state as before; returns when it answers."""
        if shutil.which(self.program) is None:
            raise ServerFailedError(f"{self.program} is not installed: run scripts/install-test-servers --engines")
        self._process.start(self._command(self._key_pair))
        self._process.wait_until_ready(self._answers, timeout=30)

    def send(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Ask once, on a connection of its own; return status and body. OSError where nobody answers."""
        connection = self._connect()
        given = dict(headers or {})
        if self.user is not None:
            secret = b64encode(f"{self.user.name}:{self.user.password}".encode()).decode()
            given["authorization"] = f"Basic {secret}"
        try:
            connection.request(method, path, body, given)
            response = connection.getresponse()
            return response.status, response.read()
        except HTTPException as error:
            raise ConnectionError(f"{self.program}: {error!r}") from error
        finally:
            connection.close()

    def ask(self, path: str, **values: object) -> bytes:
        """Send a form; return the body, or raise AssertionError with what the server found wrong."""
        form = {"content-type": "application/x-www-form-urlencoded"}
        status, body = self.send("POST", path, urlencode(values, doseq=True).encode(), form)
        if status >= 300:
            raise AssertionError(f"{self.program}: {status} {body[:500].decode(errors='replace')}")
        return body

    @abstractmethod
    def _command(self, key_pair: KeyPair | None) -> list[str]: ...

    def _connect(self) -> HTTPConnection:
        if self._authority is None:
            return HTTPConnection(self.host, self.port, timeout=60)
        context = ssl.create_default_context(cafile=str(self._authority.certificate))
        # A test may want a bad certificate; whether it is one is for the product to find out.
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return HTTPSConnection(self.host, self.port, timeout=60, context=context)

    def _answers(self) -> bool:
        try:
            return self.send("GET", self.ready_path)[0] < 300
        except OSError:
            return False
