"""A certificate authority of our own, with the good and the bad certificates that TLS tests need.

Rule: made anew by the openssl command in the directory it is given; nothing is kept or committed.
"""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_CONFIGURATION: Final = """\
[req]
distinguished_name = name
prompt = no
[name]
CN = juntek tests
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[ca]
default_ca = issuing
[issuing]
database = index.txt
new_certs_dir = .
certificate = authority.pem
private_key = authority.key
default_md = sha256
rand_serial = yes
policy = any_name
unique_subject = no
[any_name]
commonName = supplied
"""

_LEAF_EXTENSIONS: Final = """\
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
extendedKeyUsage = {purpose}
subjectAltName = {names}
"""

_NEW_KEY: Final = (
    "req",
    "-config",
    "authority.cnf",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
)


class ServerCertificate(Enum):
    """What a broker shows of itself."""

    GOOD = "good"
    EXPIRED = "expired"
    WRONG_HOST = "wrong-host"


@dataclass(frozen=True, slots=True)
class KeyPair:
    """Paths of a certificate and of its private key, both PEM."""

    certificate: Path
    key: Path


class CertificateAuthority:
    """Issues certificates in its directory; `certificate` is what a client has to trust."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.certificate = directory / "authority.pem"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "authority.cnf").write_text(_CONFIGURATION, encoding="ascii")
        (directory / "index.txt").touch()
        self._openssl(
            *_NEW_KEY, "-x509", "-days", "2", "-extensions", "authority",
            "-keyout", "authority.key", "-out", "authority.pem",
        )  # fmt: skip

    def issue_server(self, kind: ServerCertificate = ServerCertificate.GOOD) -> KeyPair:
        """A broker's certificate for localhost and 127.0.0.1, or one with the fault that `kind` names."""
        wrong = kind is ServerCertificate.WRONG_HOST
        names = "DNS:elsewhere.example" if wrong else "DNS:localhost, IP:127.0.0.1"
        age = timedelta(days=30) if kind is ServerCertificate.EXPIRED else timedelta()
        return self._issue(f"server-{kind.value}", purpose="serverAuth", names=names, age=age)

    def issue_client(self) -> KeyPair:
        return self._issue("client", purpose="clientAuth", names="DNS:client.example")

    def client_context(self, client: KeyPair | None = None) -> ssl.SSLContext:
        """What a client needs that trusts this authority only, and shows `client` where it is given."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        if client is not None:
            context.load_cert_chain(client.certificate, client.key)
        return context

    def _issue(self, name: str, *, purpose: str, names: str, age: timedelta = timedelta()) -> KeyPair:
        """Certificate that is valid from two days before until one day after the moment `age` ago."""
        moment = datetime.now(UTC) - age
        valid = [f"{moment + timedelta(days=days):%Y%m%d%H%M%SZ}" for days in (-2, 1)]
        extensions = _LEAF_EXTENSIONS.format(purpose=purpose, names=names)
        (self._directory / f"{name}.ext").write_text(extensions, encoding="ascii")
        self._openssl(*_NEW_KEY, "-keyout", f"{name}.key", "-out", f"{name}.csr")
        self._openssl(
            "ca", "-batch", "-notext", "-config", "authority.cnf", "-extfile", f"{name}.ext",
            "-startdate", valid[0], "-enddate", valid[1], "-in", f"{name}.csr", "-out", f"{name}.pem",
        )  # fmt: skip
        return KeyPair(self._directory / f"{name}.pem", self._directory / f"{name}.key")

    def _openssl(self, *arguments: str) -> None:
        done = subprocess.run(["openssl", *arguments], cwd=self._directory, capture_output=True, check=False)
        if done.returncode:
            raise RuntimeError(f"openssl {arguments[0]}: {done.stderr.decode(errors='replace')}")
