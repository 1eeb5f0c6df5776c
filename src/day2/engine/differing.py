# SPDX-License-Identifier: Apache-2.0
"""How the cloud differs from what a plan saw of it."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import msgspec

from day2.engine.action import Action
from day2.model.finding import Subject
from day2.model.plan import Fact, Plan, Step, changed

LOOKS_AT_ONCE = 4


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One fact of one subject that is not as it was; `what` is empty when the subject is gone."""

    n: int
    subject: Subject
    what: str
    was: Fact
    now: Fact


def differences(plan: Plan, actions: Mapping[str, Action]) -> list[Difference]:
    """Look at every subject of a plan again, a few at a time.

    Steps whose goal is reached already are no difference: they will be left as they are. Of the
    steps of one subject the first alone is compared: what the others expect comes true by it.

    Raises:
        Day2Error: when a subject cannot be read.

    """
    first: dict[tuple[str, str], Step] = {}
    for step in sorted(plan.steps, key=lambda s: s.stage):
        if step.fingerprint and not step.readonly:
            first.setdefault((step.subject.type, step.subject.id), step)
    steps = [s for s in first.values() if s.action in actions]

    def look(step: Step) -> list[Difference]:
        seen = actions[step.action].look(step)
        if seen.already:
            return []
        if seen.gone:
            return [Difference(n=step.n, subject=step.subject, what="", was="there", now=seen.gone)]
        return [
            Difference(n=step.n, subject=step.subject, what=what, was=was, now=now)
            for what, (was, now) in changed(step.fingerprint, seen.facts).items()
        ]

    with ThreadPoolExecutor(LOOKS_AT_ONCE) as pool:
        return [difference for found in pool.map(look, steps) for difference in found]
