# SPDX-License-Identifier: Apache-2.0
from datetime import timedelta
from pathlib import Path

from msgspec import structs

from day2.memory import drills
from day2.memory.store import open_memory
from day2.model.outcome import Ending
from day2.model.recovery import Drill, Phase
from tests.unit.builders import NOW


def drill(number: int, cloud: str = "c1") -> Drill:
    at = NOW + timedelta(days=number)
    ended = at + timedelta(seconds=30)
    phase = Phase(
        name="database",
        title="",
        budget_seconds=60,
        started_at=at,
        ended_at=ended,
        outcome=Ending.DONE,
    )
    return Drill(
        id=f"drill-{number}",
        cloud=cloud,
        region="",
        depth="scratch",
        by="ann",
        at=at,
        ended_at=ended,
        ok=True,
        phases=[phase],
        sets=[],
        rto_seconds=30,
        rto_seconds_max=3600,
        rpo_seconds=60,
        rpo_seconds_max=3600,
    )


def test_the_newest_drills_of_a_cloud_come_first(tmp_path: Path) -> None:
    memory = open_memory(tmp_path)
    for number in (2, 1, 3):
        drills.save(memory, drill(number))
    drills.save(memory, drill(9, cloud="c2"))
    assert drills.listed(memory, "c1", "", count=2) == [drill(3), drill(2)]
    memory.close()


def test_a_drill_that_is_measured_again_is_kept_once(tmp_path: Path) -> None:
    memory = open_memory(tmp_path)
    drills.save(memory, drill(1))
    again = structs.replace(drill(1), ok=False)
    drills.save(memory, again)
    assert drills.listed(memory, "c1", "", count=9) == [again]
    memory.close()
