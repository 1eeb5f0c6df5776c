# SPDX-License-Identifier: Apache-2.0
"""Judge a review: what is new, what is grave, what has become a burst; a bounded list of findings.

One template has one key as long as it is logged: new today, known tomorrow, gone when it stops.
What a known problem explains is one finding, whichever services suffer from it.
"""

from collections.abc import Iterable, Mapping, Sequence

from day2.model.finding import Finding, Subject, finding_key
from day2.model.logs import LogReview, LogTemplate
from day2.model.severity import Severity, worst
from day2.operations.logs.known import Problem, Tables
from day2.operations.logs.policy import LogPolicy

TEMPLATE, PROBLEM = "logs.template", "logs.problem"
BURST, OTHERS = "logs.burst", "logs.others"
CHECKS = frozenset({TEMPLATE, PROBLEM, BURST, OTHERS})
WORDS_LENGTH = 160


def judge(
    review: LogReview, earlier: Sequence[LogReview], tables: Tables, policy: LogPolicy
) -> list[Finding]:
    """Return the findings, worst first; `earlier` are reviews of before, newest first."""
    before = [one for one in earlier if not (one.gaps or one.left_out)][: policy.burst_reviews]
    found = []
    explained: dict[str, list[LogTemplate]] = {}
    for template in review.templates:
        if template.problem and not template.noise:
            explained.setdefault(template.problem, []).append(template)
        else:
            found.append(_template(template, policy))
        burst = _burst(template, review, before, policy)
        if burst is not None:
            found.append(burst)
    titles = {problem.id: problem for problem in tables.problems}
    found += [_problem(titles[name], some, policy) for name, some in explained.items()]
    found.sort(key=lambda f: (bool(f.noise), f.severity.rank, -f.evidence["count"], f.key))
    told, rest = found[: policy.findings_max], found[policy.findings_max :]
    return [*told, *([_others(rest, policy)] if rest else [])]


def gone(
    review: LogReview, findings: Iterable[Finding], open_checks: Mapping[str, str]
) -> tuple[list[str], list[str]]:
    """Tell of the log findings of before which are gone, and which nobody can say of.

    One that is only told together with others this time is neither.
    """
    here = {finding.key for finding in findings}
    logged = {finding_key(TEMPLATE, _subject(one)) for one in review.templates}
    logged |= {finding_key(PROBLEM, _named(t.problem)) for t in review.templates if t.problem}
    missed = sorted(
        key
        for key, check in open_checks.items()
        if check in CHECKS and key not in here and key not in logged
    )
    return ([], missed) if review.gaps or review.left_out else (missed, [])


def severity(template: LogTemplate, policy: LogPolicy) -> tuple[Severity, str]:
    """Return how bad a template is, and the setting that decided."""
    if template.noise:
        return Severity.INFO, f"known noise {template.noise}"
    if template.level == "CRITICAL":
        said = f"log_review.critical_severity = {policy.critical_severity}"
        return Severity(policy.critical_severity), f"level CRITICAL; {said}"
    bound = f"log_review.count_min = {policy.count_min}"
    if template.new and template.count >= policy.count_min:
        return Severity.WARNING, f"no earlier review had it; {bound}"
    if template.new:
        return Severity.INFO, f"no earlier review had it; logged less often than {bound}"
    since = f" since {template.known_since:%Y-%m-%d}" if template.known_since else ""
    return Severity.INFO, f"known{since}: log_review tells of new ones"


def _template(template: LogTemplate, policy: LogPolicy) -> Finding:
    graded, why = severity(template, policy)
    words = "critical error" if template.level == "CRITICAL" else "error"
    article = "a new" if template.new else "a" if words.startswith("c") else "an"
    return Finding(
        key=finding_key(TEMPLATE, _subject(template)),
        check=TEMPLATE,
        severity=graded,
        subject=_subject(template),
        summary=f"{template.service} logged {article} {words} {_times(template.count)}: "
        f"{_short(template.template)}",
        why=why,
        evidence=_evidence(template),
        noise=template.noise,
    )


