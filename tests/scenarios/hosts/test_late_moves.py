# SPDX-License-Identifier: Apache-2.0
"""A move that takes longer than anybody waited, or whose answer was lost, is ours all the same."""

from typing import Any

import pytest

from day2.model.outcome import Ending
from tests.scenarios.hosts.guests import SOURCE, TARGETS, Guests

SLOW: dict[str, Any] = {"abort": False, "force_complete": False, "tries": 1}


@pytest.mark.parametrize("answer", ["leave", "retry"])
def test_a_move_that_ends_while_people_are_asked_is_proven(guests: Guests, answer: str) -> None:
    own = guests.fresh("hang")
    step = guests.live(own, **SLOW)

    def ends() -> None:
        """It takes its hours, and nobody has answered yet."""
        move = guests.cloud.compute.moves_of(own)[0]
        assert guests.cloud.compute.force_complete(own, move.id).ok
        guests.clock.sleep(5)

    result, do = guests.perform(step, meanwhile={"stuck": ends}, answers=[answer])
    assert len(do.questions) == 1
    assert (result.ending, result.detail) == (Ending.DONE, f"{SOURCE} → {TARGETS[0]}"), result
    assert len(guests.moves(own)) == 1
    assert guests.perform(guests.back(step, result))[0].detail == f"{TARGETS[0]} → {SOURCE}"


def test_what_somebody_else_began_is_not_aborted_by_a_retry(guests: Guests) -> None:
    """To wait once more is not to break it off: nobody said that it is ours now."""
    own = guests.fresh("hang")
    step = guests.live(own, tries=1, abort=True)
    theirs = {"host": "compute04", "block_migration": "auto"}
    begins = {"before": lambda: guests.acts(own, "os-migrateLive", theirs)}
    result, do = guests.perform(step, meanwhile=begins, answers=["retry", "leave"])
    assert all("which somebody else began" in question for question in do.questions)
    assert result.ending is Ending.SKIPPED
    assert [status for _kind, status in guests.moves(own)] == ["running"]
