# SPDX-License-Identifier: Apache-2.0
"""One log review: read, hold against what is remembered, judge; keeping it is the caller's."""

from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from day2.adapters.clock import Clock
from day2.errors import Day2Error
from day2.memory import logs
from day2.memory.store import Memory
from day2.model.finding import Finding
from day2.model.logs import LogReading, LogReview
from day2.model.severity import Severity, worst
from day2.model.survey import Gap
from day2.operations.logs import review, rules
from day2.operations.logs.known import Tables
from day2.operations.logs.mine import Known
from day2.operations.logs.policy import LogPolicy
from day2.operations.logs.review import Span

Read = Callable[[datetime, datetime], LogReading]


class Reviewed(msgspec.Struct, frozen=True, kw_only=True):
    """A review and what was judged of it."""

    review: LogReview
    findings: list[Finding]

    @property
    def severity(self) -> Severity:
        """The worst of its findings."""
        return worst(finding.severity for finding in self.findings)

    @property
    def exit_code(self) -> int:
        """Return 11 for critical, 12 for something unread, 10 for warning, as a round does."""
        if self.review.gaps and self.severity is not Severity.CRITICAL:
            return Severity.UNKNOWN.exit_code
        return self.severity.exit_code


def read(source: Read, span: Span, clock: Clock) -> tuple[LogReading, float]:
    """Read the logs; a source that cannot be used at all is one gap. Return also the seconds."""
    began = clock.monotonic()
    try:
        reading = source(span.since, span.until)
    except Day2Error as error:
        reading = LogReading(source="", gaps=[gap(error)])
    return reading, clock.monotonic() - began


def gap(error: Day2Error) -> Gap:
    """Make the gap of a review that could not read."""
    return Gap(kind="logs", what="logs", error=error.kind, message=str(error), hint=error.hint)


def judge(
    reading: LogReading,
    span: Span,
    *,
    memory: Memory,
    tables: Tables,
    policy: LogPolicy,
    seconds: float,
) -> Reviewed:
    """Make the review of what was read, held against earlier ones.

    Raises:
        MemoryUnusable: when the memory cannot be read.

    """
    before = logs.templates(memory, span.cloud, span.region)
    known = [Known(key=t.key, service=t.service, template=t.template) for t in before]
    made = review.make(
        reading,
        span,
        known={template.key: template.first_seen_at for template in before},
        templates=known,
        tables=tables,
        policy=policy,
    )
    made = msgspec.structs.replace(made, seconds=round(seconds, 3))
    earlier = _earlier(memory, span, policy)
    return Reviewed(review=made, findings=rules.judge(made, earlier, tables, policy))


def _earlier(memory: Memory, span: Span, policy: LogPolicy) -> Sequence[LogReview]:
    return logs.history(memory, span.cloud, span.region, count=policy.burst_reviews)
