# SPDX-License-Identifier: Apache-2.0
"""An entry is called `real` exactly where a test of the lab plants it and wants it named first."""

import importlib
from pathlib import Path

from day2.operations.problems import knowledge
from tests.lab.problem import Planting
from tests.lab.test_problems_words import FAILURES

TABLES = sorted((Path(__file__).parents[3] / "lab").glob("problems_*.py"))
# Planted by tests of their own: they are named by evidence, or in front of the hosts alone.
ALONE = {"vip-twice", "vip-nowhere"}
REAL_RATIO_MIN = 0.7


def planted() -> set[str]:
    found = {problem for problem, _fail in FAILURES} | ALONE
    for file in TABLES:
        for value in vars(importlib.import_module(f"tests.lab.{file.stem}")).values():
            if isinstance(value, tuple):
                found |= {row.problem for row in value if isinstance(row, Planting)}
    return found


def test_what_is_called_real_is_planted_and_the_reverse() -> None:
    assert {p.id for p in knowledge.shipped() if p.proof == "real"} == planted()


def test_most_are_real() -> None:
    known = knowledge.shipped()
    assert len([p for p in known if p.proof == "real"]) >= REAL_RATIO_MIN * len(known)
