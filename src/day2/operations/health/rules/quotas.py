# SPDX-License-Identifier: Apache-2.0
"""Quotas that are nearly used up."""

from collections.abc import Iterator

from day2.model.finding import Finding, Subject
from day2.model.severity import Severity
from day2.model.tables.others import QuotaUse
from day2.operations.health.check import Check, Facts, finding, setting
from day2.operations.health.rules import crowd, sight

CLIENT_FLAGS = {"compute": "--compute", "block-storage": "--volume", "network": "--network"}


@crowd.bounded("quotas are nearly used up", by=crowd.PROJECT, tell="resource")
def nearly_full(facts: Facts) -> Iterator[Finding]:
    """Find quotas of projects that are nearly used up: the next request there is refused.

    A limit of nothing is a decision, unless something is used all the same.
    """
    names = sight.project_names(facts.tables)
    services = set(facts.policy.quota_service_projects)
    for row in facts.tables.quotas:
        used, limit = row.in_use + row.reserved, sight.number(row.limit)
        if limit is None or limit < 0 or used <= 0:
            continue
        if used < facts.policy.quota_used_warning_ratio * limit:
            continue
        name = names.get(row.project_id, "")
        yield _finding(facts, row, used, name, own=name not in services)


def _finding(facts: Facts, row: QuotaUse, used: int, name: str, *, own: bool) -> Finding:
    why = setting(facts.policy, "quota_used_warning_ratio")
    if not own:
        why += f"; info: {setting(facts.policy, 'quota_service_projects')}"
    flag = CLIENT_FLAGS.get(row.service, "")
    return finding(
        "quota.nearly_full",
        Severity.WARNING if own else Severity.INFO,
        Subject(type="project", id=row.project_id, name=name, project=row.project_id),
        f"project {name or row.project_id} uses {used:,} of {row.limit or 0:,} {row.resource} "
        f"({row.service})" + (f", {row.reserved:,} of them reserved" if row.reserved else ""),
        why=why,
        evidence={
            "service": row.service,
            "resource": f"{row.service} {row.resource}",
            "limit": row.limit,
            "in_use": row.in_use,
            "reserved": row.reserved,
        },
        advice=sight.command(f"openstack quota show --usage {flag}".rstrip(), row.project_id),
        aspect=f"{row.service}.{row.resource}",
    )


CHECKS = (
    Check(
        name="quota.nearly_full",
        title="A quota that is nearly used up",
        needs=("quotas",),
        judge=nearly_full,
        settings=("quota_used_warning_ratio", "quota_service_projects"),
    ),
)
