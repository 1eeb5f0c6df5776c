# SPDX-License-Identifier: Apache-2.0
"""The same things done to both places come out the same, step by step."""

from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.conformance import handing, stories
from tests.conformance.compare import agree
from tests.conformance.places import Place
from tests.conformance.stories import SIDE_BY_SIDE, Told

AFTERWARDS = (*stories.AFTERWARDS, *handing.STORIES)
STORIES = (*stories.STORIES, *handing.STORIES)
Facts = dict[tuple[str, str], "Future[list[str]]"]


@pytest.fixture(scope="module")
def told(lab: Place, sandbox: Place) -> Facts:
    """Every story of both places, told side by side: most of the time is waiting."""
    made: Facts = {}
    with ThreadPoolExecutor(4) as pool:
        for rows in (SIDE_BY_SIDE, (AFTERWARDS,)):
            running = [
                pool.submit(_tell, row, place, made) for place in (lab, sandbox) for row in rows
            ]
            for each in running:
                each.result()
    return made


def _tell(row: tuple[Told, ...], place: Place, made: Facts) -> None:
    for story in row:
        future: Future[list[str]] = Future()
        made[place.name, story.__name__] = future
        try:
            future.set_result(story(place))
        except BaseException as error:  # noqa: BLE001 - told by the test of this story
            future.set_exception(error)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_a_story_is_the_same(told: Facts, story: Told) -> None:
    there, here = (told[name, story.__name__].result() for name in ("lab", "sandbox"))
    assert len(there) > 5
    agree(
        [
            f"{story.__name__}, step {number}: lab says {one}; sandbox says {two}"
            for number, (one, two) in enumerate(zip(there, here, strict=True), 1)
            if one != two
        ]
    )
