# SPDX-License-Identifier: Apache-2.0
"""One plane of the cloud, read and judged as a round does, without the rest of the cloud."""

import time
from collections.abc import Callable, Iterable

from day2.adapters.clock import SystemClock
from day2.adapters.openstack.limits import LoadSettings
from day2.adapters.secrets import SecretRef
from day2.model.severity import Severity
from day2.model.survey import Survey
from day2.operations.health import rules
from day2.operations.health.check import Facts
from day2.operations.health.fold import fold
from day2.operations.health.policy import HealthPolicy
from day2.survey.lanes import Job
from day2.survey.read import SurveySettings, read

CLOCK = SystemClock()
REFERENCE = SecretRef(env="NOT_READ_HERE")
Resolve = Callable[[SecretRef], str]


def surveyed(jobs: Iterable[Job]) -> Survey:
    """Read these jobs."""
    return read(
        jobs, cloud="lab", region="", clock=CLOCK, load=LoadSettings(), settings=SurveySettings()
    )


def judged(survey: Survey) -> tuple[dict[str, str], set[str]]:
    """Return the severity of each top-level finding at warning or worse, and the folded keys."""
    facts = Facts(survey=survey, policy=HealthPolicy(), now=CLOCK.now())
    shown, folded = fold(f for check in rules.all_checks() for f in check.run(facts))
    told = {f.key: f.severity.value for f in shown if f.severity is not Severity.INFO}
    return told, {f.key for f in folded}


def settles(
    jobs: Callable[[], Iterable[Job]],
    expected: dict[str, str],
    folded: set[str] | None = None,
    *,
    seconds: float = 30,
) -> Survey:
    """Read until exactly these findings are there: a cluster needs a moment to see its dead."""
    deadline = time.monotonic() + seconds
    while True:
        survey = surveyed(jobs())
        told, beneath = judged(survey)
        fits = told == expected and (folded is None or folded <= beneath)
        if fits or time.monotonic() > deadline:
            assert told == expected
            assert folded is None or folded <= beneath
            return survey
        time.sleep(0.5)
