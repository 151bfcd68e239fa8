"""Why a file cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from juntek.errors import ConfigurationError
from juntek.files import explain_unreadable, read_bytes


def test_a_file_of_the_user_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "password").write_bytes(b"secret\n")
    assert read_bytes(Path("~/password"), "mqtt.password_file") == b"secret\n"


def test_what_cannot_be_read_is_named_with_its_key_and_the_mend(tmp_path: Path) -> None:
    for name in ("missing", "."):
        with pytest.raises(ConfigurationError) as refusal:
            read_bytes(tmp_path / name, "mqtt.password_file")
        assert str(refusal.value).startswith(f"mqtt.password_file {tmp_path / name} ")


def test_every_reason_has_its_own_words() -> None:
    reasons = (FileNotFoundError(), PermissionError(), IsADirectoryError(), OSError(5, "Input/output error"))
    assert len({explain_unreadable(reason) for reason in reasons}) == len(reasons)
