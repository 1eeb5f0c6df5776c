# SPDX-License-Identifier: Apache-2.0
"""The table of faults names tests that exist."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[2]


def test_every_test_that_the_table_names_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", (Path(__file__).parent / "README.md").read_text()))
    there = {
        name
        for file in TESTS.rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)\(", file.read_text(), re.MULTILINE)
    }
    assert len(named) > 50
    assert sorted(named - there) == []