def _problem(problem: Problem, some: Sequence[LogTemplate], policy: LogPolicy) -> Finding:
    graded = sorted((severity(one, policy) for one in some), key=lambda pair: pair[0].rank)
    services = sorted({one.service for one in some})
    listed = ", ".join(services[:4]) + (f" and {len(services) - 4} more" if services[4:] else "")
    count = sum(one.count for one in some)
    new = sum(1 for one in some if one.new)
    said = f", {new} of {len(some)} kinds of errors new" if new else ""
    hosts = sorted({host for one in some for host in one.hosts})
    return Finding(
        key=finding_key(PROBLEM, _named(problem.id)),
        check=PROBLEM,
        severity=graded[0][0],
        subject=_named(problem.id),
        summary=f"{problem.title}: logged {_times(count)} by {listed}{said}",
        why=f"{graded[0][1]}; known problem {problem.id}",
        evidence={
            "problem": problem.id,
            "services": services,
            "count": count,
            "hosts": hosts,
            "templates": [one.key for one in some],
            "request_id": next((one.request_id for one in some if one.request_id), ""),
        },
        advice=" ".join(problem.advice.split()),
    )


def _named(problem: str) -> Subject:
    return Subject(type="problem", id=problem)


def _times(count: int) -> str:
    return f"{count:,} times" if count > 1 else "once"


def _burst(
    template: LogTemplate, review: LogReview, before: Sequence[LogReview], policy: LogPolicy
) -> Finding | None:
    if template.new or template.noise or template.count < policy.burst_count_min or not before:
        return None
    hours = sum(_hours(one) for one in before)
    logged = sum(t.count for one in before for t in one.templates if t.key == template.key)
    usual = logged / hours
    now = template.count / _hours(review)
    # What no earlier review had at all was known longer ago: any number is many times as much.
    if now < policy.burst_ratio * usual:
        return None
    return Finding(
        key=finding_key(BURST, _subject(template)),
        check=BURST,
        severity=Severity.WARNING,
        subject=_subject(template),
        summary=f"{template.service} logs a known error far more often: {now:.1f} an hour, "
        f"before {usual:.1f}: {_short(template.template)}",
        why=f"log_review.burst_ratio = {policy.burst_ratio:g}; log_review.burst_count_min = "
        f"{policy.burst_count_min}",
        evidence={**_evidence(template), "usual_per_hour": round(usual, 2)},
    )


def _others(rest: Sequence[Finding], policy: LogPolicy) -> Finding:
    new = sum(1 for f in rest if f.severity is not Severity.INFO)
    noise = sum(1 for f in rest if f.noise)
    services = sorted({name for f in rest for name in _services(f)})
    said = [f"{new} to look at"] if new else []
    said += [f"{noise} known noise"] if noise else []
    return Finding(
        key=finding_key(OTHERS, Subject(type="logs", id="others")),
        check=OTHERS,
        severity=worst(f.severity for f in rest),
        subject=Subject(type="logs", id="others", name="further errors in logs"),
        summary=f"{len(rest)} further kinds of errors in the logs"
        + (f" ({', '.join(said)})" if said else ""),
        why=f"log_review.findings_max = {policy.findings_max}",
        evidence={"kinds": len(rest), "services": services[:20]},
        advice="see them all with: day2 log review --details",
    )


def _services(finding: Finding) -> list[str]:
    return finding.evidence.get("services") or [finding.evidence["service"]]


def _evidence(template: LogTemplate) -> dict[str, object]:
    return {
        "service": template.service,
        "level": template.level,
        "template": template.template,
        "count": template.count,
        "hosts": template.hosts,
        "first_seen_at": template.first_seen_at,
        "last_seen_at": template.last_seen_at,
        "request_id": template.request_id,
    }


def _subject(template: LogTemplate) -> Subject:
    # One host only: then what ails it explains this too.
    hosts = list(template.hosts)
    return Subject(
        type="template",
        id=template.key,
        name=template.service,
        host=hosts[0] if len(hosts) == 1 else "",
    )


def _hours(review: LogReview) -> float:
    return max((review.until - review.since).total_seconds() / 3600, 1 / 60)


def _short(text: str) -> str:
    return text if len(text) <= WORDS_LENGTH else f"{text[: WORDS_LENGTH - 1]}…"
