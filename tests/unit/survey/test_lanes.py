# SPDX-License-Identifier: Apache-2.0
import threading
from typing import Any

import pytest

from day2.adapters.clock import SystemClock
from day2.errors import BadAnswer, Denied, Unreachable
from day2.survey.lanes import Gathered, Job, Result, Rows, Runner


def job(kind: str, run: Any, *, lane: str = "compute", after: tuple[str, ...] = ()) -> Job:
    return Job(lane=lane, kinds=(kind,), what=kind, run=run, after=after)


def gather(*jobs: Job, seconds_max: float = 5, width: int = 4, failures_max: int = 2) -> Gathered:
    runner = Runner(
        clock=SystemClock(), width=width, failures_max=failures_max, seconds_max=seconds_max
    )
    return runner.run(jobs)


def fails(error: Exception) -> Any:
    def run(_rows: Rows) -> Result:
        raise error

    return run


def test_a_failed_read_is_a_gap_and_others_go_on() -> None:
    found = gather(
        job("servers", fails(Denied("servers: HTTP 403"))),
        job("flavors", lambda _rows: Result(rows={"flavors": [1, 2]}, requests=1)),
    )
    assert [(gap.kind, gap.error) for gap in found.gaps] == [("servers", "Denied")]
    assert found.rows["flavors"] == [1, 2]
    assert found.readings["flavors"].rows == 2


def test_jobs_wait_for_the_kinds_they_need() -> None:
    seen: list[Any] = []

    def later(rows: Rows) -> Result:
        seen.extend(rows["providers"])
        return Result(rows={"traits": ["t"]})

    gather(
        job("traits", later, after=("providers",)),
        job("providers", lambda _rows: Result(rows={"providers": ["p1"]})),
    )
    assert seen == ["p1"]


def test_following_jobs_belong_to_their_kind() -> None:
    def fan_out(_rows: Rows) -> Result:
        return Result(follow=[job("traits", lambda _r: Result(rows={"traits": ["t"]}))] * 3)

    assert gather(job("traits", fan_out)).rows["traits"] == ["t"] * 3


def test_a_lane_never_runs_more_than_its_width() -> None:
    running, most = 0, 0
    lock = threading.Lock()

    def run(_rows: Rows) -> Result:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.01)
        with lock:
            running -= 1
        return Result()

    gather(*[job("ports", run) for _ in range(12)], width=3)
    assert most == 3


def test_a_silent_service_is_let_alone() -> None:
    asked = 0

    def run(_rows: Rows) -> Result:
        nonlocal asked
        asked += 1
        raise Unreachable("ports: no answer in time")

    found = gather(*[job(f"k{i}", run) for i in range(10)], width=1, failures_max=2)
    assert asked == 2
    assert len(found.gaps) == 10
    assert "not asked again" in found.gaps[-1].message


def test_what_is_not_asked_for_any_more_is_told_once_for_each_table() -> None:
    """Seen on ten thousand hosts: each one's inventory had a gap of its own, counted on."""
    jobs = [job("inventories", fails(Unreachable("no answer in time"))) for _ in range(50)]
    found = gather(*jobs, width=1, failures_max=2)
    assert [gap.message for gap in found.gaps] == [
        "no answer in time",
        "compute left 2 requests unanswered and was not asked again",
    ]


def test_after_one_silence_no_second_batch_is_sent_into_it() -> None:
    asked = 0

    def run(_rows: Rows) -> Result:
        nonlocal asked
        asked += 1
        raise Unreachable("ports: no answer in time")

    gather(*[job(f"k{i}", run) for i in range(20)], width=4, failures_max=2)
    assert asked <= 4


def test_denied_requests_do_not_close_the_lane() -> None:
    jobs = [job(f"k{i}", fails(Denied("no"))) for i in range(5)]
    found = gather(*jobs, job("ok", lambda _rows: Result(rows={"ok": [1]})), width=1)
    assert found.rows["ok"] == [1]


def test_answers_that_cannot_be_read_are_no_silence() -> None:
    jobs = [job(f"k{i}", fails(BadAnswer("not JSON"))) for i in range(5)]
    found = gather(*jobs, job("ok", lambda _rows: Result(rows={"ok": [1]})), width=1)
    assert found.rows["ok"] == [1]


def test_what_hangs_becomes_a_gap_when_the_time_is_up() -> None:
    release = threading.Event()

    def hang(_rows: Rows) -> Result:
        release.wait(30)
        return Result()

    found = gather(
        job("servers", hang),
        job("quotas", lambda _rows: Result(), after=("servers",)),
        seconds_max=0.2,
    )
    release.set()
    assert {gap.kind for gap in found.gaps} == {"servers", "quotas"}
    assert all("not read within" in gap.message for gap in found.gaps)


def test_absent_services_are_not_gaps() -> None:
    found = gather(job("zones", lambda _rows: Result(absent="dns")))
    assert found.absent == ["dns"]
    assert found.gaps == []
    assert "zones" not in found.readings


def test_rows_before_a_failure_are_kept_beside_the_gap() -> None:
    from day2.survey.lanes import gap_of

    def partly(_rows: Rows) -> Result:
        return Result(rows={"ports": [1]}, gaps=[gap_of("ports", "ports", BadAnswer("cut"))])

    found = gather(job("ports", partly))
    assert found.rows["ports"] == [1]
    assert len(found.gaps) == 1


def test_what_goes_through_a_list_with_a_gap_has_one_too() -> None:
    after = ("tokens", "providers")
    run: Any = lambda _rows: Result(rows={"allocations": []})  # noqa: E731
    found = gather(
        job("tokens", lambda _rows: Result()),
        job("providers", fails(Unreachable("providers: HTTP 503"))),
        Job(
            lane="placement",
            kinds=("allocations",),
            what="placement allocations",
            run=run,
            after=after,
            each=("providers",),
        ),
    )
    assert [(gap.kind, gap.error, gap.message) for gap in found.gaps] == [
        ("providers", "Unreachable", "providers: HTTP 503"),
        (
            "allocations",
            "Unreachable",
            "placement allocations: not of all providers, which are not known whole",
        ),
    ]


def test_a_bug_in_a_job_is_not_swallowed() -> None:
    with pytest.raises(ZeroDivisionError):
        gather(job("servers", fails(ZeroDivisionError())))
