# SPDX-License-Identifier: Apache-2.0
"""A cloud of three compute hosts that is well; cmp1 is the one to be drained."""

from collections.abc import Sequence
from typing import Any

from day2.model.plan import Plan, Refusal, Step
from day2.model.survey import Survey
from day2.model.tables.compute import Aggregate, Server, ServerFlavor, ServerGroup
from day2.model.tables.identity import CatalogService
from day2.model.tables.placement import Inventory, ProviderTraits
from day2.operations.hosts.kinds import DRAIN_KINDS
from day2.operations.hosts.plan import Asked, drain
from day2.operations.hosts.policy import DrainPolicy
from tests.unit import builders as make

ASKED = Asked(now=make.NOW, by="ana", ticket="CHG-7", foundation="http://identity")
HOSTS = ("cmp1", "cmp2", "cmp3")
FLAVOR = ServerFlavor(original_name="m1", vcpus=2, ram=4096, disk=20)


def flavor(**fields: Any) -> ServerFlavor:
    given = {"original_name": "m1", "vcpus": 2, "ram": 4096, "disk": 20}
    return ServerFlavor(**{**given, **fields})


def special(**specs: str) -> ServerFlavor:
    """A flavor with extra specs: `hw__tpm_version` is `hw:tpm_version`."""
    return flavor(extra_specs={name.replace("__", ":"): value for name, value in specs.items()})


def guest(identifier: str = "s1", **fields: Any) -> Server:
    return make.server(identifier, **{"image": {"id": "i1"}, **fields})


def group(policy: str, *members: str, identifier: str = "g1") -> ServerGroup:
    return ServerGroup(id=identifier, name="pair", policy=policy, members=list(members))


def aggregate(*hosts: str, **metadata: str) -> Aggregate:
    return Aggregate(id=1, name="agg", hosts=list(hosts), metadata=metadata)


def traits(host: str, *names: str) -> ProviderTraits:
    return ProviderTraits(provider=f"rp-{host}", traits=list(names))


def stock(memory: int = 131072, cpus: int = 128, disk: int = 2000) -> dict[str, Inventory]:
    return {
        "VCPU": Inventory(total=cpus),
        "MEMORY_MB": Inventory(total=memory),
        "DISK_GB": Inventory(total=disk),
    }


def takes(server: Server) -> dict[str, int]:
    size = server.flavor
    wanted = {"VCPU": size.vcpus, "MEMORY_MB": size.ram, "DISK_GB": size.disk}
    return {name: amount for name, amount in wanted.items() if amount}


def cloud(
    servers: Sequence[Server] = (),
    *,
    hosts: Sequence[str] = HOSTS,
    gaps: Sequence[str] = (),
    **tables: Any,
) -> Survey:
    """Make the survey; every table is read whole unless in `gaps`, and Placement agrees."""
    usual: dict[str, Any] = dict.fromkeys(DRAIN_KINDS, ())
    usual |= {
        "servers": list(servers),
        "compute_services": [
            make.compute_service(host, id=f"svc-{host}", zone="nova") for host in hosts
        ],
        "hypervisors": [make.hypervisor(host) for host in hosts],
        "providers": [make.provider(host) for host in hosts],
        "inventories": [make.inventories(host, **stock()) for host in hosts],
        "traits": [traits(host) for host in hosts],
        "allocations": [
            make.allocations(host, **{s.id: takes(s) for s in servers if s.host == host})
            for host in hosts
        ],
        "catalog_services": [CatalogService(id="c1", type="compute", name="nova")],
    }
    given: dict[str, Any] = {kind: list(rows) for kind, rows in {**usual, **tables}.items()}
    return make.survey(gaps=gaps, **given)


def planned(
    survey: Survey,
    host: str = "cmp1",
    *,
    purpose: str = "reboot",
    allow: Sequence[str] = (),
    **policy: Any,
) -> Plan:
    return drain(
        survey, host, policy=DrainPolicy(**policy), purpose=purpose, allow=allow, asked=ASKED
    )


def step_of(plan: Plan, subject: str = "s1") -> Step | None:
    """Return the step that decides what becomes of a server."""
    found = [
        step
        for step in plan.steps
        if step.subject.id == subject and step.action != "server.confirm-resize"
    ]
    assert len(found) <= 1
    return found[0] if found else None


def refusal_of(plan: Plan, subject: str = "s1") -> Refusal | None:
    found = [refusal for refusal in plan.refused if refusal.subject.id == subject]
    assert len(found) <= 1
    return found[0] if found else None


def kinds_of(plan: Plan) -> list[str]:
    return sorted(refusal.kind for refusal in plan.blockers)


def actions_of(plan: Plan) -> list[str]:
    return [step.action for step in plan.steps]
