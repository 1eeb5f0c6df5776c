# SPDX-License-Identifier: Apache-2.0
"""Known problems as text: the table of all, one of them whole, and those that are there now."""

from collections import Counter
from collections.abc import Sequence

from day2.model.problem import KnownProblem, Sign, Suspect
from day2.model.survey import Gap
from day2.report.terminal import Text, suspects

SEEN = {
    "real": "were planted on a real cloud and named first",
    "recorded": "are known by what services wrote",
    "own": "are your own",
}
_BOLD = "\x1b[1m"


def listed(problems: Sequence[KnownProblem]) -> str:
    """One line for each below its symptom, each symptom once; then where their signs were seen."""
    text = Text(colour=False)
    for symptom in dict.fromkeys(problem.symptom for problem in problems):
        text.add(symptom)
        for problem in problems:
            if problem.symptom == symptom:
                seen = " (recorded)" if problem.proof == "recorded" else ""
                text.add(f"{problem.id:<34} {problem.title}{seen}", indent=2, hanging=37)
    counts = Counter[str](problem.proof for problem in problems)
    said = ", ".join(f"{counts[proof]} {word}" for proof, word in SEEN.items() if counts[proof])
    text.add()
    text.add(f"{len(problems)} problems: {said}.")
    return text.render()


def shown(problem: KnownProblem, *, colour: bool = False) -> str:
    """Everything that is known of one."""
    text = Text(colour=colour)
    text.add(f"{problem.title} ({problem.id})", style=_BOLD)
    text.add(f"{', '.join(problem.planes)}; symptom: {problem.symptom}", indent=2, hanging=4)
    if problem.releases:
        text.add(f"releases: {problem.releases}", indent=2, hanging=4)
    for title, signs in (
        ("Always there", problem.needs),
        ("Signs", problem.signs),
        ("Speaks against it", problem.against),
    ):
        if signs:
            text.add()
            text.add(title, style=_BOLD)
            for sign in signs:
                text.add(f"- {in_words(sign)}", indent=2, hanging=4)
    for title, said in (
        ("What to do", [problem.advice]),
        ("By plan", [problem.plan] if problem.plan else []),
        ("What to look at", problem.evidence),
        ("What it leads to", problem.explains),
        ("See", problem.references),
    ):
        if said:
            text.add()
            text.add(title, style=_BOLD)
            for line in said:
                text.add(line, indent=2, hanging=4)
    return text.render()


def found(
    suspected: Sequence[Suspect], gaps: Sequence[Gap], *, colour: bool = False, details: bool = True
) -> str:
    """Those that are there, likeliest first; a gap means that more may be."""
    text = Text(colour=colour)
    if not suspected:
        text.add("No sign of a known problem.")
    suspects(text, suspected, details=details)
    if gaps:
        text.add()
        what = ", ".join(dict.fromkeys(gap.what for gap in gaps))
        text.add(f"Not read, so not looked for there: {what}", hanging=4)
    return text.render()


def in_words(sign: Sign) -> str:
    """Say what a sign looks for."""
    if sign.kind == "finding":
        of = f" of {sign.subject}" if sign.subject != "*" else ""
        values = "".join(f", {key} = {value}" for key, value in sign.where.items())
        words = f", told with {sign.words}" if sign.words else ""
        return f"finding {sign.finding}{of}{values}{words}"
    if sign.kind == "log":
        by = f" of {sign.service}" if sign.service != "*" else ""
        return f"a line{by} in the logs: {sign.log}"
    if sign.kind == "text":
        of = f" of a {sign.of}" if sign.of != "*" else ""
        return f"the reason of a failure{of}: {sign.text}"
    if sign.kind == "cause":
        return f"the story of one thing names {sign.cause}"
    return f"{sign.gap} cannot be read"
