# SPDX-License-Identifier: Apache-2.0
"""The line of a host: what each service says of it, and `?` where nobody could be asked."""

from datetime import timedelta
from typing import Any

import pytest

from day2.model.hosts import HostLine
from day2.model.survey import Survey
from day2.model.tables.infrastructure import Container, Host
from day2.model.tables.placement import Inventory
from day2.model.tables.storage import VolumeService
from day2.operations.inventory.lines import KINDS, lines
from day2.report import hosts as texts
from tests.unit.builders import (
    HOSTILE,
    NOW,
    agent,
    allocations,
    compute_service,
    hypervisor,
    inventories,
    provider,
    server,
    survey,
)

PATCHED = NOW - timedelta(days=12)


def host(name: str = "cmp1", **fields: Any) -> Host:
    given: dict[str, Any] = {
        "name": name,
        "hostname": name,
        "reachable": True,
        "reboot_required": False,
        "packages_changed_at": PATCHED,
        "containers_read": True,
    }
    return Host(**(given | fields))


def container(name: str, where: str = "cmp1", **fields: Any) -> Container:
    given: dict[str, Any] = {
        "host": where,
        "name": name,
        "state": "running",
        "restart_policy": "unless-stopped",
    }
    return Container(**(given | fields))


def volume_service(where: str, state: str = "up") -> VolumeService:
    return VolumeService(binary="cinder-volume", host=where, status="enabled", state=state)


def whole(*, gaps: tuple[str, ...] = (), **changed: Any) -> Survey:
    """A survey in which everything was read of one host that is well."""
    given: dict[str, Any] = {
        "compute_services": [compute_service()],
        "hypervisors": [hypervisor()],
        "servers": [server("s1"), server("s2", status="SHUTOFF")],
        "aggregates": [],
        "agents": [agent()],
        "volume_services": [],
        "providers": [provider()],
        "inventories": [inventories()],
        "allocations": [allocations("cmp1", s1=None, s2=None)],
        "hosts": [host()],
        "containers": [container("nova_compute"), container("nova_libvirt")],
    }
    return survey(gaps=gaps, **(given | changed))


def only(found: Survey) -> HostLine:
    (line,) = lines(found)
    return line


def test_a_host_that_is_well_has_everything_in_its_line() -> None:
    line = only(whole())
    assert (line.name, line.state, line.reason, line.unread) == ("cmp1", "up", "", [])
    assert (line.servers, line.servers_by_status) == (2, {"ACTIVE": 1, "SHUTOFF": 1})
    assert (line.vcpus_used, line.vcpus_usable) == (4, 128)
    assert (line.memory_mib_used, line.memory_mib_usable) == (8192, 131072 - 4096)
    assert (line.agents, line.agents_up, line.volume_services) == (1, 1, 0)
    assert (line.containers, line.containers_bad) == (2, [])
    assert line.running == ["nova_compute", "nova_libvirt"]
    assert (line.reboot_required, line.packages_changed_at) == (False, PATCHED)


@pytest.mark.parametrize(
    ("service", "state"),
    [
        ({"state": "down"}, "down"),
        ({"status": "disabled", "disabled_reason": "day2: patch"}, "disabled"),
        ({"status": "disabled", "state": "down"}, "disabled, down"),
        ({"forced_down": True, "state": "down"}, "forced down"),
        ({"status": "UNKNOWN", "state": "UNKNOWN"}, None),
    ],
)
def test_the_state_is_that_of_nova_compute(service: dict[str, Any], state: str | None) -> None:
    line = only(whole(compute_services=[compute_service(**service)]))
    assert line.state == state
    assert line.reason == service.get("disabled_reason", "")


@pytest.mark.parametrize(
    ("kind", "unknown"),
    [
        ("servers", ["servers"]),
        ("allocations", ["vcpus_used", "vcpus_usable", "memory_mib_used", "memory_mib_usable"]),
        ("inventories", ["vcpus_used", "vcpus_usable"]),
        ("providers", ["vcpus_used", "vcpus_usable"]),
        ("hypervisors", ["vcpus_used", "vcpus_usable"]),
        ("agents", ["agents", "agents_up"]),
        ("volume_services", ["volume_services", "volume_services_up"]),
    ],
)
def test_what_was_not_read_whole_is_not_known(kind: str, unknown: list[str]) -> None:
    line = only(whole(gaps=(kind,)))
    assert [getattr(line, name) for name in unknown] == [None] * len(unknown)


def test_without_the_list_of_services_the_state_is_not_known() -> None:
    line = only(whole(gaps=("compute_services",), compute_services=[]))
    assert line.state is None


