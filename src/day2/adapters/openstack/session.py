# SPDX-License-Identifier: Apache-2.0
"""One authenticated session on one cloud: every request bounded in time and size, errors named."""

import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
import requests
import urllib3
from keystoneauth1 import exceptions as ks
from keystoneauth1 import session as ks_session
from keystoneauth1.identity import base as ks_identity

from day2.adapters.clock import Clock
from day2.adapters.openstack.clouds import Credentials
from day2.adapters.openstack.limits import LoadSettings
from day2.errors import BadAnswer, BadSettings, Day2Error, Denied, NotDeployed, Unreachable

USER_AGENT = "day2"
CHUNK_BYTES = 1 << 16
REDIRECTS_MAX = 5
OK, UNAUTHORIZED, FORBIDDEN, NOT_FOUND = 200, 401, 403, 404
NOT_ACCEPTABLE, TOO_MANY, SERVER_ERROR = 406, 429, 500


class CatalogEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One service of the token's own catalogue, with its URLs of our region."""

    type: str
    name: str
    urls: dict[str, str]


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who we are, as the token says."""

    user: str
    project: str
    project_id: str
    system: bool
    roles: list[str]
    expires_at: datetime | None
    catalog: list[CatalogEntry]
    regions: list[str]


class Session:
    """Reads from one cloud; safe to use from several threads."""

    def __init__(self, credentials: Credentials, *, limits: LoadSettings, clock: Clock) -> None:
        self.credentials = credentials
        self.limits = limits
        self._clock = clock
        self._auth = _plugin(credentials)
        self._session = ks_session.Session(
            auth=self._auth,
            verify=credentials.verify,
            cert=credentials.client_certificate,
            timeout=limits.request_seconds_max,
            user_agent=USER_AGENT,
            redirect=REDIRECTS_MAX,
        )
        self._identity: Identity | None = None
        self._lock = threading.Lock()

    def authenticate(self) -> Identity:
        """Get a token and read its catalogue; later calls return the same.

        Raises:
            Unreachable: when Keystone does not answer, BadAnswer when it answers nonsense.
            Denied: when it refuses the account.

        """
        with self._lock:
            if self._identity is None:
                try:
                    access = self._auth.get_access(self._session)
                except Exception as error:
                    raise named(
                        error, f"identity at {self.credentials.auth['auth_url']}"
                    ) from error
                self._identity = _identity(access, self.credentials)
            return self._identity

    def get(
        self, url: str, *, what: str, headers: Mapping[str, str] | None = None, token: bool = True
    ) -> "Answer":
        """Send one GET and read the whole answer, whatever its status.

        `what` names the thing asked for in error messages.

        Raises:
            Unreachable: nothing answers, or not within `request_seconds_max`.
            BadAnswer: the answer is cut short, too large, or not HTTP.
            Denied: no token could be had.

        """
        started = self._clock.monotonic()
        deadline = started + self.limits.request_seconds_max
        try:
            response = self._session.request(
                url,
                "GET",
                headers=dict(headers or {}),
                authenticated=token,
                raise_exc=False,
                log=False,
                stream=True,
                connect_retries=0,
            )
            with response:
                body = self._read(response, deadline, what)
        except Day2Error:
            raise
        except Exception as error:
            raise named(error, what) from error
        return Answer(
            status=response.status_code,
            headers={k.lower(): v for k, v in response.headers.items()},
            body=body,
            seconds=self._clock.monotonic() - started,
        )

    def _read(self, response: requests.Response, deadline: float, what: str) -> bytes:
        """Read the body as it arrives; a slow drip meets the deadline, a flood the size limit."""
        bytes_max = self.limits.answer_mib_max << 20
        parts: list[bytes] = []
        size = 0
        while True:
            part = response.raw.read1(CHUNK_BYTES, decode_content=True)
            if not part:
                return parts[0] if len(parts) == 1 else b"".join(parts)
            parts.append(part)
            size += len(part)
            if size > bytes_max:
                raise BadAnswer(
                    f"{what}: the answer is larger than {self.limits.answer_mib_max} MiB",
                    hint="setting load.answer_mib_max",
                )
            if self._clock.monotonic() > deadline:
                raise Unreachable(
                    f"{what}: the answer was still arriving after "
                    f"{self.limits.request_seconds_max:g} s",
                    hint="setting load.request_seconds_max",
                )


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP answer, read to its end; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float

    def require_ok(self, what: str) -> bytes:
        """Return the body of a 2xx or 300.

        Raises:
            Denied: on 401 and 403.
            NotDeployed: on 404 and 406.
            Unreachable: on 429 and 5xx.
            BadAnswer: on everything else.

        """
        if OK <= self.status <= OK + 100:
            return self.body
        said = _message(self.body)
        text = f"{what}: HTTP {self.status}{f' ({said})' if said else ''}"
        if self.status in {UNAUTHORIZED, FORBIDDEN}:
            raise Denied(text, hint="the account lacks the right for this list: day2 doctor")
        if self.status in {NOT_FOUND, NOT_ACCEPTABLE}:
            raise NotDeployed(text)
        if self.status == TOO_MANY or self.status >= SERVER_ERROR:
            raise Unreachable(text)
        raise BadAnswer(text)


def named(error: Exception, what: str) -> Day2Error:
    """Translate a failure of keystoneauth, requests or urllib3 into one of ours."""
    text = _one_line(str(error))
    match error:
        case ks.Unauthorized() | ks.Forbidden():
            return Denied(
                f"{what}: the account was refused ({text})",
                hint="check user, password, project and domain of the clouds.yaml entry",
            )
        case ks.SSLError() | requests.exceptions.SSLError():
            return Unreachable(
                f"{what}: TLS failed ({text})", hint="name the CA file as cacert in clouds.yaml"
            )
        case (
            ks.ConnectTimeout() | requests.exceptions.Timeout() | urllib3.exceptions.TimeoutError()
        ):
            return Unreachable(f"{what}: no answer in time")
        case ks.ConnectFailure() | requests.exceptions.ConnectionError():
            return Unreachable(f"{what}: {_reason(text)}")
        case urllib3.exceptions.HTTPError() | requests.exceptions.RequestException():
            return BadAnswer(f"{what}: the answer broke off or is not HTTP ({text})")
        case ks.EndpointNotFound() | ks.NotFound():
            return NotDeployed(f"{what}: {text}")
        case ks.HttpError() if error.http_status and error.http_status >= SERVER_ERROR:
            return Unreachable(f"{what}: HTTP {error.http_status}")
        case _:
            return BadAnswer(f"{what}: {type(error).__name__}: {text}")


def _plugin(credentials: Credentials) -> ks_identity.BaseIdentityPlugin:
    kind = credentials.auth_type.removeprefix("v3")
    options = dict(credentials.auth)
    if "project_domain_name" not in options and "project_domain_id" not in options:
        options.update({"project_domain_id": "default"} if "project_name" in options else {})
    try:
        if kind == "password":
            from keystoneauth1.identity import v3  # noqa: PLC0415 - only what is used

            if "username" in options and not {"user_domain_name", "user_domain_id"} & set(options):
                options["user_domain_id"] = "default"
            return v3.Password(**_renamed(options))
        if kind in {"applicationcredential", "application_credential"}:
            from keystoneauth1.identity import v3  # noqa: PLC0415

            options.pop("project_domain_id", None)
            return v3.ApplicationCredential(**_renamed(options))
        from keystoneauth1 import loading  # noqa: PLC0415

        loader: Any = loading.get_plugin_loader(credentials.auth_type)
        made = loader.load_from_options(**credentials.auth)
    except (TypeError, ks.NoMatchingPlugin, ks.MissingRequiredOptions) as error:
        raise BadSettings(
            f"cloud {credentials.name!r} ({credentials.source}): {_one_line(str(error))}"
        ) from None
    if not isinstance(made, ks_identity.BaseIdentityPlugin):
        raise BadSettings(
            f"cloud {credentials.name!r}: auth_type {credentials.auth_type!r} has no catalogue"
        )
    return made


def _renamed(options: dict[str, Any]) -> dict[str, Any]:
    """Give the v3 plugins the URL with its version, so that no discovery request is needed."""
    url = str(options["auth_url"]).rstrip("/")
    if not url.endswith(("/v3", "/v2.0")):
        url = f"{url}/v3"
    return {**options, "auth_url": url}


def _identity(access: Any, credentials: Credentials) -> Identity:  # noqa: ANN401 - untyped vendor
    region = credentials.region
    entries: list[CatalogEntry] = []
    regions: set[str] = set()
    try:
        for service in access.service_catalog.catalog:
            urls: dict[str, str] = {}
            for endpoint in service.get("endpoints", []):
                where = endpoint.get("region_id") or endpoint.get("region") or ""
                regions.add(where)
                if not region or where == region:
                    urls.setdefault(str(endpoint["interface"]), str(endpoint["url"]))
            entries.append(
                CatalogEntry(type=service["type"], name=service.get("name") or "", urls=urls)
            )
        return Identity(
            user=str(access.username),
            project=str(access.project_name or ""),
            project_id=str(access.project_id or ""),
            system=bool(access.system_scoped),
            roles=[str(name) for name in access.role_names or []],
            expires_at=access.expires,
            catalog=entries,
            regions=sorted(regions - {""}),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise BadAnswer(
            f"identity: the token holds no readable catalogue ({type(error).__name__}: {error})"
        ) from error


def _message(body: bytes) -> str:
    """Return what an OpenStack error body says, in one line of at most 200 characters."""
    try:
        found = msgspec.json.decode(body[:CHUNK_BYTES])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    inner = next(iter(found.values()), None) if isinstance(found, dict) and found else None
    if isinstance(inner, list) and inner:
        inner = inner[0]
    if isinstance(inner, dict):
        inner = inner.get("message") or inner.get("detail") or inner.get("title")
    return _one_line(inner) if isinstance(inner, str) else ""


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
    return text


def _one_line(text: str) -> str:
    """Fold white space and cut: what a service says is hostile input."""
    printable = "".join(c if c.isprintable() else " " for c in text[:2000])
    return " ".join(printable.split())[:200]
