# SPDX-License-Identifier: Apache-2.0
"""The story of a load balancer: its statuses, its amphorae with their servers, its members."""

from collections.abc import Iterator

from day2.model.explanation import Explanation, Link
from day2.model.finding import Subject
from day2.model.tables.details import Member
from day2.model.tables.others import Amphora, LoadBalancer
from day2.operations.explain.picture import Causes, Picture, event, few, told

PENDING, ERROR = "PENDING_", "ERROR"
PENDING_MINUTES = 30
WELL = frozenset({"ONLINE", "NO_MONITOR", ""})
ALLOCATED = "ALLOCATED"


def explain(picture: Picture, balancer: LoadBalancer) -> Explanation:
    """Tell it; pure."""
    causes = Causes()
    amphorae = [a for a in picture.tables.amphorae if a.loadbalancer_id == balancer.id]
    _amphorae(causes, picture, balancer, amphorae)
    _members(causes, picture, balancer)
    _status(causes, picture, balancer)
    unknown = [] if picture.tree is not None else ["its listeners, pools and members"]
    if balancer.provider and balancer.provider != "amphora":
        unknown.append(f"provider {balancer.provider} has no amphorae: its own tools tell more")
    return told(
        picture,
        Subject(
            type="load_balancer", id=balancer.id, name=balancer.name, project=balancer.project_id
        ),
        f"{balancer.provisioning_status}, {balancer.operating_status or 'unknown'}, "
        f"{balancer.vip_address or 'without an address'}",
        causes,
        links=[*_links(picture, amphorae), *_member_links(picture)],
        events=[
            *event(balancer.created_at, "load balancer created", service="octavia"),
            *event(
                balancer.updated_at,
                f"last changed: {balancer.provisioning_status}",
                service="octavia",
            ),
            *(
                one
                for a in amphorae
                for one in event(
                    a.updated_at, f"amphora {a.role or ''} {a.status}", service="octavia"
                )
            ),
        ],
        unknown=unknown,
    )


def _amphorae(
    causes: Causes, picture: Picture, balancer: LoadBalancer, amphorae: list[Amphora]
) -> None:
    amphora_made = balancer.provider in {None, "amphora", "octavia"}
    if not amphorae and amphora_made and picture.knows("amphorae"):
        causes.add(
            85,
            "load-balancer-without-amphora",
            "it has no amphora: nothing carries its address",
            pro=["Octavia lists none for it"],
            con=["an account without the role admin is shown none"],
            advice=f"openstack loadbalancer failover {balancer.id}",
        )
    lost = []
    for amphora in amphorae:
        why = list(_lost(picture, amphora))
        if why:
            lost.append(amphora)
            all_lost = len(amphorae) == 1
            causes.add(
                92 if all_lost else 80,
                "amphora-lost",
                f"amphora {amphora.role or ''} {amphora.id} {why[0]}".replace("  ", " "),
                pro=why[1:],
                con=[] if all_lost else ["another amphora carries the address"],
                advice=f"openstack loadbalancer amphora failover {amphora.id}, when computes have "
                "room",
            )
        if picture.older(amphora.cert_expiration, 0):
            causes.add(
                88,
                "amphora-certificate-expired",
                f"the certificate of amphora {amphora.id} has expired",
                pro=[f"{picture.said(amphora.cert_expiration)} ago"],
                advice=f"octavia-housekeeping renews them: its log; else openstack loadbalancer "
                f"amphora failover {amphora.id}",
            )
    if len(lost) > 1 and len(lost) == len(amphorae):
        causes.add(
            95,
            "every-amphora-lost",
            f"all {len(lost)} amphorae are lost: nothing carries its address",
            pro=[f"{a.id}: {next(_lost(picture, a))}" for a in lost],
            advice=f"openstack loadbalancer failover {balancer.id}, when computes have room",
        )


