# SPDX-License-Identifier: Apache-2.0
"""The rules of durable runs, each held by what engines and operators do on the toy cloud."""

import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from day2.engine import filing
from day2.engine.differing import differences
from day2.engine.filing import require_sound
from day2.engine.settings import ChangeSettings
from day2.engine.undo import undo
from day2.engine.windows import Freeze
from day2.errors import BadPlan, BadUsage, JournalBroken, Locked, Refused
from day2.memory import journal, plans
from day2.memory.journal import Head
from day2.model.outcome import Ending
from day2.model.run import State, Wanted
from tests.faults.runs.nursery import Nursery, Stand, nursery
from tests.faults.runs.toy import actions, plan


@pytest.fixture(scope="module")
def engines() -> Iterator[Nursery]:
    with nursery() as made:
        yield made


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return Stand(tmp_path, 3)


def background(engines: Nursery, stand: Stand) -> threading.Thread:
    """Let an engine run beside the test."""
    thread = threading.Thread(target=engines.engine, args=(stand,))
    thread.start()
    return thread


def until(what: object, seconds: float = 20) -> None:
    assert callable(what)
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)


def test_every_launch_is_another_executor_and_steps_are_json(
    engines: Nursery, stand: Stand
) -> None:
    stand.file(plan("toy-one", 3))
    assert engines.engine(stand, "acted 3/start")[0] == -9
    stand.want("toy-one", Wanted.RUN)
    assert engines.engine(stand) == (0, "-")
    assert stand.run("toy-one").state is State.DONE
    with sqlite3.connect(stand.state / "engine.sqlite") as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        outputs = [
            row[0]
            for row in database.execute(
                "SELECT output FROM operation_outputs WHERE output IS NOT NULL"
            )
        ]
        executors = database.execute("SELECT DISTINCT executor_id FROM workflow_status").fetchall()
    assert len(outputs) > 10
    assert all(text[0] in '{["tfn0123456789' for text in outputs)
    assert len(executors) >= 1
    modes = {file.name: file.stat().st_mode & 0o777 for file in stand.state.glob("*.sqlite")}
    assert modes == {"engine.sqlite": 0o600, "memory.sqlite": 0o600}


def test_a_failure_is_the_same_named_error_after_a_kill(engines: Nursery, tmp_path: Path) -> None:
    """A step that fails is recorded as data: the replay takes the same branch."""
    stand = Stand(tmp_path, 2)
    made = plan("toy-fails", 2)
    steps = [structs.replace(s, action="nonsense") if s.n == 3 else s for s in made.steps]
    stand.file(structs.replace(made, steps=steps))
    assert engines.engine(stand, "before 3/end")[0] == -9
    stand.want("toy-fails", Wanted.RUN)
    assert engines.engine(stand) == (0, "-")
    run = stand.run("toy-fails")
    assert run.state is State.PARTIAL
    failed = next(step for step in run.steps if step.n == 3)
    assert failed.outcome is Ending.FAILED
    assert failed.detail.startswith("this day2 has no action 'nonsense'")
    assert failed.facts == {"error": "NotDeployed"}


@pytest.mark.parametrize(
    "change",
    [{"undo": ""}, {"irreversible": "because"}, {"readonly": True}, {"n": 0}],
    ids=["no way back", "two answers", "readonly with undo", "number 0"],
)
def test_a_step_must_say_how_it_is_taken_back(change: dict[str, object]) -> None:
    made = plan("toy-unsound", 1)
    broken = structs.replace(made, steps=[structs.replace(made.steps[1], **change)])
    with pytest.raises(BadPlan):
        require_sound(broken)
    require_sound(made)


def test_a_paused_run_begins_no_step_and_goes_on_when_told(engines: Nursery, stand: Stand) -> None:
    stand.file(plan("toy-pause", 3))
    stand.want("toy-pause", Wanted.PAUSE)
    assert engines.engine(stand) == (0, "-")
    assert stand.run("toy-pause").state is State.PAUSED
    assert stand.toy.effects() == []
    stand.want("toy-pause", Wanted.RUN)
    assert engines.engine(stand) == (0, "-")
    assert stand.run("toy-pause").state is State.DONE


