"""Password and certificates out of their files; rule: a file that is no use is named together with its key."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from juntek.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from juntek.outputs.mqtt.mqtt_options import Options


class _TidySocket(ssl.SSLSocket):
    """Closes itself when the handshake fails, which the library does not."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - the signature of the parent
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


def read_password(options: Options) -> str | None:
    """Return the password from the environment or its file; raises ConfigurationError for a file that is no use."""
    if options.password is not None or options.password_file is None:
        return options.password
    lines = _read("password_file", options.password_file).splitlines()
    try:
        return lines[0].decode()
    except (IndexError, UnicodeDecodeError):
        raise ConfigurationError(
            f"mqtt.password_file {options.password_file} holds no password; write it there as one line of text."
        ) from None


def make_tls_context(options: Options) -> ssl.SSLContext | None:
    """Return what TLS needs, or None without TLS; raises ConfigurationError for a file that is no use."""
    if not options.tls:
        return None
    if options.ca_file is not None:
        _read("ca_file", options.ca_file)
    try:
        context = ssl.create_default_context(cafile=options.ca_file and options.ca_file.expanduser())
    except ssl.SSLError:
        raise ConfigurationError(f"mqtt.ca_file {options.ca_file} holds no certificate in PEM form.") from None
    context.sslsocket_class = _TidySocket
    if options.certificate_file is not None:
        key_file = options.key_file or options.certificate_file
        _read("certificate_file", options.certificate_file)
        _read("key_file", key_file)
        try:
            # An empty password: with none at all, a key that needs one would be asked for on the terminal.
            context.load_cert_chain(options.certificate_file.expanduser(), key_file.expanduser(), password="")
        except ssl.SSLError:
            raise ConfigurationError(
                f"mqtt.certificate_file {options.certificate_file} and mqtt.key_file {key_file} are not a certificate "
                "and its key in PEM form."
            ) from None
    return context


def _read(key: str, path: Path) -> bytes:
    try:
        return path.expanduser().read_bytes()
    except FileNotFoundError:
        raise ConfigurationError(f"mqtt.{key} {path} does not exist; write it or correct the key.") from None
    except PermissionError:
        raise ConfigurationError(f"mqtt.{key} {path} may not be read; give its user the right to.") from None
    except OSError as error:
        raise ConfigurationError(f"mqtt.{key} {path} cannot be read ({error.strerror}); correct the key.") from None
