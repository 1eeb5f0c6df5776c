# SPDX-License-Identifier: Apache-2.0
"""Usage by project: what its servers hold in Placement, held against its quota.

The compute quota counts `cores`, dedicated ones included: a project that holds both VCPU and PCPU
gets a row of their sum, because neither alone may be held against the quota.
"""

from collections import defaultdict

from day2.model.survey import Survey
from day2.model.usage import Counted, Usage
from day2.operations.usage import consumers
from day2.operations.usage.consumers import Consumers
from day2.operations.usage.missing import because, gap
from day2.operations.usage.places import in_order

NEEDED = ("allocations", *consumers.NEEDED)
CORES = "VCPU+PCPU"
PROCESSORS = ("VCPU", "PCPU")
LIMITS = {"VCPU": "cores", "PCPU": "cores", CORES: "cores", "MEMORY_MB": "ram"}


def count(survey: Survey, who: Consumers) -> Counted:
    """Count every project that holds something."""
    if not all(survey.is_complete(kind) for kind in NEEDED):
        return Counted(gaps=[gap("project", survey, NEEDED)])
    taken: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    moving: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for row in survey.tables.allocations:
        for consumer, resources in row.allocations.items():
            project = who.project_of(consumer)
            for resource, amount in resources.items():
                taken[project][resource] += amount
                if consumer in who.moves:
                    moving[project][resource] += amount
    taken.pop("", None)
    limits = _limits(survey)
    names = {project.id: project.name for project in survey.tables.projects}
    rows = []
    for project, amounts in sorted(taken.items()):
        if all(name in amounts for name in PROCESSORS):
            amounts[CORES] = sum(amounts[name] for name in PROCESSORS)
            moving[project][CORES] = sum(moving[project][name] for name in PROCESSORS)
        for resource in in_order(amounts):
            shared = CORES in amounts and resource in PROCESSORS
            limit = None if shared else limits.get((project, LIMITS.get(resource, "")))
            rows.append(
                Usage(
                    scope="project",
                    name=project,
                    label=names.get(project, ""),
                    resource=resource,
                    allocated=amounts[resource],
                    total=limit,
                    usable=limit,
                    moving=moving[project][resource],
                    unowned=0.0,
                )
            )
    gaps = []
    if not survey.is_complete("quotas"):
        lost = next((g for g in survey.gaps if g.kind == "quotas"), None)
        why = f"quotas are not known ({lost.message})" if lost else "quotas were not read"
        gaps.append(because("project", why, error=lost.error if lost else "NotDeployed"))
    return Counted(rows=rows, gaps=gaps)


def _limits(survey: Survey) -> dict[tuple[str, str], float]:
    return {
        (row.project_id, row.resource): float(row.limit)
        for row in survey.tables.quotas
        if row.service == "compute" and row.limit is not None and row.limit >= 0
    }
