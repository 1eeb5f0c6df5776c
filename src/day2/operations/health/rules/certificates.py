# SPDX-License-Identifier: Apache-2.0
"""Certificates of every TLS address: in time, trusted, for the right name."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from day2.model.finding import Finding, Subject
from day2.model.severity import Severity
from day2.model.tables import utc
from day2.model.tables.infrastructure import Certificate
from day2.operations.health.check import Check, Facts, ago, finding, setting

FAR = datetime.max.replace(tzinfo=UTC)


def _groups(
    facts: Facts, wrong: Callable[[Certificate], bool]
) -> Iterator[tuple[Subject, list[Certificate], str]]:
    """Put the addresses that show one certificate together: a proxy serves it on twenty ports.

    The name stays when the certificate is renewed, and so does the finding's key.
    """
    found: dict[str, list[Certificate]] = defaultdict(list)
    for certificate in facts.tables.certificates:
        if not certificate.error and wrong(certificate):
            name = next(iter(certificate.names), "") or certificate.subject or certificate.address
            found[name].append(certificate)
    for name, group in sorted(found.items()):
        addresses = sorted(certificate.address for certificate in group)
        more = f" and {len(addresses) - 1} more" if len(addresses) > 1 else ""
        where = f"the certificate {name} at {addresses[0]}{more}"
        yield Subject(type="certificate", id=name), group, where


def _evidence(group: list[Certificate]) -> dict[str, object]:
    first = min(group, key=lambda c: (utc(c.not_after) or FAR, c.address))
    return {
        "addresses": sorted(certificate.address for certificate in group),
        "used_by": sorted({name for certificate in group for name in certificate.used_by}),
        "subject": first.subject,
        "issuer": first.issuer,
        "names": first.names,
        "not_before": first.not_before and first.not_before.isoformat(),
        "not_after": first.not_after and first.not_after.isoformat(),
    }


def expiring(facts: Facts) -> Iterator[Finding]:
    """A certificate that has expired, or soon will have."""
    policy = facts.policy
    bound = facts.now + timedelta(days=policy.certificate_warning_days)
    for subject, group, where in _groups(facts, lambda c: (utc(c.not_after) or FAR) <= bound):
        left = min(utc(certificate.not_after) or FAR for certificate in group) - facts.now
        critical = left <= timedelta(days=policy.certificate_critical_days)
        name = "certificate_critical_days" if critical else "certificate_warning_days"
        expired = left <= timedelta(0)
        yield finding(
            "certificate.expires",
            Severity.CRITICAL if critical else Severity.WARNING,
            subject,
            f"{where} " + (f"expired {ago(-left)} ago" if expired else f"expires in {ago(left)}"),
            why="clients refuse an expired certificate" if expired else setting(policy, name),
            evidence=_evidence(group),
            advice="Renew it, then: kolla-ansible reconfigure -t loadbalancer "
            "(kolla-ansible certificates makes self-signed ones only).",
        )


def not_yet_valid(facts: Facts) -> Iterator[Finding]:
    """A certificate whose time has not come: a wrong clock, or a rollout too early."""
    for subject, group, where in _groups(
        facts, lambda c: (utc(c.not_before) or facts.now) > facts.now
    ):
        begins = max(utc(certificate.not_before) or facts.now for certificate in group)
        yield finding(
            "certificate.not_yet_valid",
            Severity.CRITICAL,
            subject,
            f"{where} is valid only in {ago(begins - facts.now)}",
            why="clients refuse a certificate before its time",
            evidence=_evidence(group),
            advice="See whether the clock here, or where it was issued, is wrong.",
        )


def untrusted(facts: Facts) -> Iterator[Finding]:
    """A chain that the cloud's own CA did not sign."""
    for subject, group, where in _groups(facts, lambda c: c.trusted is False):
        own = all(certificate.subject == certificate.issuer for certificate in group)
        yield finding(
            "certificate.untrusted",
            Severity.CRITICAL,
            subject,
            f"{where} is not trusted: "
            + ("it is signed by itself" if own else "its chain does not end at the CA"),
            why="the account's cacert (or clouds.NAME.tls.ca_file) did not sign it",
            evidence=_evidence(group),
            advice="If the CA is right, see whether the intermediate certificate is in the file "
            "that HAProxy serves; else name the CA as cacert in clouds.yaml.",
        )


def wrong_names(facts: Facts) -> Iterator[Finding]:
    """A certificate for another name than the one that the catalogue gives."""
    for subject, group, where in _groups(facts, lambda c: c.name_matches is False):
        names = ", ".join(group[0].names[:5]) or "no name at all"
        yield finding(
            "certificate.name_mismatch",
            Severity.CRITICAL,
            subject,
            f"{where} is for another name: {names}",
            why="clients compare the host of the URL with the certificate's alternative names",
            evidence=_evidence(group),
            advice="Issue one with this name (kolla_internal_fqdn, kolla_external_fqdn), or "
            "correct the endpoint.",
        )


CHECKS = (
    Check(
        name="certificate.expires",
        title="Certificates that expire soon",
        needs=("certificates",),
        judge=expiring,
        settings=("certificate_warning_days", "certificate_critical_days"),
    ),
    Check(
        name="certificate.not_yet_valid",
        title="Certificates whose time has not come",
        needs=("certificates",),
        judge=not_yet_valid,
    ),
    Check(
        name="certificate.untrusted",
        title="Certificates that nobody trusts",
        needs=("certificates",),
        judge=untrusted,
    ),
    Check(
        name="certificate.name_mismatch",
        title="Certificates for another name",
        needs=("certificates",),
        judge=wrong_names,
    ),
)
