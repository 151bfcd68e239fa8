"""Why a file cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from juntek.errors import ConfigurationError
from juntek.files import explain_unreadable, read_text


def test_the_text_of_a_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("sécret\n", encoding="utf-8")
    assert read_text(file, "mqtt.password_file") == "sécret\n"


def test_what_cannot_be_read_is_named_with_its_key_and_the_mend(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\xfa")
    for name in ("missing", "binary", "."):
        with pytest.raises(ConfigurationError) as refusal:
            read_text(tmp_path / name, "mqtt.password_file")
        assert str(refusal.value).startswith(f"mqtt.password_file {tmp_path / name} ")


def test_every_reason_has_its_own_words() -> None:
    reasons = (FileNotFoundError(), PermissionError(), IsADirectoryError(), OSError(5, "Input/output error"))
    assert len({explain_unreadable(reason) for reason in reasons}) == len(reasons)
