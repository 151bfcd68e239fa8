"""The file that `juntek config init` writes; rule: every key that there is stands in it, with its default."""

from __future__ import annotations

from collections.abc import Sequence

_HEAD = """\
# Configuration of juntek. Check it with: juntek config check
#
# A line that begins with # is a remark; the keys in remarks show their defaults.
# Every key is also an environment variable, which goes before this file:
# mqtt.host is JUNTEK_MQTT__HOST, the link of the first meter JUNTEK_METERS__0__LINK.
# Paths count from the folder of this file.

# log_level = "info"              # debug, info, warning, error
# site = "home"                   # tells these meters from those of the same name elsewhere
# time_zone = "Europe/Berlin"     # whose midnight begins a day; default: that of the system
"""

_METER = """
# One [[meters]] for each meter. Several meters on one bus have the same link and different addresses.
[[meters]]
name = "house"                    # becomes the topic and the name in Home Assistant; unique
link = "{link}"
{others}# or over the network: "socket://192.168.1.20:4001", "rfc2217://…", "esphome://…"
address = 1                       # 1 to 99: P01 at the display
# mode = "auto"                   # auto: listen first, poll when no display does; or listen, poll
# interval = 1.0                  # s between polls
# model = "auto"                  # auto, KG-F, KL-F, KH-F
# invert_current = false          # true when charging is shown as discharging
# nominal_capacity = 280.0        # Ah; default: what the meter is set to
# idle_current = 0.05             # A; below it the battery is idle
"""

_SECTIONS = """
# Home Assistant finds the meters by itself through its MQTT broker.
[mqtt]
host = "127.0.0.1"
# port = 1883                     # with TLS usually 8883
# username = "juntek"
# password_file = "mqtt-password" # a file with the password as its only line; or set JUNTEK_MQTT__PASSWORD
# tls = false
# ca_file = "ca.pem"              # default: the authorities that the system trusts
# certificate_file = "client.pem"
# key_file = "client.key"
# client_id = ""                  # default: made of the base topic
# protocol = "auto"               # auto, 5, 3.1.1
# base_topic = "juntek"
# site_topic = false              # put the site after the base topic: juntek/SITE/house/state
# topic_layout = "juntek"         # juntek_kg: the topics of the older program beside our own
# discovery = true                # tell Home Assistant
# discovery_prefix = "homeassistant"
# interval = 1.0                  # s between two states of a meter, averaged; 0: every reading at once
# allow_control = []              # what MQTT may write to the meter: nothing

# A page with the battery now and its past, and an API for scripts: http://127.0.0.1:8140
# [web]
# listen = "127.0.0.1:8140"       # "0.0.0.0:8140": all addresses of this computer; needs a password
# auth = "password"               # none: nobody is asked; default: a password, where one is set
# password_hash_file = "web-password"  # write it with: juntek web password -o web-password
# tokens_file = "web-tokens"      # for scripts; write it with: juntek web token NAME -o web-tokens
# allowed_hosts = ["battery.example.org"]  # other names under which browsers find this page
# session_days = 30               # without a visit, until a browser has to sign in again

# Every reading is kept for a month, and its minutes, hours and days for ever.
# [history]
# path = "juntek.db"              # default: ~/.local/state/juntek/juntek.db
# keep_raw_days = 30.0            # after which single readings are dropped
# commit_interval = 10.0          # s between two writes to the disk

# A page for Prometheus, with the meters and the gateway itself: http://127.0.0.1:9485/metrics
# [metrics]
# listen = "127.0.0.1:9485"       # "0.0.0.0:9485": all addresses of this computer

# Every reading to an engine of time series, for Grafana; one [[timeseries]] for each. Switches [history] on, out of
# which is sent what an engine missed while it was away.
# [[timeseries]]
# url = "http://127.0.0.1:8428/write"  # VictoriaMetrics; docs/timeseries.md has the others
# name = ""                       # default: host and port of the URL
# username = "juntek"
# password_file = "engine-password"  # a file with the password as its only line
# token_file = "engine-token"     # in place of user and password
# ca_file = "ca.pem"              # default: the authorities that the system trusts
# interval = 1.0                  # s between two batches
# rate = 10000.0                  # readings of the past that are sent a second, beside the new ones
"""


def write_example(ports: Sequence[str]) -> str:
    """Return the text, with the ports that were found, best first."""
    link = ports[0] if ports else "/dev/ttyUSB0"
    others = "".join(f'# link = "{port}"\n' for port in ports[1:])
    return _HEAD + _METER.format(link=link, others=others) + _SECTIONS
