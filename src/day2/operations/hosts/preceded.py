# SPDX-License-Identifier: Apache-2.0
"""Put a step of another room into a plan about a host: what fails there stops the rest."""

from msgspec import structs

from day2.model.plan import Plan, Step
from day2.operations.hosts.steps import numbered

ENABLE = "compute.enable"


def preceded(plan: Plan, step: Step) -> Plan:
    """Return the plan with this step as a stage before the host is enabled, which all later need.

    A host that was fenced is let up before: nothing boots on one that Nova holds for dead.
    """
    stages = [one.stage for one in plan.steps if one.action == ENABLE]
    at = min(stages, default=0)
    added = structs.replace(step, stage=at, chain="before", required=True)
    others = [
        structs.replace(one, stage=one.stage + 1) if one.stage >= at else one for one in plan.steps
    ]
    return structs.replace(
        plan,
        steps=numbered([*others, added]),
        seconds_expected=plan.seconds_expected + step.seconds_expected,
    )
