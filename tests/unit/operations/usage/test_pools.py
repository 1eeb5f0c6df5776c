# SPDX-License-Identifier: Apache-2.0
from typing import Any

import msgspec
import pytest

from day2.model.tables.storage import CephPool
from day2.model.usage import Counted, Usage
from day2.operations.usage import pools
from day2.operations.usage.consumers import Consumers
from tests.unit import builders as b

GIB = 1 << 30
NOBODY = Consumers(known=False)


def counted(*, gaps: tuple[str, ...] = (), **tables: Any) -> Counted:
    return pools.count(b.survey(gaps=gaps, **tables), NOBODY)


def one(found: Counted, resource: str) -> Usage:
    (row,) = [row for row in found.rows if row.resource == resource]
    return row


@pytest.mark.parametrize(
    ("capabilities", "allocated", "usable"),
    [
        ({}, 500, 1000),
        ({"reserved_percentage": 10}, 500, 900),
        ({"total_capacity_gb": "1000", "free_capacity_gb": "250"}, 750, 1000),
        ({"reserved_percentage": 100}, 500, 0),
    ],
)
def test_a_pool_is_as_full_as_it_says(
    capabilities: dict[str, Any], allocated: float, usable: float
) -> None:
    row = one(counted(volume_pools=[b.pool(**capabilities)]), pools.BYTES)
    assert (row.allocated, row.usable) == (allocated * GIB, usable * GIB)


@pytest.mark.parametrize("word", ["infinite", "unknown", None, "NaN"])
def test_a_pool_that_does_not_say_in_numbers_is_named_and_has_no_row(word: Any) -> None:
    found = counted(volume_pools=[b.pool("h@b#p", total_capacity_gb=word, free_capacity_gb=word)])
    assert found.rows == []
    assert "h@b#p" in found.notes[0]


def test_a_thin_pool_may_promise_its_size_times_the_ratio() -> None:
    thin = b.pool(
        thin_provisioning_support=True,
        provisioned_capacity_gb=3000.0,
        max_over_subscription_ratio="20.0",
    )
    row = one(counted(volume_pools=[thin]), pools.PROVISIONED)
    assert (row.allocated, row.usable) == (3000 * GIB, 20_000 * GIB)


def test_a_ceph_pool_is_held_against_what_it_may_still_store() -> None:
    found = counted(
        volume_pools=[],
        ceph_pools=[
            CephPool(name="ceph", used_bytes=30, free_bytes=70, raw=True),
            CephPool(name="volumes", used_bytes=10, free_bytes=10),
        ],
    )
    assert one(found, pools.RAW).used_ratio == 0.3
    assert one(found, pools.BYTES).used_ratio == 0.5


def test_a_cloud_without_ceph_has_no_gap_and_one_that_was_not_read_has() -> None:
    assert counted(volume_pools=[]).gaps == []
    (gap,) = counted(volume_pools=[], gaps=("ceph_pools",)).gaps
    assert gap.what == "usage by Ceph pool"


def test_a_cloud_without_block_storage_has_no_gap() -> None:
    bare = msgspec.structs.replace(b.survey(), absent=["block-storage"])
    assert pools.count(bare, NOBODY) == Counted()
