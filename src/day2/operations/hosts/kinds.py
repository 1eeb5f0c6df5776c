# SPDX-License-Identifier: Apache-2.0
"""Which tables decide about a host: a plan is made of all of them, or not at all."""

from collections.abc import Iterable, Mapping

from day2.errors import Refused
from day2.model.survey import Survey

# By the service type that offers them: a cloud without the service has none of it.
_DECIDING: dict[str, tuple[str, ...]] = {
    "compute": (
        "servers",
        "compute_services",
        "hypervisors",
        "migrations",
        "aggregates",
        "server_groups",
    ),
    "placement": ("providers", "inventories", "traits", "allocations"),
    "network": ("ports", "agents", "networks", "routers"),
    "block-storage": ("volumes", "volume_services"),
    "load-balancer": ("load_balancers", "amphorae"),
    "identity": ("catalog_services",),
}
_ALWAYS = frozenset({"compute", "placement", "network", "identity"})
# They make a plan better to read, or tell that this is no time for it.
_TELLING = ("projects", "users", "database_nodes", "bus_nodes", "alerts", "alertmanagers")

DRAIN_KINDS: tuple[str, ...] = (*(k for kinds in _DECIDING.values() for k in kinds), *_TELLING)
REASONS_MAX = 3
ENABLE_KINDS = DRAIN_KINDS
EVACUATE_KINDS = DRAIN_KINDS


def require_whole(survey: Survey) -> None:
    """Make sure that everything that decides was read whole.

    Raises:
        Refused: naming what was not; nothing is planned from a part of the picture.

    """
    lost = list(_lost(survey))
    if lost:
        said = _said(lost, {gap.kind: gap.message for gap in survey.gaps})
        raise Refused(
            f"the picture of {survey.cloud} is incomplete, so nothing is planned: {said}",
            hint="A list that is cut short looks like a host with fewer servers. day2 doctor "
            "tells what this account may not read; then ask again.",
        )
    blind = sorted({s.host for s in survey.tables.compute_services if s.status == "UNKNOWN"})
    unknown = [s.id for s in survey.tables.servers if s.status == "UNKNOWN"]
    if blind or unknown:
        raise Refused(
            f"a cell of Nova is down ({len(blind)} hosts and {len(unknown)} servers of it are "
            "known by name only), so nothing is planned",
            hint="openstack compute service list shows them as UNKNOWN: bring the cell's database "
            "and bus back, then ask again.",
        )


def _said(lost: Iterable[str], why: Mapping[str, str]) -> str:
    """Say what was not read, by reason: a dead cloud has one for twenty tables."""
    by_reason: dict[str, list[str]] = {}
    for kind in lost:
        by_reason.setdefault(why.get(kind, ""), []).append(kind)
    shown = [
        f"{', '.join(kinds)} ({reason})" if reason else ", ".join(kinds)
        for reason, kinds in list(by_reason.items())[:REASONS_MAX]
    ]
    more = len(by_reason) - len(shown)
    return "; ".join([*shown, *([f"and more for {more} other reasons"] if more else [])])


def _lost(survey: Survey) -> Iterable[str]:
    for service, kinds in _DECIDING.items():
        if service in survey.absent and service not in _ALWAYS:
            continue
        yield from (kind for kind in kinds if not survey.is_complete(kind))
