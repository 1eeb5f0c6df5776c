# SPDX-License-Identifier: Apache-2.0
"""A check of our own: every running server says by a tag who owns it."""

from collections.abc import Iterator

from day2.model.finding import Finding, Subject
from day2.model.severity import Severity
from day2.operations.health.check import Check, Facts, finding

TAG = "owner:"


def owners_missing(facts: Facts) -> Iterator[Finding]:
    """Find running servers without such a tag."""
    for server in facts.tables.servers:
        if server.status != "ACTIVE" or any(tag.startswith(TAG) for tag in server.tags):
            continue
        yield finding(
            "acme.server.owner_missing",
            Severity.WARNING,
            Subject(type="server", id=server.id, name=server.name, project=server.project_id),
            f"server {server.name} has no tag {TAG}NAME",
            why="ACME's rule: every server says who owns it",
            evidence={"tags": server.tags},
            advice=f"openstack server set --tag {TAG}NAME {server.id}",
        )


CHECKS = (
    Check(
        name="acme.server.owner_missing",
        title="A server that nobody owns",
        needs=("servers",),
        judge=owners_missing,
    ),
)
