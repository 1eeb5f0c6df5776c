# SPDX-License-Identifier: Apache-2.0
"""Known noise: a table of findings that are true and mean nothing, shown as such."""

import fnmatch
import functools
from collections.abc import Iterable
from importlib import resources
from typing import Any

import msgspec

from day2.model.finding import Finding
from day2.model.severity import Severity
from day2.operations.health.check import Facts


class Noise(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry of the table."""

    id: str
    check: str
    note: str
    reference: str
    subject: str = "*"
    evidence: dict[str, Any] = {}

    def covers(self, found: Finding) -> bool:
        """Tell whether this entry explains a finding away."""
        return (
            fnmatch.fnmatchcase(found.check, self.check)
            and fnmatch.fnmatchcase(found.subject.id, self.subject)
            and all(found.evidence.get(k) == v for k, v in self.evidence.items())
        )


def known_noise(
    findings: Iterable[Finding], facts: Facts, table: tuple[Noise, ...] | None = None
) -> list[Finding]:
    """Lower what the table covers to `info` and name the entry in the finding."""
    del facts
    entries = shipped() if table is None else table
    return [_lowered(found, entries) for found in findings]


def _lowered(found: Finding, entries: tuple[Noise, ...]) -> Finding:
    for entry in entries:
        if entry.covers(found):
            return msgspec.structs.replace(
                found,
                severity=Severity.INFO,
                noise=entry.id,
                why=f"{found.why}; known noise {entry.id} ({entry.reference}): "
                f"{entry.note.strip()}",
            )
    return found


@functools.cache
def shipped() -> tuple[Noise, ...]:
    """Read the table that comes with day2."""
    from ruamel.yaml import YAML  # noqa: PLC0415 - start-up time

    text = resources.files("day2.operations.health").joinpath("data/noise.yaml").read_text()
    return msgspec.convert(YAML(typ="safe", pure=True).load(text), tuple[Noise, ...])
