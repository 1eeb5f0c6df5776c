# SPDX-License-Identifier: Apache-2.0
"""What happens meanwhile, how the step ends then, and the sentence that people read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from day2.model.outcome import Ending
from day2.wiring.actions import actions
from tests.scenarios.hosts.direct import Direct
from tests.scenarios.hosts.guests import SOURCE, Guests

Event = Callable[[Guests, str], None]
MOVE = {"host": "compute04", "block_migration": "auto"}
DOWN = {"kind": "status", "status": 503, "service": "compute", "times": 20}
LOST = {"kind": "html", "service": "compute", "method": "POST", "path": "action", "times": 1}


def stop(guests: Guests, own: str) -> None:
    guests.acts(own, "os-stop", seconds=3)


def lock(guests: Guests, own: str) -> None:
    guests.acts(own, "lock")


def delete(guests: Guests, own: str) -> None:
    guests.delete(own)


def go(guests: Guests, own: str) -> None:
    guests.acts(own, "os-migrateLive", MOVE)


def gone_elsewhere(guests: Guests, own: str) -> None:
    guests.acts(own, "os-migrateLive", MOVE, seconds=10)


def come_back(guests: Guests, own: str) -> None:
    gone_elsewhere(guests, own)
    guests.acts(own, "os-migrateLive", {**MOVE, "host": SOURCE})


def resize(guests: Guests, own: str) -> None:
    guests.acts(own, "migrate", {"host": None})


def outage(guests: Guests, _own: str) -> None:
    guests.faults(DOWN)


def lost_answer(guests: Guests, _own: str) -> None:
    guests.faults(LOST)


@dataclass
class Case:
    """One thing that happens just before a call of a live migration."""

    ending: Ending
    said: str
    kind: str = "plain"
    at: str = ""
    event: Event | None = None
    host: str | None = SOURCE
    moves: Sequence[str] = ()
    answers: Sequence[str] = ()
    given: dict[str, Any] = field(default_factory=dict)


CASES = {
    "deleted before": Case(
        Ending.SKIPPED, "deleted by its owner", at="start", event=delete, host=None
    ),
    "deleted on its way": Case(
        Ending.SKIPPED, "deleted by its owner", at="moved", event=delete, host=None
    ),
    "deleted after": Case(
        Ending.SKIPPED, "deleted by its owner, after it had moved", at="after", event=delete,
        host=None,
    ),
    "stopped": Case(Ending.SKIPPED, "status ACTIVE → SHUTOFF", at="start", event=stop),
    "locked": Case(Ending.SKIPPED, "locked no → yes", at="start", event=lock),
    "resized before we looked": Case(
        Ending.SKIPPED, "a migration of it is under way", at="before", event=resize,
        moves=["pre-migrating"],
    ),
    "resized after we looked": Case(
        Ending.SKIPPED, "a migration of it began meanwhile", at="start", event=resize,
        moves=["pre-migrating"],
    ),
    "moves already": Case(
        Ending.DONE, "compute01 → compute04", at="before", event=go, host="compute04",
        moves=["completed"],
    ),
    "on its way here": Case(
        Ending.SKIPPED, "it is on its way from compute04 to compute01", at="before",
        event=come_back, host=None,
    ),
    "moved by another at the same moment": Case(
        Ending.DONE, "compute01 → compute04", at="start", event=go, host="compute04",
        moves=["completed"],
    ),
    "moved by another in between": Case(
        Ending.DONE, "compute01 → compute04", at="start", event=gone_elsewhere,
        host="compute04", moves=["completed"],
    ),
    "hangs, and is forced": Case(
        Ending.DONE, "compute01 → compute02", kind="hang", host="compute02",
        moves=["completed"], given={"force_complete": True},
    ),
    "hangs, is aborted, and goes elsewhere": Case(
        Ending.DONE, "compute01 → compute03", kind="hang", host="compute03",
        moves=["cancelled", "completed"],
    ),
    "hangs, and nothing may be done": Case(
        Ending.SKIPPED,
        "left on compute01, as answered at the gate: migration {} to compute02: "
        "not over after 30 s",
        kind="hang", moves=["running"], answers=["leave"], given={"abort": False},
    ),
    "deaf to everything": Case(
        Ending.SKIPPED,
        "left on compute01, as answered at the gate: migration {} to compute02: "
        "not over after 30 s; force-complete ordered, not over 130.24 s later; abort ordered",
        kind="deaf", moves=["running"], answers=["leave"], given={"force_complete": True},
    ),
    "hangs for somebody else": Case(
        Ending.SKIPPED,
        "left on compute01, as answered at the gate: migration {} to compute04, which somebody "
        "else began: not over after 30 s",
        kind="hang", at="before", event=go, moves=["running"], answers=["leave"],
    ),
    "fails once": Case(
        Ending.DONE, "compute01 → compute03", kind="fail", host="compute03",
        moves=["error", "completed"],
    ),
    "fails, and people say so": Case(
        Ending.SKIPPED,
        "left on compute01, as answered at the gate: "
        "migration {} to compute02 ended as error",
        kind="fail", moves=["error"], answers=["leave"], given={"tries": 1},
    ),
    "fails, and people say again": Case(
        Ending.DONE, "compute01 → compute03", kind="fail", host="compute03",
        moves=["error", "completed"], answers=["retry"], given={"tries": 1},
    ),
    "completed, and still there": Case(
        Ending.FAILED,
        "migration {} to compute02 says completed, and Nova still names compute01 as its host: "
        "look on both hosts where the guest runs (virsh list), and do not reset or stop it before",
        kind="stay", moves=["completed"],
    ),
    "in error": Case(
        Ending.FAILED,
        "migration {} to compute02 ended as error, its status is ERROR: the guest may still run, "
        "so look on both hosts (virsh list) before anything is reset; day2 resets nothing here",
        kind="error", moves=["error"],
    ),
    "half a port left": Case(
        Ending.FAILED,
        "compute01 → compute02, but not proven: port {} has an INACTIVE binding left on compute01",
        kind="stray", host="compute02", moves=["completed"],
    ),
    "an outage of twenty requests": Case(
        Ending.DONE, "compute01 → compute02", at="start", event=outage, host="compute02",
        moves=["completed"],
    ),
    "an outage on the way": Case(
        Ending.DONE, "compute01 → compute02", at="moved", event=outage, host="compute02",
        moves=["completed"],
    ),
    "an answer that was lost": Case(
        Ending.DONE, "compute01 → compute02", at="start", event=lost_answer, host="compute02",
        moves=["completed"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_meanwhile(guests: Guests, name: str) -> None:
    case = CASES[name]
    own = guests.fresh(case.kind)
    step = guests.live(own, **case.given)
    event = case.event
    hooks = {case.at: lambda: event(guests, own)} if event else {}
    result, do = guests.perform(step, meanwhile=hooks, answers=case.answers)
    head, _mark, tail = case.said.partition("{}")
    assert result.ending is case.ending, result
    assert result.detail.startswith(head), result.detail
    assert result.detail.endswith(tail), result.detail
    assert len(do.questions) == len(case.answers)
    if case.host is not None:
        guests.faults()
        assert guests.host(own) == case.host
        assert [status for _kind, status in guests.moves(own)] == list(case.moves)


def test_when_no_host_has_room_people_are_asked(guests: Guests) -> None:
    own = guests.fresh("plain")
    step = guests.live(own, targets=[])
    others = [guests.service(host) for host in ("compute02", "compute03", "compute04")]

    def fill() -> None:
        for row in others:
            guests.cloud.compute.update_service(str(row["id"]), status="disabled")

    try:
        result, do = guests.perform(step, meanwhile={"start": fill}, answers=["leave"])
    finally:
        for row in others:
            guests.cloud.compute.update_service(str(row["id"]), status="enabled")
    assert result.ending is Ending.SKIPPED, result
    assert "ended as error" in do.questions[0]
    assert guests.moves(own) == [("live-migration", "error")] * 2


def test_a_cold_move_without_a_host_says_what_nova_says(guests: Guests) -> None:
    own = guests.fresh("off")
    result, do = guests.perform(guests.cold(own, "SHUTOFF", targets=["nowhere"]), answers=["leave"])
    assert result.ending is Ending.SKIPPED
    assert "nowhere: Nova refuses it: HTTP 400" in do.questions[0]


def test_a_cold_move_that_its_owner_confirms_is_done(guests: Guests) -> None:
    own = guests.fresh("off")
    result, _do = guests.perform(
        guests.cold(own, "SHUTOFF"),
        meanwhile={"confirm": lambda: guests.acts(own, "confirmResize", seconds=3)},
    )
    assert result.ending is Ending.DONE, result


def test_a_cold_move_that_its_owner_takes_back_is_skipped(guests: Guests) -> None:
    own = guests.fresh("off")
    result, _do = guests.perform(
        guests.cold(own, "SHUTOFF"),
        meanwhile={"confirm": lambda: guests.acts(own, "revertResize", seconds=3)},
    )
    assert result.ending is Ending.SKIPPED, result
    assert result.detail.startswith("reverted by its owner")
    assert guests.host(own) == SOURCE


def test_a_cold_move_that_fails_is_not_reset(guests: Guests) -> None:
    own = guests.ids["off-fail-01"]
    result, _do = guests.perform(guests.cold(own, "SHUTOFF"))
    assert result.ending is Ending.FAILED
    assert "day2 resets nothing here" in result.detail
    assert guests.server(own)["status"] == "ERROR"


def test_a_cold_move_that_hangs_is_asked_about(guests: Guests) -> None:
    own = guests.ids["off-hang-01"]
    result, do = guests.perform(guests.cold(own, "SHUTOFF"), answers=["retry", "leave"])
    assert result.ending is Ending.SKIPPED
    assert len(do.questions) == 2
    assert len(guests.moves(own)) == 1


def test_an_outage_of_identity_at_the_first_request_is_outlived(guests: Guests) -> None:
    own = guests.fresh("plain")
    step = guests.live(own)
    guests.faults({"kind": "status", "status": 503, "service": "identity", "times": 5})
    # As an engine that has just started: nobody has authenticated yet.
    fresh = actions(guests.site)[step.action]
    result = fresh.perform(step, Direct(guests.clock))
    assert result.ending is Ending.DONE, result
