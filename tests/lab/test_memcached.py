# SPDX-License-Identifier: Apache-2.0
"""memcached: what the lab's real server tells."""

from day2.adapters.clock import SystemClock
from day2.adapters.memcached import look
from lab.cloud import Cloud


def test_a_real_server_tells_its_numbers(cloud: Cloud) -> None:
    node = look(f"127.0.0.1:{cloud.facts.port('memcached')}", seconds=3, clock=SystemClock())
    assert node.reachable
    assert node.version
    assert node.evictions == 0
    assert node.connections
    assert node.connections_max
    assert node.uptime_seconds is not None
