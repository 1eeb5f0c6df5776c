# SPDX-License-Identifier: Apache-2.0
"""What problems are looked for in: all that was found, logged, said and not read at one moment."""

from collections.abc import Iterator

import msgspec

from day2.model.explanation import Cause
from day2.model.finding import Finding, Subject
from day2.model.logs import LogTemplate
from day2.model.survey import Gap, Survey

NO_PLACE = "No valid host"
WORDS_MAX = 20_000
"""Of a cloud where everything failed, so many reasons are looked at: they repeat themselves."""


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """What OpenStack itself says of a failure of one thing."""

    subject: Subject
    text: str


class Clues(msgspec.Struct, frozen=True, kw_only=True):
    """Everything at hand; what was not looked at is empty.

    `folded` are findings that another one explains: they tell less. `causes` are those that the
    story of one subject named.
    """

    findings: list[Finding] = []
    folded: list[Finding] = []
    templates: list[LogTemplate] = []
    words: list[Words] = []
    causes: list[tuple[Subject, Cause]] = []
    gaps: list[Gap] = []


def words_of(survey: Survey) -> list[Words]:
    """Gather the reasons that OpenStack keeps with what failed."""
    found = []
    for words in _words(survey):
        if words.text.strip():
            found.append(words)
        if len(found) >= WORDS_MAX:
            break
    return found


def without_a_place(survey: Survey) -> list[str]:
    """Return the ids of the servers that the scheduler found no place for, newest first."""
    own = {row.server_id: row.fault for row in survey.tables.server_faults}
    found = []
    for server in survey.tables.servers:
        fault = server.fault or own.get(server.id)
        if fault is not None and NO_PLACE in fault.message:
            at = fault.created or server.updated or server.created
            found.append((at.timestamp() if at else 0.0, server.id))
    return [own_id for _at, own_id in sorted(found, reverse=True)]


def _words(survey: Survey) -> Iterator[Words]:
    tables = survey.tables
    own = {row.server_id: row.fault for row in tables.server_faults}
    for server in tables.servers:
        fault = server.fault or own.get(server.id)
        if fault is not None:
            subject = Subject(
                type="server",
                id=server.id,
                name=server.name,
                project=server.project_id,
                host=server.host or "",
            )
            yield Words(subject=subject, text=fault.message)
    for stack in tables.stacks:
        if stack.stack_status.endswith("FAILED"):
            subject = Subject(type="stack", id=stack.id, name=stack.stack_name)
            yield Words(subject=subject, text=stack.stack_status_reason)
    for backup in tables.volume_backups:
        if backup.fail_reason:
            subject = Subject(type="volume backup", id=backup.id, name=backup.name or "")
            yield Words(subject=subject, text=backup.fail_reason)
    services = [
        *((row.binary, row.host, row.disabled_reason) for row in tables.compute_services),
        *((row.binary, row.host, row.disabled_reason) for row in tables.volume_services),
    ]
    for binary, host, reason in services:
        if reason:
            subject = Subject(type="service", id=f"{binary}@{host}", host=host)
            yield Words(subject=subject, text=reason)
