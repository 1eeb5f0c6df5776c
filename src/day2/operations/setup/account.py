# SPDX-License-Identifier: Apache-2.0
"""Try an account of the cloud: its token, roles, region, clock, and each service it offers."""

import shlex
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import msgspec

from day2.adapters.clock import Clock
from day2.adapters.kolla.settings import KollaSettings
from day2.adapters.openstack.listing import find_service
from day2.adapters.openstack.session import Identity, Session
from day2.errors import Day2Error, NotDeployed, Unreachable
from day2.model.examination import Item, State
from day2.operations.setup.doctor import Probe, failure, ok, skipped
from day2.operations.setup.rights import Rights
from day2.survey.lists import COLLECTIONS

CLOCK_SECONDS_MAX = 5.0


class Examiner:
    """Makes the probes of one account."""

    def __init__(
        self,
        session: Session,
        *,
        clock: Clock,
        access: str,
        skip_kinds: Sequence[str],
        kolla: KollaSettings,
        section: str,
    ) -> None:
        self._session = session
        self._clock = clock
        self._access = access
        self._rights = Rights(session, access=access, skip_kinds=skip_kinds, kolla=kolla)
        self._section = section
        self._who: Identity | None = None

    def probes(self) -> list[Probe]:
        """List the probes: the token first, then each service beside the others."""
        by_service = dict.fromkeys(c.service for c in COLLECTIONS)
        return [
            Probe(id="account", title="cloud account", lane="identity", run=self._account),
            Probe(id="clock", title="clock", lane="clock", run=self._time),
            *(
                Probe(
                    id=f"service.{kind}",
                    title=f"service {kind}",
                    lane=kind,
                    after=("account",),
                    run=self._probe_of(kind),
                )
                for kind in by_service
            ),
            Probe(
                id="service.others",
                title="other services",
                lane="others",
                after=("account",),
                run=self._others,
            ),
        ]

    def _account(self) -> list[Item]:
        started = self._clock.monotonic()
        try:
            who = self._who = self._session.authenticate()
        except Day2Error as error:
            wrong = failure("account", "cloud account", error)
            return [msgspec.structs.replace(wrong, commands=[self._by_hand(error)])]
        took = round((self._clock.monotonic() - started) * 1000)
        source = self._session.credentials.source
        where = f"project {who.project}" if who.project else "system scope"
        items = [
            Item(
                id="account",
                title="cloud account",
                state=State.OK,
                detail=f"{who.user} in {where}, from {source}; token in {took} ms",
            ),
            self._roles(who),
            self._region(who),
        ]
        if who.system:
            items[0] = msgspec.structs.replace(
                items[0],
                state=State.WARNING,
                detail=f"{who.user} with system scope: volumes and stacks are not in its catalogue",
                cure=f"use an entry with a project: setting {self._section}.cloud",
            )
        return items

    def _by_hand(self, error: Day2Error) -> str:
        """Return the command that shows the same failure without day2."""
        used = self._session.credentials
        if isinstance(error, Unreachable):
            return shlex.join(["curl", "-sS", str(used.auth["auth_url"])])
        if used.source.startswith("/"):
            file = shlex.quote(used.source)
            name = shlex.quote(used.name)
            return f"OS_CLIENT_CONFIG_FILE={file} openstack --os-cloud {name} token issue"
        return "openstack token issue"

    def _roles(self, who: Identity) -> Item:
        roles = ", ".join(who.roles) or "none"
        said = {
            "observe": "no writer is wired, whatever the account may do",
            "propose": "plans are made, and none may run",
        }.get(self._access, "changes are made with the account for writing")
        detail = f"{roles}; access is {self._access}: {said}"
        return Item(id="roles", title="roles", state=State.OK, detail=detail)

    def _region(self, who: Identity) -> Item:
        region = self._session.credentials.region
        known = ", ".join(who.regions) or "none"
        if region in who.regions or (not region and len(who.regions) <= 1):
            return Item(id="region", title="region", state=State.OK, detail=region or known)
        if not region:
            return Item(
                id="region",
                title="region",
                state=State.WARNING,
                detail=f"the catalogue has several ({known}) and the settings name none",
                cure=f"setting {self._section}.region",
            )
        return Item(
            id="region",
            title="region",
            state=State.FAILED,
            detail=f"the catalogue has no region {region!r}; it has: {known}",
            cure=f"setting {self._section}.region",
            exit_code=2,
        )

    def _time(self) -> list[Item]:
        """Compare our clock with Keystone's Date header, without a token."""
        url = str(self._session.credentials.auth["auth_url"])
        before = self._clock.now()
        try:
            answer = self._session.get(url, what="identity", token=False)
        except Day2Error:
            return [skipped("clock", "clock", "not measured: identity does not answer")]
        after = self._clock.now()
        try:
            theirs = parsedate_to_datetime(answer.headers.get("date", ""))
        except (TypeError, ValueError):
            return [skipped("clock", "clock", "not measured: the answer has no Date")]
        theirs = theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC)
        offset = _outside(theirs, before, after)
        if offset <= CLOCK_SECONDS_MAX:
            return [ok("clock", "clock", "agrees with the identity service")]
        return [
            Item(
                id="clock",
                title="clock",
                state=State.WARNING,
                detail=f"{offset:.0f} s away from the identity service's",
                cure="ages and expiry dates would be wrong: see which of the two is right",
                commands=["chronyc tracking"],
            )
        ]

    def _probe_of(self, kind: str) -> Callable[[], list[Item]]:
        return lambda: self._service(kind)

    def _service(self, kind: str) -> list[Item]:
        """Reach a service, then ask for one row of each of its lists."""
        name = f"service.{kind}"
        who = self._who
        if who is None:
            return [skipped(name, kind, "not tried: there is no token")]
        try:
            service = find_service(self._session, kind)
        except NotDeployed as error:
            if "the catalogue has no" in str(error):
                return [skipped(name, kind, "not in the catalogue: not deployed")]
            wrong = failure(name, kind, error)
            return [msgspec.structs.replace(wrong, exit_code=2)]
        started = self._clock.monotonic()
        try:
            self._session.get(f"{service.url}/", what=kind, token=False)
            took = round((self._clock.monotonic() - started) * 1000)
            version = service.version
        except Day2Error as error:
            return [failure(name, kind, error)]
        said = f", microversion {version[0]}.{version[1]}" if version else ""
        reached = ok(name, kind, f"{service.url} answers in {took} ms{said}")
        return [reached, *self._rights.lists(service, who)]

    def _others(self) -> list[Item]:
        """Reach what else the catalogue offers, although no survey reads it."""
        who = self._who
        if who is None:
            return []
        known = {c.service for c in COLLECTIONS} | {
            "volume",
            "volumev2",
            "volumev3",
            "share",
            "sharev2",
            "container-infra",
            "container-infrastructure",
        }
        silent: list[str] = []
        answering: list[str] = []
        for entry in who.catalog:
            url = entry.urls.get(self._session.credentials.interface)
            if entry.type in known or not url:
                continue
            where = urlsplit(url)
            try:
                self._session.get(f"{where.scheme}://{where.netloc}/", what=entry.type, token=False)
                answering.append(entry.type)
            except Day2Error as error:
                silent.append(str(error))
                if len(silent) > 1:
                    break
        if silent:
            return [
                Item(
                    id="service.others",
                    title="other services",
                    state=State.WARNING,
                    detail="; ".join(silent),
                    cure="no survey needs them: see that they run, or remove their endpoints",
                )
            ]
        if not answering:
            return []
        return [ok("service.others", "other services", f"answering: {', '.join(answering)}")]


def _outside(theirs: datetime, before: datetime, after: datetime) -> float:
    """Return how far a time lies outside our own interval; headers have whole seconds."""
    early = (before - theirs).total_seconds() - 1
    late = (theirs - after).total_seconds()
    return max(early, late, 0.0)
