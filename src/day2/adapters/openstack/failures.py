# SPDX-License-Identifier: Apache-2.0
"""What goes wrong between us and an API, in one sentence and as one of our own errors."""

import requests
import urllib3
from keystoneauth1 import exceptions as ks

from day2.adapters.reasons import one_line
from day2.errors import BadAnswer, Day2Error, Denied, NotDeployed, Unreachable

REDIRECTS = frozenset({301, 302, 303, 307, 308})
SERVER_ERROR = 500
CAUSE_CHARACTERS = 10_000


def named(error: Exception, what: str) -> Day2Error:
    """Translate a failure of keystoneauth, requests or urllib3 into one of ours."""
    match error:
        case Day2Error():
            return _about(error, what)
        case ks.HttpError() | ks.InvalidResponse() | ks.EndpointNotFound():
            return _refusal(error, what)
        case (
            ks.ConnectionError()
            | requests.exceptions.RequestException()
            | urllib3.exceptions.HTTPError()
        ):
            return _broken(error, what)
        case RecursionError():
            return BadAnswer(f"{what}: the answer is nested without end")
        case KeyError() if "subject-token" in str(error).lower():
            return BadAnswer(f"{what}: the answer holds no token")
        case _:
            return BadAnswer(f"{what}: {type(error).__name__}: {one_line(str(error))}")


def _refusal(error: Exception, what: str) -> Day2Error:
    """Name an answer that is a refusal, or holds no token."""
    text = one_line(str(error))
    match error:
        case ks.InvalidResponse():
            return BadAnswer(f"{what}: {_no_token(error)}")
        case ks.Unauthorized() | ks.Forbidden():
            return Denied(
                f"{what}: the account was refused ({text})",
                hint="check user, password, project and domain of the clouds.yaml entry",
            )
        case ks.EndpointNotFound() | ks.NotFound():
            return NotDeployed(f"{what}: {text}")
        case ks.HttpError() if error.http_status and error.http_status >= SERVER_ERROR:
            return Unreachable(f"{what}: HTTP {error.http_status}")
        case _:
            return BadAnswer(f"{what}: {text}")


def _broken(error: Exception, what: str) -> Day2Error:
    """Name a connection that failed, or brought something that is not HTTP."""
    text = one_line(str(error))
    # The libraries repeat the URL first, which may be long: the point comes after what is shown.
    whole = str(error)[:CAUSE_CHARACTERS]
    late = ks.ConnectTimeout, requests.exceptions.Timeout, urllib3.exceptions.TimeoutError
    match error:
        case ks.SSLError() | requests.exceptions.SSLError():
            return Unreachable(
                f"{what}: TLS failed ({text})", hint="name the CA file as cacert in clouds.yaml"
            )
        case _ if isinstance(error, late):
            return Unreachable(f"{what}: no answer in time")
        case ks.ConnectFailure() | requests.exceptions.ConnectionError():
            nonsense = _nonsense(whole)
            if nonsense:
                return BadAnswer(f"{what}: {nonsense}")
            return Unreachable(f"{what}: {_reason(whole) or text}")
        case _:
            return BadAnswer(f"{what}: {_nonsense(whole) or f'the answer is not HTTP ({text})'}")


def _about(error: Day2Error, what: str) -> Day2Error:
    """Begin the sentence with what was asked for."""
    if str(error).startswith(what):
        return error
    return type(error)(f"{what}: {error}", hint=error.hint)


def _no_token(error: ks.InvalidResponse) -> str:
    response = getattr(error, "response", None)
    if response is None:
        return "the answer holds no token"
    if response.status_code in REDIRECTS:
        return "the token request is redirected; credentials go only where auth_url points"
    start = bytes(response.content[:256]).lstrip()
    if not start:
        return "the answer to the token request is empty"
    if start.startswith(b"<"):
        return "the answer is HTML or XML, not JSON (a proxy's error page?)"
    return "the answer holds no token"


def _nonsense(text: str) -> str:
    for sign, plain in (
        ("IncompleteRead", "the answer breaks off before its end"),
        ("InvalidChunkLength", "the answer breaks off before its end"),
        ("LineTooLong", "the answer has a header line without end"),
        ("got more than 100 headers", "the answer has headers without end"),
        ("BadStatusLine", "the answer is not HTTP"),
        ("failed to decode", "the answer is packed wrongly"),
    ):
        if sign in text:
            return plain
    return ""


def _reason(text: str) -> str:
    for sign, plain in (
        ("Connection refused", "connection refused"),
        ("Name or service not known", "the host name does not resolve"),
        ("Temporary failure in name resolution", "the host name does not resolve"),
        ("No route to host", "no route to host"),
        ("Network is unreachable", "the network is unreachable"),
        ("timed out", "no answer in time"),
        ("RemoteDisconnected", "the connection was closed without an answer"),
        ("reset by peer", "the connection was reset"),
    ):
        if sign in text:
            return plain
    return ""
