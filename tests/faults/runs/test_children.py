# SPDX-License-Identifier: Apache-2.0
"""Programs that a step began outlive the engine, and are adopted, never begun twice at a time."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from day2.adapters import children
from day2.model.outcome import Ending
from day2.model.plan import Plan, Step
from day2.model.run import State, Wanted
from lab.processes import wait_for
from tests.faults.runs.nursery import Nursery, Stand, nursery
from tests.faults.runs.toy import plan


@pytest.fixture(scope="module")
def engines() -> Iterator[Nursery]:
    with nursery() as made:
        yield made


def program(name: str, **arguments: Any) -> Plan:
    made = plan(name, 0)
    step = Step(
        n=1,
        action="program",
        subject=made.subject,
        why="tried",
        arguments=arguments,
        irreversible="it has run",
    )
    return structs.replace(made, steps=[step])


@pytest.mark.parametrize(
    ("point", "adopted"),
    [
        ("intent 1/run", False),
        ("acted 1/run", True),
        ("after 1/run", False),
        ("before 1/run-ended", False),
    ],
)
def test_a_program_is_begun_once_whenever_the_engine_is_killed(
    point: str, adopted: bool, engines: Nursery, tmp_path: Path
) -> None:
    stand = Stand(tmp_path, 0)
    stand.file(program("toy-program"))
    assert engines.engine(stand, point) == (-9, point)
    stand.want("toy-program", Wanted.RUN)
    assert engines.engine(stand) == (0, "-")
    (step,) = stand.run("toy-program").steps
    assert (step.outcome, step.detail) == (Ending.DONE, f"ended with 3, adopted: {adopted}")
    assert stand.toy.effects() == ["begun", "ended"]


def test_another_playbook_on_the_inventory_keeps_ours_away(
    engines: Nursery, tmp_path: Path
) -> None:
    stand = Stand(tmp_path, 0)
    inventory = tmp_path / "multinode"
    inventory.touch()
    colleague = tmp_path / "ansible-playbook"
    colleague.write_text("import time\ntime.sleep(60)\n")
    other = subprocess.Popen([sys.executable, str(colleague), "-i", str(inventory), "site.yml"])
    try:
        # A program that was started a moment ago has no command line yet.
        wait_for(lambda: bool(children.playbooks(inventory)), "the playbook to be seen", seconds=30)
        stand.file(program("toy-busy", inventory=str(inventory)))
        assert engines.engine(stand) == (0, "-")
        assert other.poll() is None, "it ended before its time"
    finally:
        other.kill()
        other.wait()
    run = stand.run("toy-busy")
    assert run.state is State.FAILED
    assert f"process {other.pid} works on {inventory}" in run.steps[0].detail
    assert run.steps[0].facts == {"error": "Locked"}
    assert stand.toy.effects() == []
