"""The language of the meters' RS485 line: bytes to readings and back; rule: no I/O, and it reads no clock."""
