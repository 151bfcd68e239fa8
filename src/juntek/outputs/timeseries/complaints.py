"""Why a target takes nothing at present, as one sentence with the mend; rule: what the owner can do stands in it."""

from __future__ import annotations

import re
import socket
import ssl
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import httpx

from juntek.errors import JuntekError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from juntek.outputs.timeseries.answers import Answer
    from juntek.outputs.timeseries.options import Options


class TargetError(JuntekError):
    """The target cannot be reached, or takes nothing at present.

    `uncertain`: whether some of what was sent may have arrived. `wait`: s that the target asks to be left alone.
    `lives`: whether it answered itself, so that it still has what it took before.
    """

    def __init__(
        self, sentence: str, *, uncertain: bool = False, wait: float | None = None, lives: bool = False
    ) -> None:
        super().__init__(sentence)
        self.uncertain = uncertain
        self.wait = wait
        self.lives = lives


class AllRefusedError(TargetError):
    """The target took no line of those it was sent, and says that they are wrong."""


# What the real ones say with a 400; each is long enough not to be met in a line that is repeated.
_LOGIN = re.compile(r"cannot find the provided auth token")  # vmauth 1.79
_NO_DATABASE = re.compile(r"^database is required|missing (?:field|query \w+) .?db\b")  # InfluxDB 1 and 3
_NO_PATH = re.compile(r"unsupported path requested: |missing route for ")  # VictoriaMetrics and vmauth
_TLS = re.compile(r"HTTP request .*HTTPS (?:server|port)")  # Go's server and nginx
_CLASH = re.compile(r"field type conflict|already exists as type")  # InfluxDB 1 and 2
_NO_BUCKET = re.compile(r"database|bucket|organization|retention policy", re.IGNORECASE)

_UNSURE_STATUS: Final = 500
_HANG_UP = re.compile(r"disconnect|closed", re.IGNORECASE)


def name_of(options: Options) -> str:
    """Return how a target is called at the beginning of a sentence."""
    return f"The target {options.label}"


def explain_refusal(options: Options, why: str) -> str:
    """Return the sentence for a target that takes no line at all."""
    mend = "check timeseries.url, and the target's own log"
    if _CLASH.search(why):
        mend = "remove that field there, or name an empty database in timeseries.url"
    return f"{name_of(options)} refuses all that it is sent ({why}); {mend}."


def explain_answer(options: Options, answer: Answer) -> TargetError | None:
    """Return what an answer says of the target; None where it is about the lines that were sent, or good."""
    sentence = _explain_status(options, answer)
    if sentence is None:
        return None
    # Before 500 it said no at once; from then on, and behind a proxy, part of it may have gone through.
    uncertain = answer.status >= _UNSURE_STATUS
    # From 502 on a proxy may say it of an engine that is not there.
    lives = answer.status <= _UNSURE_STATUS
    return TargetError(f"{name_of(options)} {sentence}", uncertain=uncertain, wait=answer.wait, lives=lives)


def _explain_status(options: Options, answer: Answer) -> str | None:  # noqa: PLR0911 - one a status
    match answer.status:
        case 400 | 413 | 422:
            return _explain_request(options, answer)
        case 401:
            return _explain_login(options)
        case 403:
            return _explain_right(options, answer)
        case 404 | 405 | 501:
            return _explain_place(options, answer)
        case 429:
            return f"asks to be sent less ({answer.shown}); if that stays so, lower timeseries.rate."
        case 503:
            return f"is not ready ({answer.shown}); if that stays so, look at its log."
        case status if status < 400:
            return _explain_no_target(answer)
        case status if status >= _UNSURE_STATUS:
            return f"failed ({answer.shown}); look at its log."
        case _:
            return f"does not take what it is sent ({answer.shown}); check timeseries.url."


def _explain_no_target(answer: Answer) -> str | None:
    if answer.is_good:  # some servers say yes to everything
        return "answers with a web page; check host, port and path in timeseries.url." if answer.is_page else None
    where = f"sends us to {answer.location}" if answer.location else "sends us elsewhere"
    return f"{where} ({answer.status}); write into timeseries.url where it is itself."


def _explain_request(options: Options, answer: Answer) -> str | None:
    """Some say that the request is bad where another status was meant; None where they mean the lines."""
    if _LOGIN.search(answer.words):
        return _explain_login(options)
    if _NO_DATABASE.search(answer.words):
        return f"wants to know the database ({answer.words}); add ?db=... with its name to timeseries.url."
    if _NO_PATH.search(answer.words):
        return _explain_place(options, answer)
    if urlsplit(options.url).scheme == "http" and _TLS.search(answer.words):
        return "speaks TLS there; begin timeseries.url with https://."
    return None


