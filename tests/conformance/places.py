# SPDX-License-Identifier: Apache-2.0
"""A cloud that is asked as day2 asks it, whichever it is: the lab, or the sandbox."""

import functools
import re
import urllib.parse
from collections.abc import Mapping
from typing import Any

import httpx
import msgspec

from day2.adapters.clock import SystemClock
from day2.adapters.openstack.clouds import Credentials
from day2.adapters.openstack.limits import LoadSettings
from day2.adapters.openstack.listing import Service, find_service
from day2.adapters.openstack.pages import Collection
from day2.adapters.openstack.session import Answer, Session
from day2.model.survey import KINDS, Survey
from day2.survey.lists import COLLECTIONS
from day2.survey.openstack import OpenStackReader
from day2.survey.read import SurveySettings, read

HIDDEN = "os_hidden"
CLOCK = SystemClock()
SECONDS = 30
LIMITS = LoadSettings(request_seconds_max=SECONDS)
ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{32}")
UNKNOWN = "11111111-2222-4333-8444-555555555555"


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One request that a survey sent, and its answer; `what` names it without ids."""

    what: str
    url: str
    headers: dict[str, str]
    token: bool
    answer: Answer

    @property
    def body(self) -> Any:
        return msgspec.json.decode(self.answer.body)

    @property
    def query(self) -> dict[str, list[str]]:
        return urllib.parse.parse_qs(urllib.parse.urlsplit(self.url).query)


class Recorder(Session):
    """A session that keeps every request and its answer."""

    def __init__(self, credentials: Credentials) -> None:
        super().__init__(credentials, limits=LIMITS, clock=CLOCK)
        self.calls: list[Call] = []

    def get(
        self, url: str, *, what: str, headers: Mapping[str, str] | None = None, token: bool = True
    ) -> Answer:
        answer = super().get(url, what=what, headers=headers, token=token)
        call = Call(
            what=ID.sub("ID", what), url=url, headers=dict(headers or {}), token=token,
            answer=answer,
        )  # fmt: skip
        self.calls.append(call)
        return answer

    @property
    def access(self) -> Any:
        return self._auth.get_access(self._session)

    @property
    def said(self) -> dict[str, Any]:
        """The token's own document, as Keystone sent it."""
        found: dict[str, Any] = self.access._data  # noqa: SLF001 - nothing public has it whole
        return found


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What came back; `body` is decoded where it is JSON."""

    status: int
    headers: dict[str, str]
    body: Any


class Account:
    """One account on one cloud."""

    def __init__(self, credentials: Credentials) -> None:
        self.session = Recorder(credentials)
        self._services: dict[str, Service] = {}

    @property
    def project(self) -> str:
        return self.session.authenticate().project_id

    @property
    def user(self) -> str:
        return str(self.session.access.user_id)

    @property
    def token(self) -> str:
        return str(self.session.access.auth_token)

    def service(self, service_type: str) -> Service:
        if service_type not in self._services:
            self._services[service_type] = find_service(self.session, service_type)
        return self._services[service_type]


class Place:
    """One cloud with its three accounts: admin, a reader, and a member of project acme.

    `flavor`, `image` and `network` name what the suite builds servers of.
    """

    def __init__(
        self,
        name: str,
        accounts: Mapping[str, Credentials],
        *,
        flavor: str,
        image: str,
        network: str,
    ) -> None:
        self.name = name
        self.flavor, self.image, self.network = flavor, image, network
        self._credentials = dict(accounts)
        self._http = httpx.Client(timeout=SECONDS, trust_env=False)

    def close(self) -> None:
        self._http.close()

    @functools.cache  # noqa: B019 - two places live as long as the session
    def account(self, name: str) -> Account:
        return Account(self._credentials[name])

    @functools.cache  # noqa: B019
    def survey(self) -> tuple[Survey, list[Call]]:
        """Read everything that a round reads of the APIs, once; and what was sent for it."""
        session = Recorder(self._credentials["admin"])
        found = read(
            OpenStackReader(session, clock=CLOCK).jobs(KINDS),
            cloud=self.name, region="", clock=CLOCK, load=LIMITS, settings=SurveySettings(),
        )  # fmt: skip
        return found, session.calls

    @property
    def deployed(self) -> set[str]:
        """The services that both clouds may be asked about."""
        return {c.service for c in COLLECTIONS} - set(self.survey()[0].absent)

    def calls(self, what: str) -> list[Call]:
        return [call for call in self.survey()[1] if call.what == what]

    def pages(self, collection: Collection) -> list[Call]:
        """Return the requests that listed this collection: one per page."""
        hidden = [str(collection.query[HIDDEN])] if HIDDEN in collection.query else None
        calls = self.calls(collection.kind.replace("_", " "))
        return [call for call in calls if call.query.get(HIDDEN) == hidden]

    def rows(self, collection: Collection) -> list[dict[str, Any]]:
        """Return the raw rows of a list, all pages of it."""
        return [row for call in self.pages(collection) for row in call.body[collection.key]]

    def ask(
        self,
        service: str,
        method: str,
        path: str,
        *,
        account: str = "admin",
        body: Any = None,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send one request below a service's URL; `{P}` in the path is the account's project."""
        who = self.account(account)
        there = who.service(service)
        given = {**there.headers(), **(headers or {})}
        return self.send(
            method, f"{there.url}{path.replace('{P}', who.project)}",
            token=who.token if token is None else token, headers=given, body=body,
        )  # fmt: skip

    def fill(self, path: str, account: str) -> str:
        """Put the ids in: an account's own, the administrator's, and another project's."""
        who, admin, member = (self.account(name) for name in (account, "admin", "member"))
        other = admin.project if who.project == member.project else member.project
        ids = {"{OWN}": who.project, "{OTHER}": other, "{ME}": who.user, "{ADMIN}": admin.user}
        for word, found in ids.items():
            path = path.replace(word, found)
        return path

    def send(
        self, method: str, url: str, *, token: str, headers: Mapping[str, str], body: Any = None
    ) -> Reply:
        """Send one request anywhere; an empty token is not sent."""
        given = {"Accept": "application/json", **headers}
        if token:
            given["X-Auth-Token"] = token
        answer = self._http.request(method, url, headers=given, json=body)
        try:
            found = msgspec.json.decode(answer.content) if answer.content else None
        except msgspec.DecodeError:
            found = answer.text
        return Reply(status=answer.status_code, headers=dict(answer.headers), body=found)
