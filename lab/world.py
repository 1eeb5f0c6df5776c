# SPDX-License-Identifier: Apache-2.0
"""What lives in the lab's cloud: one row for each thing, with the verdict day2 must reach on it.

Data only; `lab/build` makes it real once, through the services' own APIs. Every row is healthy:
a control round over the untouched lab finds nothing wrong. Tests plant faults on top.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lab.facts import COMPUTES, MAIN_ZONE

MAIN_HOSTS = tuple(host for host, cell in COMPUTES.items() if cell == "cell1")
HEALTHY = "healthy"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One thing: its kind, project, name (unique within the kind), and what it is made of."""

    kind: str
    name: str
    project: str = "admin"
    spec: Mapping[str, Any] = field(default_factory=dict)
    verdict: str = HEALTHY


def _row(kind: str, name: str, project: str = "admin", **spec: object) -> Row:
    return Row(kind=kind, name=name, project=project, spec=spec)


def _server(name: str, project: str, host: str, **spec: object) -> Row:
    """Make a row for a server on a host; ACTIVE, on its project's network, unless told."""
    standard = {"flavor": "m1.small", "image": "debian-12", "network": f"{project}-net"}
    return _row("server", name, project, host=host, **{"status": "ACTIVE", **standard, **spec})


IDENTITY = (
    _row("project", "acme", description="A customer with most of the servers"),
    _row("project", "globex", description="A customer with a server in the second cell"),
    _row("user", "acme-operator", "acme", roles=("member", "heat_stack_owner")),
    _row("user", "globex-operator", "globex", roles=("member",)),
    _row("application_credential", "acme-deploy", "acme", user="acme-operator"),
)

ADMINISTRATION = (
    _row("flavor", "m1.tiny", vcpus=1, ram=512, disk=1),
    _row("flavor", "m1.small", vcpus=1, ram=1024, disk=5),
    _row("flavor", "m1.medium", vcpus=2, ram=2048, disk=10),
    _row("image", "debian-12", visibility="public", kib=1024, min_disk=1),
    _row("image", "cirros", visibility="public", kib=64, min_disk=0),
    _row("image", "acme-golden", "acme", visibility="private", kib=256, min_disk=1),
    _row("volume_type", "nfs", backend="nfs1"),
    _row("volume_type", "nfs-archive", backend="nfs1"),
    _row("aggregate", "main", zone=MAIN_ZONE, hosts=MAIN_HOSTS, metadata={}),
    _row("aggregate", "edge", zone="edge", hosts=("compute05",), metadata={}),
    _row("aggregate", "ssd", zone=None, hosts=("compute01", "compute02"), metadata={"ssd": "true"}),
    _row("external_network", "public", physical="physnet1", cidr="203.0.113.0/24"),
    _row("quota", "acme", "acme", cores=40, instances=20, volumes=20, floating_ips=10),
    _row("quota", "globex", "globex", cores=20, instances=10, volumes=10, floating_ips=5),
)

FOUNDATIONS = (
    _row("network", "acme-net", "acme", cidr="10.10.0.0/24", router="acme-router"),
    _row("network", "globex-net", "globex", cidr="10.20.0.0/24", router="globex-router"),
    _row("security_group", "acme-web", "acme", tcp={443: "0.0.0.0/0", 22: "10.0.0.0/8"}),
    _row("security_group", "globex-web", "globex", tcp={443: "0.0.0.0/0"}),
    _row("keypair", "acme-key", "acme", user="acme-operator"),
    _row("server_group", "acme-web", "acme", policy="anti-affinity"),
    _row("volume", "db01-data", "acme", gib=2),
    _row("volume", "db01-wal", "acme", gib=1),
    _row("volume", "scratch", "acme", gib=1),
    _row("volume", "ledger", "globex", gib=1, type="nfs-archive"),
    _row("volume", "bfv01-root", "globex", gib=2, image="debian-12"),
)

SERVERS = (
    _server("web01", "acme", "compute01", group="acme-web", security_group="acme-web"),
    _server("web02", "acme", "compute02", group="acme-web", security_group="acme-web"),
    _server("app01", "acme", "compute01", floating_ip=True),
    _server("app02", "acme", "compute04", flavor="m1.medium"),
    _server("db01", "acme", "compute03", flavor="m1.medium", volumes=("db01-data", "db01-wal")),
    _server("batch01", "acme", "compute02", status="SHUTOFF"),
    _server("dev01", "acme", "compute03", flavor="m1.tiny", status="PAUSED"),
    _server("dev02", "acme", "compute04", flavor="m1.tiny", status="SUSPENDED"),
    _server("old01", "acme", "compute03", flavor="m1.tiny", status="SHELVED_OFFLOADED"),
    _server("shop01", "globex", "compute02", security_group="globex-web", floating_ip=True),
    _server("shop02", "globex", "compute03", security_group="globex-web"),
    _server("bfv01", "globex", "compute04", boot_volume="bfv01-root"),
    _server("report01", "globex", "compute01", status="SHUTOFF"),
    _server("edge01", "globex", "compute05", zone="edge", flavor="m1.tiny"),
)

EXTRAS = (
    _row("server_image", "web01-snapshot", "acme", server="web01"),
    _row("volume_snapshot", "scratch-monday", "acme", volume="scratch"),
    _row("volume_backup", "ledger-weekly", "globex", volume="ledger"),
    _row("floating_ip", "spare", "acme"),
    _row("stack", "acme-lab", "acme", cidr="10.30.0.0/24"),
)

STAGES: tuple[tuple[Row, ...], ...] = (IDENTITY, ADMINISTRATION, FOUNDATIONS, SERVERS, EXTRAS)
"""Rows of a stage need only rows of earlier stages (and earlier rows of IDENTITY)."""

WORLD: tuple[Row, ...] = tuple(row for stage in STAGES for row in stage)


def rows(kind: str) -> list[Row]:
    """Return the rows of one kind."""
    return [row for row in WORLD if row.kind == kind]
