"""What an owner writes, and the one sentence for what is wrong with it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from juntek.config import Configuration, Flag, default_database, find_file, load
from juntek.config.document import find_lines
from juntek.config.keys import keys_at, write_example
from juntek.errors import ConfigurationError
from juntek.exchange import Options
from juntek.meter import MeterOptions
from juntek.outputs.mqtt import MqttOptions
from juntek.outputs.web import WebOptions

HOUSE = '[[meters]]\nname = "house"\nlink = "/dev/ttyUSB0"\n'
VAN = '[[meters]]\nname = "van"\nlink = "socket://10.0.0.9:4001"\n'
SECRET = "hunter2"  # noqa: S105 - it opens nothing


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "juntek.toml"


def load_text(file: Path, text: str, environment: dict[str, str] | None = None, *flags: Flag) -> Configuration:
    file.write_text(text, encoding="utf-8")
    return load(file, environment or {}, flags)


def complaint(file: Path, text: str, environment: dict[str, str] | None = None, *flags: Flag) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_text(file, text, environment, *flags)
    return str(caught.value)


def mqtt(configuration: Configuration) -> MqttOptions:
    options = configuration.sinks["mqtt"]
    assert isinstance(options, MqttOptions)
    return options


# What is right ----------------------------------------------------------------------------------------------


def test_what_the_service_has_in_its_environment_goes_with_its_configuration(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f'{HOUSE}[mqtt]\nusername = "house"\n'
    variables = file.with_name("environment")
    variables.write_text(
        f'# of the service\n; too\n\nJUNTEK_MQTT__PASSWORD = "{SECRET}"\nJUNTEK_SITE=ignored\nJUNTEK_MQTT__HOST=pi\n'
    )
    assert mqtt(load_text(file, text)).password is None
    monkeypatch.setattr("juntek.config.SYSTEM_FILE", file)
    configuration = load_text(file, text, {"JUNTEK_SITE": "cabin"})
    assert (mqtt(configuration).password, mqtt(configuration).host) == (SECRET, "pi")
    assert configuration.site == "cabin"
    variables.unlink()
    assert load_text(file, HOUSE).site == "home"
    variables.mkdir()  # what is not for us is left
    assert load_text(file, HOUSE).site == "home"


def test_the_database_of_the_service_goes_with_its_configuration_where_it_may_be_written(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, home = tmp_path / "state", {"HOME": str(tmp_path)}
    monkeypatch.setattr("juntek.config.SYSTEM_STATE", state)
    monkeypatch.setattr("juntek.config.SYSTEM_FILE", file)
    assert load_text(file, HOUSE, home).database == default_database(home)
    state.mkdir()
    assert load_text(file, HOUSE, home).database == state / "juntek.db"
    assert load_text(file, f'{HOUSE}[history]\npath = "/other.db"', home).database == Path("/other.db")
    monkeypatch.setattr("juntek.config.SYSTEM_FILE", tmp_path / "other.toml")
    assert load_text(file, HOUSE, home).database == default_database(home)


def test_every_key_arrives_where_it_belongs(file: Path) -> None:
    text = """
        log_level = "debug"
        time_zone = "Europe/Berlin"
        [[meters]]
        name = "house"
        link = "rfc2217://10.0.0.9:4001"
        address = 2
        mode = "poll"
        interval = 2
        model = "KL-F"
        invert_current = true
        nominal_capacity = 280
        idle_current = 0.2
        [mqtt]
        port = 1884
        [history]
        path = "totals.db"
    """
    configuration = load_text(file, text)
    (meter,) = configuration.meters
    decoding = Options(family="KL-F", invert_current=True, nominal_capacity=280, idle_current=0.2)
    assert meter.link == "rfc2217://10.0.0.9:4001"
    assert meter.options == MeterOptions(name="house", address=2, mode="poll", interval=2, options=decoding)
    assert (mqtt(configuration).host, mqtt(configuration).port) == ("127.0.0.1", 1884)
    assert configuration.database == file.parent / "totals.db"
    assert (configuration.time_zone, configuration.log_level) == (ZoneInfo("Europe/Berlin"), "debug")
    assert configuration.file == file


def test_a_sink_without_a_section_is_not_there_and_a_meter_says_its_own_model(file: Path) -> None:
    configuration = load_text(file, f"{HOUSE}[mqtt]")
    assert list(configuration.sinks) == ["mqtt"]
    assert configuration.meters[0].options.options.family is None


def test_flags_go_before_the_environment_and_that_before_the_file(file: Path) -> None:
    text = f'{HOUSE}[mqtt]\nhost = "file"\nport = 1\nusername = "file"'
    environment = {"JUNTEK_MQTT__HOST": "environment", "JUNTEK_MQTT__PORT": "2"}
    options = mqtt(load_text(file, text, environment, Flag(("mqtt", "host"), "--host", "flag")))
    assert (options.host, options.port, options.username) == ("flag", 2, "file")


def test_the_environment_alone_is_enough(tmp_path: Path) -> None:
    environment = {
        "HOME": str(tmp_path),
        "JUNTEK_METERS__0__NAME": "house",
        "JUNTEK_METERS__0__LINK": "/dev/ttyUSB0",
        "JUNTEK_METERS__1__NAME": "van",
        "JUNTEK_METERS__1__LINK": "/dev/ttyUSB1",
        "JUNTEK_METERS__1__ADDRESS": "7",
        "JUNTEK_METERS__1__INVERT_CURRENT": "true",
        "JUNTEK_MQTT__USERNAME": "juntek",
        "JUNTEK_MQTT__PASSWORD": SECRET,
    }
    configuration = load(None, environment)
    assert [meter.options.name for meter in configuration.meters] == ["house", "van"]
    assert configuration.meters[1].options.address == 7
    assert configuration.meters[1].options.options.invert_current
    assert mqtt(configuration).password == SECRET
    assert configuration.file is None


def test_meters_may_be_given_as_json(file: Path) -> None:
    environment = {"JUNTEK_METERS": '[{"name": "van", "link": "/dev/ttyUSB1", "address": 3}]'}
    (meter,) = load_text(file, HOUSE, environment).meters
    assert (meter.options.name, meter.options.address) == ("van", 3)


def test_a_variable_changes_one_key_of_a_meter_in_the_file(file: Path) -> None:
    configuration = load_text(file, HOUSE + VAN, {"JUNTEK_METERS__1__LINK": "/dev/ttyUSB7"})
    assert [meter.link for meter in configuration.meters] == ["/dev/ttyUSB0", "/dev/ttyUSB7"]


def test_what_may_be_written_is_named_by_keys_that_there_are(file: Path) -> None:
    words = '["settings", "output", "zero-current", "charge"]'
    allowed = mqtt(load_text(file, f"{HOUSE}[mqtt]\nallow_control = {words}")).allow_control
    assert allowed == ("settings", "output", "zero-current", "charge")
    message = complaint(file, f'{HOUSE}[mqtt]\nallow_control = ["outptu"]')
    assert message.startswith(f"{file}, line 5: mqtt.allow_control")


def test_an_empty_variable_is_not_set(file: Path) -> None:
    assert mqtt(load_text(file, f"{HOUSE}[mqtt]", {"JUNTEK_MQTT__HOST": " "})).host == "127.0.0.1"


def test_variables_of_others_are_left_alone(file: Path) -> None:
    # Kubernetes sets these for a service that is called juntek.
    environment = {"JUNTEK_SERVICE_HOST": "10.0.0.1", "JUNTEK_PORT_8140_TCP": "tcp://10.0.0.1:8140"}
    assert load_text(file, HOUSE, environment).meters


@pytest.mark.parametrize(
    "text",
    [
        f'{HOUSE}[mqtt]\nusername = "juntek"\npassword_file = "password"',
        f'mqtt = {{ username = "a", password_file = "password" }}\n{HOUSE}',
    ],
)
def test_paths_count_from_the_folder_of_the_file(file: Path, text: str) -> None:
    (file.parent / "password").write_text(SECRET)
    assert mqtt(load_text(file, text)).password_file == file.parent / "password"


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ('port = "1884"', "port", 1884),
        ("port = 1884.0", "port", 1884),
        ("interval = 2", "interval", 2.0),
        ('interval = " 0.5 "', "interval", 0.5),
        ('tls = "Yes"', "tls", True),
        ("tls = 0", "tls", False),
        ('protocol = "3.1.1"', "protocol", "3.1.1"),
    ],
)
def test_a_value_may_be_written_as_people_and_the_environment_write_it(
    file: Path, line: str, key: str, value: object
) -> None:
    read = getattr(mqtt(load_text(file, f"{HOUSE}[mqtt]\n{line}")), key)
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize("hosts", ['["a", "b"]', '"a, b"', '" a ,b,"'])
def test_a_list_may_be_written_as_one_text(file: Path, hosts: str) -> None:
    options = load_text(file, f"{HOUSE}[web]\nallowed_hosts = {hosts}").sinks["web"]
    assert isinstance(options, WebOptions)
    assert options.allowed_hosts == ("a", "b")


def test_a_file_of_a_windows_editor_is_read(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf" + HOUSE.replace("\n", "\r\n").encode())
    assert load(file, {}).meters[0].options.name == "house"


def test_totals_are_kept_where_the_system_wants_them() -> None:
    assert default_database({"HOME": "/home/ida"}) == Path("/home/ida/.local/state/juntek/juntek.db")
    assert default_database({"HOME": "/home/ida", "XDG_STATE_HOME": "/state"}) == Path("/state/juntek/juntek.db")
    service = {"HOME": "/", "STATE_DIRECTORY": "/var/lib/juntek:/var/lib/other"}
    assert default_database(service) == Path("/var/lib/juntek/juntek.db")


def test_the_file_is_looked_for_here_first_and_then_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, home = tmp_path / "here", tmp_path / "home"
    here.mkdir()
    own = home / ".config" / "juntek" / "juntek.toml"
    own.parent.mkdir(parents=True)
    monkeypatch.chdir(here)
    environment = {"HOME": str(home)}
    own.touch()
    assert find_file(environment) == own
    Path("juntek.toml").touch()
    assert find_file(environment) == Path("juntek.toml")
    assert find_file({**environment, "JUNTEK_CONFIG": str(own)}) == own


# What is wrong: the file -------------------------------------------------------------------------------------

WRONG_FILES = {
    "a bare word": (
        "[[meters]]\nname = house",
        "line 2: this is not TOML (invalid value); put text in quotes, such as",
    ),
    "not TOML": ("hello", "line 1: this is not TOML (expected '=' after a key in a key/value pair); write it like"),
    "a table twice": (
        "[mqtt]\n\n[mqtt]",
        "line 3: this is not TOML (cannot declare ('mqtt',) twice); it is there twice",
    ),
    "an open end": (f"{HOUSE}x = [", "line 4: this is not TOML (invalid value); write it like"),
    "an unknown key": (f"{HOUSE}adress = 3", 'line 4: [[meters]] has no key "adress"; did you mean "address"?'),
    "an unknown key far down": (
        f'{HOUSE}\n# {HOUSE[:9]}\n{VAN}x = """\n[mqtt]\n"""\n',
        'line 9: [[meters]] has no key "x"; there are name, link, address, mode, interval, model, invert_current, ',
    ),
    "a key of the second meter": (f"{HOUSE}\n\n{VAN}\naddress = 0", "line 10: meters.address is 1 to 99, not 0."),
    "an unknown section": (f"{HOUSE}[mqt]", 'line 4: there is no key or section "mqt"; did you mean "mqtt"?'),
    "a key outside of its section": (
        f'host = "a"\n{HOUSE}',
        'line 1: there is no key or section "host" here; write it below [mqtt].',
    ),
    "an unknown key of a sink": (f"{HOUSE}[mqtt]\nprot = 3", 'line 5: [mqtt] has no key "prot"; did you mean "port"?'),
    "an address of 300": (f"{HOUSE}address = 300", "line 4: meters.address is 1 to 99, not 300."),
    "text for a number": (f'{HOUSE}address = "x"', 'line 4: meters.address is a whole number, not "x".'),
    "true for a number": (f"{HOUSE}interval = true", "line 4: meters.interval is a number, not true."),
    "a number for text": (f"{HOUSE}[mqtt]\nhost = 3", "line 5: mqtt.host is text in quotes, not 3."),
    "no number": (f"{HOUSE}interval = nan", "line 4: meters.interval is a number, not nan."),
    "a capacity below nothing": (
        f"{HOUSE}nominal_capacity = -1",
        "line 4: meters.nominal_capacity is 0.001 to 100000 Ah, not -1.",
    ),
    "neither true nor false": (f'{HOUSE}[mqtt]\ntls = "ja"', 'line 5: mqtt.tls is true or false, not "ja".'),
    "a wrong choice": (f'{HOUSE}mode = "ask"', 'line 4: meters.mode is "auto", "listen" or "poll", not "ask".'),
    "a wrong model": (
        f'{HOUSE}model = "KG140F"',
        'line 4: meters.model is "auto", "KG-F", "KH-F" or "KL-F", not "KG140F".',
    ),
    "what the sink refuses": (f"{HOUSE}[mqtt]\n\nport = 70000", "line 6: mqtt.port is 1 to 65535, not 70000."),
    "single brackets": ('[meters]\nname = "a"', "line 1: write [[meters]] with two brackets at each side and its keys"),
    "a value for a table": (f"mqtt = 3\n{HOUSE}", "line 1: [mqtt] is a table, not 3; write [mqtt] on a line and its"),
    "a table for a value": (f"{HOUSE}[mqtt.tls]\nx = 1", "line 4: mqtt.tls is true or false, not a table."),
    "no link": (
        '[mqtt]\n[[meters]]\nname = "a"',
        'line 2: [[meters]] lacks link; add a line such as link = "/dev/ttyUSB0".',
    ),
    "a link that is none": (
        '[[meters]]\nname = "a"\nlink = "sokcet://x:1"',
        "line 3: meters.link 'sokcet://x:1' is not a link: give a device path such as /dev/ttyUSB0",
    ),
    "the same name": (HOUSE * 2, 'line 5: meters.name "house" is there twice; give each meter its own name.'),
    "names that meet in a topic": (
        HOUSE.replace("house", "my van") + VAN.replace("van", "my_van"),
        'line 5: meters.name "my_van" is as good as "my van" above in a topic (my_van); give each meter its own name.',
    ),
    "an empty name": (HOUSE.replace("house", ""), "line 2: meters.name is empty, or has spaces around it"),
    "a name with a slash": (
        HOUSE.replace("house", "a/b"),
        "line 2: meters.name \"a/b\" has a '/', which MQTT topics may not have; leave it out.",
    ),
    "the gateway's own name": (HOUSE.replace("house", "Gateway"), 'line 2: meters.name cannot be "Gateway", as the'),
    "the same meter twice": (
        HOUSE + HOUSE.replace("house", "van"),
        'line 6: the meters "house" and "van" have the same link and the same address 1; give each its own address or',
    ),
    "two modes on one line": (
        HOUSE + HOUSE.replace("house", "van") + 'address = 2\nmode = "poll"',
        'line 8: the meters "house" and "van" share one link; give them the same mode.',
    ),
    "a missing password file": (
        f'{HOUSE}[mqtt]\nusername = "a"\npassword_file = "/no/such"',
        "line 6: mqtt.password_file /no/such does not exist; write it or correct the path.",
    ),
    "a folder as a password file": (
        f'{HOUSE}[mqtt]\nusername = "a"\npassword_file = "/"',
        "line 6: mqtt.password_file / is a folder; name the file in it.",
    ),
    "two pages at one port": (
        f'{HOUSE}[metrics]\nlisten = "127.0.0.1:8140"\n[web]',
        "line 6: web.listen and metrics.listen are both 127.0.0.1:8140; give one of them another port.",
    ),
    "a key of another program": (
        f'{HOUSE}[[timeseries]]\nurl = "http://pi/write"\ndatabase = "a"',
        'line 6: [[timeseries]] has no key "database"; there are url, name, username, ',
    ),
    "a key of the top below a section": (
        f'{HOUSE}[metrics]\nsite = "cabin"',
        'line 5: [metrics] has no key "site"; it goes to the top of the file, above the first [section].',
    ),
    "a key of the top below one of several": (
        f'{HOUSE}[[timeseries]]\nurl = "http://pi/write"\nsite = "cabin"',
        'line 6: [[timeseries]] has no key "site"; it goes to the top of the file, above the first [section].',
    ),
    "a number in a list of text": (
        f"{HOUSE}[web]\nallowed_hosts = [3]",
        "line 5: web.allowed_hosts is text in quotes, not 3.",
    ),
    "a number for a list": (
        f"{HOUSE}[web]\nallowed_hosts = 3",
        'line 5: web.allowed_hosts is a list such as ["a", "b"], not 3.',
    ),
    "a number in place of a table": (
        f"timeseries = [3]\n{HOUSE}",
        "line 1: [[timeseries]] is a table, not 3; write [[timeseries]] on a line and its keys below.",
    ),
    "half of a whole number": (f"{HOUSE}[mqtt]\nport = 1883.5", "line 5: mqtt.port is a whole number, not 1883.5."),
    "a section below a section": (
        f"{HOUSE}[metrics.web]",
        'line 4: [metrics] has no key "web"; there are listen, allowed_hosts.',
    ),
    "a time zone that is none": (
        f'time_zone = "Europe/Berln"\n{HOUSE}',
        'line 1: time_zone is no time zone: "Europe/Berln"; did you mean "Europe/Berlin"?',
    ),
    "a wrong level": (
        f'log_level = "loud"\n{HOUSE}',
        'line 1: log_level is "debug", "info", "warning" or "error", not "loud".',
    ),
}


@pytest.mark.parametrize("what", WRONG_FILES)
def test_what_is_wrong_in_a_file_gets_one_sentence_with_its_line(file: Path, what: str) -> None:
    text, sentence = WRONG_FILES[what]
    said = complaint(file, text)
    assert said.startswith(f"{file}, {sentence}")
    assert "\n" not in said


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f'{HOUSE}[mqtt]\nusername = "a"\npassword = "{SECRET}"', 6),
        (f'mqtt = {{ username = "a", password = "{SECRET}" }}\n{HOUSE}', 1),
    ],
)
def test_a_password_in_the_file_is_refused_and_not_repeated(file: Path, text: str, line: int) -> None:
    said = complaint(file, text)
    assert said.startswith(f"{file}, line {line}: mqtt.password does not belong in this file; write it as one line")
    assert "JUNTEK_MQTT__PASSWORD" in said
    assert SECRET not in said


@pytest.mark.parametrize(
    "text",
    [
        f'{HOUSE}[mqtt]\npassword = ["{SECRET}"]',
        f"{HOUSE}[mqtt]\npassword = 7777777",
        f'[[meters]]\nname = "a"\nlink = "esphme://host/?port_name=uart&key={SECRET}"',
    ],
)
def test_a_secret_of_a_wrong_kind_or_in_a_wrong_link_is_not_repeated(file: Path, text: str) -> None:
    said = complaint(file, text)
    assert SECRET not in said
    assert "7777777" not in said
    assert "esphme://host/" in said or "esphme" not in text


def test_secrets_are_not_in_the_text_of_a_configuration(file: Path) -> None:
    environment = {"JUNTEK_MQTT__USERNAME": "a", "JUNTEK_MQTT__PASSWORD": SECRET}
    assert SECRET not in repr(load_text(file, f"{HOUSE}[mqtt]", environment))


def test_no_file_at_all_or_no_meter_in_it_says_how_to_write_one(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert complaint(file, "[mqtt]") == f"{file}: there is no meter in it; add [[meters]] with a name and a link."
    file.unlink()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match=r"There is no configuration .*juntek config init"):
        load(None, {"HOME": str(tmp_path)})


@pytest.mark.parametrize("variable", ["JUNTEK_MQTT__PASSWORD", "JUNTEK_WEB__PASSWORD_HASH"])
def test_without_a_meter_nothing_is_said_of_keys_that_do_not_fit_together(variable: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="juntek config init"):
        load(None, {"HOME": str(tmp_path), variable: "bad"})


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"missing\.toml does not exist; write it with: juntek config init"):
        load(tmp_path / "missing.toml", {})
    with pytest.raises(ConfigurationError, match="is a folder; name the file in it"):
        load(tmp_path, {})
    with pytest.raises(ConfigurationError, match=r"JUNTEK_CONFIG: there is no file /no/such"):
        load(None, {"JUNTEK_CONFIG": "/no/such"})


def test_a_file_that_is_not_text_says_where(file: Path) -> None:
    file.write_bytes(b'a = "1"\nb = "\xff"\n')
    with pytest.raises(ConfigurationError, match="line 2: this is not UTF-8 text; save the file as UTF-8"):
        load(file, {})


# What is wrong: the environment and flags --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("JUNTEK_MQTT__PORT", "x", 'JUNTEK_MQTT__PORT: mqtt.port is a whole number, not "x".'),
        ("JUNTEK_MQTT__PRT", "1", 'JUNTEK_MQTT__PRT: [mqtt] has no key "prt"; did you mean "port"?'),
        ("JUNTEK_METRICS__SITE", "cabin", 'JUNTEK_METRICS__SITE: [metrics] has no key "site"; set JUNTEK_SITE.'),
        ("JUNTEK_MQT__PORT", "1", "JUNTEK_MQT__PORT: there is no such key; did you mean JUNTEK_MQTT__PORT?"),
        ("JUNTEK_LOGLEVEL", "info", "JUNTEK_LOGLEVEL: there is no such key; did you mean JUNTEK_LOG_LEVEL?"),
        ("JUNTEK_XYZ__PORT", "1", "JUNTEK_XYZ__PORT: there is no section xyz; use one of"),
        ("JUNTEK_METERS__3__LINK", "x", "JUNTEK_METERS__3__LINK: number 3 comes before number 1; leave no gap."),
        (
            "JUNTEK_TIMESERIES__URL",
            "http://pi/write",
            "JUNTEK_TIMESERIES__URL: put a number behind JUNTEK_TIMESERIES, as there may be several; the first is",
        ),
        ("JUNTEK_METERS__LINK", "x", "JUNTEK_METERS__LINK: this is a list; write its number, counted from 0, before"),
        ("JUNTEK_METERS", "[{", "JUNTEK_METERS: this is not JSON ("),
        ("JUNTEK_METERS__0__ADDRESS", "100", "JUNTEK_METERS__0__ADDRESS: meters.address is 1 to 99, not 100."),
        ("JUNTEK_MQTT__PASSWORD", SECRET, "JUNTEK_MQTT__PASSWORD: mqtt.password needs a user name; set mqtt.username"),
    ],
)
def test_what_is_wrong_in_a_variable_names_it(file: Path, name: str, value: str, sentence: str) -> None:
    said = complaint(file, HOUSE, {name: value})
    assert said.startswith(sentence)
    assert SECRET not in said


def test_what_is_wrong_in_a_flag_names_it(file: Path) -> None:
    said = complaint(file, f"{HOUSE}[mqtt]\nport = 1883", None, Flag(("mqtt", "port"), "--port", 0))
    assert said == "--port: mqtt.port is 1 to 65535, not 0."


# Lines and the example ----------------------------------------------------------------------------------------


def test_lines_are_found_whatever_the_text_looks_like() -> None:
    text = '''\
# [[meters]]
top = """
[[meters]]
name = "inside a text" """
list = [ # a remark with ]
  "]", '[',
  [1, 2],
]
 [[ meters ]] # a remark
   "name"   = "a"
[meters.inner]
x.y = 1
[[meters]]
name = 'b # ['
link = { a = [1] }
[ mqtt ]
host = "\\" [ "
port = 1
'''
    tomllib.loads(text)
    assert find_lines(text) == {
        ("top",): 2,
        ("list",): 5,
        ("meters",): 9,
        ("meters", 0): 9,
        ("meters", 0, "name"): 10,
        ("meters", 0, "inner"): 11,
        ("meters", 0, "inner", "x"): 12,
        ("meters", 0, "inner", "x", "y"): 12,
        ("meters", 1): 13,
        ("meters", 1, "name"): 14,
        ("meters", 1, "link"): 15,
        ("meters", 1, "link", "a"): 15,
        ("mqtt",): 16,
        ("mqtt", "host"): 17,
        ("mqtt", "port"): 18,
    }


def test_the_example_is_right_as_it_is(file: Path) -> None:
    configuration = load_text(file, write_example(["/dev/serial/by-id/usb-a", "/dev/ttyUSB1"]))
    assert configuration.meters[0].link == "/dev/serial/by-id/usb-a"
    assert mqtt(configuration) == MqttOptions()


def test_the_example_has_every_key_that_can_be_written_and_no_other() -> None:
    text = re.sub(r"^# (?=(\w+ = |\[))", "", write_example([]), flags=re.MULTILINE)
    values = tomllib.loads(text)
    assert set(values) == set(keys_at(()))
    assert set(values["meters"][0]) == set(keys_at(("meters",)))
    assert set(values["history"]) == set(keys_at(("history",)))
    assert set(values["mqtt"]) == set(keys_at(("mqtt",))) - {"password"}


@pytest.mark.parametrize(
    ("written", "means"), [("true", "device"), ("false", "off"), ('"entity"', "entity"), ('"no"', "off")]
)
def test_a_key_that_was_true_or_false_still_is(file: Path, written: str, means: str) -> None:
    assert mqtt(load_text(file, f"{HOUSE}[mqtt]\ndiscovery = {written}\n")).discovery == means
    given = {"JUNTEK_MQTT__DISCOVERY": written.strip('"')}
    assert mqtt(load_text(file, HOUSE, given)).discovery == means
