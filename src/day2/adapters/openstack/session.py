# SPDX-License-Identifier: Apache-2.0
"""One authenticated session on one cloud: every request bounded in time and size, errors named."""

import threading
import urllib.parse
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
import requests
from keystoneauth1 import exceptions as ks
from keystoneauth1 import session as ks_session
from keystoneauth1.identity import base as ks_identity

from day2.adapters.clock import Clock
from day2.adapters.openstack.clouds import Credentials
from day2.adapters.openstack.failures import REDIRECTS, SERVER_ERROR, named
from day2.adapters.openstack.limits import LoadSettings
from day2.adapters.openstack.transport import Requests, Transport
from day2.adapters.reasons import one_line
from day2.errors import BadAnswer, BadSettings, Day2Error, Denied, NotDeployed, Unreachable

USER_AGENT = "day2"
REDIRECTS_MAX = 5
RENEWALS_MAX = 3
SAID_BYTES = 1 << 16
OK, UNAUTHORIZED, FORBIDDEN, NOT_FOUND = 200, 401, 403, 404
NOT_ACCEPTABLE, TOO_MANY = 406, 429


class CatalogEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One service of the token's own catalogue, with its URLs of our region.

    `torn` are the regions that it has different URLs of, where nobody has chosen one.
    """

    type: str
    name: str
    urls: dict[str, str]
    torn: list[str] = []


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
    """Asks one cloud; safe to use from several threads. `get` reads, `send` changes.

    One that reads a survey keeps a failure to authenticate, so that a hundred lists do not wait for
    the same silence. One that is `lasting` lives as long as an engine, and asks again.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        limits: LoadSettings,
        clock: Clock,
        lasting: bool = False,
    ) -> None:
        self.credentials = credentials
        self.limits = limits
        self._clock = clock
        self._auth = _plugin(credentials)
        carrier = Requests()
        transport = Transport(limits)
        carrier.mount("http://", transport)
        carrier.mount("https://", transport)
        self._session = ks_session.Session(
            auth=self._auth,
            session=carrier,
            verify=credentials.verify,
            cert=credentials.client_certificate,
            timeout=limits.request_seconds_max,
            user_agent=USER_AGENT,
            redirect=False,
        )
        self._identity: Identity | None = None
        self._failure: Day2Error | None = None
        self._renewals = 0
        self._lasting = lasting
        self._lock = threading.Lock()

    def authenticate(self) -> Identity:
        """Get a token and read its catalogue; later calls return the same, or fail the same.

        A lasting session fails anew each time.

        Raises:
            Unreachable: when Keystone does not answer, BadAnswer when it answers nonsense.
            Denied: when it refuses the account.

        """
        with self._lock:
            if self._failure is not None:
                raise self._failure.bare()
            if self._identity is None:
                try:
                    access = self._auth.get_access(self._session)
                    self._identity = _identity(access, self.credentials)
                except Exception as error:
                    what = f"identity at {self.credentials.auth['auth_url']}"
                    failure = named(error, what)
                    self._failure = None if self._lasting else failure.bare()
                    raise failure from error
            return self._identity

    def get(
        self, url: str, *, what: str, headers: Mapping[str, str] | None = None, token: bool = True
    ) -> "Answer":
        """Send one GET and read the whole answer, whatever its status.

        `what` names the thing asked for in error messages. A redirect is followed on the same host
        only: the token goes nowhere that the catalogue did not name.

        Raises:
            Unreachable: nothing answers, or not within `request_seconds_max`.
            BadAnswer: the answer is cut short, too large, not HTTP, or points elsewhere.
            Denied: no token could be had.

        """
        started = self._clock.monotonic()
        target = url
        try:
            for _hop in range(REDIRECTS_MAX):
                response = self._request("GET", target, headers or {}, token=token)
                location = response.headers.get("location")
                if response.status_code not in REDIRECTS or not location:
                    return self._answer(response, started)
                target = _same_host(target, location, what)
        except Exception as error:
            raise named(error, what) from error
        raise BadAnswer(f"{what}: redirected more than {REDIRECTS_MAX} times")

    def send(
        self,
        method: str,
        url: str,
        *,
        what: str,
        body: Any = None,  # noqa: ANN401 - what JSON holds
        headers: Mapping[str, str] | None = None,
    ) -> "Answer":
        """Send one POST, PUT or DELETE and read the whole answer, whatever its status.

        Never sent twice, with one exception: a token that was refused (401) is renewed, because
        what refuses it stands before the service, which has seen nothing. Redirects are not
        followed. After any failure but `Denied` it may have been carried out all the same.

        Raises:
            Unreachable: nothing answers, or not within `request_seconds_max`.
            BadAnswer: the answer is cut short, too large, not HTTP, or points elsewhere.
            Denied: no token could be had.

        """
        started = self._clock.monotonic()
        try:
            response = self._request(method, url, headers or {}, token=True, body=body)
        except Exception as error:
            raise named(error, what) from error
        if response.status_code in REDIRECTS:
            raise BadAnswer(
                f"{what}: HTTP {response.status_code}, a redirect; changes follow none",
                hint="correct the endpoint in the catalogue",
            )
        return self._answer(response, started)

    def _answer(self, response: requests.Response, started: float) -> "Answer":
        return Answer(
            status=response.status_code,
            headers={k.lower(): v for k, v in response.headers.items()},
            body=response.raw.getvalue(),
            seconds=self._clock.monotonic() - started,
        )

    def _request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        *,
        token: bool,
        body: Any = None,  # noqa: ANN401
    ) -> requests.Response:
        def send() -> requests.Response:
            answered: requests.Response = self._session.request(
                url,
                method,
                json=body,
                headers=dict(headers),
                authenticated=token,
                raise_exc=False,
                log=False,
                stream=True,
                connect_retries=0,
                allow_reauth=False,
            )
            return answered

        response = send()
        if token and response.status_code == UNAUTHORIZED:
            refused = response.request.headers.get("X-Auth-Token", "")
            if self._renew(str(refused)):
                response = send()
                if self._lasting and response.status_code != UNAUTHORIZED:
                    self._renewals = 0
        return response

    def token(self, *, instead_of: str = "") -> str:
        """Return a token for a request that goes another way; another one than was refused.

        Raises:
            Denied: when none can be had, or enough of them were refused.
            Unreachable, BadAnswer: when Keystone does not give one.

        """
        self.authenticate()
        if instead_of and not self._renew(instead_of):
            raise Denied("every token of this account is refused", hint="day2 doctor")
        try:
            return str(self._auth.get_access(self._session).auth_token)
        except Exception as error:
            raise named(error, "a token") from error

    def _renew(self, refused: str) -> bool:
        """Make the next request carry another token; False when there were enough of them.

        A service that refuses every token must not make every read a request to Keystone more.
        """
        with self._lock:
            access = self._auth.auth_ref
            if access is not None and access.auth_token != refused:
                return True  # another thread renewed it already
            if self._renewals >= RENEWALS_MAX:
                return False
            self._renewals += 1
            self._auth.invalidate()
            return True


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP answer, read to its end; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float

    @property
    def said(self) -> str:
        """What an error's body says, in one line of at most 200 characters; empty when nothing."""
        return _message(self.body)

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
        text = f"{what}: HTTP {self.status}{f' ({self.said})' if self.said else ''}"
        if self.status in {UNAUTHORIZED, FORBIDDEN}:
            raise Denied(text, hint="the account lacks the right for this list: day2 doctor")
        if self.status in {NOT_FOUND, NOT_ACCEPTABLE}:
            raise NotDeployed(text)
        if self.status == TOO_MANY or self.status >= SERVER_ERROR:
            raise Unreachable(text)
        raise BadAnswer(text)


