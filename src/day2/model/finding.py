# SPDX-License-Identifier: Apache-2.0
"""A finding: one thing that is not well, what decided so, and what to do about it."""

from typing import Any

import msgspec

from day2.model.severity import Severity


class Subject(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a finding is about, in OpenStack's own terms.

    `id` is what the API takes (a UUID, or a name where names are ids: hosts, zones); `host` is the
    host it lives on, which is how consequences find their cause.
    """

    type: str
    id: str
    name: str = ""
    project: str = ""
    host: str = ""

    @property
    def label(self) -> str:
        """Say what a person calls it: its name, else its id."""
        return self.name or self.id


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One judged fact.

    `key` is stable from round to round, so that two rounds can be compared. `why` names the policy
    setting (with its value) that decided. `plan` is the command that would make a plan for it,
    empty where day2 has none yet. `noise` names the entry of the known-noise table that covers it.
    """

    key: str
    check: str
    severity: Severity
    subject: Subject
    summary: str
    why: str
    evidence: dict[str, Any] = {}
    advice: str = ""
    plan: str = ""
    noise: str = ""
    consequences: list[str] = []


def finding_key(check: str, subject: Subject, aspect: str = "") -> str:
    """Build the stable key `check:type:id[:aspect]`.

    `aspect` tells apart two findings of one check about one subject (two resource classes of one
    provider); it must itself be stable (no counts, no times).
    """
    parts = [check, subject.type, subject.id, *([aspect] if aspect else [])]
    return ":".join(parts)
