# SPDX-License-Identifier: Apache-2.0
"""Why a scope is not counted: a sentence in place of a wrong number."""

from collections.abc import Iterable

from day2.model.survey import Gap, Survey


def gap(scope: str, survey: Survey, kinds: Iterable[str]) -> Gap:
    """Say that a scope is not counted because these tables are not whole."""
    lost = [kind for kind in kinds if not survey.is_complete(kind)]
    errors = {g.kind: g for g in survey.gaps if g.kind in lost}
    reasons = [
        f"{kind.replace('_', ' ')} ({errors[kind].message})"
        if kind in errors
        else f"{kind.replace('_', ' ')} (not read)"
        for kind in lost
    ]
    first = next(iter(errors.values()), None)
    return because(
        scope,
        f"not read whole: {'; '.join(reasons)}",
        error=first.error if first else "NotDeployed",
        hint=first.hint if first else "",
    )


def because(scope: str, why: str, *, error: str = "Unreachable", hint: str = "") -> Gap:
    """Say that a scope is not counted, and why."""
    return Gap(
        kind="usage",
        what=f"usage by {scope}",
        error=error,
        message=f"usage by {scope}: {why}",
        hint=hint,
    )
