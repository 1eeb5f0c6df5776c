# SPDX-License-Identifier: Apache-2.0
"""The proof that a server is really elsewhere: every witness is asked, not only Nova."""

from collections.abc import Collection
from typing import Any

import msgspec

from day2.adapters.openstack.network import Binding
from day2.engine.action import Doing
from day2.errors import Denied, NotDeployed
from day2.model.tables.compute import Server
from day2.model.tables.network import Port
from day2.model.tables.storage import Volume
from day2.operations.hosts.actions.cloud import Cloud
from day2.operations.hosts.actions.facts import word

SETTLING_SECONDS = 120
ACTIVE, INACTIVE = "ACTIVE", "INACTIVE"


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What the witnesses say; it holds when nothing is `missing`."""

    at: float
    gone: bool = False
    host: str = ""
    missing: list[str] = []
    facts: dict[str, Any] = {}

    @property
    def holds(self) -> bool:
        """Whether every witness agrees."""
        return not self.gone and not self.missing


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What must be true of a server that has moved.

    `move` is the uuid of its move, empty when it moved without us; `volumes` the ids that were
    attached before, joined by commas. `source_keeps` is for a dead source: what the server took
    there is given back when its nova-compute starts again.
    """

    server_id: str
    source: str
    status: str
    volumes: str
    move: str = ""
    ended: Collection[str] = ()
    source_keeps: bool = False


def prove(do: Doing, cloud: Cloud, expected: Expected) -> Proof:
    """Ask the witnesses until they agree, two minutes at most; then once more, for the record.

    Ports and attachments follow a server some moments later.
    """

    def agreed() -> bool | None:
        found = ask(cloud, expected)
        return True if found.holds or found.gone else None

    do.wait("witnesses", agreed, bool, seconds_max=SETTLING_SECONDS)
    return do.read("proof", lambda: ask(cloud, expected), Proof)


def ask(cloud: Cloud, expected: Expected) -> Proof:
    """Ask every witness once."""
    server = cloud.compute.server(expected.server_id)
    if server is None:
        return Proof(at=cloud.at(), gone=True)
    missing = [*_of_server(server, expected)]
    facts: dict[str, Any] = {"status": server.status, "host": server.host or ""}
    for witness in (_move, _ports, _volumes, _allocations):
        lacking, found = witness(cloud, server, expected)
        missing += lacking
        facts |= found
    return Proof(at=cloud.at(), host=server.host or "", missing=missing, facts=facts)


Witness = tuple[list[str], dict[str, Any]]


def _of_server(server: Server, expected: Expected) -> list[str]:
    missing = []
    if not server.host or server.host == expected.source:
        missing.append(f"its host is {word(server.host)}")
    if server.status != expected.status:
        missing.append(f"its status is {server.status}, not {expected.status}")
    if server.task_state is not None:
        missing.append(f"it is still busy ({server.task_state})")
    return missing


def _move(cloud: Cloud, server: Server, expected: Expected) -> Witness:
    if not expected.move:
        return [], {"migration": "none of ours"}
    rows = cloud.compute.moves_of(server.id)
    row = next((row for row in rows if row.uuid == expected.move), None)
    if row is None:
        return ["the record of its migration is gone"], {}
    facts = {"migration": row.id, "migration_status": row.status}
    if row.status in expected.ended:
        return [], facts
    return [f"migration {row.id} says {row.status}"], facts


def _ports(cloud: Cloud, server: Server, _expected: Expected) -> Witness:
    missing: list[str] = []
    ports = cloud.network.ports_of(server.id)
    unread = 0
    for port in ports:
        bindings = cloud.network.bindings(port.id)
        unread += bindings is None
        missing += _of_port(port, bindings, server.host or "")
    witness = "their bindings" if not unread else "their host: bindings are not shown to us"
    return missing, {"ports": len(ports), "ports_by": witness}


def _of_port(port: Port, bindings: list[Binding] | None, host: str) -> list[str]:
    missing = []
    if (port.host or "") != host:
        missing.append(f"port {port.id} is bound to {word(port.host)}")
    if port.vif_type == "binding_failed":
        missing.append(f"port {port.id} could not be bound")
    for binding in bindings or []:
        if binding.status == INACTIVE:
            missing.append(f"port {port.id} has an INACTIVE binding left on {binding.host}")
        elif binding.host != host:
            missing.append(f"port {port.id} has its binding on {binding.host}")
    return missing


def _volumes(cloud: Cloud, server: Server, expected: Expected) -> Witness:
    now = {volume.id for volume in server.volumes}
    before = set(expected.volumes.split(",")) - {""}
    missing = [f"volume {own} is no longer attached" for own in sorted(before - now)]
    missing += [f"volume {own} was not attached before" for own in sorted(now - before)]
    facts: dict[str, Any] = {"volumes": len(now)}
    try:
        for own in sorted(now):
            missing += _of_volume(cloud.storage.volume(own), own, server)
    except (Denied, NotDeployed):
        facts["volumes_by"] = "compute alone: the volumes are not shown to us"
    return missing, facts


def _of_volume(volume: Volume | None, own: str, server: Server) -> list[str]:
    if volume is None:
        return [f"volume {own} is gone"]
    mine = [ref for ref in volume.attachments if ref.server_id == server.id]
    if len(mine) != 1:
        return [f"volume {own} is attached to it {len(mine)} times"]
    # The connector says what its host calls itself: with a domain, or without.
    there, host = (_label(name) for name in (mine[0].host_name, server.host))
    if there and there != host:
        return [f"volume {own} is attached on {mine[0].host_name}"]
    return []


def _label(name: str | None) -> str:
    return (name or "").partition(".")[0].lower()


def _allocations(cloud: Cloud, server: Server, expected: Expected) -> Witness:
    names = cloud.placement.providers_of(server.id)
    facts = {"providers": names}
    node = server.hypervisor_hostname
    others = [name for name in names if name != node]
    if expected.source_keeps and _label(expected.source) in {_label(name) for name in others}:
        facts["kept_by_source"] = others
        others = []
    if node in names and not others:
        return [], facts
    return [f"Placement has it on {', '.join(names) or 'no provider'}"], facts
