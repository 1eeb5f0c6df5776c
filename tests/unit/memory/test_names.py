# SPDX-License-Identifier: Apache-2.0
"""Plans and runs are named by their ids, or the beginning of one; nothing names nothing."""

from datetime import timedelta
from pathlib import Path

import pytest

from day2.errors import BadUsage
from day2.memory import plans, runs
from day2.memory.store import open_memory
from day2.model.finding import Subject
from day2.model.plan import Plan, seal
from day2.model.run import State
from tests.unit.memory.test_run_subjects import AT, keep


def test_an_empty_name_is_not_the_only_plan_or_run_there_is(tmp_path: Path) -> None:
    """A script whose variable is empty must not apply, cancel or undo whatever there is."""
    memory = open_memory(tmp_path / "state")
    plan = Plan(
        id="drain-a-1",
        kind="host-drain",
        cloud="c",
        region="r",
        foundation="f",
        subject=Subject(type="host", id="a"),
        summary="",
        at=AT,
        expires_at=AT + timedelta(hours=1),
        by="b",
    )
    plans.save(memory, seal(plan))
    keep(memory, "drain-a-1", State.RUNNING)
    assert plans.load(memory, "dr").plan.id == "drain-a-1"
    assert runs.load(memory, "dr").id == "drain-a-1"
    for load in (plans.load, runs.load):
        for nothing in ("", " "):
            with pytest.raises(BadUsage, match=r"no (plan|run) "):
                load(memory, nothing)
