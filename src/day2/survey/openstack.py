# SPDX-License-Identifier: Apache-2.0
"""Read OpenStack's APIs: one job per list, and small jobs where a list needs one per item."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import msgspec

from day2.adapters.clock import Clock
from day2.adapters.openstack.listing import Service, find_service
from day2.adapters.openstack.pages import Collection
from day2.adapters.openstack.session import Session
from day2.errors import BadAnswer, Day2Error, Denied, NotDeployed
from day2.model.survey import Gap
from day2.model.tables import compute, identity, infrastructure, others, placement
from day2.survey.around import Around
from day2.survey.lanes import Job, Result, Rows, gap_of
from day2.survey.lists import COLLECTIONS
from day2.survey.witnesses import ADMIN, WITNESSES, Witness

KINDS: tuple[str, ...] = (
    "tokens",
    *dict.fromkeys(collection.kind for collection in COLLECTIONS),
    "application_credentials",
    "server_faults",
    "inventories",
    "traits",
    "allocations",
    "quotas",
)

ERROR = "ERROR"


class OpenStackReader:
    """Makes the jobs that read one cloud's APIs."""

    def __init__(self, session: Session, *, clock: Clock) -> None:
        self._session = session
        self._clock = clock
        self._services: dict[str, Service] = {}

    def jobs(self, kinds: Iterable[str]) -> list[Job]:
        """Make the jobs for these kinds; the token comes first, everything else waits for it."""
        wanted = set(kinds)
        made = [Job(lane="identity", kinds=("tokens",), what="token", run=self._token)]
        made += [self._list_job(c) for c in COLLECTIONS if c.kind in wanted]
        made += self._witness_jobs(wanted)
        per_item = {
            "application_credentials": (
                "identity",
                "application credentials",
                ("tokens", "users"),
                self._application_credentials,
            ),
            "server_faults": (
                "compute",
                "server faults",
                ("tokens", "servers"),
                self._server_faults,
            ),
            "inventories": (
                "placement",
                "placement inventories",
                ("tokens", "providers"),
                self._per_provider("inventories", _inventories),
            ),
            "traits": (
                "placement",
                "placement traits",
                ("tokens", "providers"),
                self._per_provider("traits", _traits),
            ),
            "allocations": (
                "placement",
                "placement allocations",
                ("tokens", "providers"),
                self._per_provider("allocations", _allocations),
            ),
        }
        for kind, (lane, what, after, run) in per_item.items():
            if kind in wanted:
                each = after[1:]
                made.append(
                    Job(lane=lane, kinds=(kind,), what=what, after=after, each=each, run=run)
                )
        if "quotas" in wanted:
            made += self._quota_jobs()
        return made

    def _service(self, service_type: str) -> Service | None:
        """Return the service; None when the catalogue does not know it at all."""
        if service_type not in self._services:
            try:
                self._services[service_type] = find_service(self._session, service_type)
            except NotDeployed as error:
                if "the catalogue has no" not in str(error):
                    raise
                if self._session.authenticate().system:
                    raise Denied(
                        f"{service_type}: not in the catalogue of a system-scoped token",
                        hint="use an account with a project: its catalogue has every service",
                    ) from None
                return None
        return self._services[service_type]

    def _token(self, _rows: Rows) -> Result:
        started = self._clock.monotonic()
        who = self._session.authenticate()
        row = infrastructure.TokenIssue(
            latency_ms=round((self._clock.monotonic() - started) * 1000, 1),
            user=who.user,
            project=who.project,
            roles=who.roles,
            expires_at=who.expires_at,
        )
        return Result(rows={"tokens": [row]}, requests=1)

    def _witness_jobs(self, wanted: set[str]) -> list[Job]:
        """Ask whether lists that may be cut without a word are whole; administrators need not."""

        def job(service_type: str, witness: Witness, kinds: tuple[str, ...]) -> Job:
            def run(_rows: Rows) -> Result:
                service = self._service(service_type)
                if service is None or ADMIN in self._session.authenticate().roles:
                    return Result()
                try:
                    service.get(witness.path, what=f"{service_type} as a whole")
                except NotDeployed:
                    return Result()
                except Denied as error:
                    return Result(requests=1, gaps=[_cut(kind, error) for kind in kinds])
                return Result(requests=1)

            return Job(
                lane=service_type,
                kinds=kinds,
                what=f"{service_type} as a whole",
                after=("tokens",),
                run=run,
            )

        made = []
        for service_type, witness in WITNESSES.items():
            kinds = tuple(kind for kind in witness.kinds if kind in wanted)
            if kinds:
                made.append(job(service_type, witness, kinds))
        return made

    def _list_job(self, collection: Collection) -> Job:
        def run(_rows: Rows) -> Result:
            service = self._service(collection.service)
            if service is None:
                return Result(absent=collection.service)
            declared = collection
            if collection.kind == "migrations":
                since = self._clock.now() - timedelta(days=self._session.limits.migrations_days)
                declared = msgspec.structs.replace(
                    collection, query={"changes-since": since.strftime("%Y-%m-%dT%H:%M:%SZ")}
                )
            found = service.list(declared, self._clock)
            return Result(
                rows={collection.kind: found.rows},
                requests=found.requests,
                gaps=_list_gaps(collection.kind, found.unreadable, found.failure),
            )

        what = collection.kind.replace("_", " ")
        return Job(
            lane=collection.service, kinds=(collection.kind,), what=what, after=("tokens",), run=run
        )

    def _each(
        self, *, kind: str, service_type: str, ids: list[str], read: Callable[[Service, str], Any]
    ) -> Result:
        """Make one small job per item, or one gap when there are too many items."""
        service = self._service(service_type)
        if service is None:
            return Result(absent=service_type)
        most = self._session.limits.per_item_requests_max
        if len(ids) > most:
            gap = Gap(
                kind=kind,
                what=kind.replace("_", " "),
                error="NotRead",
                message=f"{kind.replace('_', ' ')} need {len(ids):,} requests, more than {most:,}",
                hint="setting load.per_item_requests_max",
            )
            return Result(gaps=[gap])

        def job(item: str) -> Job:
            return Job(
                lane=service_type,
                kinds=(kind,),
                what=kind.replace("_", " "),
                run=lambda _rows: Result(rows={kind: read(service, item)}, requests=1),
                small=True,
            )

        return Result(follow=[job(item) for item in ids])

    def _per_provider(
        self, kind: str, decode: Callable[[str, bytes], Any]
    ) -> Callable[[Rows], Result]:
        def read(service: Service, provider: str) -> list[Any]:
            what = f"placement {kind} of provider {provider}"
            try:
                body = service.get(f"/resource_providers/{provider}/{kind}", what=what)
            except NotDeployed:
                return []  # the provider went away after it was listed
            return [decode(provider, body)]

        def run(rows: Rows) -> Result:
            ids = [row.uuid for row in rows.get("providers", ())]
            return self._each(kind=kind, service_type="placement", ids=ids, read=read)

        return run

    def _application_credentials(self, rows: Rows) -> Result:
        def read(service: Service, user: str) -> list[Any]:
            what = f"application credentials of user {user}"
            try:
                body = service.get(f"/users/{user}/application_credentials", what=what)
            except NotDeployed:
                return []
            found = _document(body, _ApplicationCredentials, what)
            return [msgspec.structs.replace(row, user_id=user) for row in found.rows]

        ids = [row.id for row in rows.get("users", ())]
        return self._each(
            kind="application_credentials", service_type="identity", ids=ids, read=read
        )

    def _server_faults(self, rows: Rows) -> Result:
        """Ask for the faults that the list lacks: it tells those of one cell's database only."""

        def read(service: Service, server: str) -> list[Any]:
            what = f"fault of server {server}"
            try:
                body = service.get(f"/servers/{server}", what=what)
            except NotDeployed:
                return []  # it was deleted after it was listed
            found = _document(body, _ServerPage, what).server
            if found.status != ERROR:
                return []
            return [compute.ServerOwnFault(server_id=server, fault=found.fault)]

        listed = rows.get("servers", ())
        ids = [row.id for row in listed if row.status == ERROR and row.fault is None]
        return self._each(kind="server_faults", service_type="compute", ids=ids, read=read)

    def _quota_jobs(self) -> list[Job]:
        """Ask quotas only of projects that own something: the others cannot be near a limit."""
        holders = (
            ("compute", ("servers",), _quota_path("/os-quota-sets/{}/detail", "quota_set")),
            (
                "block-storage",
                ("volumes",),
                _quota_path("/os-quota-sets/{}?usage=True", "quota_set"),
            ),
            ("network", ("ports", "floating_ips"), _quota_path("/v2.0/quotas/{}/details", "quota")),
        )

        def job(service_type: str, sources: tuple[str, ...], read: Any) -> Job:  # noqa: ANN401
            def run(rows: Rows) -> Result:
                found = {row.project_id for kind in sources for row in rows.get(kind, ())}
                ids = sorted(found - {""})
                return self._each(kind="quotas", service_type=service_type, ids=ids, read=read)

            after = ("tokens", *sources)
            return Job(
                lane=service_type,
                kinds=("quotas",),
                what=f"{service_type} quotas",
                after=after,
                each=sources,
                run=run,
            )

        return [job(*holder) for holder in holders]


