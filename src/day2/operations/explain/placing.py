# SPDX-License-Identifier: Apache-2.0
"""Why the scheduler found no place: each host judged, the causes ranked, the nearest host named."""

from collections import Counter, defaultdict
from collections.abc import Sequence

import msgspec

from day2.model.explanation import Candidate, Cause, Reason
from day2.operations.explain.hosts import Host
from day2.operations.explain.objections import (
    AFFINITY,
    ANTI_AFFINITY,
    DISABLED,
    DOWN,
    UNKNOWN_HOST,
    ZONE,
    apart,
    by_intent,
    by_state,
)
from day2.operations.explain.request import Request

NAMES_MAX = 4


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """Every host with its reasons, the causes, likeliest first, and the host that lacks least."""

    candidates: list[Candidate]
    causes: list[Cause]
    nearest: str


def judge(
    hosts: Sequence[Host], request: Request, filters: Sequence[str], *, shared_disk: bool
) -> Judged:
    """Judge each host as the scheduler would now, and say what kept the server away.

    Hosts that the request itself leaves out (another zone, no such trait) are no cause as long as
    others are left: those others are. Only when none is left, what the request asks for is the
    cause. A cause is the likelier the more hosts it alone keeps away.
    """
    elsewhere = apart(hosts, request)
    intent: dict[str, list[Reason]] = {}
    state: dict[str, list[Reason]] = {}
    for host in hosts:
        intent[host.name] = by_intent(host, request, filters)
        state[host.name] = by_state(host, request, shared_disk=shared_disk)
        if host.name in elsewhere:
            state[host.name].append(elsewhere[host.name])
    meant = [host.name for host in hosts if not intent[host.name]]
    decisive = {name: state[name] for name in meant} if meant else intent
    candidates = [
        Candidate(host=h.name, zone=h.zone, reasons=[*intent[h.name], *state[h.name]])
        for h in hosts
    ]
    return Judged(
        candidates=candidates,
        causes=_causes(decisive, request, every=not meant),
        nearest=_nearest(candidates),
    )


def _causes(decisive: dict[str, list[Reason]], request: Request, *, every: bool) -> list[Cause]:
    """Group the reasons by their code; nothing when a host is left that has none."""
    if not decisive or any(not reasons for reasons in decisive.values()):
        return []
    hosts: dict[str, dict[str, str]] = defaultdict(dict)
    alone: Counter[str] = Counter()
    for name, reasons in decisive.items():
        for reason in reasons:
            hosts[reason.code].setdefault(name, reason.text)
        codes = {reason.code for reason in reasons}
        if len(codes) == 1:
            alone[next(iter(codes))] += 1
    ranked = sorted(hosts, key=lambda code: (-alone[code], -len(hosts[code]), code))
    return [
        Cause(
            code=code,
            text=_text(code, len(hosts[code]), len(decisive), request, every=every),
            speaks_for=_listed(hosts[code]),
            speaks_against=_against(code, decisive, alone),
            advice=_advice(code, request),
        )
        for code in ranked
    ]


def _text(code: str, count: int, total: int, request: Request, *, every: bool) -> str:
    whose = "hosts" if every else "hosts that were asked for"
    share = f"all {total} {whose}" if count == total else f"{count} of {total} {whose}"
    if total == 1:
        share = "the only host" if every else "the only host that was asked for"
    kind = code.partition(" ")[0]
    said = {
        DOWN: "nova-compute is down",
        DISABLED: "nova-compute is disabled",
        UNKNOWN_HOST: "Placement or Nova does not know it",
        ZONE: f"not in the availability zone {request.zone} that was asked for",
        ANTI_AFFINITY: "another server of its anti-affinity group is there already",
        AFFINITY: "its affinity group is on another host",
        "trait": f"{code.partition(' ')[2]}: the trait is not as the request wants it",
        "aggregate": f"no aggregate with the {code.partition(' ')[2]} that the flavor wants",
        "image": f"the image's {code.partition(' ')[2]} does not fit",
        "tenants": "kept for other projects",
    }.get(kind)
    if said is None:
        what = {"MEMORY_MB": "memory", "DISK_GB": "disk"}.get(kind, kind)
        said = f"no such piece of {what}" if code.endswith(" unit") else f"not enough {what}"
    return f"{said}: {share}"


def _listed(hosts: dict[str, str]) -> list[str]:
    lines = [f"{name} {text}" for name, text in sorted(hosts.items())]
    more = len(lines) - NAMES_MAX
    return [*lines[:NAMES_MAX], *([f"and {more} more"] if more > 0 else [])]


def _against(code: str, decisive: dict[str, list[Reason]], alone: Counter[str]) -> list[str]:
    """Say which hosts would take the server no more if this cause were gone."""
    if alone[code]:
        return []
    held = sorted(n for n, reasons in decisive.items() if any(r.code == code for r in reasons))
    return [f"{', '.join(held[:NAMES_MAX])} would not take it without this either"]


def _nearest(candidates: Sequence[Candidate]) -> str:
    """Name the host with the fewest reasons; of those, the one that is least far from it."""
    if not candidates:
        return ""

    def distance(candidate: Candidate) -> tuple[int, float, str]:
        ratios = (r.missing_ratio for r in candidate.reasons)
        missing = sum(1.0 if ratio is None else ratio for ratio in ratios)
        return (len(candidate.reasons), missing, candidate.host)

    return min(candidates, key=distance).host


def _advice(code: str, request: Request) -> str:
    kind, _, rest = code.partition(" ")
    said = {
        DOWN: "Find out why nova-compute is down (day2 host list; its container's last lines).",
        DISABLED: "See who disabled it and why (openstack compute service list --long); "
        "day2 host enable HOST takes back what day2 disabled.",
        UNKNOWN_HOST: "Map it to its cell: nova-manage cell_v2 discover_hosts.",
        ZONE: "See the zones: openstack availability zone list --compute.",
        ANTI_AFFINITY: "A further host is needed, or soft-anti-affinity where that is enough.",
        AFFINITY: "Make room on the host of the group, or ask for soft-affinity.",
        "trait": f"See who has it: openstack resource provider list --required {rest}.",
        "aggregate": f"See which aggregates have {rest}: openstack aggregate list --long.",
        "image": f"Correct or remove {rest} of the image: openstack image set/unset --property.",
        "tenants": "See filter_tenant_id of the hosts' aggregates.",
    }.get(kind)
    if said is not None:
        return said
    if rest == "unit":
        return f"See max_unit of {kind}: openstack resource provider inventory list UUID."
    return (
        "Make room, or add a host: day2 usage show --scope aggregate tells where it is full. "
        f"{request.needs.get(kind, 0)} {kind} are wanted."
    )
