# SPDX-License-Identifier: Apache-2.0
"""Sections of what was judged and remembered: findings, changes, logs, runs, Ceph's word; pure."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from day2.model.evidence import Section, State
from day2.model.logs import LogReview
from day2.model.round import Report
from day2.model.run import Run
from day2.model.severity import Severity
from day2.model.survey import Survey
from day2.operations.evidence.words import clock, moment, several

SHOWN = (Severity.CRITICAL, Severity.UNKNOWN, Severity.WARNING)
LINES_MAX, WHY_MAX, TEMPLATES_MAX = 40, 12, 200
FINDINGS_MAX = 500


def judgement(report: Report, memory_error: str) -> Section:
    """Tell what the checks find in what was read."""
    grave = [f for f in report.findings if f.severity in SHOWN]
    why = list(dict.fromkeys(gap.message for gap in report.gaps))
    if memory_error:
        why.append(f"not held against earlier rounds: {memory_error}")
    state = State.NOT_READ if report.refused else State.PARTIAL if why else State.READ
    more = [f"and {len(why) - WHY_MAX} more"] if len(why) > WHY_MAX else []
    return Section(
        name="findings",
        title="What the checks find",
        state=state,
        why=[*why[:WHY_MAX], *more],
        lines=[
            f"{f.severity.value.upper()}{' NEW' if f.key in report.new else ''} {f.summary}"
            + (f" (explains {len(f.consequences)} more)" if f.consequences else "")
            for f in grave[:LINES_MAX]
        ]
        or ["nothing at warning or worse"],
        content={
            "findings": [msgspec.to_builtins(f) for f in report.findings[:FINDINGS_MAX]],
            "folded": [msgspec.to_builtins(f) for f in report.folded[:FINDINGS_MAX]],
            "left_out": max(len(report.findings) - FINDINGS_MAX, 0),
            "new": report.new,
            "gone": report.gone,
            "gaps": [msgspec.to_builtins(gap) for gap in report.gaps],
        },
    )


def unchanged(why: str, *, configured: bool) -> Section:
    """Say why nothing can be told of changes."""
    return Section(
        name="changes",
        title="What changed since the last good round",
        state=State.NOT_READ,
        why=[why],
        configured=configured,
    )


def changes(
    changed: Sequence[tuple[str, str]],
    good: Report,
    report: Report,
    *,
    is_good: bool,
    rows_max: int,
    survey: Survey,
    kept: bool,
) -> Section:
    """Tell what is not as it was in the last good round; `changed` are tables and sentences."""
    counts = Counter(kind for kind, _said in changed)
    which = "the last good round" if is_good else "the last round (none of them was good)"
    head = f"against {which}, {good.id} of {moment(good.at)}"
    counted = f"{len(report.new)} findings new, {len(report.gone)} gone"
    lines = [f"{head}: {len(changed)} changes, {counted}"]
    carriers = ("hosts", "containers", "database_nodes", "bus_nodes", "certificates", "agents")
    ordered = sorted(changed, key=lambda pair: (pair[0] not in carriers, pair[0]))
    lines += [f"- {said}" for _kind, said in ordered[:LINES_MAX]]
    unread = sorted({gap.kind for gap in survey.gaps})
    why = [f"not compared, since not read now: {several(unread, 8)}"] if unread else []
    if not kept:
        why = ["the survey of that round is not kept any more"]
    return Section(
        name="changes",
        title="What changed since the last good round",
        state=State.PARTIAL if why else State.READ,
        why=why,
        lines=lines,
        content={
            "round": good.id,
            "round_at": msgspec.to_builtins(good.at),
            "good": is_good,
            "by_table": dict(sorted(counts.items())),
            "changes": [{"table": kind, "what": said} for kind, said in ordered[:rows_max]],
            "left_out": max(len(changed) - rows_max, 0),
        },
    )


def logs(review: LogReview | None, error: str, since: datetime, now: datetime) -> Section:
    """Tell the kinds of errors that are new since, the others by number."""
    title = "Kinds of errors in the logs"
    if review is None:
        unset = "the settings name neither hosts nor OpenSearch: clouds.NAME.logs"
        return Section(
            name="logs",
            title=title,
            state=State.NOT_READ,
            why=[error or unset],
            configured=bool(error),
        )
    fresh = [t for t in review.templates if not t.noise]
    new = [t for t in fresh if t.new or (t.known_since and t.known_since >= since)]
    why = list(dict.fromkeys(gap.message for gap in review.gaps))
    state = State.READ if not why else State.PARTIAL if review.lines else State.NOT_READ
    noise = len(review.templates) - len(fresh)
    head = f"{review.lines:,} lines of {len(review.hosts)} hosts since {clock(since, now)}"
    counted = f"kinds of errors: {len(new)} new, {len(fresh) - len(new)} known, {noise} noise"
    lines = [f"{head}: {counted}"]
    known = [t for t in fresh if t not in new]
    for template in [*new, *known][:LINES_MAX]:
        mark = "NEW " if template in new else ""
        first = f", first {clock(template.first_seen_at, now)}" if template.first_seen_at else ""
        lines.append(
            f"- {mark}{template.count:,} x {template.service} on {several(list(template.hosts))}"
            f"{first}: {template.template[:200]}"
        )
    kept = [*new, *known][:TEMPLATES_MAX]
    return Section(
        name="logs",
        title=title,
        state=state,
        why=why[:WHY_MAX],
        lines=lines,
        content={
            "templates": [msgspec.to_builtins(one) for one in kept],
            "left_out": max(len(fresh) - len(kept), 0),
            "noise": noise,
        },
    )


def runs(listed: Sequence[Run], error: str, now: datetime) -> Section:
    """Tell the newest runs of day2: what was changed on purpose."""
    lines = [
        f"{clock(run.at, now)} {run.kind} {run.state.value}: {run.summary} (by {run.by})"
        for run in listed
    ]
    return Section(
        name="runs",
        title="Recent runs of day2",
        state=State.NOT_READ if error else State.READ,
        why=[error] if error else [],
        lines=lines or ([] if error else ["none"]),
        content={"runs": [_run(run) for run in listed]},
    )


def _run(run: Run) -> dict[str, Any]:
    wanted = ("id", "kind", "summary", "state", "by", "at", "ticket", "started_at", "ended_at")
    told: dict[str, Any] = msgspec.to_builtins(run)
    return {name: told[name] for name in wanted}


def ceph(status: dict[str, Any] | None, error: str) -> Section:
    """Tell what `ceph -s` says."""
    title = "Ceph"
    if status is None:
        why = error or "the settings name no Ceph: clouds.NAME.ceph.command"
        return Section(
            name="ceph", title=title, state=State.NOT_READ, why=[why], configured=bool(error)
        )
    health = status.get("health") or {}
    lines = [str(health.get("status", "no health told"))]
    for name, check in sorted((health.get("checks") or {}).items()):
        said = (check.get("summary") or {}).get("message", "") if isinstance(check, dict) else ""
        lines.append(f"- {name}: {said}")
    osds = status.get("osdmap") or {}
    if isinstance(osds, dict) and osds.get("num_osds") is not None:
        lines.append(
            f"- {osds.get('num_up_osds')} of {osds.get('num_osds')} OSDs up, "
            f"{osds.get('num_in_osds')} in"
        )
    return Section(
        name="ceph",
        title=title,
        state=State.READ,
        lines=lines[:LINES_MAX],
        content={"status": status},
    )
