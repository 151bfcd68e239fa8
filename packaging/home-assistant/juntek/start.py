"""Turns the options of the app into a configuration, and becomes the gateway.

Rule: what the owner has not set is the gateway's own default, and the broker is the one that the Supervisor names
unless the owner names another. A password never stands in the file: the gateway gets it in its environment.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

DATA: Final = Path("/data")
SUPERVISOR: Final = "http://supervisor"
PORT: Final = 8140
METER_KEYS: Final = ("name", "address", "mode", "model", "invert_current", "nominal_capacity")

Table = dict[str, Any]


class OptionsError(Exception):
    """What the owner has to mend, as a sentence."""


def main(
    environment: Mapping[str, str], data: Path = DATA, supervisor: str = SUPERVISOR
) -> tuple[Path, dict[str, str]]:
    """Write the configuration; return its path and what the gateway has in its environment. Raises OptionsError."""
    options = json.loads((data / "options.json").read_text(encoding="utf-8"))
    broker = find_broker(options, environment.get("SUPERVISOR_TOKEN", ""), supervisor)
    variables = dict(environment)
    variables.pop("SUPERVISOR_TOKEN", None)  # the gateway has no business there
    if broker is not None and (password := broker.pop("password", None)):
        variables["JUNTEK_MQTT__PASSWORD"] = password
    file = data / "juntek.toml"
    file.write_text(write_configuration(options, broker), encoding="utf-8", errors="replace")
    return file, variables


def find_broker(options: Mapping[str, Any], token: str, supervisor: str) -> Table | None:
    """Return the keys of [mqtt]: those of the options, else those of the Supervisor; None where there is no broker."""
    if host := options.get("mqtt_host"):
        names = {"port": "mqtt_port", "username": "mqtt_username", "password": "mqtt_password"}
        return {"host": host, **{key: options[name] for key, name in names.items() if options.get(name)}}
    request = urllib.request.Request(f"{supervisor}/services/mqtt", headers={"Authorization": f"Bearer {token}"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - the Supervisor's address
            told = json.load(response)["data"]
    except urllib.error.HTTPError:  # it knows of none
        return None
    except (OSError, ValueError, KeyError) as error:
        raise OptionsError(f"Home Assistant's Supervisor does not tell where the broker is ({error}).") from error
    broker = {key: told[key] for key in ("host", "port", "username", "password") if told.get(key)}
    return {**broker, "tls": True} if told.get("ssl") else broker


def write_configuration(options: Mapping[str, Any], broker: Table | None) -> str:
    """Return the configuration as TOML. Raises OptionsError for a meter that cannot be read."""
    meters = [_find_meter(meter) for meter in options.get("meters", [])]
    if not meters:
        raise OptionsError("There is no meter yet: add one under Configuration, with the port that it is at.")
    history = {"keep_raw_days": options["keep_raw_days"]} if options.get("keep_raw_days") else {}
    parts = [f"log_level = {_in_toml(options.get('log_level') or 'info')}\n"]
    parts += [_write_table("[[meters]]", meter) for meter in meters]
    parts += [_write_table("[mqtt]", broker)] if broker is not None else []
    parts += [
        _write_table("[web]", {"listen": f"0.0.0.0:{PORT}", "auth": "ingress"}),
        _write_table("[history]", history),
    ]
    return "# Made of the app's options at every start; change these.\n" + "\n".join(parts)


def _find_meter(given: Mapping[str, Any]) -> Table:
    link = given.get("link") or given.get("device")
    if not link:
        raise OptionsError(
            f"The meter {given.get('name', '')} has no device: choose its port under Configuration, or write a link "
            "such as socket://192.168.1.20:4001."
        )
    keys = {"link": link, **{key: given[key] for key in METER_KEYS if given.get(key) is not None}}
    return {**keys, "battery.chemistry": given["chemistry"]} if given.get("chemistry") else keys


def _write_table(header: str, keys: Mapping[str, Any]) -> str:
    return "\n".join([header, *(f"{key} = {_in_toml(value)}" for key, value in keys.items())]) + "\n"


def _in_toml(value: object) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


if __name__ == "__main__":
    try:
        configuration, variables = main(os.environ)
    except OptionsError as error:
        sys.exit(str(error))
    if "[mqtt]" not in configuration.read_text(encoding="utf-8"):
        sys.stderr.write("Home Assistant has no MQTT broker: install the app Mosquitto broker, and start this again.\n")
    command = [str(Path(sys.executable).with_name("juntek")), "run", "--config", str(configuration)]
    os.execve(command[0], command, variables)  # noqa: S606 - it becomes the gateway
