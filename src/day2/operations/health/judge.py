# SPDX-License-Identifier: Apache-2.0
"""Run the checks over one survey and hold the result against what was known before."""

from collections.abc import Iterable

from day2.errors import Denied
from day2.model.finding import Finding
from day2.model.round import Before, Report
from day2.model.severity import Severity, worst
from day2.model.survey import KINDS, Survey
from day2.operations.health.check import Check, Facts
from day2.operations.health.fold import fold
from day2.operations.health.noise import known_noise
from day2.operations.health.rules import crowd


def judge(
    facts: Facts, checks: Iterable[Check], before: Before, *, kind: str, requests: int = 0
) -> Report:
    """Grade the survey.

    A finding is `gone` only when its check was judged on complete tables; otherwise it is
    `unjudged`: not read is never taken for not there.
    """
    run = list(checks)
    found: list[Finding] = []
    for check in run:
        found += check.run(facts)
    top, folded = fold(known_noise(found, facts))
    shown = [f for f in top if not before.mutes(f)]
    here = {f.key for f in (*top, *folded)}
    groups = [f for f in (*top, *folded) if "together" in f.evidence]
    missed = {
        key: check
        for key, check in before.open_checks.items()
        if key not in here and not any(crowd.covers(group, key) for group in groups)
    }
    judged = {check.name for check in run if check.is_judged(facts.survey)}
    gone = sorted(key for key, check in missed.items() if check in judged)
    unjudged = sorted(key for key, check in missed.items() if check not in judged)
    survey = facts.survey
    return Report(
        kind=kind,
        cloud=survey.cloud,
        region=survey.region,
        at=facts.now,
        severity=worst(f.severity for f in shown if not before.acknowledges(f)),
        findings=shown,
        folded=folded,
        muted=len(top) - len(shown),
        acknowledged=sorted({f.key for f in (*top, *folded) if before.acknowledges(f)}),
        gaps=survey.gaps,
        compared_with=before.compared_with,
        new=sorted(f.key for f in shown if _is_new(f, before, survey.cloud)),
        gone=gone,
        unjudged=unjudged,
        refused=_refused(survey),
        checks=len(run),
        objects=sum(len(getattr(survey.tables, name)) for name in KINDS),
        requests=requests,
        seconds=round((survey.ended_at - survey.started_at).total_seconds(), 3),
    )


def _is_new(found: Finding, before: Before, cloud: str) -> bool:
    if before.compared_with is None:
        return False
    if any(key in before.open_checks for key in crowd.groups_of(found, cloud)):
        return False
    return found.key not in before.open_checks and found.severity is not Severity.OK


# Read without a token: they say that something answers, not how the cloud is.
_WITHOUT_ACCOUNT = frozenset({"tokens", "api_probes", "certificates"})


def _refused(survey: Survey) -> bool:
    """Tell whether the account was refused and no table of any plane could be read."""
    refused = any(gap.kind == "tokens" and gap.error == Denied.__name__ for gap in survey.gaps)
    gapped = {gap.kind for gap in survey.gaps}
    return refused and not set(survey.readings) - gapped - _WITHOUT_ACCOUNT
