# SPDX-License-Identifier: Apache-2.0
"""What Ceph itself says is not well."""

from collections.abc import Iterator

from day2.model.finding import Finding, Subject
from day2.model.severity import Severity
from day2.operations.health.check import Check, Facts, finding

GRAVE = "HEALTH_ERR"


def health(facts: Facts) -> Iterator[Finding]:
    """Tell each of Ceph's own checks; what somebody muted there is information."""
    for check in facts.tables.ceph_health:
        severity = Severity.CRITICAL if check.severity == GRAVE else Severity.WARNING
        yield finding(
            "ceph.health",
            Severity.INFO if check.muted else severity,
            Subject(type="ceph", id=check.code),
            f"Ceph says {check.code}: {check.summary}" + (" (muted there)" if check.muted else ""),
            why=f"Ceph reports this check as {check.severity}"
            + (" (info: it is muted in Ceph)" if check.muted else ""),
            evidence={"code": check.code, "severity": check.severity, "muted": check.muted},
            advice="ceph health detail; ceph osd tree; ceph df",
        )


CHECKS = (
    Check(
        name="ceph.health",
        title="Something that Ceph itself says is not well",
        needs=("ceph_health",),
        judge=health,
    ),
)