def test_an_engine_stays_at_a_gate_while_what_its_run_made_would_end_by_itself(
    engines: Nursery, stand: Stand
) -> None:
    """A silence, say: the alerts of planned work would wake people while they sleep on a gate."""
    made = plan("toy-light", 3, gate=True)
    light = structs.replace(made.steps[0], n=20, stage=0, action="light", fingerprint={})
    stand.file(structs.replace(made, steps=[*made.steps, light]))
    (stand.state / "leave").write_text("0.5")
    engine = background(engines, stand)
    until(lambda: stand.run("toy-light").state is State.WAITING)
    time.sleep(2)
    assert stand.run("toy-light").engine != ""
    stand.answer("toy-light", "approve")
    engine.join()
    assert stand.run("toy-light").state is State.DONE


def test_stop_all_holds_every_act(engines: Nursery, stand: Stand) -> None:
    flag = stand.state / "stop-all"
    flag.touch()
    stand.file(plan("toy-halt", 3))
    assert engines.engine(stand) == (0, "-")
    assert stand.toy.effects() == []
    flag.unlink()
    stand.want("toy-halt", Wanted.RUN)
    assert engines.engine(stand) == (0, "-")
    assert stand.run("toy-halt").state is State.DONE


def test_a_cancelled_run_is_taken_back_in_reverse(engines: Nursery, stand: Stand) -> None:
    stand.file(plan("toy-cancel", 3, gate=True))
    assert engines.engine(stand) == (0, "-")
    stand.want("toy-cancel", Wanted.CANCEL)
    assert engines.engine(stand) == (0, "-")
    cancelled = stand.run("toy-cancel")
    assert cancelled.state is State.CANCELLED
    now = datetime.now(UTC)
    saved = plans.load(stand.memory, "toy-cancel")
    back = undo(
        saved.plan,
        cancelled,
        actions(stand.toy),
        name="undo-toy-cancel",
        by="operator",
        now=now,
        expires_at=now + timedelta(hours=1),
    )
    assert [(s.stage, s.action) for s in back.steps] == [
        (2, "move"),
        (2, "move"),
        (2, "move"),
        (3, "enable"),
    ]
    stand.file(back)
    assert engines.engine(stand) == (0, "-")
    assert stand.run("undo-toy-cancel").state is State.DONE
    assert stand.run("toy-cancel").state is State.UNDONE
    assert {stand.toy.read(n)["host"] for n in (1, 2, 3)} == {"a"}
    assert stand.toy.effects()[-1] == "enabled"


def test_what_was_done_and_not_proven_is_named_by_the_way_back(
    engines: Nursery, tmp_path: Path
) -> None:
    """It cannot be taken back by itself, and it is not silently left out; what was refused is."""
    stand = Stand(tmp_path, 3)
    made = plan("toy-unproven", 3)
    breaks = [
        structs.replace(made.steps[n], action="breaks", fingerprint={}, arguments=given)
        for n, given in ((1, {}), (2, {"refused": True}))
    ]
    stand.file(structs.replace(made, steps=[made.steps[0], *breaks, made.steps[3]]))
    assert engines.engine(stand, "before 2/end")[0] == -9
    stand.want("toy-unproven", Wanted.RUN)
    assert engines.engine(stand) == (0, "-")
    run = stand.run("toy-unproven")
    assert [step.outcome for step in run.steps[1:3]] == [Ending.FAILED, Ending.FAILED]
    given: dict[str, Any] = {"name": "back", "by": "b", "now": made.at, "expires_at": made.at}
    saved = plans.load(stand.memory, "toy-unproven").plan
    back = undo(saved, run, actions(stand.toy), **given)
    assert [step.action for step in back.steps] == ["move", "enable"]
    assert [(one.subject.id, one.kind) for one in back.refused] == [("1", "unproven")]
    assert back.refused[0].why == (
        "it was changed, or may have been, and that was not proven: look at it yourself "
        "(the cloud answers nonsense)"
    )
    alone = structs.replace(run, steps=run.steps[1:2])
    with pytest.raises(Refused, match="nothing that day2 can take back") as refused:
        undo(saved, alone, actions(stand.toy), **given)
    assert refused.value.hint.startswith("server web1: it was changed, or may have been")


