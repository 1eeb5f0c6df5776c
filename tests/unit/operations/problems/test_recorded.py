# SPDX-License-Identifier: Apache-2.0
"""What a lab cannot have was written down as services write it: each names its own entry first."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from ruamel.yaml import YAML

from day2.model.explanation import Cause
from day2.model.finding import Finding, Subject
from day2.model.logs import LogTemplate
from day2.model.problem import KnownProblem
from day2.model.severity import Severity
from day2.model.survey import Gap
from day2.operations.logs import parse
from day2.operations.problems import knowledge
from day2.operations.problems.clues import Clues, Words
from day2.operations.problems.find import find

FOLDER = Path(__file__).parent / "recorded"
KNOWN = knowledge.shipped()


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One event of a log; `line` may have several lines."""

    service: str
    line: str


class Said(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What OpenStack keeps as a reason, of a thing of this type."""

    of: str
    text: str


class Found(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a check found; its name must be one of day2's."""

    check: str
    type: str
    id: str
    name: str = ""
    host: str = ""
    summary: str
    why: str = ""
    severity: Severity = Severity.WARNING
    evidence: dict[str, Any] = {}


class Recorded(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The clues that one problem leaves, and where it is written that it does."""

    source: str
    log: list[Line] = []
    text: list[Said] = []
    finding: list[Found] = []
    gap: list[Gap] = []
    cause: list[Cause] = []


def recorded(file: Path) -> Recorded:
    return msgspec.convert(YAML(typ="safe", pure=True).load(file.read_text()), Recorded)


def clues(told: Recorded) -> Clues:
    return Clues(
        findings=[
            Finding(
                key=f"{one.check}:{one.type}:{one.id}",
                check=one.check,
                severity=one.severity,
                subject=Subject(type=one.type, id=one.id, name=one.name, host=one.host),
                summary=one.summary,
                why=one.why,
                evidence=one.evidence,
            )
            for one in told.finding
        ],
        templates=[
            LogTemplate(
                key=str(number),
                service=one.service,
                level=parse.event(one.line, one.service).level,
                template=parse.event(one.line, one.service).message,
                count=1,
                example=one.line,
            )
            for number, one in enumerate(told.log)
        ],
        words=[Words(subject=Subject(type=one.of, id="x"), text=one.text) for one in told.text],
        gaps=told.gap,
        causes=[(Subject(type="server", id="x"), one) for one in told.cause],
    )


def marks(problem: KnownProblem) -> list[str]:
    return [sign.mark for sign in (*problem.needs, *problem.signs) if sign.mark]


FILES = sorted(FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_a_recorded_clue_names_its_own_problem_first(file: Path) -> None:
    told = recorded(file)
    found = find(KNOWN, clues(told))
    assert [one.id for one in found[:1]] == [file.stem], [(one.id, one.score) for one in found]
    assert told.source


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_a_recorded_line_is_one_that_a_review_reads(file: Path) -> None:
    (own,) = [problem for problem in KNOWN if problem.id == file.stem]
    for one in recorded(file).log:
        level = parse.event(one.line, one.service).level
        assert level != "WARNING" or any(mark in one.line for mark in marks(own)), one.line


def test_what_is_said_to_be_recorded_is() -> None:
    """What a test plants for real needs no record; where it has one, that is held to it as well."""
    wanted = {problem.id for problem in KNOWN if problem.proof == "recorded"}
    assert wanted <= {file.stem for file in FILES}
