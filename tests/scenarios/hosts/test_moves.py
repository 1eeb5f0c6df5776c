# SPDX-License-Identifier: Apache-2.0
"""Servers move, and every witness says so."""

import pytest

from day2.model.outcome import Ending
from tests.scenarios.hosts.guests import SOURCE, TARGETS, Guests


def test_a_running_server_moves_alive_and_back(guests: Guests) -> None:
    own = guests.fresh("plain")
    step = guests.live(own)
    result, do = guests.perform(step)
    assert (result.ending, result.detail) == (Ending.DONE, "compute01 → compute02")
    assert do.held == [{"target:compute02": 2}]
    assert do.questions == []
    proof = result.facts["proof"]
    assert proof["missing"] == []
    assert proof["providers"] == ["compute02"]
    assert (proof["ports"], proof["ports_by"]) == (1, "their bindings")
    assert set(result.facts["seconds"]) == {"waiting", "moving", "proving"}
    assert guests.host(own) == "compute02"
    back = guests.back(step, result)
    assert back.limits == {"source:compute02": 1}
    guests.look(back)
    assert guests.perform(back)[0].detail == "compute02 → compute01"
    assert guests.host(own) == SOURCE


def test_a_paused_server_stays_paused(guests: Guests) -> None:
    own = guests.ids["paused"]
    result, _do = guests.perform(guests.live(own))
    assert result.ending is Ending.DONE, result
    assert guests.server(own)["status"] == "PAUSED"


def test_without_targets_the_scheduler_chooses(guests: Guests) -> None:
    own = guests.fresh("plain")
    result, do = guests.perform(guests.live(own, targets=[]))
    assert result.ending is Ending.DONE
    assert do.held == []


def test_volumes_go_with_their_server(guests: Guests) -> None:
    result, _do = guests.perform(guests.live(guests.ids["data"]))
    assert result.ending is Ending.DONE, result
    assert result.facts["proof"]["volumes"] == 1


@pytest.mark.parametrize(("kind", "status"), [("off", "SHUTOFF"), ("plain", "ACTIVE")])
def test_a_cold_move_is_confirmed(guests: Guests, kind: str, status: str) -> None:
    own = guests.fresh(kind)
    step = guests.cold(own, status)
    result, _do = guests.perform(step)
    assert result.ending is Ending.DONE, result
    assert ("restarted" in result.detail) == (status == "ACTIVE")
    assert guests.moves(own) == [("migration", "confirmed")]
    assert (guests.server(own)["status"], guests.host(own)) == (status, TARGETS[0])
    back = guests.back(step, result)
    guests.look(back)
    assert guests.perform(back)[0].ending is Ending.DONE
    assert guests.host(own) == SOURCE


def test_a_resize_that_waits_is_confirmed_once(guests: Guests) -> None:
    own = guests.fresh("plain")
    guests.acts(own, "migrate", {"host": None}, seconds=10)
    rows = guests.cloud.compute.moves_of(own)
    step = guests.step("server.confirm-resize", own, migration=str(rows[0].id))
    result, _do = guests.perform(step)
    assert result.ending is Ending.DONE, result
    assert guests.moves(own) == [("migration", "confirmed")]
    assert "confirmed already" in guests.actions[step.action].look(step).already
    assert guests.actions[step.action].undo(step, result.facts) is None


def test_what_moved_already_is_told_before_anything_is_done(guests: Guests) -> None:
    own = guests.fresh("plain")
    step = guests.live(own)
    guests.acts(own, "os-migrateLive", {"host": "compute04", "block_migration": "auto"}, seconds=9)
    assert guests.actions[step.action].look(step).already == "is on compute04 already"
    result, _do = guests.perform(step)
    assert result.ending is Ending.ALREADY
    assert guests.actions[step.action].undo(step, result.facts) is None
    assert len(guests.moves(own)) == 1


def test_a_server_that_stays_is_proven_unchanged(guests: Guests) -> None:
    own = guests.fresh("off")
    step = guests.step("server.leave", own, why="policy")
    result, _do = guests.perform(step)
    assert result.ending is Ending.DONE
    assert result.detail == "stays on compute01, unchanged: policy"
    guests.acts(own, "os-start", seconds=3)
    result, _do = guests.perform(step)
    assert (result.ending, result.detail) == (Ending.SKIPPED, "status SHUTOFF → ACTIVE")
