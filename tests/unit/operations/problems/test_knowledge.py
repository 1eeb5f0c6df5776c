# SPDX-License-Identifier: Apache-2.0
"""The known problems are data: day2's own are whole, and wrong ones are refused by name."""

import fnmatch
import re
from pathlib import Path

import pytest

from day2.errors import BadSettings
from day2.operations.evidence import judge
from day2.operations.logs import rules as log_rules
from day2.operations.problems import knowledge
from day2.wiring import registries

GOOD = "{id: a, title: t, planes: [bus], symptom: s, advice: d, signs: [{log: x}]}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- {id: a}", "entry 1: Object missing required field"),
        ("- {id: A b, title: t, planes: [bus], symptom: s, advice: d}", "regex"),
        ("- {id: a, title: t, planes: [tea], symptom: s, advice: d}", "tea"),
        ("- {id: a, title: t, planes: [bus], symptom: s, advice: d}", "neither signs nor needs"),
        (f"- {GOOD}\n- {GOOD}", "two known problems are called a"),
        (f"- {GOOD.replace('{log: x}', '{log: x, text: y}')}", "exactly one of"),
        (f"- {GOOD.replace('{log: x}', '{service: x}')}", "exactly one of"),
        (f"- {GOOD.replace('log: x', 'log: (')}", "no regular expression"),
        (f"- {GOOD.replace('log: x', 'log: x, weight: 0')}", "weight"),
        (f"- {GOOD.replace('log: x', 'log: x, more: 1')}", "unknown field"),
        ("a: b", "holds no list"),
        ("[", "is not YAML"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "own.yaml").write_text(text)
    with pytest.raises(BadSettings) as error:
        knowledge.load(str(tmp_path))
    assert said in str(error.value)
    assert error.value.hint == knowledge.SETTING


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="does not exist"):
        knowledge.load(str(tmp_path / "none"))


def test_own_ones_come_first_and_take_the_place_of_ours(tmp_path: Path) -> None:
    ours = knowledge.shipped()[0].id
    (tmp_path / "own.yaml").write_text(f"- {GOOD}\n- {GOOD.replace('id: a', f'id: {ours}')}\n")
    found = knowledge.load(str(tmp_path))
    assert [p.id for p in found[:2]] == ["a", ours]
    assert [p.title for p in found if p.id == ours] == ["t"]


def test_day2s_own_look_for_what_there_is() -> None:
    known = knowledge.shipped()
    names = {p.id for p in known}
    checks = {check.name for check in registries.checks()} | log_rules.CHECKS
    # What only the hosts' own words prove, in an evidence pack.
    checks |= {judge.VIP_LOST, judge.VIP_TWICE, judge.KEYS}
    for problem in known:
        assert set(problem.explains) <= names, problem.id
        assert problem.proof != "own", problem.id
        for sign in (*problem.signs, *problem.needs, *problem.against):
            if sign.finding:
                assert fnmatch.filter(checks, sign.finding), (problem.id, sign.finding)
            if sign.mark:
                # A line that is read for its mark must be one that the pattern can fit.
                assert sign.log, problem.id
            if sign.log:
                assert not re.search(sign.log, ""), problem.id


def test_no_number_stands_alone_in_a_pattern() -> None:
    """Seen live: `401` was found in the id of a request that had failed with 500."""
    alone = re.compile(r"[|(*]\d{3}(?=[|)]|$)")
    patterns = [
        (problem.id, sign.log)
        for problem in knowledge.shipped()
        for sign in (*problem.signs, *problem.needs, *problem.against)
    ]
    assert [(name, log) for name, log in patterns if alone.search(log)] == []
    assert alone.search("Identity response: .*(requires authentication|401)")