def provider_rows(around: Around, provider: str) -> dict[str, list[Any]]:
    """Read what Placement has of one provider: inventories, traits, allocations."""
    found: dict[str, list[Any]] = {}
    for kind, decode in (
        ("inventories", _inventories),
        ("traits", _traits),
        ("allocations", _allocations),
    ):
        path = f"/resource_providers/{provider}/{kind}"
        body = around.document(kind, "placement", path, "", msgspec.Raw)
        found[kind] = [] if body is None else [decode(provider, bytes(body))]
    return found


class _Lost(msgspec.Struct):
    status: str = ""
    fault: compute.ServerFault | None = None


class _ServerPage(msgspec.Struct):
    server: _Lost


class _Inventories(msgspec.Struct):
    inventories: dict[str, placement.Inventory]


class _Traits(msgspec.Struct):
    traits: list[str]


class _Allocation(msgspec.Struct):
    resources: dict[str, int]


class _Allocations(msgspec.Struct):
    allocations: dict[str, _Allocation]


class _ApplicationCredentials(msgspec.Struct):
    rows: list[identity.ApplicationCredential] = msgspec.field(name="application_credentials")


def _inventories(provider: str, body: bytes) -> placement.ProviderInventories:
    found = _document(body, _Inventories, f"placement inventories of provider {provider}")
    return placement.ProviderInventories(provider=provider, inventories=found.inventories)


