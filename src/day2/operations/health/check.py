# SPDX-License-Identifier: Apache-2.0
"""What a check is: a name, the tables that it needs, and a pure function from facts to findings."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from day2.model.finding import Finding, Subject, finding_key
from day2.model.severity import Severity
from day2.model.survey import Survey, Tables
from day2.model.tables import utc
from day2.operations.health.policy import HealthPolicy


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a check may look at.

    `history` are earlier surveys of the same cloud, newest first, with the tables of services,
    hosts and containers only.
    """

    survey: Survey
    policy: HealthPolicy
    now: datetime
    history: list[Survey] = []

    @property
    def tables(self) -> Tables:
        """The rows of this survey."""
        return self.survey.tables

    def age(self, moment: datetime | None) -> timedelta | None:
        """How long ago it was; None when it is not known, zero when it lies in the future."""
        aware = utc(moment)
        return None if aware is None else max(self.now - aware, timedelta(0))

    def older(self, moment: datetime | None, bound: timedelta) -> bool:
        """Tell whether it was longer ago than this; an unknown moment never is."""
        age = self.age(moment)
        return age is not None and age > bound


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One check.

    It is run when at least one of `needs` was read; it is *judged* (so that earlier findings count
    as gone) only when all of `needs` are complete. `settings` are the policy fields that decide.
    """

    name: str
    title: str
    needs: tuple[str, ...]
    judge: Callable[[Facts], Iterable[Finding]]
    settings: tuple[str, ...] = ()
    advice: str = ""

    def run(self, facts: Facts) -> list[Finding]:
        """Judge the facts; no finding means well, or nothing to judge."""
        if not any(facts.survey.was_read(kind) for kind in self.needs):
            return []
        return list(self.judge(facts))

    def is_judged(self, survey: Survey) -> bool:
        """Tell whether the absence of a finding means that all is well."""
        return all(survey.is_complete(kind) for kind in self.needs)


def finding(
    check: str,
    severity: Severity,
    subject: Subject,
    summary: str,
    *,
    why: str,
    evidence: dict[str, Any] | None = None,
    advice: str = "",
    aspect: str = "",
) -> Finding:
    """Make a finding with its stable key."""
    return Finding(
        key=finding_key(check, subject, aspect),
        check=check,
        severity=severity,
        subject=subject,
        summary=summary,
        why=why,
        evidence={k: v for k, v in (evidence or {}).items() if v is not None},
        advice=advice,
    )


def setting(policy: HealthPolicy, name: str) -> str:
    """Say a policy setting with its value, for a finding's `why`."""
    return f"health.{name} = {getattr(policy, name)}"


def ago(age: timedelta | None) -> str:
    """Say an age in the largest unit that fits: `3 d`, `5 h`, `12 min`, `40 s`."""
    if age is None:
        return "an unknown time"
    seconds = int(age.total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size or (seconds >= size and unit != "min"):
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def short_host(host: str | None) -> str:
    """Return the host of `host@backend#pool` or `host.domain`: what other services call it."""
    return (host or "").split("@")[0].split("#")[0]
