# SPDX-License-Identifier: Apache-2.0
"""The list of known problems: each symptom once, and where each was seen."""

from day2.operations.problems import knowledge
from day2.report.problems import listed


def test_each_symptom_is_told_once_and_recorded_ones_say_so() -> None:
    known = knowledge.shipped()
    lines = listed(known).splitlines()
    symptoms = [line for line in lines if line and not line.startswith(" ")]
    told = [line for line in symptoms if line in {p.symptom for p in known}]
    assert len(told) == len(set(told)) == len({p.symptom for p in known})
    whole = " ".join(" ".join(lines).split())
    assert whole.count("(recorded)") == sum(p.proof == "recorded" for p in known)
    assert f"{len(known)} problems: " in whole
    assert max(len(line) for line in lines) <= 80
