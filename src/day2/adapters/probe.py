# SPDX-License-Identifier: Apache-2.0
"""Knock at an address as a stranger does: does it answer, how fast, with which certificate.

No token, no account, and nothing verified on the way: a service whose certificate has expired still
answers. Whether its certificate is good is asked for itself.
"""

import email.utils
import http.client
import ipaddress
import socket
import ssl
import urllib.parse
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from day2.adapters.clock import Clock
from day2.adapters.openstack.transport import BoundedResponse
from day2.errors import BadUsage

SECOND = timedelta(seconds=1)
TLS_PORT = 443
# What OpenSSL says of a chain that is well signed but out of its time.
OUT_OF_TIME = frozenset({9, 10})


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where a URL or `host:port` leads."""

    host: str
    port: int
    tls: bool
    path: str = "/"

    @property
    def netloc(self) -> str:
        """Write it as `host:port`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What came back from one URL; `status` None means that nothing did, and `error` says how."""

    status: int | None = None
    latency_ms: float | None = None
    clock_offset_seconds: float | None = None
    error: str = ""


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """The certificate that an address shows; `trusted` and `name_matches` None: not judged."""

    subject: str = ""
    issuer: str = ""
    names: list[str] = []
    not_before: datetime | None = None
    not_after: datetime | None = None
    protocol: str = ""
    trusted: bool | None = None
    name_matches: bool | None = None
    error: str = ""


def address_of(target: str) -> Address:
    """Take a URL or `host:port` (which means TLS) apart.

    Raises:
        BadUsage: when it is neither.

    """
    try:
        parts = urllib.parse.urlsplit(target if "://" in target else f"https://{target}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urllib.parse.urlsplit("")
    if not host or parts.scheme not in {"http", "https"}:
        raise BadUsage(f"{target!r} is neither an http(s) URL nor host:port")
    tls = parts.scheme == "https"
    return Address(
        host=host, port=port or (TLS_PORT if tls else 80), tls=tls, path=parts.path or "/"
    )


def ask(address: Address, *, seconds_max: float, clock: Clock) -> Heard:
    """Ask once, without a token; the time counts from connecting to the end of the headers."""
    made: http.client.HTTPConnection
    if address.tls:
        made = http.client.HTTPSConnection(
            address.host, address.port, timeout=seconds_max, context=_unverified()
        )
    else:
        made = http.client.HTTPConnection(address.host, address.port, timeout=seconds_max)
    made.response_class = BoundedResponse
    began = clock.monotonic()
    try:
        made.connect()
        asked_at = clock.now()
        made.request("GET", _quoted(address.path), headers={"Accept": "*/*", "User-Agent": "day2"})
        answer = made.getresponse()
        answered_at = clock.now()
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Heard(error=_plain(error))
    finally:
        made.close()
    return Heard(
        status=answer.status,
        latency_ms=round((clock.monotonic() - began) * 1000, 1),
        clock_offset_seconds=offset(answer.getheader("Date"), asked_at, answered_at),
    )


def offset(date: str | None, asked_at: datetime, answered_at: datetime) -> float | None:
    """Return how far a Date header is off, at least; None when there is no readable one.

    The header names a whole second, written at some moment between question and answer: what these
    two leave open is never counted as an offset.
    """
    try:
        said = email.utils.parsedate_to_datetime(date or "")
    except (ValueError, TypeError, OverflowError):
        return None
    if said.tzinfo is None:
        said = said.replace(tzinfo=UTC)
    least = (said - answered_at).total_seconds()
    most = (said + SECOND - asked_at).total_seconds()
    if least <= 0 <= most:
        return 0.0
    return round(least if least > 0 else most, 3)


def show_certificate(
    address: Address, *, ca: str | bool, seconds_max: float, clock: Clock, also: str = ""
) -> Shown:
    """Shake hands: once as a careful client; when that fails, once more to see why.

    `ca` is a file or folder of authorities; True means the authorities of day2's own HTTP library,
    False that the chain is not judged. The authorities of the file `also` are as good.
    """
    try:
        if ca is False:
            raw, protocol = _handshake(address, _unverified(), seconds_max)
            return _read(raw, protocol, address, trusted=None)
        try:
            raw, protocol = _handshake(address, _verified(ca, also), seconds_max)
            return _read(raw, protocol, address, trusted=True)
        except ssl.SSLCertVerificationError as error:
            raw, protocol = _handshake(address, _unverified(), seconds_max)
            shown = _read(raw, protocol, address, trusted=False)
            if error.verify_code in OUT_OF_TIME and not _in_time(shown, clock.now()):
                return msgspec.structs.replace(shown, trusted=None)  # judged by its dates
            return shown
    except (OSError, ValueError) as error:
        return Shown(error=_plain(error))


def matches(host: str, names: list[str]) -> bool:
    """Tell whether a certificate for these names is one for this host.

    A wildcard stands for exactly the first label; the subject's common name counts for nothing.
    """
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        wanted = host.rstrip(".").lower()
        beyond = wanted.partition(".")[2]
        offered = {name.rstrip(".").lower() for name in names}
        return wanted in offered or (bool(beyond) and f"*.{beyond}" in offered)
    return str(ip) in names


def _handshake(address: Address, context: ssl.SSLContext, seconds_max: float) -> tuple[bytes, str]:
    with (
        socket.create_connection((address.host, address.port), timeout=seconds_max) as plain,
        context.wrap_socket(plain, server_hostname=address.host) as tls,
    ):
        return tls.getpeercert(binary_form=True) or b"", tls.version() or ""


def _verified(ca: str | bool, also: str) -> ssl.SSLContext:  # noqa: FBT001 - as `verify` is everywhere
    from requests.utils import DEFAULT_CA_BUNDLE_PATH  # noqa: PLC0415 - only for TLS

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    for where in (ca if isinstance(ca, str) else str(DEFAULT_CA_BUNDLE_PATH), also):
        if where:
            folder = Path(where).is_dir()
            context.load_verify_locations(
                cafile=None if folder else where, capath=where if folder else None
            )
    return context


def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _read(raw: bytes, protocol: str, address: Address, *, trusted: bool | None) -> Shown:
    from cryptography import x509  # noqa: PLC0415 - start-up time: only where there is TLS

    found = x509.load_der_x509_certificate(raw)
    try:
        alternative = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = [str(name) for name in alternative.get_values_for_type(x509.DNSName)]
        names += [str(ip) for ip in alternative.get_values_for_type(x509.IPAddress)]
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        names = []
    return Shown(
        subject=found.subject.rfc4514_string(),
        issuer=found.issuer.rfc4514_string(),
        names=names,
        not_before=found.not_valid_before_utc,
        not_after=found.not_valid_after_utc,
        protocol=protocol,
        trusted=trusted,
        name_matches=matches(address.host, names),
    )


def _in_time(shown: Shown, now: datetime) -> bool:
    before, after = shown.not_before, shown.not_after
    return before is not None and after is not None and before <= now <= after


def _quoted(path: str) -> str:
    """Make a path of the catalogue safe for a request line."""
    return urllib.parse.quote(path, safe="/%:@!$&'()*+,;=~-._")


def _plain(error: Exception) -> str:
    match error:
        case TimeoutError():
            return "no answer in time"
        case ConnectionRefusedError():
            return "connection refused"
        case http.client.RemoteDisconnected():  # before the class that it refines
            return "the connection was closed without an answer"
        case ConnectionResetError() | BrokenPipeError():
            return "the connection was reset"
        case http.client.HTTPException():
            return "the answer is not HTTP"
        case ssl.SSLError():
            return f"TLS failed ({error.reason or 'no reason given'})"
        case _:
            text = str(getattr(error, "strerror", None) or error)
            return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200]
