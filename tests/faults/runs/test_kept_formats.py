# SPDX-License-Identifier: Apache-2.0
"""Runs that an earlier release left half-way are carried on: one folder for each format."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from day2.engine.durable import FORMAT
from day2.memory import journal
from day2.model.run import State, Wanted
from tests.faults.runs.keep import DATABASES, SERVERS
from tests.faults.runs.nursery import Nursery, Stand, nursery

FORMATS = sorted((Path(__file__).parent / "formats").iterdir())


@pytest.fixture(scope="module")
def engines() -> Iterator[Nursery]:
    with nursery() as made:
        yield made


def test_the_format_of_now_is_kept() -> None:
    assert FORMAT in {folder.name for folder in FORMATS}


@pytest.mark.parametrize("kept", FORMATS, ids=lambda folder: folder.name)
def test_a_run_of_this_format_is_carried_on(kept: Path, engines: Nursery, tmp_path: Path) -> None:
    state, cloud = tmp_path / "state", tmp_path / "cloud"
    for folder in (state, cloud):
        folder.mkdir(mode=0o700)
    for name in DATABASES:
        database = sqlite3.connect(state / f"{name}.sqlite")
        database.executescript((kept / f"{name}.sql").read_text())
        database.close()
    for name, text in json.loads((kept / "cloud.json").read_text()).items():
        (cloud / name).write_text(text)
    stand = Stand(tmp_path, 0)
    before = stand.run("toy-kept")
    assert before.state is State.RUNNING
    stand.want("toy-kept", Wanted.RUN)
    assert engines.engine(stand) == (0, "-")
    assert stand.run("toy-kept").state is State.WAITING
    stand.answer("toy-kept", "approve")
    assert engines.engine(stand) == (0, "-")
    assert stand.run("toy-kept").state is State.DONE
    assert stand.moves() == Counter({f"move {n} b": 1 for n in range(1, SERVERS + 1)})
    assert set(stand.rows("toy-kept").values()) == {1}
    journal.verify(stand.memory)