def test_a_cell_that_is_down_hides_how_many_servers_any_host_has() -> None:
    found = lines(
        whole(compute_services=[compute_service(), compute_service("edge1", status="UNKNOWN")])
    )
    assert [(line.name, line.state, line.servers) for line in found] == [
        ("cmp1", "up", None),
        ("edge1", None, None),
    ]


@pytest.mark.parametrize(
    "told",
    [
        {
            "reachable": False,
            "error": "no route",
            "reboot_required": None,
            "containers_read": False,
        },
        {"containers_read": False, "reboot_required": None, "packages_changed_at": None},
    ],
)
def test_a_host_that_could_not_be_looked_at_is_never_well(told: dict[str, Any]) -> None:
    line = only(whole(hosts=[host(**told)], containers=[]))
    assert (line.containers, line.reboot_required) == (None, None)
    assert line.unread
    shown = texts.render("c1", NOW, [line], notes=[], colour=False).splitlines()[3]
    assert shown.split()[6:8] == ["?", "?"]


def test_without_an_inventory_nothing_is_said_of_the_host_itself() -> None:
    found = whole()
    tables = {kind: getattr(found.tables, kind) for kind in KINDS if kind != "hosts"}
    line = only(survey(**(tables | {"containers": []})))
    assert (line.reachable, line.containers, line.reboot_required) == (None, None, None)
    assert line.unread == []


def test_one_host_under_several_names_has_one_line() -> None:
    found = lines(
        whole(
            agents=[agent("cmp1.example.org")],
            volume_services=[volume_service("cmp1@rbd-1"), volume_service("cmp1@rbd-2", "down")],
            hosts=[host("rack7-node3", hostname="cmp1")],
            containers=[container("cron", "rack7-node3")],
        )
    )
    assert [line.name for line in found] == ["cmp1"]
    line = found[0]
    assert (line.agents, line.volume_services, line.volume_services_up) == (1, 2, 1)
    assert (line.containers, line.servers) == (1, 2)
    assert line.agents_down == ["cinder-volume cmp1@rbd-2"]


def test_hosts_with_names_that_begin_alike_are_not_one() -> None:
    found = lines(whole(hosts=[host("cmp1"), host("cmp10"), host("cmp")]))
    assert [line.name for line in found] == ["cmp", "cmp1", "cmp10"]


def test_a_controller_has_no_servers_and_no_room() -> None:
    found = lines(whole(hosts=[host(), host("ctl1")], containers=[container("keystone", "ctl1")]))
    line = found[1]
    assert (line.name, line.state, line.servers, line.vcpus_used) == ("ctl1", "", None, None)
    assert line.containers == 1
    assert texts.render("c1", NOW, [line], notes=[], colour=False).splitlines()[3].split()[:5] == [
        *("ctl1", "-", "-", "-", "-"),
    ]


def test_what_is_nested_in_a_provider_counts_for_its_host() -> None:
    tree = provider("cmp1_numa0", root_provider_uuid="rp-cmp1", parent_provider_uuid="rp-cmp1")
    line = only(
        whole(
            providers=[provider(), tree],
            inventories=[
                inventories("cmp1", MEMORY_MB=Inventory(total=1000)),
                inventories("cmp1_numa0", PCPU=Inventory(total=8), VCPU=Inventory(total=4)),
            ],
            allocations=[
                allocations("cmp1", s1={"MEMORY_MB": 10}),
                allocations("cmp1_numa0", s1={"PCPU": 2, "VCPU": 1}),
            ],
        )
    )
    assert (line.vcpus_used, line.vcpus_usable) == (3, 12)
    assert (line.memory_mib_used, line.memory_mib_usable) == (10, 1000)


@pytest.mark.parametrize(
    ("fields", "bad"),
    [
        ({"health": "unhealthy"}, True),
        ({"state": "restarting"}, True),
        ({"state": "exited"}, True),
        ({"state": "exited", "restart_policy": ""}, False),
        ({"state": "created"}, False),
    ],
)
def test_a_container_that_does_not_work_is_named(fields: dict[str, Any], *, bad: bool) -> None:
    line = only(whole(containers=[container("nova_ssh", **fields), container("cron")]))
    assert line.containers_bad == (["nova_ssh"] if bad else [])


def test_names_from_the_cloud_never_steer_the_terminal_nor_widen_it() -> None:
    wide = lines(
        whole(
            compute_services=[compute_service(status="disabled", disabled_reason=HOSTILE * 9)],
            hosts=[host(), host("a-host-with-a-name-that-is-longer-than-anything")],
        )
    )
    text = texts.render("c1", NOW, wide, notes=[HOSTILE], colour=False)
    assert all(len(line) <= 80 for line in text.splitlines())
    assert all(line.isprintable() for line in text.splitlines())


def test_the_columns_have_as_many_values() -> None:
    assert len(texts.row(only(whole()))) == len(texts.COLUMNS)
