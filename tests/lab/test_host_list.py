# SPDX-License-Identifier: Apache-2.0
"""The list of hosts over real SSH, Ansible and Docker: what the hosts themselves say."""

from datetime import UTC, datetime

import pytest

from day2.model.hosts import HostLine
from day2.operations.inventory.lines import lines
from lab.parts.nodes import Nodes
from lab.parts.nodes_ansible import ansible
from lab.place import Place
from tests.lab.test_hosts_plane import look, site

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]
FLAG = "/var/run/reboot-required"


def listed(nodes: Nodes, place: Place) -> dict[str, HostLine]:
    survey = look(site(nodes.inventory, ansible(place).parent))
    return {line.name: line for line in lines(survey)}


def test_hosts_say_when_they_were_patched_and_whether_they_want_a_reboot(
    nodes: Nodes, place: Place
) -> None:
    nodes.restore()
    nodes.exec("compute01", ["touch", FLAG])
    nodes.exec("compute02", ["touch", "--date=2026-01-02T03:04:05Z", "/var/lib/dpkg/status"])
    nodes.stop_container("control01", "nova_scheduler")
    nodes.stop_unit("control01", "ssh")
    try:
        gone = listed(nodes, place)
        # Without nova-compute's own word nothing is known of its state.
        assert {name: line.state for name, line in gone.items()} == dict.fromkeys(nodes.hosts)
        assert gone["compute01"].reboot_required is True
        assert gone["compute02"].reboot_required is False
        assert gone["compute02"].packages_changed_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        there = gone["control01"]
        assert (there.reachable, there.reboot_required, there.containers) == (False, None, None)
        assert there.packages_changed_at is None
        assert there.unread
    finally:
        nodes.exec("compute01", ["rm", FLAG])
        nodes.restore()
    back = listed(nodes, place)
    assert back["compute01"].reboot_required is False
    assert all(line.reachable and not line.containers_bad for line in back.values())
    assert {name: line.containers for name, line in back.items()} == {
        name: len(nodes.containers(name)) for name in nodes.hosts
    }
