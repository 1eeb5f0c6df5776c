# SPDX-License-Identifier: Apache-2.0
"""The page of known problems, made of the data that the program itself reads."""

from collections import Counter
from collections.abc import Iterator

from day2.model.problem import KnownProblem
from day2.operations.problems import knowledge
from day2.report.problems import in_words
from docs.generator import markdown as md

INTRODUCTION = """
Each entry is one distinct cause, told from others by its signs; `day2 problem find` and every round hold the cloud against all of them.
`proof` says where its signs were seen: `real` on a cloud on which a test planted the cause and found it named first, `recorded` in an answer or a log that was kept.
Your own come before these ([how](../how-to/add-a-known-problem.md)).
"""  # noqa: E501 - one sentence, one line


def page() -> str:
    """Make the page."""
    known = knowledge.shipped()
    symptoms = list(dict.fromkeys((p.planes[0], p.symptom) for p in known))
    counts = Counter(p.proof for p in known)
    counted = f"{len(known)} problems: " + ", ".join(
        f"{counts[proof]} {proof}" for proof in ("real", "recorded")
    )
    sections = [
        part
        for plane, symptom in sorted(symptoms)
        for part in _symptom(plane, symptom, [p for p in known if _is(p, plane, symptom)])
    ]
    return md.page("Known problems", INTRODUCTION, counted, *sections)


def _is(problem: KnownProblem, plane: str, symptom: str) -> bool:
    return problem.planes[0] == plane and problem.symptom == symptom


def _symptom(plane: str, symptom: str, problems: list[KnownProblem]) -> Iterator[str]:
    yield f"## {plane}: {symptom}"
    rows = (
        (
            f"{md.code(p.id)}<br>{p.title}",
            "<br>".join(_signs(p)),
            md.sentences(p.advice),
            ", ".join(p.references),
            p.proof,
        )
        for p in problems
    )
    yield md.table(("cause", "signs", "what to do", "see", "proof"), rows)


def _signs(problem: KnownProblem) -> list[str]:
    needed = [f"always: {md.code(in_words(sign))}" for sign in problem.needs]
    any_of = [md.code(in_words(sign)) for sign in problem.signs]
    against = [f"against it: {md.code(in_words(sign))}" for sign in problem.against]
    return [*needed, *any_of, *against]
