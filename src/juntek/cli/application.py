"""All commands in one, and their wrong use in sentences of ours.

Rule: a library that only one command needs is loaded when it runs; typer says what is wrong, never how it is said.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer

import juntek
from juntek.cli import (
    FLAGS,
    STATUSES,
    configuration,
    history_commands,
    run_until_stopped,
    serve,
    service,
    settings_commands,
    web,
)
from juntek.cli.arguments import App, ConfigFile, address_number
from juntek.cli.find import find
from juntek.cli.meter_commands import capture, read, watch
from juntek.cli.push import push
from juntek.cli.recordings import decode, estimate
from juntek.cli.setup import setup
from juntek.errors import RequestError
from juntek.names import find_close, plain

_HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
_STATUSES = "\n".join(f"  {status}  {meaning}" for status, meaning in STATUSES.items())

app = App(
    "Read Juntek coulomb counters and bring them to Home Assistant, MQTT, Grafana, the terminal and files.",
    f"read /dev/ttyUSB0 --format table\n\n\b\nExit statuses:\n{_STATUSES}",
    name="juntek",
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings=_HELP,
)


def _show_version(value: bool) -> None:  # noqa: FBT001 - as typer calls it
    if value:
        typer.echo(f"juntek {juntek.__version__}")
        raise typer.Exit


_Version = Annotated[
    bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
]
_Debug = Annotated[bool, typer.Option("--debug", help="Show where an error came from.")]


@app.callback()
def juntek_command(version: _Version = False, debug: _Debug = False) -> None:
    """Take the options that go before every command."""


def run(
    config: ConfigFile = None,
    link: Annotated[str | None, typer.Option(metavar="URL", help="Read this one meter, not those of the file.")] = None,
    address: Annotated[int, typer.Option(parser=address_number, metavar="N", help="Address at --link.")] = 1,
    host: Annotated[str | None, typer.Option(metavar="NAME", help="The MQTT broker: mqtt.host.")] = None,
    port: Annotated[int | None, typer.Option(metavar="N", help="Its port: mqtt.port.")] = None,
    username: Annotated[str | None, typer.Option(metavar="NAME", help="The user there: mqtt.username.")] = None,
    database: Annotated[Path | None, typer.Option(metavar="FILE", help="Where totals are kept: history.path.")] = None,
    log_level: Annotated[
        str | None, typer.Option(metavar="WORD", help="debug, info, warning or error: log_level.")
    ] = None,
) -> None:
    """Run the gateway until it is stopped.

    It reads all meters and hands the readings on. Flags take precedence over the environment
    (JUNTEK_MQTT__HOST), and that over the file.
    """
    given = (config, link, address, host, port, username, database, log_level)
    serve({name: str(value) for name, value in zip(FLAGS, given, strict=True) if value is not None})


def simulate(
    listen: Annotated[
        str | None, typer.Option(metavar="tcp://HOST:PORT", help="Serve on a TCP port; 0 takes a free one.")
    ] = None,
    pty: Annotated[Path | None, typer.Option(metavar="PATH", help="Serve on a pseudo-terminal linked here.")] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="KG140F, KL140F, KH140F and the like; give several for several meters."),
    ] = None,
    address: Annotated[
        list[int] | None, typer.Option(parser=address_number, metavar="N", help="Address, once for each meter.")
    ] = None,
    display: Annotated[bool, typer.Option("--display", help="Let a display poll the first meter.")] = False,
    speed: Annotated[float, typer.Option(metavar="X", help="Simulated seconds in one second.")] = 1.0,
    seed: Annotated[int, typer.Option(metavar="N", help="The same number gives the same day.")] = 1,
    noise: Annotated[float, typer.Option(metavar="P", help="Probability, 0 to 1, that a frame is damaged.")] = 0.0,
    load: Annotated[
        str, typer.Option(metavar="NAME", help="mixed, steady, spikes, pump, inverter, starter and the like.")
    ] = "mixed",
) -> None:
    """Simulate a battery with its meter.

    It is served on a TCP port or a pseudo-terminal. Prints the link URL as its first line and runs until it is stopped.
    """
    from juntek.simulator import Options, Simulation  # noqa: PLC0415 - only this command simulates

    async def serve() -> None:
        async with Simulation(options) as simulation:
            for url in simulation.urls:
                print(url, flush=True)  # noqa: T201 - it is data: scripts read it
            await simulation.run()

    models = tuple(model or ("KG140F",))
    options = Options(
        models=models,
        addresses=tuple(address or range(1, len(models) + 1)),
        listen=listen,
        pty=pty,
        display="newer" if display else "none",
        speed=speed,
        seed=seed,
        noise=noise,
        load=load,
    )
    run_until_stopped(serve())


def demo(
    duration: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="End after so long; 0: when stopped.")
    ] = 0.0,
    port: Annotated[
        int, typer.Option(min=1, max=65535, metavar="N", help="Port of the page, on this computer only.")
    ] = 8140,
    no_open: Annotated[bool, typer.Option("--no-open", help="Do not open the page in a browser.")] = False,
) -> None:
    """Show it all with two simulated meters."""
    from juntek.demo import run_demo  # noqa: PLC0415 - it needs all there is

    run_until_stopped(run_demo(duration=duration or None, port=port, open_page=not no_open))


app.example("find")(find)
app.example("setup")(setup)
app.example("read /dev/ttyUSB0 --format table")(read)
app.example("watch socket://192.168.1.20:4001")(watch)
app.example("run --config /etc/juntek/juntek.toml")(run)
app.add_typer(configuration.app, name="config")
app.add_typer(service.app, name="service")
history_commands.app.example("history push http://127.0.0.1:8428/write")(push)
app.add_typer(history_commands.app, name="history")
app.add_typer(web.app, name="web")
app.add_typer(settings_commands.app, name="settings")
app.example("act /dev/ttyUSB0 charge=100")(settings_commands.act)
app.example("decode bus.log --format table")(decode)
app.example("estimate weeks.log --chemistry lifepo4 --format csv")(estimate)
app.example("capture /dev/ttyUSB0 -o bus.log --seconds 60")(capture)
app.example("simulate --pty /tmp/meter --model KH140F --speed 60")(simulate)
app.example("demo --duration 60 --no-open")(demo)


# Wrong use ----------------------------------------------------------------------------------------------------

_UsageError: type[Exception] = typer.BadParameter.__mro__[1]
"""What the library raises for all wrong use; it has no public name of its own."""


def run_command(arguments: Sequence[str]) -> int:
    """Run a command and return its status; raises RequestError for what no command understands."""
    try:
        return _command()(list(arguments), prog_name="juntek", standalone_mode=False) or 0
    except _UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            typer.echo(str(error), err=True)
            return 2
        raise RequestError(_explain(error, arguments)) from error
    except typer.Abort:
        raise RequestError(
            "Nothing was done, as nobody answered; see the options of the command for scripts."
        ) from None


@cache
def _command() -> Any:  # noqa: ANN401 - the library's own
    """Return all commands as the library has them, which takes it a while."""
    return typer.main.get_command(app)


_SENTENCES = {
    r"No such option: (?P<name>.*?)(?: \(Possible options: .*| Did you mean .*)?": "There is no option {name}{hint}",
    r"No such command '(?P<name>.*?)'\.(?: Did you mean .*)?": "There is no command {command} {name}{hint}",
    r"Missing \w+ '(?P<name>.*?)'.*": "{name} is missing",
    r"Option '(?P<name>.*)' requires .*": "{name} needs a value after it",
    r"Option '(?P<name>.*)' does not take .*": "{name} takes no value",
    r"Got unexpected extra arguments?(?:\(s\))? \((?P<name>.*)\)": "{name} is too much for {command}",
    r"Invalid value for '(?P<name>.*?)'.*?: (?P<problem>.*)": "{name}: {problem}",
    r"Invalid value: (?P<problem>.*)": "{problem}",
}
"""What is said in place of what the library says."""


def _explain(error: Any, arguments: Sequence[str]) -> str:  # noqa: ANN401 - the library's own
    """Return what is wrong and where it is written how it is right."""
    command = error.ctx.command_path if error.ctx is not None else _command_of(arguments)
    text = plain(error.format_message())
    for pattern, sentence in _SENTENCES.items():
        if found := re.fullmatch(pattern, text):
            said = {key: plain(words, 300) for key, words in found.groupdict().items()}
            takes = _describe(error.param) if "problem" in said else ""
            hint = _suggest(error, said.get("name", ""))
            text = f"{said['name']} is {takes}" if takes else sentence.format(command=command, hint=hint, **said)
            break
    return f"{text.rstrip('.')}; see {command} --help."


def _suggest(error: Any, wrong: str) -> str:  # noqa: ANN401 - as above
    """Return what was probably meant; the library suggests what is no more alike than --help and --cells."""
    command = getattr(error.ctx, "command", None)
    options = [name for parameter in getattr(command, "params", ()) for name in parameter.opts]
    close = find_close(wrong, [*getattr(command, "commands", ()), *options], 0.6)
    return f", did you mean {close}?" if close else ""


def _describe(parameter: Any) -> str:  # noqa: ANN401 - as above
    """Return what an option takes, which each version of the library says otherwise; empty where a parser says it."""
    if facts := getattr(parameter, "type_descriptor", None):
        limits, is_whole, is_parsed = facts.parameter_info, facts.annotation is int, facts.parameter_info.parser
    else:  # typer before 0.28, which packages have, since the later ones bring pydantic
        facts = limits = getattr(parameter, "type", None)
        is_whole = str(getattr(facts, "name", "")).startswith("int")
        is_parsed = type(facts).__name__ == "FuncParamType"
    if facts is None or is_parsed:
        return ""
    if choices := getattr(facts, "choices", None):
        return f"one of {', '.join(str(getattr(choice, 'value', choice)) for choice in choices)}"
    kind = "a whole number" if is_whole else "a number"
    least, most = getattr(limits, "min", None), getattr(limits, "max", None)
    if least is None:
        return kind
    return f"{kind} of at least {least:g}" if most is None else f"{kind} from {least:g} to {most:g}"


def _command_of(arguments: Sequence[str]) -> str:
    """Return the command that was meant; the library does not say it with every error."""
    command, path = _command(), "juntek"
    for word in arguments:
        below = getattr(command, "commands", {})
        if word in below:
            command, path = below[word], f"{path} {word}"
    return path