def test_of_two_applies_one_runs_and_a_plan_runs_once(engines: Nursery, stand: Stand) -> None:
    stand.file(plan("toy-twice", 3))
    saved = plans.load(stand.memory, "toy-twice")
    with pytest.raises(Locked) as locked:
        filing.file(stand.memory, saved, stand.filer(), ChangeSettings(), wait=False)
    assert locked.value.exit_code == 23
    assert engines.engine(stand) == (0, "-")
    with pytest.raises(Refused, match="ran already: done"):
        filing.file(stand.memory, saved, stand.filer(), ChangeSettings(), wait=False)
    assert stand.rows("toy-twice")["", "filed"] == 1


def test_another_plan_is_filed_beside_and_both_keep_the_limit(
    engines: Nursery, tmp_path: Path
) -> None:
    """Four at a time leave the host, whichever run they are of."""
    stand = Stand(tmp_path, 12)
    first = plan("toy-first", 12)
    half = structs.replace(first, steps=[*first.steps[:1], *first.steps[1:7]])
    second = structs.replace(first, id="toy-second", steps=first.steps[7:])
    stand.file(half)
    stand.file(second)
    engine = background(engines, stand)
    most = 0
    while engine.is_alive():
        moving = sum("moving" in stand.toy.read(n) for n in range(1, 13))
        most = max(most, moving)
        time.sleep(0.01)
    engine.join()
    assert {stand.run(name).state for name in ("toy-first", "toy-second")} == {State.DONE}
    assert stand.moves() == Counter({f"move {n} b": 1 for n in range(1, 13)})
    assert 1 < most <= 4


def test_an_approval_is_bound_to_the_bytes_and_to_another_person(stand: Stand) -> None:
    saved = stand.save(plan("toy-other", 3, other_person=True))
    with pytest.raises(Refused, match="not approved"):
        filing.file(stand.memory, saved, stand.filer(), ChangeSettings(), wait=False)
    with pytest.raises(Refused, match="another person"):
        filing.approve(stand.memory, saved, stand.filer(by="planner"))
    filing.approve(stand.memory, saved, stand.filer(by="colleague"))
    run = filing.file(stand.memory, saved, stand.filer(), ChangeSettings(), wait=False)
    assert run.state is State.QUEUED


def test_an_edited_expired_or_foreign_plan_is_refused(stand: Stand) -> None:
    saved = stand.save(plan("toy-stale", 3))
    late = stand.filer(now=datetime.now(UTC) + timedelta(hours=25))
    with pytest.raises(Refused, match="expired"):
        filing.approve(stand.memory, saved, late)
    with pytest.raises(Refused, match="of the cloud 'toy'"):
        filing.approve(stand.memory, saved, stand.filer(cloud="other"))
    with pytest.raises(Refused, match="was made for the cloud at toy"):
        filing.approve(stand.memory, saved, stand.filer(foundation="http://elsewhere"))
    edited = saved.document.replace(b'"to":"b"', b'"to":"c"', 1)
    assert len(edited) == len(saved.document)
    with sqlite3.connect(stand.state / "memory.sqlite") as database:
        database.execute("UPDATE plans SET document = ? WHERE id = 'toy-stale'", (edited,))
    with pytest.raises(Refused, match="somebody edited it") as refused:
        plans.load(stand.memory, "toy-stale")
    assert refused.value.exit_code == 24


def test_a_subject_that_changed_is_skipped_with_old_and_new(engines: Nursery, stand: Stand) -> None:
    stand.file(plan("toy-changed", 3))
    stand.toy.write(2, {"host": "a", "status": "SHUTOFF"})
    assert engines.engine(stand) == (0, "-")
    run = stand.run("toy-changed")
    assert run.state is State.PARTIAL
    skipped = next(step for step in run.steps if step.n == 3)
    assert skipped.outcome is Ending.SKIPPED
    assert skipped.detail == "changed since the plan was made: status: ACTIVE → SHUTOFF"


def test_above_the_limit_nothing_is_begun(engines: Nursery, stand: Stand) -> None:
    stand.file(plan("toy-moved-on", 3))
    for number in (1, 2):
        stand.toy.write(number, {"host": "a", "status": "SHUTOFF"})
    assert engines.engine(stand) == (0, "-")
    run = stand.run("toy-moved-on")
    assert (run.state, run.steps) == (State.FAILED, [])
    assert run.detail.startswith("refused before anything was changed: 2 of 4 subjects changed")
    assert stand.toy.effects() == []