def _same_host(url: str, location: str, what: str) -> str:
    """Return where a redirect leads, if that is the same place (or its TLS side)."""
    target = urllib.parse.urljoin(url, location)
    here, there = urllib.parse.urlsplit(url), urllib.parse.urlsplit(target)
    same = here.hostname == there.hostname and (
        there.scheme == "https" or (here.scheme, here.netloc) == (there.scheme, there.netloc)
    )
    if not same:
        raise BadAnswer(
            f"{what}: redirected to another place ({one_line(there.netloc)}); not followed",
            hint="correct the endpoint in the catalogue",
        )
    return target


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
            f"cloud {credentials.name!r} ({credentials.source}): {one_line(str(error))}"
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
            places: dict[str, str] = {}
            for endpoint in service.get("endpoints", []):
                where = endpoint.get("region_id") or endpoint.get("region") or ""
                regions.add(where)
                if not region or where == region:
                    interface, url = str(endpoint["interface"]), str(endpoint["url"])
                    urls.setdefault(interface, url)
                    if interface == credentials.interface:
                        places.setdefault(url, where)
            found_in = sorted(set(places.values()))
            entries.append(
                CatalogEntry(
                    type=service["type"],
                    name=service.get("name") or "",
                    urls=urls,
                    torn=found_in if len(found_in) > 1 else [],
                )
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
            f"the token holds no readable catalogue ({type(error).__name__}: {error})"
        ) from error


def _message(body: bytes) -> str:
    """Return what an OpenStack error body says, in one line of at most 200 characters."""
    try:
        found = msgspec.json.decode(body[:SAID_BYTES])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    inner = next(iter(found.values()), None) if isinstance(found, dict) and found else None
    if isinstance(inner, list) and inner:
        inner = inner[0]
    if isinstance(inner, dict):
        inner = inner.get("message") or inner.get("detail") or inner.get("title")
    return one_line(inner) if isinstance(inner, str) else ""
