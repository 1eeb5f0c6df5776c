# SPDX-License-Identifier: Apache-2.0
"""What an action was begun on, and whether whoever began it has ended."""

from datetime import UTC, datetime
from pathlib import Path

from day2.memory import runs
from day2.memory.store import Memory, open_memory
from day2.model.finding import Subject
from day2.model.run import Run, RunStep, State, Wanted

AT = datetime(2026, 11, 26, 6, 0, tzinfo=UTC)


def keep(
    memory: Memory, own: str, state: State, *steps: tuple[str, str], kind: str = "backup-run"
) -> None:
    run = Run(
        id=own,
        cloud="c",
        region="r",
        plan=own,
        sha256="0",
        kind=kind,
        summary="",
        state=state,
        wanted=Wanted.RUN,
        by="b",
        at=AT,
    )
    with memory.writing() as connection:
        runs.insert_run(connection, run)
        runs.put_steps(
            connection,
            own,
            [
                RunStep(n=n, action=action, subject=Subject(type="backup-set", id=subject, name=""))
                for n, (action, subject) in enumerate(steps, start=1)
            ],
        )


def test_the_subjects_of_an_action_are_told_with_whether_all_of_its_runs_ended(
    tmp_path: Path,
) -> None:
    memory = open_memory(tmp_path / "state")
    keep(memory, "one", State.PARTIAL, ("freeze", "a"), ("take", "other"), ("freeze", "both"))
    keep(memory, "two", State.PAUSED, ("freeze", "b"), ("freeze", "both"))
    keep(memory, "undo", State.DONE, ("freeze", "elsewhere"), kind="backup-prune")

    def told(cloud: str = "c") -> dict[str, bool]:
        return runs.subjects(memory, cloud, kind="backup-run", action="freeze")

    assert told() == {"a": True, "b": False, "both": False}
    assert told("another") == {}