def test_changes_are_refused_while_they_are_frozen(stand: Stand) -> None:
    saved = stand.save(plan("toy-frozen", 3))
    filing.approve(stand.memory, saved, stand.filer())
    begins, ends = "2026-01-01T00:00", "2999-01-01T00:00"
    frozen = ChangeSettings(freezes=[Freeze(begins=begins, ends=ends, reason="the fair")])
    with pytest.raises(Refused, match="frozen until 2999-01-01 00:00 UTC: the fair"):
        filing.file(stand.memory, saved, stand.filer(), frozen, wait=False)


def test_an_answer_must_be_one_of_the_choices(engines: Nursery, stand: Stand) -> None:
    stand.file(plan("toy-answer", 1, gate=True))
    assert engines.engine(stand) == (0, "-")
    with pytest.raises(BadUsage, match="knows: reject, approve"):
        stand.answer("toy-answer", "perhaps")
    waiting = stand.run("toy-answer")
    assert [(gate.name, gate.question) for gate in waiting.gates] == [("3:go", "Shall it go on?")]


def test_the_journal_shows_every_kind_of_tampering(engines: Nursery, stand: Stand) -> None:
    stand.file(plan("toy-journal", 3))
    assert engines.engine(stand) == (0, "-")
    end = journal.verify(stand.memory)
    copied = (stand.state / "heads").read_text().split()[-1]
    assert copied == end.text
    file = stand.state / "memory.sqlite"

    def tampered(sql: str) -> str:
        kept = file.read_bytes()
        stand.memory.close()
        with sqlite3.connect(file) as database:
            database.execute(sql)
        database.close()
        with pytest.raises(JournalBroken) as broken:
            journal.verify(stand.memory, [end])
        stand.memory.close()
        file.write_bytes(kept)
        return str(broken.value)

    with sqlite3.connect(file) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    changed = "UPDATE journal SET body = replace(body, 'done', 'gone') WHERE n = 7"
    assert "row 7 was changed" in tampered(changed)
    assert "row 5 is missing" in tampered("DELETE FROM journal WHERE n = 5")
    last = f"DELETE FROM journal WHERE n = {end.n}"  # noqa: S608
    assert f"a copied head names row {end.n}" in tampered(last)
    assert "does not follow" in tampered("UPDATE journal SET previous = hash WHERE n = 4")
    assert journal.verify(stand.memory, [end]) == Head(n=end.n, hash=end.hash)


@pytest.mark.parametrize("point", ["before 3/begin", "acted 3/start", "after 3/look"])
def test_a_full_disk_breaks_the_engine_off_and_loses_nothing(
    point: str, engines: Nursery, stand: Stand
) -> None:
    stand.file(plan("toy-full", 3))
    code, where = engines.engine(stand, f"full@{point}")
    assert (code != 0, where) == (True, point)
    broken_off = stand.run("toy-full")
    assert broken_off.state is State.RUNNING
    stand.want("toy-full", Wanted.RUN)
    assert engines.engine(stand) == (0, "-")
    assert stand.run("toy-full").state is State.DONE
    assert stand.moves() == Counter({f"move {n} b": 1 for n in (1, 2, 3)})
    assert set(stand.rows("toy-full").values()) == {1}
    journal.verify(stand.memory)


def test_a_run_whose_cloud_cannot_be_wired_waits_for_who_mends_it(
    engines: Nursery, stand: Stand
) -> None:
    stand.file(plan("toy-unwired", 3))
    (stand.state / "unwired").write_text("clouds.yaml is gone")
    assert engines.engine(stand) == (0, "-")
    paused = stand.run("toy-unwired")
    assert (paused.state, paused.detail) == (State.PAUSED, "clouds.yaml is gone")
    (stand.state / "unwired").unlink()
    stand.want("toy-unwired", Wanted.RUN)
    assert engines.engine(stand) == (0, "-")
    assert stand.run("toy-unwired").state is State.DONE


def test_a_run_is_not_carried_on_at_another_cloud_of_its_name(
    engines: Nursery, stand: Stand
) -> None:
    """The settings may name another cloud by then: hosts have the same names there."""
    stand.file(plan("toy-moved", 3))
    assert engines.engine(stand, "after 1/end")[0] == -9
    effects = stand.toy.effects()
    (stand.state / "foundation").write_text("http://the-copy:5000")
    stand.want("toy-moved", Wanted.RUN)
    assert engines.engine(stand) == (0, "-")
    paused = stand.run("toy-moved")
    assert paused.state is State.PAUSED
    assert paused.detail == (
        "the plan toy-moved was made for the cloud at toy; the settings now name "
        "http://the-copy:5000"
    )
    assert stand.toy.effects() == effects
    (stand.state / "foundation").unlink()
    stand.want("toy-moved", Wanted.RUN)
    assert engines.engine(stand) == (0, "-")
    assert stand.run("toy-moved").state is State.DONE


