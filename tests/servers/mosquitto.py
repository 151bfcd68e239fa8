"""A real Mosquitto on 127.0.0.1 and a free port.

Rule: keeps nothing over a restart unless `persistent`; after kill() or stop() it comes back on the same port.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from servers.certificates import CertificateAuthority, KeyPair, ServerCertificate
from servers.process import Server, ServerFailedError

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

_SEARCH_PATH: Final = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin", "/sbin"))
"""Debian puts mosquitto where a user's PATH does not look."""


def find_program(name: str) -> str | None:
    """Path of mosquitto or one of its tools, or None."""
    return shutil.which(name, path=_SEARCH_PATH)


@dataclass(frozen=True, slots=True)
class User:
    """Who may connect, when not everybody may."""

    name: str
    password: str


@dataclass(frozen=True, slots=True)
class Encryption:
    """TLS: which certificate the broker shows, and whether a client must show one too."""

    certificate: ServerCertificate = ServerCertificate.GOOD
    client_certificate_required: bool = False


class Mosquitto(Server):
    """A broker, running from the moment it is made; a context manager that stops it.

    `directory` receives configuration, certificates and log. With `user` nobody else may connect; with
    `rights` (its acl_file) nobody may do more than these; with
    `encryption` the port speaks TLS only, and `tls_context()` and `client_key_pair` are what a client needs.
    """

    def __init__(
        self,
        directory: Path,
        *,
        user: User | None = None,
        encryption: Encryption | None = None,
        persistent: bool = False,
        rights: str = "",
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.user = user
        self._directory = directory
        self._authority: CertificateAuthority | None = None
        self.client_key_pair: KeyPair | None = None
        self._lines = [*_storage_lines(directory, persistent=persistent), *self._user_lines(user)]
        if rights:
            (directory / "rights").write_text(rights, encoding="utf-8")
            self._lines.append(f"acl_file {directory / 'rights'}")
        self._tls_lines = self._encryption_lines(encryption)
        super().__init__("mosquitto", directory / "mosquitto.log")
        self.start()

    @property
    def authority_certificate(self) -> Path:
        """PEM file of the authority that signed the broker's certificate (only with `encryption`)."""
        if self._authority is None:
            raise ServerFailedError("this broker speaks no TLS")
        return self._authority.certificate

    def tls_context(self) -> ssl.SSLContext | None:
        """Trusts this broker's authority and shows the client certificate; None where there is no TLS."""
        return self._authority.client_context(self.client_key_pair) if self._authority else None

    def start(self) -> None:
        """Start on the same port as before; returns when clients can connect."""
        program = find_program("mosquitto")
        if program is None:
            raise ServerFailedError("mosquitto is not installed: run scripts/install-test-servers --mosquitto")
        configuration = self._directory / "mosquitto.conf"
        listener = [f"listener {self.port} {self.host}", *self._tls_lines]
        configuration.write_text("\n".join([*self._lines, *listener, ""]), encoding="utf-8")
        before = self._process.log_size()
        self._process.start([program, "-c", str(configuration)])
        self._process.wait_until_ready(lambda: " running\n" in self._process.log_text(before), timeout=10)

    def _user_lines(self, user: User | None) -> list[str]:
        if user is None:
            return ["allow_anonymous true"]
        program, passwords = find_program("mosquitto_passwd"), self._directory / "passwords"
        if program is None:
            raise ServerFailedError("mosquitto_passwd is missing: run scripts/install-test-servers --mosquitto")
        subprocess.run([program, "-b", "-c", str(passwords), user.name, user.password], check=True, capture_output=True)
        return ["allow_anonymous false", f"password_file {passwords}"]

    def _encryption_lines(self, encryption: Encryption | None) -> list[str]:
        if encryption is None:
            return []
        self._authority = CertificateAuthority(self._directory / "certificates")
        server = self._authority.issue_server(encryption.certificate)
        lines = [
            f"cafile {self._authority.certificate}",
            f"certfile {server.certificate}",
            f"keyfile {server.key}",
        ]
        if encryption.client_certificate_required:
            self.client_key_pair = self._authority.issue_client()
            lines.append("require_certificate true")
        return lines


def _storage_lines(directory: Path, *, persistent: bool) -> list[str]:
    lines = ["log_dest stderr", "log_type all", "connection_messages true"]
    if os.geteuid() == 0:
        lines.append("user root")  # else it drops its rights, and cannot read a test's directory any more
    if persistent:
        return [*lines, "persistence true", f"persistence_location {directory}/", "autosave_interval 1"]
    return [*lines, "persistence false"]
