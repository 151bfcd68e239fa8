"""`juntek settings` and `juntek act`: look at a meter's settings and change them.

Rule: what will be written is shown before it is asked for, and what became of it afterwards.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from juntek.cli.arguments import Address, App, ConfigFile, DatabaseFile, Form, Link, open_history, write_new
from juntek.cli.formats import Facts, draw_table
from juntek.cli.gateway_client import GatewayClient
from juntek.cli.meter_access import Direct, reach
from juntek.config.document import read_toml
from juntek.control.controls import parse_pair
from juntek.errors import ConfigurationError, NoReplyError, RequestError


class _ShowByDefault(TyperGroup):
    """Takes `juntek settings LINK` for `juntek settings show LINK`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - typer's own click
        """Put `show` before what is no command."""
        is_link = bool(args) and args[0] not in (*self.commands, "-h", "--help")
        rest: list[str] = super().parse_args(ctx, ["show", *args] if is_link else args)
        return rest


app = App(
    "Show the settings of a meter, change, save and restore them.",
    "settings /dev/ttyUSB0",
    cls=_ShowByDefault,
)

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
YesDangerous = Annotated[
    bool, typer.Option("--yes-dangerous", help="Do not ask for what can switch something off or lose the meter either.")
]


@app.example("settings show /dev/ttyUSB0 --format json")
def show(
    link: Link,
    address: Address = 1,
    chosen: Annotated[Form, typer.Option("--format", help="json is what the API says.")] = "table",
    config: ConfigFile = None,
) -> None:
    """Show all settings and actions, with their limits and what each does.

    `juntek settings LINK` is enough.
    """
    with reach(link, address, config) as access:
        facts = access.describe()
    typer.echo(json.dumps(facts) if chosen == "json" else _draw(facts))


@app.example("settings set /dev/ttyUSB0 nominal_capacity=280", "set")
def set_values(
    link: Link,
    pairs: Annotated[list[str], typer.Argument(metavar="KEY=VALUE…", help="off switches a protection off.")],
    address: Address = 1,
    yes: Yes = False,
    yes_dangerous: YesDangerous = False,
    config: ConfigFile = None,
) -> None:
    """Change settings: shows the plan, asks, writes, and reads back what the meter says then."""
    values = _read_pairs(pairs)
    with reach(link, address, config) as access:
        _change(access, values, yes=yes, yes_dangerous=yes_dangerous)


@app.example("settings save /dev/ttyUSB0 house.toml")
def save(
    link: Link,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A TOML file.")],
    address: Address = 1,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    config: ConfigFile = None,
) -> None:
    """Write the settings that can be written into a file, for restore."""
    with reach(link, address, config) as access:
        text = _in_toml(access.describe())
    write_new(file, text, RequestError, force=force)
    typer.echo(file)


@app.example("settings restore /dev/ttyUSB0 house.toml")
def restore(
    link: Link,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What save has written.")],
    address: Address = 1,
    yes: Yes = False,
    yes_dangerous: YesDangerous = False,
    config: ConfigFile = None,
) -> None:
    """Write what differs from a file; what is dangerous only when its key is typed, or with --yes-dangerous."""
    values = _read_file(file)
    with reach(link, address, config) as access:
        _change(access, values, yes=yes, yes_dangerous=yes_dangerous, may_leave=True)


