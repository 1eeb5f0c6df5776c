# SPDX-License-Identifier: Apache-2.0
"""The sentence that everything begins with: which planes, which hosts, since when; pure."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec

from day2.model.finding import Finding
from day2.model.severity import Severity
from day2.model.tables.infrastructure import Host
from day2.operations.evidence.ranking import plane_of
from day2.operations.evidence.words import clock

NAMES = {
    "bus": "message bus",
    "volume": "block storage",
    "balancing": "load balancing",
}
ROLES = (
    (("control",), "controller", "controllers"),
    (("network",), "network host", "network hosts"),
    (("storage",), "storage host", "storage hosts"),
    (("compute",), "compute host", "compute hosts"),
)
PLANES_MAX = 3
BAD = (Severity.CRITICAL, Severity.UNKNOWN, Severity.WARNING)


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What the sentence is made of; `moments` are those at which things were seen to go wrong."""

    findings: Sequence[Finding]
    folded: Sequence[Finding] = ()
    hosts: Sequence[Host] = ()
    moments: Sequence[datetime] = ()
    good_at: datetime | None = None


def sentence(seen: Seen, *, now: datetime, sections: tuple[int, int]) -> str:
    """Say it; `sections` are how many were read whole, and how many there are to read."""
    read = f"{sections[0]} of {sections[1]} sections read whole"
    worst = _worst(seen.findings)
    if not worst:
        whole, of = sections
        if whole < of:
            # What was not read may be ill: "nothing" is said of the rest, and comes second.
            return f"Only {read}; nothing at warning or worse in what was read."
        return f"Nothing at warning or worse; {read}."
    planes = list(dict.fromkeys(plane_of(finding) for finding in worst))
    named = [NAMES.get(plane, plane) for plane in planes[:PLANES_MAX]]
    left = len(planes) - PLANES_MAX
    *first, last = [*named, *([f"{left} more"] if left > 0 else [])]
    joined = f"{', '.join(first)} and {last}" if first else last
    planes_said = f"{joined} plane{'s' if len(planes) > 1 else ''}"
    parts = [planes_said, *_hosts(worst, seen), _since(seen, now)]
    return f"{parts[0][0].upper()}{', '.join(parts)[1:]}; {read}."


def _worst(findings: Iterable[Finding]) -> list[Finding]:
    found = [f for f in findings if f.severity in BAD and not f.noise]
    critical = [f for f in found if f.severity is Severity.CRITICAL]
    return critical or found


def _hosts(worst: Sequence[Finding], seen: Seen) -> list[str]:
    below = {key for finding in worst for key in finding.consequences}
    concerned = [*worst, *(f for f in seen.folded if f.key in below)]
    names = {f.subject.host for f in concerned if f.subject.host}
    names |= {f.subject.id for f in concerned if f.subject.type == "host"}
    said = []
    left = set(names)
    for groups, one, many in ROLES:
        members = {h.name for h in seen.hosts if set(groups) & set(h.groups)}
        hit = {name for name in left if name in members}
        left -= hit
        if hit:
            said.append(f"{len(hit)} of {len(members)} {one if len(members) == 1 else many}")
    if left and not said:
        said.append(f"{len(left)} host{'s' if len(left) > 1 else ''}")
    return said


def _since(seen: Seen, now: datetime) -> str:
    past = [at.astimezone(UTC) for at in seen.moments if at <= now]
    if past:
        return f"since {clock(min(past), now)} UTC"
    if seen.good_at is not None:
        return f"after {clock(seen.good_at, now)} UTC, when the last good round was well"
    return "since when is not known"
