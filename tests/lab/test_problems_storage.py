# SPDX-License-Identifier: Apache-2.0
"""Known problems of volumes, images, stacks, services: planted on the lab, each is named first."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from lab.cloud import Cloud
from lab.parts import running
from lab.parts.galera import Galera
from lab.parts.tls import Tls
from tests.lab import (
    problems_database,
    problems_hosts,
    problems_image,
    problems_orchestration,
    problems_volume,
)
from tests.lab.hands import Hands
from tests.lab.problem import Finder, Planting, batches, comes_first, operator, planted
from tests.lab.stores import patient

TABLE = (
    *problems_image.PLANTINGS,
    *problems_volume.PLANTINGS,
    *problems_orchestration.PLANTINGS,
    *problems_hosts.SERVICES,
    *problems_database.OWN,
)


@pytest.fixture(scope="module")
def hands(cloud: Cloud) -> Iterator[Hands]:
    place = cloud.place
    with (
        running(Galera(place)) as galera,
        running(Tls(place)) as tls,
        closing(Hands(cloud, galera=galera, tls=tls)) as found,
    ):
        yield found


@pytest.fixture(scope="module")
def finder(hands: Hands, tmp_path_factory: pytest.TempPathFactory) -> Finder:
    folder: Path = tmp_path_factory.mktemp("problems")
    program = operator(hands, folder, **patient(hands, folder))
    program.seconds_max = 240
    return Finder(program)


@pytest.mark.parametrize("rows", batches(TABLE))
def test_what_is_planted_is_named_first(
    rows: Sequence[Planting], hands: Hands, finder: Finder
) -> None:
    with planted(rows, hands, finder):
        comes_first(rows, finder)
