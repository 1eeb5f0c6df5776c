# SPDX-License-Identifier: Apache-2.0
"""Two surveys held against each other, in words: what came, what went, what is different."""

from collections.abc import Callable
from typing import Any

import msgspec

from day2.model.survey import Survey


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """What of one table is worth a word: how a row is told, and which fields may change."""

    noun: str
    fields: tuple[str, ...] = ()
    identity: Callable[[Any], str] = lambda row: str(row.id)
    label: Callable[[Any], str] = lambda row: str(getattr(row, "name", "") or row.id)


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One difference: `verb` is came, went or changed; `fields` maps a name to (before, after)."""

    kind: str
    verb: str
    id: str
    sentence: str
    fields: dict[str, tuple[Any, Any]] = {}


def _service(row: Any) -> str:  # noqa: ANN401 - two kinds of services
    return f"{row.binary} on {row.host}"


WATCHED: dict[str, Watched] = {
    "compute_services": Watched(
        noun="compute service",
        fields=("state", "status", "disabled_reason", "forced_down"),
        identity=_service,
        label=_service,
    ),
    "agents": Watched(noun="agent", fields=("alive", "admin_state_up"), label=_service),
    "volume_services": Watched(
        noun="volume service",
        fields=("state", "status", "disabled_reason"),
        identity=_service,
        label=_service,
    ),
    "hypervisors": Watched(
        noun="hypervisor",
        fields=("state", "status", "hypervisor_version"),
        label=lambda row: row.hypervisor_hostname,
    ),
    "servers": Watched(noun="server", fields=("status", "task_state", "host", "locked")),
    "aggregates": Watched(noun="aggregate", fields=("hosts", "availability_zone", "metadata")),
    "flavors": Watched(noun="flavor", fields=("vcpus", "ram", "disk", "extra_specs")),
    "providers": Watched(noun="resource provider", identity=lambda row: row.uuid),
    "networks": Watched(noun="network", fields=("status", "admin_state_up", "mtu", "shared")),
    "subnets": Watched(noun="subnet", fields=("cidr", "enable_dhcp", "gateway_ip")),
    "routers": Watched(noun="router", fields=("status", "admin_state_up")),
    "floating_ips": Watched(
        noun="floating IP",
        fields=("status", "port_id"),
        label=lambda row: row.floating_ip_address,
    ),
    "volumes": Watched(noun="volume", fields=("status", "size", "host", "volume_type")),
    "volume_snapshots": Watched(noun="volume snapshot", fields=("status",)),
    "volume_backups": Watched(noun="volume backup", fields=("status",)),
    "images": Watched(
        noun="image", fields=("status", "visibility", "protected", "os_hidden", "os_hash_value")
    ),
    "projects": Watched(noun="project", fields=("name", "enabled")),
    "users": Watched(noun="user", fields=("name", "enabled")),
    "domains": Watched(noun="domain", fields=("name", "enabled")),
    "endpoints": Watched(
        noun="endpoint",
        fields=("url", "enabled"),
        label=lambda row: f"{row.interface} {row.url}",
    ),
    "role_assignments": Watched(
        noun="role assignment",
        identity=lambda row: msgspec.json.encode(row).decode(),
        label=lambda row: _assignment(row),  # noqa: PLW0108 - defined below
    ),
    "application_credentials": Watched(noun="application credential"),
    "stacks": Watched(
        noun="stack", fields=("stack_status",), label=lambda row: row.stack_name or row.id
    ),
    "load_balancers": Watched(
        noun="load balancer", fields=("provisioning_status", "operating_status")
    ),
    "hosts": Watched(
        noun="host",
        fields=("reachable", "kernel", "os", "reboot_required"),
        identity=lambda row: row.name,
        label=lambda row: row.name,
    ),
    "containers": Watched(
        noun="container",
        fields=("state", "health", "image", "image_id"),
        identity=lambda row: f"{row.host}/{row.name}",
        label=lambda row: f"{row.name} on {row.host}",
    ),
    "database_nodes": Watched(
        noun="database node",
        fields=("reachable", "version", "local_state", "cluster_status", "cluster_size"),
        identity=lambda row: row.address,
        label=lambda row: row.address,
    ),
    "bus_nodes": Watched(
        noun="RabbitMQ node",
        fields=("running", "version"),
        identity=lambda row: row.name,
        label=lambda row: row.name,
    ),
    "certificates": Watched(
        noun="certificate",
        fields=("not_after", "issuer", "trusted"),
        identity=lambda row: row.address,
        label=lambda row: row.address,
    ),
}


def compare(before: Survey, after: Survey) -> list[Change]:
    """List every difference worth a word, table by table.

    A row counts as gone (or new) only when both surveys read its table completely.
    """
    changes: list[Change] = []
    for kind, watched in WATCHED.items():
        if not (before.was_read(kind) and after.was_read(kind)):
            continue
        old = {watched.identity(row): row for row in getattr(before.tables, kind)}
        new = {watched.identity(row): row for row in getattr(after.tables, kind)}
        if before.is_complete(kind) and after.is_complete(kind):
            changes += [_whole(kind, watched, "went", i, r) for i, r in old.items() if i not in new]
            changes += [_whole(kind, watched, "came", i, r) for i, r in new.items() if i not in old]
        changes += _changed(kind, watched, old, new)
    return changes


def _whole(kind: str, watched: Watched, verb: str, row_id: str, row: Any) -> Change:  # noqa: ANN401
    plain = "is new" if verb == "came" else "is gone"
    sentence = f"{watched.noun} {watched.label(row)} {plain}"
    return Change(kind=kind, verb=verb, id=row_id, sentence=sentence)


def _changed(kind: str, watched: Watched, old: dict[str, Any], new: dict[str, Any]) -> list[Change]:
    changes = []
    for row_id, row in new.items():
        earlier = old.get(row_id)
        if earlier is None or earlier == row:
            continue
        fields = {
            name: (getattr(earlier, name), getattr(row, name))
            for name in watched.fields
            if getattr(earlier, name) != getattr(row, name)
        }
        if fields:
            said = ", ".join(f"{n} {_said(a)} -> {_said(b)}" for n, (a, b) in fields.items())
            sentence = f"{watched.noun} {watched.label(row)}: {said}"
            changes.append(
                Change(kind=kind, verb="changed", id=row_id, sentence=sentence, fields=fields)
            )
    return changes


def _said(value: Any) -> str:  # noqa: ANN401 - any field of any row
    return "nothing" if value in (None, "", [], {}) else str(value)


def _assignment(row: Any) -> str:  # noqa: ANN401 - a RoleAssignment
    who = f"user {row.user.id}" if row.user else f"group {row.group.id if row.group else '?'}"
    scope = row.scope
    where = (
        f"project {scope.project.id}"
        if scope.project
        else f"domain {scope.domain.id}"
        if scope.domain
        else "the system"
    )
    return f"of role {row.role.id} to {who} on {where}"
