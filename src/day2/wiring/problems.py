# SPDX-License-Identifier: Apache-2.0
"""The known problems of one cloud: day2's and the operator's, held against what was found."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from msgspec import structs

from day2.model.round import Before, Report
from day2.operations.problems.policy import ProblemPolicy

if TYPE_CHECKING:
    from datetime import timedelta

    from day2.model.explanation import Cause
    from day2.model.finding import Subject
    from day2.model.logs import LogTemplate
    from day2.model.problem import KnownProblem, Suspect
    from day2.model.survey import Survey
    from day2.operations.logs.known import Problem
    from day2.operations.problems.clues import Words
    from day2.wiring.site import Progress, Site

# Each costs a few requests; of what came before the newest ones nobody is waiting any more.
EXPLAINED_MAX = 8
# Behind the first come those that kept a host or two away.
CAUSES_MAX = 1


def knowledge(site: "Site") -> list["KnownProblem"]:
    """Return every known problem, the operator's own first.

    Raises:
        BadSettings: when the operator's folder or a file in it is wrong.

    """
    from day2.operations.problems import knowledge as files

    return files.load(site.section("problems", ProblemPolicy).folder)


def of_logs(known: Iterable["KnownProblem"]) -> list["Problem"]:
    """Return how the log review names what a known problem leaves in logs."""
    from day2.operations.logs.known import Problem

    return [
        Problem(
            id=problem.id,
            match=sign.log,
            title=problem.title,
            advice=problem.advice,
            service=sign.service,
            mark=sign.mark,
        )
        for problem in known
        for sign in (*problem.needs, *problem.signs)
        if sign.log
    ]


def suspects(
    site: "Site",
    report: Report,
    survey: "Survey | None" = None,
    templates: Sequence["LogTemplate"] = (),
    *,
    words: Sequence["Words"] = (),
    causes: Sequence[tuple["Subject", "Cause"]] = (),
) -> list["Suspect"]:
    """Hold what is at hand against the known problems, likeliest first."""
    from day2.operations.problems import clues, find

    said = clues.words_of(survey) if survey is not None else []
    return find.find(
        site.problems,
        clues.Clues(
            findings=report.findings,
            folded=report.folded,
            templates=list(templates),
            words=[*words, *said],
            causes=list(causes),
            gaps=report.gaps,
        ),
    )


def with_suspects(
    site: "Site", report: Report, survey: "Survey", templates: Sequence["LogTemplate"]
) -> Report:
    """Add to a round's report the likeliest of the known problems."""
    most = site.section("problems", ProblemPolicy).shown_max
    found = suspects(site, report, survey, templates, causes=placing_causes(site, survey))
    return structs.replace(report, suspects=found[:most])


def now(
    site: "Site", progress: "Progress | None" = None, *, since: "timedelta | None" = None
) -> tuple[Report, list["Suspect"]]:
    """Read the cloud and its logs now, and name the known problems; nothing is kept.

    `since` is how far back its logs are read, None: as far as a round reads them.

    Raises:
        BadSettings: when the operator's folder or a file in it is wrong.

    """
    _ = site.problems
    pending = site.logs.begin(since) if site.logs.configured else None
    survey = site.survey(progress=progress)
    report = site.judge(survey, [], Before(), kind="problems")
    templates: list[LogTemplate] = []
    if pending is not None:
        from day2.operations.rounds.procedure import with_addition

        addition = pending.addition(Before())
        report = with_addition(report, addition, Before())
        templates = addition.templates
    causes = placing_causes(site, survey)
    return report, suspects(site, report, survey, templates, causes=causes)


def placing_causes(site: "Site", survey: "Survey") -> list[tuple["Subject", "Cause"]]:
    """Ask why the newest of the servers without a place have none: Nova's own words do not tell.

    What cannot be asked is left out: the problem is then found by its words alone.
    """
    from contextlib import suppress

    from day2.errors import Day2Error
    from day2.operations.problems import clues
    from day2.wiring import explain

    found = []
    for own in clues.without_a_place(survey)[:EXPLAINED_MAX]:
        with suppress(Day2Error):
            story = explain.server(site, own, survey=survey)
            found += [(story.subject, cause) for cause in story.causes[:CAUSES_MAX]]
    return found


def by_words(site: "Site", text: str) -> list["Suspect"]:
    """Name the known problems that leave these words, whoever said them."""
    from day2.model.finding import Subject
    from day2.model.logs import LogTemplate
    from day2.operations.problems import clues, find

    told = Subject(type="text", id="the words given")
    # Nobody says which service wrote them: an entry for one service is asked as well.
    known = [_of_anyone(problem) for problem in site.problems]
    line = LogTemplate(
        key="words", service="the words given", level="ERROR", template=text, count=1
    )
    return find.find(
        known, clues.Clues(templates=[line], words=[clues.Words(subject=told, text=text)])
    )


def _of_anyone(problem: "KnownProblem") -> "KnownProblem":
    """Widen a problem to words alone: what else it needs cannot be looked for in them."""
    signs = [
        structs.replace(sign, service="*", of="*")
        for sign in (*problem.needs, *problem.signs)
        if sign.log or sign.text
    ]
    return structs.replace(problem, signs=signs, needs=[]) if signs else problem
