# SPDX-License-Identifier: Apache-2.0
"""What is asked of every address of the catalogue: does it answer, with which certificate."""

import re
import urllib.parse
from collections.abc import Iterable
from pathlib import Path

import msgspec

from day2.adapters.clock import Clock
from day2.adapters.openstack.session import Session
from day2.adapters.probe import Address, Heard, Shown, address_of, ask, show_certificate
from day2.adapters.tls import TlsSettings
from day2.errors import BadUsage, Day2Error, Unreachable
from day2.model.survey import Gap
from day2.model.tables import infrastructure
from day2.survey.lanes import Job, Result, Rows, gap_of

KINDS = ("api_probes", "certificates")
ADDRESSES_MAX = 200
# The path of an endpoint down to its version, its project, or a template of it.
VERSIONED = re.compile(r"/(v\d[^/]*|AUTH_[^/]*|[^/]*[$%]\([^/]*)(/.*)?$")


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One address of the catalogue, whoever shares it."""

    url: str
    service_type: str
    interfaces: list[str]


class EndpointReader:
    """Makes the jobs that knock at every address."""

    def __init__(self, session: Session, *, tls: TlsSettings, clock: Clock) -> None:
        self._session = session
        self._tls = tls
        self._clock = clock
        self._seconds_max = session.limits.request_seconds_max

    def jobs(self, kinds: Iterable[str]) -> list[Job]:
        """Make one job per kind; each becomes one job per address once the catalogue is read."""
        after = ("tokens", "catalog_services", "endpoints")
        runs = {"api_probes": self._probes, "certificates": self._certificates}
        return [
            Job(lane="endpoints", kinds=(kind,), what=kind.replace("_", " "), after=after, run=run)
            for kind, run in runs.items()
            if kind in kinds
        ]

    def _probes(self, rows: Rows) -> Result:
        endpoints, gaps = self._endpoints(rows, "api_probes")
        return Result(follow=[self._probe(endpoint) for endpoint in endpoints], gaps=gaps)

    def _probe(self, endpoint: Endpoint) -> Job:
        def run(_rows: Rows) -> Result:
            try:
                heard = ask(
                    address_of(endpoint.url), seconds_max=self._seconds_max, clock=self._clock
                )
            except BadUsage as error:
                heard = Heard(error=str(error))
            row = infrastructure.ApiProbe(
                url=endpoint.url,
                service_type=endpoint.service_type,
                interfaces=endpoint.interfaces,
                **msgspec.structs.asdict(heard),
            )
            return Result(rows={"api_probes": [row]}, requests=1)

        # A lane for each address: one that does not answer must not hold up the others.
        lane = f"endpoint {urllib.parse.urlsplit(endpoint.url).netloc}"
        return Job(lane=lane, kinds=("api_probes",), what="endpoints", run=run)

    def _certificates(self, rows: Rows) -> Result:
        endpoints, gaps = self._endpoints(rows, "certificates")
        addresses: dict[str, tuple[Address, list[str]]] = {}
        for endpoint in endpoints:
            try:
                address = address_of(endpoint.url)
            except BadUsage:
                continue  # its probe says so
            if address.tls:
                _address, used_by = addresses.setdefault(address.netloc, (address, []))
                used_by.append(endpoint.service_type)
        account = self._session.credentials.verify
        own = str(Path(self._tls.ca_file).expanduser()) if self._tls.ca_file else ""
        follow = [
            # The public addresses of a cloud often have another authority than the internal ones.
            self._handshake(address, used_by, account or own or False, also=own)
            for address, used_by in addresses.values()
        ]
        for target in self._tls.addresses:
            try:
                address = address_of(target)
            except BadUsage as error:
                gaps.append(gap_of("certificates", target, error))
                continue
            if address.netloc not in addresses:
                follow.append(self._handshake(address, [], own or account))
        return Result(follow=follow, gaps=gaps)

    def _handshake(
        self,
        address: Address,
        used_by: list[str],
        ca: str | bool,  # noqa: FBT001
        *,
        also: str = "",
    ) -> Job:
        def run(_rows: Rows) -> Result:
            try:
                shown = show_certificate(
                    address, ca=ca, also=also, seconds_max=self._seconds_max, clock=self._clock
                )
            except Day2Error as error:
                shown = Shown(error=str(error))
            row = infrastructure.Certificate(
                address=address.netloc,
                used_by=sorted(set(used_by)),
                **msgspec.structs.asdict(shown),
            )
            found = Result(rows={"certificates": [row]}, requests=1)
            if shown.error:
                what = f"certificate of {address.netloc}"
                found.gaps = [gap_of("certificates", what, Unreachable(f"{what}: {shown.error}"))]
            return found

        lane = f"handshake {address.netloc}"
        return Job(lane=lane, kinds=("certificates",), what="certificates", run=run)

    def _endpoints(self, rows: Rows, kind: str) -> tuple[list[Endpoint], list[Gap]]:
        """Gather the catalogue: what Keystone lists, and what our token says.

        Keystone's own address stands in the account: it is knocked at even when no token could be
        had, and then the catalogue is a gap.
        """
        auth_url = str(self._session.credentials.auth.get("auth_url", ""))
        known = [("identity", "", auth_url), *self._listed(rows)]
        gaps: list[Gap] = []
        try:
            for entry in self._session.authenticate().catalog:
                known += [(entry.type, interface, url) for interface, url in entry.urls.items()]
        except Day2Error as error:
            gaps.append(gap_of(kind, "the catalogue", error))
        found = _merged(known)
        if len(found) > ADDRESSES_MAX:
            said = f"the catalogue has {len(found):,} addresses; {ADDRESSES_MAX} were looked at"
            gaps.append(Gap(kind=kind, what="the catalogue", error="NotRead", message=said))
        return found[:ADDRESSES_MAX], gaps

    def _listed(self, rows: Rows) -> list[tuple[str, str, str]]:
        region = self._session.credentials.region
        types = {row.id: row.type for row in rows.get("catalog_services", ()) if row.enabled}
        return [
            (types[row.service_id], row.interface, row.url)
            for row in rows.get("endpoints", ())
            if row.enabled
            and row.service_id in types
            and (not region or not row.region_id or row.region_id == region)
        ]


def root_of(url: str) -> str:
    """Return the URL of the version document: without version, project, and query.

    Keystone's list holds templates (`…/v1/%(project_id)s`), the token's catalogue the real thing:
    both have the same root.
    """
    parts = urllib.parse.urlsplit(url.strip())
    path = VERSIONED.sub("", parts.path.rstrip("/"))
    return f"{parts.scheme}://{parts.netloc}{path}/"


def _merged(known: Iterable[tuple[str, str, str]]) -> list[Endpoint]:
    """Make one endpoint per address; the first of its services by name gives it its name."""
    by_root: dict[str, tuple[set[str], set[str]]] = {}
    for service_type, interface, url in known:
        try:
            root = root_of(url)
        except ValueError:
            root = url
        types, interfaces = by_root.setdefault(root, (set(), set()))
        types.add(service_type)
        interfaces.update({interface} - {""})
    return [
        Endpoint(url=root, service_type=min(types), interfaces=sorted(interfaces))
        for root, (types, interfaces) in by_root.items()
    ]
