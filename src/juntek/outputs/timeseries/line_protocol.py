"""Influx line protocol: readings as lines, and what a target responds to them, as one sentence with the mend.

Rule: the numbers of the history, in the units and names of `metric`, exactly; and a secret is in no sentence. Times are
in ns, which every database takes without being told.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from juntek.history.fields import CHARGE, METERED, SCALES, Batch, states_of_charge, times_of
from juntek.metric import BATTERY_METRICS, MEASUREMENT, METER, READING_METRICS, SITE, Metric, Sample
from juntek.outputs import FarEndError
from juntek.outputs.timeseries import TimeseriesOptions

_COLUMNS = [metric for metric in (*READING_METRICS, *BATTERY_METRICS) if metric.key in (*SCALES, METERED)]


def lines_of(site: str, meter: str, batch: Batch) -> list[bytes]:
    """Return a line for each reading of a batch of the history."""
    head = _head({SITE: site, METER: meter})
    rows = map("".join, zip(*(_texts(metric, batch) for metric in _COLUMNS), strict=True))
    # Each field begins with a comma, the first one too.
    return [f"{head}{row[1:]} {time}000000\n".encode() for row, time in zip(rows, times_of(batch), strict=True)]


def _texts(metric: Metric, batch: Batch) -> Iterable[str]:
    """Return what a field adds to each line; nothing where it is not known."""
    start, factor, divisor = f",{metric.field}=", metric.factor, metric.divisor
    column: Sequence[float | None]
    texts: dict[float | None, str]
    if metric.key in (CHARGE, METERED):
        column = states_of_charge(metric.key, batch)
        texts = {value: f"{start}{round(value / divisor, 4)!r}" for value in set(column) if value is not None}
    else:
        column = batch[metric.key]
        # 0.001 Ah are 3.6 C: multiplied as a whole number and divided once, a number comes out as it is.
        divisor *= SCALES[metric.key]
        texts = {number: f"{start}{number * factor / divisor!r}" for number in set(column) if number is not None}
    return map((texts | {None: ""}).__getitem__, column)


def lines_of_samples(samples: Iterable[Sample], now: float) -> list[bytes]:
    """Return a line for all values that have the same labels; `now` is s since 1970."""
    lines: defaultdict[str, list[str]] = defaultdict(list)
    for metric, labels, value in samples:
        lines[_head(labels)].append(f"{metric.field}={float(value)!r}")
    return [f"{head}{','.join(fields)} {round(now * 1000)}000000\n".encode() for head, fields in lines.items()]


def _head(labels: Mapping[str, str]) -> str:
    """Return how every line with these labels begins."""
    return "".join((MEASUREMENT, *(f",{key}={_escape(value)}" for key, value in labels.items()), " "))


def _escape(value: str) -> str:
    """Return a label without what line protocol cannot say: control characters and backslashes, and no empty one."""
    plain = "".join("_" if sign == "\\" or not sign.isprintable() else sign for sign in value) or "_"
    return plain.replace(",", r"\,").replace("=", r"\=").replace(" ", r"\ ")


_LONGEST_MESSAGE: Final = 200

_PREFIX = re.compile(r"remoteAddr: .*?requestURI: \S+; ")
"""VictoriaMetrics begins with who asked."""
_DROPPED = re.compile(r"^partial write: .* dropped=(\d{1,9})$")
_TITLE = re.compile(r"<title>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_IN_JSON = [re.compile(rf'"{key}"\s*:\s*("(?:[^"\\]|\\.)+")') for key in ("error_message", "message", "error")]
"""Where it is: InfluxDB 1 has an error, 2, QuestDB and Telegraf have a message, 3 an error and what it is about."""
_CLASH = re.compile(r"field type conflict|already exists as type")  # InfluxDB 1 and 2

_LOGIN = re.compile(r"40[13] |400 .*cannot find the provided auth token")  # the latter is vmauth 1.79
_LINES = r"(?:400|413|422) "
_MEANINGS: Final = (
    (  # InfluxDB 1 and 3
        rf"{_LINES}(?:database is required|.*missing (?:field|query \w+) .?db\b)",
        "wants to know the database ({message}); add ?db=... with its name to timeseries.url.",
    ),
    # Go's server and nginx
    (rf"{_LINES}.*HTTP request .*HTTPS (?:server|port)", "speaks TLS there; begin timeseries.url with https://."),
    (
        r"404 .*(?i:database|bucket|organization|retention policy)",
        "does not know what timeseries.url names ({message}); create it there, or correct the URL.",
    ),
    (  # VictoriaMetrics and vmauth say it with a 400
        rf"404 |405 |501 |{_LINES}.*(?:unsupported path requested: |missing route for )",
        "takes nothing at {path}; check host, port and path in timeseries.url ({paths}).",
    ),
    (_LINES, ""),
    (r"3", "sends us {where} ({status}); write into timeseries.url where it is itself."),
    (r"429 ", "asks to be sent less ({status}: {reason}); if that stays so, lower timeseries.rate."),
    (r"503 ", "is not ready ({status}: {reason}); if that stays so, look at its log."),
    (r"5", "failed ({status}: {reason}); look at its log."),
    (r"[4-9]", "does not take what it is sent ({status}: {reason}); check timeseries.url."),
)
"""What a status and a message say of the target, the first that fits; nothing where they are about lines. Words are
long enough not to be met in a line that is repeated."""


class TargetError(FarEndError):
    """The target cannot be reached, or takes nothing at present."""

    is_slow = False
    """Whether it took too long over what it was sent."""


class Response(NamedTuple):
    """One response; `message` is the target's own, shortened, and empty where it said nothing."""

    status: int
    message: str = ""
    is_page: bool = False
    """Whether it is meant for a browser."""
    location: str = ""
    """Where else to ask, without what may be secret."""
    wait: float = 0.0
    """s after which it wants to be asked again."""

    @property
    def is_good(self) -> bool:
        """Whether it took all that it was sent; InfluxDB 3 Cloud says 201 where it took a part."""
        return 200 <= self.status < 300 and not (self.status == HTTPStatus.CREATED and self.message)

    @property
    def reason(self) -> str:
        """Its message, or what its status stands for."""
        with suppress(ValueError):
            return self.message or HTTPStatus(self.status).phrase
        return "no reason is given"

    @property
    def dropped(self) -> int:
        """How many points it says that it has left out, as InfluxDB 1 and 2 do; 0 where it says nothing of that."""
        found = _DROPPED.search(self.message)
        return int(found[1]) if found else 0