def test_a_bug_in_one_look_ends_its_step_and_not_the_engine(engines: Nursery, stand: Stand) -> None:
    """Every run of the engine would end with it, and each engine after it as well."""
    made = plan("toy-mad", 3)
    mad = [structs.replace(s, action="mad") if s.n == 2 else s for s in made.steps]
    stand.file(structs.replace(made, steps=mad))
    assert engines.engine(stand) == (0, "-")
    run = stand.run("toy-mad")
    assert run.state is State.PARTIAL
    assert [step.outcome for step in run.steps].count(Ending.DONE) == 3
    assert run.steps[1].detail.startswith("a bug in day2: KeyError: '1' (look, line ")


def test_what_the_plan_itself_changes_first_has_not_changed_since(
    engines: Nursery, stand: Stand
) -> None:
    """A resize is confirmed before its server moves: what the move expects comes true by then."""
    made = plan("toy-twofold", 3)
    again = [
        structs.replace(
            s,
            n=s.n + 10,
            stage=2,
            arguments={"to": "c"},
            fingerprint={"host": "b", "status": "ACTIVE"},
        )
        for s in made.steps[1:]
    ]
    made = structs.replace(made, steps=[*made.steps, *again])
    assert differences(made, actions(stand.toy)) == []
    stand.file(made)
    assert engines.engine(stand) == (0, "-")
    run = stand.run("toy-twofold")
    assert run.state is State.DONE, run.detail
    assert {stand.toy.read(n)["host"] for n in (1, 2, 3)} == {"c"}


@pytest.mark.parametrize(
    ("wanted", "state"), [(Wanted.CANCEL, State.CANCELLED), (Wanted.PAUSE, State.PAUSED)]
)
def test_an_answer_takes_back_nobody_elses_word(
    wanted: Wanted, state: State, engines: Nursery, stand: Stand
) -> None:
    """A colleague has cancelled or paused the run, and the gate is answered a moment later."""
    made = plan("toy-two-words", 3, gate=True)
    gate = structs.replace(made.steps[-1], stage=0, n=20)
    steps = [gate, *(structs.replace(s, stage=s.stage + 1) for s in made.steps[:-1])]
    stand.file(structs.replace(made, steps=steps))
    assert engines.engine(stand) == (0, "-")
    assert stand.run("toy-two-words").state is State.WAITING
    stand.want("toy-two-words", wanted)
    stand.answer("toy-two-words", "approve")
    assert engines.engine(stand) == (0, "-")
    assert stand.run("toy-two-words").state is state
    assert stand.toy.effects() == []


def test_a_freeze_that_cannot_be_read_pauses_the_run_and_not_every_engine(
    engines: Nursery, stand: Stand
) -> None:
    """The settings were edited after the run was filed."""
    stand.file(plan("toy-frozen-badly", 3))
    (stand.state / "frozen").write_text("next monday")
    assert engines.engine(stand) == (0, "-")
    paused = stand.run("toy-frozen-badly")
    assert paused.state is State.PAUSED
    assert paused.detail == "setting changes.freezes: 'next monday' is not a moment"
    assert stand.toy.effects() == []
    (stand.state / "frozen").unlink()
    stand.want("toy-frozen-badly", Wanted.RUN)
    assert engines.engine(stand) == (0, "-")
    assert stand.run("toy-frozen-badly").state is State.DONE


def test_a_cancel_after_the_last_step_finds_all_of_it_done(
    engines: Nursery, tmp_path: Path
) -> None:
    """Who reads that it was cancelled believes that some of it was not done, and plans it again."""
    stand = Stand(tmp_path, 1)
    stand.file(plan("toy-too-late", 1))
    assert engines.engine(stand, "after 2/end")[0] == -9
    stand.want("toy-too-late", Wanted.CANCEL)
    assert engines.engine(stand) == (0, "-")
    run = stand.run("toy-too-late")
    assert [step.outcome for step in run.steps] == [Ending.DONE, Ending.DONE]
    assert run.state is State.DONE
