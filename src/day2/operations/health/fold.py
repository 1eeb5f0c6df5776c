# SPDX-License-Identifier: Apache-2.0
"""One cause is one finding: what another finding explains is folded under it.

The table is read from the top: a cause that is itself explained by an earlier one is folded with
everything below it. `same` says how cause and consequence must belong together.
"""

import fnmatch
from collections.abc import Iterable

import msgspec

from day2.model.finding import Finding
from day2.model.severity import Severity

CLOUD, HOST, SUBJECT = "cloud", "host", "subject"


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """Findings of `check` explain findings of `consequences` (patterns) with the same place."""

    check: str
    same: str
    consequences: tuple[str, ...]


CAUSES: tuple[Cause, ...] = (
    Cause(
        check="identity.token.failed",
        same=CLOUD,
        consequences=("identity.endpoint.*",),
    ),
    Cause(
        check="bus.down",
        same=CLOUD,
        consequences=(
            "cloud.heartbeats.lost",
            "host.down",
            "compute.service.down",
            "network.agent.down",
            "volume.service.down",
            "bus.node.*",
            "bus.queue.*",
            "api.*",
            "server.task.stuck",
            "server.build.stuck",
            "network.port.*",
            "compute.cell.down",
        ),
    ),
    Cause(
        check="database.down",
        same=CLOUD,
        consequences=(
            "cloud.heartbeats.lost",
            "host.down",
            "compute.service.down",
            "network.agent.down",
            "volume.service.down",
            "database.node.*",
            "api.*",
            "compute.cell.down",
            "identity.*",
            "database.cluster.*",
        ),
    ),
    Cause(
        check="cloud.heartbeats.lost",
        same=CLOUD,
        consequences=(
            "host.down",
            "compute.service.down",
            "network.agent.down",
            "volume.service.down",
            "compute.cell.down",
        ),
    ),
    Cause(
        check="host.down",
        same=HOST,
        consequences=(
            "compute.service.*",
            "network.agent.*",
            "volume.service.*",
            "server.host.down",
            "server.task.stuck",
            "server.build.stuck",
            "compute.migration.stuck",
            "compute.hypervisor.*",
            "network.port.*",
            "host.unreachable",
            "service.flapping",
            "host.partly_known",
            "container.*",
        ),
    ),
    Cause(
        check="host.unreachable",
        same=HOST,
        consequences=("container.*", "host.disk.*", "host.clock.*"),
    ),
    Cause(
        check="compute.cell.down",
        same=CLOUD,
        consequences=("host.partly_known", "compute.hypervisor.*", "placement.allocation.*"),
    ),
    Cause(
        check="compute.service.down",
        same=HOST,
        consequences=(
            "server.host.down",
            "server.task.stuck",
            "server.build.stuck",
            "compute.migration.stuck",
            "compute.hypervisor.*",
        ),
    ),
    Cause(
        check="network.agent.down",
        same=HOST,
        consequences=("network.port.*",),
    ),
    Cause(
        check="volume.service.down",
        same=HOST,
        consequences=(
            "volume.stuck",
            "volume.snapshot.stuck",
            "volume.backup.stuck",
            "volume.pool.*",
        ),
    ),
    Cause(
        check="bus.node.down",
        same=CLOUD,
        consequences=("bus.queue.minority", "bus.stream.replicas", "bus.endpoint.down"),
    ),
    Cause(
        check="database.node.down",
        same=CLOUD,
        consequences=("database.cluster.size", "proxy.backend.down"),
    ),
    Cause(
        check="compute.service.disabled",
        same=SUBJECT,
        consequences=("compute.service.down",),
    ),
)


def fold(
    findings: Iterable[Finding], causes: tuple[Cause, ...] = CAUSES
) -> tuple[list[Finding], list[Finding]]:
    """Split findings into top-level ones (with the keys that they explain) and folded ones.

    A finding of severity info or ok explains nothing that is worse than itself, except a host or
    service that is down on purpose.
    """
    by_key = {found.key: found for found in findings}
    parents: dict[str, str] = {}
    for cause in causes:
        for parent in [f for f in by_key.values() if f.check == cause.check]:
            for child in by_key.values():
                if (
                    child.key == parent.key
                    or child.key in parents
                    or child.key == parents.get(parent.key)
                ):
                    continue
                if _belongs(parent, child, cause):
                    parents[child.key] = parent.key
    consequences: dict[str, list[str]] = {}
    for child_key in parents:
        consequences.setdefault(_top(child_key, parents), []).append(child_key)
    top = [
        msgspec.structs.replace(found, consequences=sorted(consequences.get(found.key, [])))
        for found in by_key.values()
        if found.key not in parents
    ]
    folded = [found for found in by_key.values() if found.key in parents]
    return sorted(top, key=_order), sorted(folded, key=_order)


def _belongs(parent: Finding, child: Finding, cause: Cause) -> bool:
    if not any(fnmatch.fnmatchcase(child.check, pattern) for pattern in cause.consequences):
        return False
    match cause.same:
        case "host":
            return bool(parent.subject.host) and parent.subject.host == child.subject.host
        case "subject":
            return (parent.subject.type, parent.subject.id) == (
                child.subject.type,
                child.subject.id,
            )
        case _:
            return parent.severity is not Severity.INFO


def _top(key: str, parents: dict[str, str]) -> str:
    seen = {key}
    while key in parents and parents[key] not in seen:
        key = parents[key]
        seen.add(key)
    return key


def _order(found: Finding) -> tuple[int, str, str]:
    return (found.severity.rank, found.check, found.subject.label)