def _explain_place(options: Options, answer: Answer) -> str:
    if answer.status == 404 and _NO_BUCKET.search(answer.words):
        return f"does not know what timeseries.url names ({answer.words}); create it there, or correct the URL."
    path = urlsplit(options.url).path
    return (
        f"takes nothing at {path}; check host, port and path in timeseries.url (/write, /api/v2/write or "
        "/api/v3/write_lp)."
    )


def _explain_login(options: Options) -> str:
    if options.username is not None:
        key = "password_file" if options.password is None else "password"
        return f'refuses the user "{options.username}"; check timeseries.username and timeseries.{key}.'
    if options.token is not None or options.token_file is not None:
        return f"refuses the token; check timeseries.{'token_file' if options.token is None else 'token'}."
    return "wants a login; set timeseries.username and timeseries.password_file, or timeseries.token_file."


def _explain_right(options: Options, answer: Answer) -> str:
    if options.username is not None:
        return f'does not let the user "{options.username}" write ({answer.why}); give it the right to.'
    if options.token is not None or options.token_file is not None:
        return f"does not let the owner of the token write ({answer.why}); give it the right to."
    return f"lets nobody write without a login ({answer.why}); set timeseries.username or timeseries.token_file."


# Connections ------------------------------------------------------------------------------------------------------


def explain_failure(options: Options, error: BaseException, *, has_answered: bool) -> TargetError:
    """Return what a request says of the target that got no answer, or only a part of one.

    `has_answered`: whether there was ever an answer, so that the URL is right.
    """
    # What a library's error says may hold a header, and with it a secret: only its kind is told.
    sentence = _explain_connection(options, error)
    if sentence is not None:
        return TargetError(sentence)
    return TargetError(_explain_break(options, error, has_answered=has_answered), uncertain=True)


def _explain_connection(options: Options, error: BaseException) -> str | None:  # noqa: PLR0911 - one a cause
    """Return the sentence for a connection that did not come about; None where there was one."""
    target, url = name_of(options), urlsplit(options.url)
    if isinstance(error, httpx.PoolTimeout):
        return f"{target} has not taken yet what it was sent before; if that stays so, lower timeseries.rate."
    if isinstance(error, httpx.ConnectTimeout):
        return f"{target} does not answer; check timeseries.url and the network."
    if not isinstance(error, httpx.ConnectError):
        return None
    for cause in _causes_of(error):
        match cause:
            case ssl.SSLCertVerificationError():
                return _explain_certificate(target, cause)
            case ssl.SSLError():
                return f"{target} does not speak TLS there; begin timeseries.url with http://, or correct its port."
            case socket.gaierror():
                return f'The name "{url.hostname}" of the target {options.label} is not known; check timeseries.url.'
            case ConnectionRefusedError():
                return f"{target} is not there; start it, or check host and port in timeseries.url."
            case OSError() if cause.errno:
                return f"{target} cannot be reached ({cause.strerror}); check timeseries.url and the network."
    return f"{target} cannot be reached; check host and port in timeseries.url."


def _explain_certificate(target: str, error: ssl.SSLCertVerificationError) -> str:
    what = error.verify_message.rstrip(".")
    if "match" in what or "not valid for" in what:
        return f"{target} shows a certificate of another name ({what}); write the name in it into timeseries.url."
    if "expired" in what or "not yet valid" in what:
        return f"{target} shows a certificate that is out of date ({what}); renew it, or set this machine's clock."
    return f"{target} shows a certificate that is not trusted ({what}); give its authority as timeseries.ca_file."


def _explain_break(options: Options, error: BaseException, *, has_answered: bool) -> str:
    target = name_of(options)
    match error:
        case httpx.TimeoutException() | TimeoutError():
            return f"{target} takes too long to answer; look at its log and its load."
        case httpx.RemoteProtocolError() if not _HANG_UP.search(str(error)):
            return f"{target} does not speak HTTP there; check host and port in timeseries.url."
        case ssl.SSLError():
            return f"{target} broke off TLS ({error.reason}); look at its log."
        case _ if has_answered:
            return f"The connection to the target {options.label} broke; look at its log and the network."
        case _:
            tls = ", and https:// where it speaks TLS" if urlsplit(options.url).scheme == "http" else ""
            return (
                f"The connection to the target {options.label} broke; check that it runs, and that timeseries.url has "
                f"its port{tls}."
            )


def _causes_of(error: BaseException) -> Iterator[BaseException]:
    """Yield what lies behind an error; the library keeps it under one or two of its own."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop(0)
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += one.exceptions if isinstance(one, BaseExceptionGroup) else ()
        waiting += one.__cause__, one.__context__