def find_message(body: bytes, headers: Mapping[str, str]) -> str:
    """Return what a target says went wrong; empty where it says nothing."""
    text = body.decode(errors="replace").strip()
    if text.startswith("<"):
        title = _TITLE.search(text)
        text = title[1] if title else ""
    elif text.startswith("{") and text.endswith("}"):
        said = next(filter(None, (pattern.search(text) for pattern in _IN_JSON)), None)
        with suppress(ValueError):  # it is shown as it is where it is no JSON
            text = json.loads(said[1], strict=False) if said else ""
    return _PREFIX.sub("", text or headers.get("x-influxdb-error", ""))


def shorten(text: str, secrets: Collection[str]) -> str:
    """Return it as one short line without secrets: vmauth repeats a token that it does not know."""
    for secret in secrets:
        text = text.replace(secret, "…")
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split()).rstrip(".")
    # Where a target repeats a long line, the reason stands after it.
    return line if len(line) <= _LONGEST_MESSAGE else f"{line[:80]} … {line[83 - _LONGEST_MESSAGE :]}"


def explain_refusal(options: TimeseriesOptions, reason: str) -> TargetError:
    """Return the error of a target that takes no line at all."""
    mend = "check timeseries.url, and the target's own log"
    if _CLASH.search(reason):
        mend = "remove that field there, or name an empty database in timeseries.url"
    return TargetError(f"The target {options.label} refuses all that it is sent ({reason}); {mend}.")


def explain_response(options: TimeseriesOptions, response: Response) -> TargetError | None:
    """Return what a response says of the target; None where it is about the lines that were sent, or good."""
    said = f"{response.status} {response.message}"
    if _LOGIN.match(said):
        sentence = _explain_login(options, response.reason, is_forbidden=response.status == HTTPStatus.FORBIDDEN)
    elif response.is_page and said[0] == "2":  # some servers say yes to everything
        sentence = "answers with a web page; check host, port and path in timeseries.url."
    else:
        sentence = next((meaning for pattern, meaning in _MEANINGS if re.match(pattern, said)), "").format(
            status=response.status,
            reason=response.reason,
            message=response.message,
            where=f"to {response.location}" if response.location else "elsewhere",
            path=urlsplit(options.url).path,
            paths="/write, /api/v2/write or /api/v3/write_lp",
        )
    return TargetError(f"The target {options.label} {sentence}", wait=response.wait) if sentence else None


def _explain_login(options: TimeseriesOptions, reason: str, *, is_forbidden: bool) -> str:
    if options.username is not None:
        key = "password_file" if options.password is None else "password"
        who, writer, keys = f'the user "{options.username}"', "", f"timeseries.username and timeseries.{key}"
    elif options.token is not None or options.token_file is not None:
        key = "token_file" if options.token is None else "token"
        who, writer, keys = "the token", "the owner of ", f"timeseries.{key}"
    elif is_forbidden:
        return f"lets nobody write without a login ({reason}); set timeseries.username or timeseries.token_file."
    else:
        return "wants a login; set timeseries.username and timeseries.password_file, or timeseries.token_file."
    if is_forbidden:
        return f"does not let {writer}{who} write ({reason}); give it the right to."
    return f"refuses {who}; check {keys}."
