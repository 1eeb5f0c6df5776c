# SPDX-License-Identifier: Apache-2.0
"""The names in a scenario: those of its servers, and that each that is referred to is there."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from day2.errors import BadSettings

if TYPE_CHECKING:
    from day2.sandbox.scenario import Scenario, Server


def refuse_dangling(scenario: "Scenario", what: str) -> None:
    """See that every name that is referred to is there.

    Raises:
        BadSettings: when one is not; the message names it.

    """
    projects = {"admin", "service", *(p.name for p in scenario.projects)}
    hosts = {h.name for h in scenario.hosts}
    servers = {n for s in scenario.servers for n in names_of(s)}
    networks = {n.name for n in scenario.networks}
    groups = {"default", *(g.name for g in scenario.security_groups)}
    volumes = {v.name for v in scenario.volumes}
    images = {i.name for i in scenario.images}
    flavors = {f.name for f in scenario.flavors}
    used: list[tuple[str, Iterable[str], set[str]]] = [
        ("host", (h for a in scenario.aggregates for h in a.hosts), hosts),
        ("host", (d.host for d in scenario.dead), hosts),
        ("host", (h for s in scenario.servers for h in s.host), hosts),
        ("host", (p.host for p in scenario.pools), hosts),
        ("host", (h for m in scenario.migrations for h in (m.source, m.target)), hosts),
        ("host", (c.host for c in scenario.containers), hosts),
        ("host", (d.host for d in scenario.disks), hosts),
        ("host", (h for e in scenario.logs for h in e.hosts), hosts),
        ("host", scenario.virtual_address.hosts or [], hosts),
        ("host", scenario.fernet_differs, hosts),
        ("host", (c.host for c in scenario.clocks), hosts),
        ("project", (b.project for b in scenario.load_balancers), projects),
        ("network", (b.network for b in scenario.load_balancers), networks),
        ("server", (n for b in scenario.load_balancers for n in b.amphorae), servers),
        ("project", (u.project for u in scenario.users), projects),
        ("project", (n.project for n in scenario.networks), projects),
        ("project", (s.project for s in scenario.servers), projects),
        ("project", (v.project for v in scenario.volumes), projects),
        ("project", (p.project for p in scenario.ports), projects),
        ("project", (f.project for f in scenario.floating_ips), projects),
        ("project", (s.project for s in scenario.stacks), projects),
        ("project", (g.project for g in scenario.security_groups), projects),
        ("project", (i.project for i in scenario.images), projects),
        ("network", (s.network for s in scenario.servers), networks),
        ("network", (p.network for p in scenario.ports), networks),
        ("security group", (s.security_group for s in scenario.servers), groups),
        ("flavor", (s.flavor for s in scenario.servers), flavors),
        ("image", (s.image for s in scenario.servers if s.image), images),
        ("volume", (s.boot_volume for s in scenario.servers if s.boot_volume), volumes),
        ("volume", (s.volume for s in scenario.snapshots), volumes),
        ("volume", (b.volume for b in scenario.backups), volumes),
        ("server", (v.server for v in scenario.volumes if v.server), servers),
        ("server", (m.server for m in scenario.migrations), servers),
        ("server", (i.of_server for i in scenario.images if i.of_server), servers),
    ]
    for kind, names, there in used:
        missing = sorted(set(names) - there)
        if missing:
            raise BadSettings(f"scenario {what}: there is no {kind} {missing[0]!r}")


def names_of(server: "Server") -> list[str]:
    """Return the names of an entry's servers: its own, or numbered ones."""
    if server.count == 1:
        return [server.name]
    width = max(2, len(str(server.count)))
    return [f"{server.name}-{number:0{width}d}" for number in range(1, server.count + 1)]