def _traits(provider: str, body: bytes) -> placement.ProviderTraits:
    found = _document(body, _Traits, f"placement traits of provider {provider}")
    return placement.ProviderTraits(provider=provider, traits=found.traits)


def _allocations(provider: str, body: bytes) -> placement.ProviderAllocations:
    found = _document(body, _Allocations, f"placement allocations of provider {provider}")
    taken = {consumer: allocation.resources for consumer, allocation in found.allocations.items()}
    return placement.ProviderAllocations(provider=provider, allocations=taken)


def _quota_path(path: str, key: str) -> Callable[[Service, str], list[others.QuotaUse]]:
    def read(service: Service, project: str) -> list[others.QuotaUse]:
        what = f"{service.type} quotas of project {project}"
        found = _document(service.get(path.format(project), what=what), dict[str, Any], what)
        limits = found.get(key)
        if not isinstance(limits, dict):
            raise BadAnswer(f"{what}: the answer has no {key!r}")
        rows = []
        for resource, use in limits.items():
            if not isinstance(use, dict):
                continue  # the project's id
            if not isinstance(use.get("limit"), int):
                raise BadAnswer(f"{what}: the answer is not what this API promises ({resource})")
            in_use = use.get("in_use", use.get("used", 0))
            rows.append(
                others.QuotaUse(
                    service=service.type,
                    project_id=project,
                    resource=resource,
                    limit=use["limit"] if use["limit"] >= 0 else None,
                    in_use=in_use if isinstance(in_use, int) else 0,
                    reserved=use["reserved"] if isinstance(use.get("reserved"), int) else 0,
                )
            )
        return rows

    return read


def _document(body: bytes, kind: Any, what: str) -> Any:  # noqa: ANN401 - decoded to `kind`
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadAnswer(f"{what}: the answer is not what this API promises ({error})") from None


def _cut(kind: str, refused: Denied) -> Gap:
    what = kind.replace("_", " ")
    said = f"{what}: only a part is shown to this account, without a word ({refused})"
    return gap_of(kind, what, Denied(said, hint=refused.hint))


def _list_gaps(kind: str, unreadable: int, failure: Day2Error | None) -> list[Gap]:
    what = kind.replace("_", " ")
    gaps = [gap_of(kind, what, failure)] if failure else []
    if unreadable:
        rows = "1 row is" if unreadable == 1 else f"{unreadable:,} rows are"
        error = BadAnswer(f"{what}: {rows} not what this API promises")
        gaps.append(gap_of(kind, what, error))
    return gaps
