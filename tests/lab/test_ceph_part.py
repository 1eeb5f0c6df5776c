# SPDX-License-Identifier: Apache-2.0
"""The lab's Ceph is put back whatever a test did to it."""

from typing import Any

import pytest

from lab.parts import PARTS
from lab.parts.ceph import DAEMONS, Ceph
from lab.parts.ceph_cluster import HOSTS, OSDS
from lab.processes import wait_for


def test_it_is_a_part_and_tells_what_it_has(ceph_part: Ceph) -> None:
    assert PARTS["ceph"] == "lab.parts.ceph:Ceph"
    ceph_part.up()
    told: dict[str, Any] = dict(ceph_part.describe())
    assert told["hosts"] == dict(zip(OSDS, HOSTS, strict=True))
    assert set(told["s3"]["users"]) == {"owner", "copier"}
    assert all(user["secret_key"] for user in told["s3"]["users"].values())
    pools = ceph_part.cluster.ask("osd pool ls")
    assert set(told["pools"]) <= set(pools)


def test_every_daemon_is_started_again_after_a_kill(ceph_part: Ceph) -> None:
    for name in DAEMONS:
        ceph_part.kill(name)
    assert not ceph_part.ready()
    ceph_part.restore()
    assert ceph_part.ready()


def test_flags_ratios_and_osds_that_are_out_are_put_back(ceph_part: Ceph) -> None:
    ask = ceph_part.cluster.ask
    ask("osd set", key="noout")
    ask("osd set-group", flags="noout", who=["compute02"])
    ask("osd set-full-ratio", ratio=0.5)
    ask("osd out", ids=["2"])
    ask("config set", who="mon", name="mon_osd_down_out_interval", value="2")
    ceph_part.restore()
    told = ask("osd dump")
    assert (told["crush_node_flags"], "noout" in told["flags_set"]) == ({}, False)
    assert told["full_ratio"] == pytest.approx(0.95)
    assert "mon_osd_down_out_interval" not in str(ask("config dump"))


def test_a_frozen_osd_is_woken(ceph_part: Ceph) -> None:
    ceph_part.freeze("ceph-osd1")
    wait_for(lambda: "OSD_DOWN" in ceph_part.health(), "the OSD to be missed", seconds=30)
    ceph_part.restore()
    assert ceph_part.ready()
