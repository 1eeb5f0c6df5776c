# SPDX-License-Identifier: Apache-2.0
"""Known problems of what is stored on Ceph: planted on a real one, each is named first."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lab.cloud import Cloud
from lab.parts import running
from lab.parts.ceph import Ceph
from lab.parts.galera import Galera
from lab.parts.tls import Tls
from tests.lab import problems_ceph
from tests.lab.hands import Hands
from tests.lab.problem import Finder, Planting, batches, comes_first, operator, planted
from tests.lab.stores import patient


@pytest.fixture(scope="module")
def hands(cloud: Cloud, ceph_part: Ceph) -> Iterator[Hands]:
    place = cloud.place
    with (
        running(Galera(place)) as galera,
        running(Tls(place)) as tls,
        closing(Hands(cloud, galera=galera, tls=tls)) as found,
    ):
        found.kept[problems_ceph.CEPH] = ceph_part
        yield found


@pytest.fixture(scope="module")
def finder(hands: Hands, ceph_part: Ceph, tmp_path_factory: pytest.TempPathFactory) -> Finder:
    told: dict[str, Any] = dict(ceph_part.describe())
    folder: Path = tmp_path_factory.mktemp("problems")
    command = {"command": [*told["ceph"], "--id", "day2"]}
    program = operator(hands, folder, **patient(hands, folder), ceph=command)
    program.seconds_max = 240
    return Finder(program)


@pytest.mark.full
@pytest.mark.parametrize("rows", batches(problems_ceph.PLANTINGS))
def test_what_is_planted_is_named_first(
    rows: Sequence[Planting], hands: Hands, finder: Finder
) -> None:
    with planted(rows, hands, finder):
        comes_first(rows, finder)
