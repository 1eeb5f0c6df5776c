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
from day2.operations.health.causes import CAUSES, CONTAINER, SERVICE, Cause

WHOLE = "host.down"


def fold(
    findings: Iterable[Finding], causes: tuple[Cause, ...] = CAUSES
) -> tuple[list[Finding], list[Finding]]:
    """Split findings into top-level ones (with the keys that they explain) and folded ones.

    A finding explains nothing that is worse than itself: a warning would hide what is critical. A
    host that is down is judged as a whole, and so is a service that is down on purpose.
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
    if not _matches(child.check, cause.consequences) or _hides(parent, child):
        return False
    if cause.of and not _matches(parent.subject.id, cause.of):
        return False
    if cause.subjects and not _matches(child.subject.id, cause.subjects):
        return False
    if cause.containers and _container_name(parent, child) not in cause.containers:
        return False
    match cause.same:
        case "host":
            return bool(parent.subject.host) and parent.subject.host == child.subject.host
        case "subject":
            return (parent.subject.type, parent.subject.id) == (
                child.subject.type,
                child.subject.id,
            )
        case "service":
            return (
                bool(parent.subject.host)
                and parent.subject.host == child.subject.host
                and _container_name(parent, child) == _service_container(parent, child)
            )
        case _:
            return parent.severity is not Severity.INFO


def _hides(parent: Finding, child: Finding) -> bool:
    return (
        parent.severity is Severity.WARNING
        and child.severity is Severity.CRITICAL
        and parent.check != WHOLE
    )


def _matches(word: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(word, pattern) for pattern in patterns)


def _container_name(parent: Finding, child: Finding) -> str:
    """Return the name of the container that one of the two is about; empty when none is."""
    return next((f.subject.name for f in (parent, child) if f.subject.type == CONTAINER), "")


def _service_container(parent: Finding, child: Finding) -> str | None:
    """Return what Kolla calls the container of the service that one of the two is about."""
    ids = [f.subject.id for f in (parent, child) if f.subject.type == SERVICE]
    return ids[0].partition("@")[0].replace("-", "_") if ids else None


def _top(key: str, parents: dict[str, str]) -> str:
    seen = {key}
    while key in parents and parents[key] not in seen:
        key = parents[key]
        seen.add(key)
    return key


def _order(found: Finding) -> tuple[int, str, str]:
    return (found.severity.rank, found.check, found.subject.label)