@app.example("settings log --meter house")
def log(
    meter: Annotated[str | None, typer.Option("--meter", metavar="NAME", help="Default: all.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, metavar="N", help="At most so many.")] = 100,
    chosen: Annotated[Form, typer.Option("--format", help="json has one object a line.")] = "table",
    database: DatabaseFile = None,
    config: ConfigFile = None,
) -> None:
    """Show what was written to meters: when, by whom, and what became of it."""
    with open_history(database, config) as reader:
        entries = [entry.as_dict() for entry in reader.commands(meter=meter, limit=limit)]
        if chosen == "json":
            for entry in entries:
                typer.echo(json.dumps(entry))
        elif entries:
            headings = ("time", "meter", "who", "key", "old", "new", "outcome")
            rows = [
                [_show(entry[key], can_be_off=key == "new" and "protection" in entry["key"]) for key in headings]
                for entry in entries
            ]
            typer.echo(draw_table(headings, rows))
        else:
            typer.echo(f"Nothing was written to {meter or 'a meter'} yet.", err=True)


def act(
    link: Link,
    action: Annotated[
        str, typer.Argument(metavar="ACTION", help="zero-current, clear-totals, charge=100, output=on and the like.")
    ],
    address: Address = 1,
    yes: Yes = False,
    yes_dangerous: YesDangerous = False,
    config: ConfigFile = None,
) -> None:
    """Let a meter do something: zero-current, clear-totals, charge=100, output=on|off, set-address=2, factory-reset.

    Shows what it will do, asks, and says what became of it.
    """
    word, value = parse_pair(action)
    with reach(link, address, config) as access:
        changes = access.plan({}, (word, value))
        confirmed = _confirm(changes, yes=yes, yes_dangerous=yes_dangerous)
        _tell(access.write({}, (changes[0]["key"], value), confirmed))


# Files ------------------------------------------------------------------------------------------------------


def _in_toml(facts: Facts) -> str:
    lines = [f"# Settings of the meter {facts['meter']}; put them back with: juntek settings restore", "", "[settings]"]
    for setting in facts["settings"]:
        if setting["writable"]:
            value = "off" if setting["value"] is None else setting["value"]
            unit = f"  # {setting['unit']}" if setting["unit"] else ""
            lines.append(f"{setting['key']} = {json.dumps(value)}{unit}")
    return "\n".join(lines) + "\n"


def _read_file(file: Path) -> Facts:
    """Return the settings in a file; raises RequestError for one that has none."""
    mend = "give a file that juntek settings save has written."
    if not file.exists():
        raise RequestError(f"There is no file {file}; {mend}")
    try:
        values = read_toml(file)[1].get("settings")
    except ConfigurationError as error:
        raise RequestError(str(error)) from None
    if not isinstance(values, dict) or not values:
        raise RequestError(f"{file} has no [settings] in it; {mend}")
    return values


def _read_pairs(pairs: Sequence[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for pair in pairs:
        key, value = parse_pair(pair)
        if not key or value is None:
            raise RequestError(f'"{pair}" is no KEY=VALUE; write it like nominal_capacity=280.')
        if key in values:
            raise RequestError(f"{key} is there twice; give it once.")
        values[key] = value
    return values


# Asking -----------------------------------------------------------------------------------------------------


def _change(
    access: Direct | GatewayClient, values: Facts, *, yes: bool, yes_dangerous: bool, may_leave: bool = False
) -> None:
    changes = access.plan(values)
    confirmed = _confirm(changes, yes=yes, yes_dangerous=yes_dangerous, may_leave=may_leave)
    left = [change["key"] for change in changes if change["risk"] == "dangerous" and change["key"] not in confirmed]
    if left:
        typer.echo(f"Left as they are: {', '.join(left)}.", err=True)
    if wanted := {change["key"]: change["new"] for change in changes if change["key"] not in left}:
        _tell(access.write(wanted, None, confirmed))


def _confirm(changes: Sequence[Facts], *, yes: bool, yes_dangerous: bool, may_leave: bool = False) -> list[str]:
    """Show the plan and return the keys of what is dangerous and confirmed; raises RequestError for a no.

    With `may_leave` something dangerous may stay unconfirmed.
    """
    if not changes:
        typer.echo("Nothing to change.")
        return []
    typer.echo(draw_table(("key", "old", "new", "risk"), list(map(_draw_change, changes))))
    dangerous = [change["key"] for change in changes if change["risk"] == "dangerous"]
    if yes_dangerous:
        return dangerous
    if yes:
        if dangerous and not may_leave:
            raise RequestError(f"{dangerous[0]} is dangerous, so --yes is not enough; add --yes-dangerous.")
        return []
    option = "--yes-dangerous" if dangerous else "--yes"
    confirmed = [key for key in dangerous if _ask(f"Type {key} to write it", option) == key]
    if len(confirmed) < len(dangerous) and not may_leave:
        raise RequestError("Nothing was written, as the key was not typed.")
    if len(changes) > len(dangerous) and _ask("Write this? [y/N]", option).lower() not in ("y", "yes"):
        raise RequestError("Nothing was written.")
    return confirmed


def _draw_change(change: Facts) -> tuple[str, ...]:
    new = _show(change["new"], change["unit"], can_be_off=change["key"].endswith("protection"))
    return change["key"], _show(change["old"]), new, f"{change['risk']}: {change['warning']}"


def _ask(question: str, option: str) -> str:
    """Return what was typed; raises RequestError where nobody can type, with the option that asks nothing."""
    # A prompt of the library would put its last character among what a script reads.
    typer.echo(f"{question}: ", nl=False, err=True)
    answer = sys.stdin.readline()
    if not answer:
        typer.echo(err=True)
        raise RequestError(f"Nothing was written, as nobody answered; for scripts there is {option}.")
    return answer.strip()


def _tell(outcomes: Sequence[Facts]) -> None:
    """Say what became of each; raises NoReplyError where not all is as wished."""
    for outcome in outcomes:
        typer.echo(f"{outcome['key']}: {outcome['outcome']}. {outcome['detail']}".rstrip())
    if refused := [outcome["key"] for outcome in outcomes if outcome["outcome"] == "refused"]:
        raise NoReplyError(f"The meter did not do everything ({', '.join(refused)}); the rest is as shown above.")


# Showing ----------------------------------------------------------------------------------------------------


def _draw(facts: Facts) -> str:
    settings = [
        (
            one["key"],
            _show(one["value"], one["unit"], can_be_off=one["can_be_off"]),
            _limits(one),
            one["risk"] if one["writable"] else "read only",
            one["help"],
        )
        for one in facts["settings"]
    ]
    actions = [(one["key"], _limits(one["argument"] or {}), one["risk"], one["help"]) for one in facts["actions"]]
    what = draw_table(("setting", "value", "limits", "risk", "what it does"), settings)
    return f"{what}\n\n{draw_table(('action', 'takes', 'risk', 'what it does'), actions)}"


def _limits(facts: Mapping[str, Any]) -> str:
    if facts.get("choices"):
        return ", ".join(choice["value"] for choice in facts["choices"])
    if facts.get("minimum") is None:
        return ""
    return f"{facts['minimum']:g} to {facts['maximum']:g} {facts['unit']}".rstrip()


def _show(value: object, unit: str = "", *, can_be_off: bool = False) -> str:
    if value is None:
        return "off" if can_be_off else "-"
    return f"{f'{value:.10g}' if isinstance(value, float) else value} {unit}".rstrip()
