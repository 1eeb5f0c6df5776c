# SPDX-License-Identifier: Apache-2.0
"""The plan that makes what Keystone has lost: one step a thing, what others need first."""

from collections.abc import Sequence

import msgspec

from day2.model.backup import Found
from day2.model.finding import Subject
from day2.model.plan import Asked, Plan, Step
from day2.operations.backup import plan
from day2.operations.backup.actions.identity import MAKE
from day2.operations.backup.identity_missing import Lost, Thing

STEP_SECONDS = 2.0


def plan_identity(found: Found, lost: Sequence[Lost], asked: Asked) -> Plan:
    """Plan to make these, kind by kind; each step looks first whether it is there by then."""
    order = list(Thing)
    steps = [
        Step(
            n=number,
            action=MAKE,
            subject=Subject(type=one.thing.value, id=one.label, name=one.label),
            why=f"{found.manifest.id} has it, and Keystone has not",
            stage=order.index(one.thing),
            chain=one.thing.value,
            arguments=msgspec.to_builtins(one),
            undo="it is taken away again",
            limits=plan.AT_ONCE,
            seconds_expected=STEP_SECONDS,
        )
        for number, one in enumerate(lost, start=1)
    ]
    moment = f"{found.manifest.taken_at:%Y-%m-%d %H:%M} UTC"
    return plan.sealed(
        plan.RESTORE, asked, steps, summary=f"make {len(lost)} things that Keystone had at {moment}"
    )