def _lost(picture: Picture, amphora: Amphora) -> Iterator[str]:
    """Say what an amphora is lost by, the nearest to the cause first."""
    server = picture.server(amphora.compute_id)
    services = {s.host: s for s in picture.tables.compute_services if s.binary == "nova-compute"}
    if amphora.compute_id and amphora.compute_id in picture.gone:
        yield "has lost its server: it does not exist"
    if server is not None:
        service = services.get(server.host or "")
        if service is not None and service.state != "up":
            yield f"is on {server.host}, whose nova-compute is down"
        if server.status != "ACTIVE":
            yield f"has its server {server.name or server.id} in {server.status}"
    if amphora.status not in {ALLOCATED, "READY"}:
        yield f"is {amphora.status} for {picture.said(amphora.updated_at or amphora.created_at)}"


def _status(causes: Causes, picture: Picture, balancer: LoadBalancer) -> None:
    since = balancer.updated_at or balancer.created_at
    status = balancer.provisioning_status
    if status == ERROR:
        causes.add(
            50,
            "load-balancer-in-error",
            f"Octavia could not build or change it, {picture.said(since)} ago",
            pro=["provisioning_status is ERROR"],
            advice=f"'{balancer.id}' in the log of octavia-worker; when the cause is mended: "
            f"openstack loadbalancer failover {balancer.id}",
        )
    elif status.startswith(PENDING) and picture.older(since, PENDING_MINUTES):
        causes.add(
            83,
            "load-balancer-stuck",
            f"it is {status} for {picture.said(since)}: the worker that changed it is gone",
            pro=["as long as it is so nobody can change or delete it"],
            con=["a worker may still be at its retries: its log tells"],
            advice=f"'{balancer.id}' in the logs of octavia-worker; with persistence of its jobs "
            "(jobboard) they are taken up again; without, the status is set by hand in its "
            "database",
        )


def _members(causes: Causes, picture: Picture, balancer: LoadBalancer) -> None:
    members = list(_all(picture))
    bad = [(pool, m) for pool, m in members if m.operating_status not in WELL]
    if not bad:
        return
    every = len(bad) == len(members)
    causes.add(
        82 if every else 42,
        "members-down",
        f"{'all' if every else len(bad)} of {len(members)} members do not answer: "
        + few(f"{m.name or m.address}:{m.protocol_port} ({m.operating_status})" for _p, m in bad),
        pro=[f"operating_status of the whole is {balancer.operating_status}"],
        con=[] if every else ["the others answer"],
        advice="From the network of the amphorae: is the port open (security group of the member), "
        "does the service listen, does the monitor ask for the right path?",
    )


def _all(picture: Picture) -> Iterator[tuple[str, Member]]:
    tree = picture.tree
    for listener in tree.listeners if tree else ():
        for pool in listener.pools:
            for member in pool.members:
                yield pool.name or pool.id, member


def _links(picture: Picture, amphorae: list[Amphora]) -> list[Link]:
    found = []
    for amphora in amphorae:
        found.append(
            Link(
                relation=f"amphora {amphora.role or ''}".strip(),
                subject=Subject(type="amphora", id=amphora.id),
                state=amphora.status,
                bad=amphora.status not in {ALLOCATED, "READY"},
            )
        )
        server = picture.server(amphora.compute_id)
        if server is not None:
            found.append(
                Link(
                    relation="its server",
                    subject=Subject(
                        type="server", id=server.id, name=server.name, host=server.host or ""
                    ),
                    state=f"{server.status} on {server.host or 'no host'}",
                    bad=server.status != "ACTIVE",
                )
            )
        elif amphora.compute_id and amphora.compute_id in picture.gone:
            found.append(
                Link(
                    relation="its server",
                    subject=Subject(type="server", id=amphora.compute_id),
                    state="does not exist",
                    bad=True,
                )
            )
    return found


def _member_links(picture: Picture) -> list[Link]:
    return [
        Link(
            relation=f"member of {pool}",
            subject=Subject(
                type="member", id=m.id, name=m.name or f"{m.address}:{m.protocol_port}"
            ),
            state=m.operating_status,
            bad=m.operating_status not in WELL,
        )
        for pool, m in _all(picture)
    ]
