"""What is said of a recording without frames."""

from __future__ import annotations

import pytest

from juntek.capture.likeness import explain_no_frames


@pytest.mark.parametrize(
    ("start", "likely"),
    [
        (b"", "empty"),
        (b"time,voltage,current\n2026-01-01T00:00:00Z,52.1,3\n", "table of decoded values"),
        (b"\xef\xbb\xbfTime;Voltage;Current\n", "table of decoded values"),
        (b'{"voltage": 52.1, "current": 3}\n', "JSON of decoded values"),
        (b'[\n {"voltage": 52.1}\n]', "JSON of decoded values"),
        (b"entity_id,state,last_changed\nsensor.kg_voltage,52.1,2026-01-01T00:00:00Z\n", "values one by one"),
        (b"kg/voltage 52.1\nkg/power 3\n", "values one by one"),
        (b"PK\x03\x04\x14\x00", "ZIP"),
        (b"\x28\xb5\x2f\xfd\x00\x01", "zstd"),
        (b"%PDF-1.7\n", "PDF"),
        (b"\x89PNG\r\n\x1a\n", "picture"),
        (b"\xff\xd8\xff\xe0", "picture"),
        (b"<!DOCTYPE html>", "web page"),
        (b"SQLite format 3\x00", "database"),
        (bytes.fromhex("010300000002c40b") * 4, "Modbus"),
        (b"Nov  1 10:00:00 pi systemd[1]: Started.\n", "log without"),
        (b"May 01 08:00:00 pi reader[812]: [68B blob data]\n", "journalctl --all"),
        (b"Dear all,\nmy battery is empty.\n", "text without"),
        (bytes(200), "another speed"),
    ],
)
def test_the_likely_kind_is_told(start: bytes, likely: str) -> None:
    said = explain_no_frames(start)
    assert said.startswith("No frames found; ")
    assert likely in said
