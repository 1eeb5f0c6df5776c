# SPDX-License-Identifier: Apache-2.0
"""The same kills with the durable steps in PostgreSQL."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.runs.nursery import Nursery, Stand, nursery
from tests.faults.runs.postgres import postgres
from tests.faults.runs.test_kills import POINTS, SERVERS, carry_on, require_whole
from tests.faults.runs.toy import plan

FULL = bool(os.environ.get("TEST_FULL"))
SEEDS = range(20) if FULL else range(1)


@pytest.fixture(scope="module")
def engines() -> Iterator[Nursery]:
    with nursery() as made:
        yield made


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with postgres(tmp_path_factory.mktemp("postgres")) as found:
        yield found


def stand_on(url: str, folder: Path) -> Stand:
    stand = Stand(folder, SERVERS)
    (stand.state / "database").write_text(url)
    return stand


@pytest.mark.parametrize("seed", SEEDS)
def test_random_kills_repeat_and_forget_nothing(
    seed: int, url: str, engines: Nursery, tmp_path: Path
) -> None:
    chance = random.Random(seed)  # noqa: S311 - which points, not which secrets
    stand = stand_on(url, tmp_path)
    name = f"toy-pg-{seed}"
    stand.file(plan(name, SERVERS))
    kills: list[int | str] = [chance.randrange(1, 60) for _ in range(5)]
    assert len(carry_on(stand, engines, name, kills)) >= 3
    require_whole(stand, name)
    assert not (stand.state / "engine.sqlite").exists()


def test_kills_before_and_after_kinds_of_steps(url: str, engines: Nursery, tmp_path: Path) -> None:
    stand = stand_on(url, tmp_path)
    stand.file(plan("toy-pg-points", SERVERS))
    wanted: list[int | str] = list(POINTS if FULL else POINTS[5::4])
    assert carry_on(stand, engines, "toy-pg-points", wanted) == wanted
    require_whole(stand, "toy-pg-points")
