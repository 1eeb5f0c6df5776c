# SPDX-License-Identifier: Apache-2.0
"""What one store says against what another says: what was read goes in, findings come out.

A rule only suspects. What must not be there is asked for by its id afterwards, and the finding
holds when every one of these answers is a proven 404.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import structs

from day2.model.finding import Finding
from day2.model.severity import Severity
from day2.operations.recovery.rules import guests, network, storage
from day2.operations.recovery.rules.seen import Picture, Suspect, Thing

RULES = (
    guests.guests,
    storage.attachments,
    storage.rbd_volumes,
    storage.image_data,
    network.ports,
    network.floating_ips,
)
# What the rounds find already: their checks judge the same survey.
REUSED = (
    "placement.allocation.missing",
    "placement.allocation.orphan",
    "placement.allocation.wrong_host",
    "placement.allocation.differs",
    "compute.hypervisor.no_provider",
    "placement.provider.no_hypervisor",
    "compute.service.duplicate",
    "server.host.unknown",
    "server.port.missing",
    "volume.attachment.orphan",
)
# As long as one of these stands, no compute host is opened.
HOLDING = (
    "recovery.guest.twice",
    "recovery.guest.nowhere",
    "recovery.guest.elsewhere",
    "recovery.guest.unknown",
)


def suspects(picture: Picture) -> list[Suspect]:
    """Return everything that two stores do not agree on."""
    return [found for rule in RULES for found in rule(picture)]


def of_checks(findings: Iterable[Finding]) -> Iterator[Suspect]:
    """Turn what the rounds' checks found into suspects: what they call gone is proven here."""
    for finding in findings:
        absent: list[Thing] = []
        if finding.check == "placement.allocation.orphan" and finding.subject.type == "consumer":
            absent = [("server", finding.subject.id)]
        elif finding.check == "volume.attachment.orphan" and "server" in finding.evidence:
            absent = [("server", str(finding.evidence["server"]))]
        yield Suspect(finding=finding, absent=absent)


def settled(found: Sequence[Suspect], proofs: Mapping[Thing, bool | None]) -> list[Finding]:
    """Keep what is proven, worst first.

    `proofs` says of each thing whether it is absent (True), there (False: the suspicion falls), or
    could not be asked for (None: the finding is of severity unknown).
    """
    kept = []
    for one in found:
        answers = [proofs.get(thing) for thing in one.absent]
        if any(answer is False for answer in answers):
            continue
        if any(answer is None for answer in answers):
            unproven = f"{one.finding.why}; that it is gone could not be proven by its id"
            kept.append(structs.replace(one.finding, severity=Severity.UNKNOWN, why=unproven))
        else:
            kept.append(one.finding)
    return sorted(kept, key=lambda finding: (finding.severity.rank, finding.key))


def holding(findings: Iterable[Finding]) -> list[str]:
    """Return the keys of those for which compute and the tenants' APIs stay closed."""
    bad = {Severity.CRITICAL, Severity.UNKNOWN}
    return [f.key for f in findings if f.check in HOLDING and f.severity in bad]
