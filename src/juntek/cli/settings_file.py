"""A meter's settings in a TOML file; rule: only what can be written, and a wrong file is one sentence."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from juntek.config.document import read_text
from juntek.errors import ConfigurationError, RequestError
from juntek.files import explain_unreadable

TABLE = "settings"


def write_settings(file: Path, facts: Mapping[str, Any], *, force: bool) -> None:
    """Write what `describe` says; raises RequestError where there is a file already, or none can be made."""
    lines = [f"# Settings of the meter {facts['meter']}; put them back with: juntek settings restore", "", f"[{TABLE}]"]
    for setting in facts["settings"]:
        if not setting["writable"]:
            continue
        value = "off" if setting["value"] is None else setting["value"]
        unit = f"  # {setting['unit']}" if setting["unit"] else ""
        lines.append(f"{setting['key']} = {json.dumps(value)}{unit}")
    try:
        with file.open("w" if force else "x", encoding="utf-8") as opened:
            opened.write("\n".join(lines) + "\n")
    except FileExistsError:
        raise RequestError(f"{file} is there already; give another name, or write over it with --force.") from None
    except OSError as error:
        raise RequestError(f"{file} cannot be written ({error.strerror}); give another path.") from None


def read_settings(file: Path) -> dict[str, Any]:
    """Return the settings in a file; raises RequestError for one that has none."""
    mend = "give a file that juntek settings save has written."
    try:
        document = tomllib.loads(read_text(file)) if file.exists() else None
    except tomllib.TOMLDecodeError as error:
        raise RequestError(f"{file} is not TOML ({error}); {mend}") from None
    except OSError as error:
        raise RequestError(f"{file} {explain_unreadable(error)}") from None
    except ConfigurationError as error:
        raise RequestError(str(error)) from None
    if document is None:
        raise RequestError(f"There is no file {file}; {mend}")
    values = document.get(TABLE)
    if not isinstance(values, dict) or not values:
        raise RequestError(f"{file} has no [{TABLE}] in it; {mend}")
    return values
