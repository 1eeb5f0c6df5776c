# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest

from day2.model.severity import Severity
from day2.operations.health.policy import HealthPolicy
from day2.operations.health.rules import ports, subnets
from tests.unit.builders import (
    agent,
    ago,
    availability,
    facts,
    floating_ip,
    judged,
    keys,
    net,
    port,
    project,
    server,
    subnet,
    subnet_use,
)

DOWN, FLOATING = "network.port.down:port:port1", "network.floating_ip.not_active:floating_ip:fip1"
DHCP = {"binary": "neutron-dhcp-agent", "id": "dhcp"}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, set()),
        ({"vif_type": "binding_failed"}, {"network.port.binding_failed:port:port1"}),
        ({"status": "DOWN"}, {DOWN}),
        ({"status": "DOWN", "updated_at": ago(minutes=5)}, set()),
        ({"status": "DOWN", "updated_at": ago(minutes=5, seconds=1)}, {DOWN}),
        ({"status": "DOWN", "updated_at": None}, set()),
        ({"status": "DOWN", "admin_state_up": False}, set()),
        ({"status": "DOWN", "vif_type": "unbound"}, set()),
        ({"status": "DOWN", "vif_type": None}, set()),
        ({"status": "DOWN", "vnic_type": "baremetal"}, set()),
        ({"status": "DOWN", "device_owner": "network:dhcp"}, set()),
        ({"status": "DOWN", "device_id": "unknown"}, set()),
    ],
)
def test_a_port_of_a_running_server(fields: dict[str, Any], expected: set[str]) -> None:
    assert keys(ports.CHECKS, facts(ports=[port(**fields)], servers=[server()])) == expected


@pytest.mark.parametrize(
    "fields", [{"status": "SHUTOFF"}, {"updated": ago(minutes=1)}, {"task_state": "rebooting"}]
)
def test_a_port_may_be_down_while_its_server_does_not_run(fields: dict[str, Any]) -> None:
    given = facts(ports=[port(status="DOWN")], servers=[server(**fields)])
    assert keys(ports.CHECKS, given) == set()


@pytest.mark.parametrize(
    ("address", "its_port", "expected"),
    [
        ({}, {}, set()),
        ({"status": "DOWN"}, {}, {FLOATING}),
        ({"status": "DOWN"}, {"device_id": "", "device_owner": "", "status": "DOWN"}, {FLOATING}),
        ({"status": "DOWN"}, {"device_id": "stopped"}, set()),
        ({"status": "ERROR"}, {"device_id": "stopped"}, {FLOATING}),
        ({"status": "DOWN", "port_id": None}, {}, set()),
        ({"status": "DOWN", "port_id": "unseen"}, {}, set()),
        ({"status": "DOWN", "updated_at": ago(minutes=5)}, {}, set()),
        ({"status": "DOWN", "updated_at": None, "created_at": None}, {}, set()),
    ],
)
def test_an_attached_floating_ip(
    address: dict[str, Any], its_port: dict[str, Any], expected: set[str]
) -> None:
    given = facts(
        floating_ips=[floating_ip(**address)],
        ports=[port(**its_port)],
        servers=[server(), server("stopped", status="SHUTOFF")],
    )
    assert keys(ports.CHECKS, given) == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, True),
        ({"ports": [port(), port("d", device_owner="network:dhcp")]}, False),
        ({"ports": [port(), port("d", device_owner="network:distributed")]}, False),
        ({"ports": [port(created_at=ago(minutes=5))]}, False),
        ({"ports": [port(host=None)]}, False),
        ({"ports": []}, False),
        ({"agents": [agent(binary="ovn-controller")]}, False),
        ({"subnets": [subnet(enable_dhcp=False)]}, False),
        ({"subnets": [subnet(ip_version=6)]}, False),
        ({"networks": [net(admin_state_up=False)]}, False),
        ({"gaps": ["ports"]}, False),
        ({"gaps": ["agents"]}, False),
        ({"gaps": ["subnets"]}, False),
    ],
)
def test_a_network_where_nobody_answers_dhcp(change: dict[str, Any], *, expected: bool) -> None:
    tables = {
        "networks": [net()],
        "subnets": [subnet()],
        "ports": [port()],
        "agents": [agent("net1", **DHCP)],
    }
    found = keys(ports.CHECKS, facts(**{**tables, **change}))
    assert found == ({"network.network.no_dhcp_port:network:n1"} if expected else set())


@pytest.mark.parametrize(
    ("used", "total", "kind", "severity"),
    [
        (85, 100, {"shared": True}, None),
        (86, 100, {"shared": True}, Severity.WARNING),
        (97, 100, {"external": True}, Severity.WARNING),
        (98, 100, {"external": True}, Severity.CRITICAL),
        (101, 100, {"external": True}, Severity.CRITICAL),
        (98, 100, {}, Severity.INFO),
        (0, 0, {"shared": True}, None),
        (float("nan"), 100, {"shared": True}, None),
        (5, 10**400, {"shared": True}, None),
    ],
)
def test_a_subnet_is_as_bad_as_it_is_the_operators(
    used: float, total: float, kind: dict[str, Any], severity: Severity | None
) -> None:
    row = availability(subnet_use(used, total), total_ips=0, used_ips=0)
    found = judged(subnets.CHECKS, facts(availabilities=[row], networks=[net(**kind)]))
    assert [f.severity for f in found] == ([severity] if severity else [])
    assert all(f.key == "network.subnet.full:subnet:sub1" for f in found)


def test_a_full_subnet_is_a_word_while_its_network_has_addresses() -> None:
    row = availability(subnet_use(100, 100), subnet_use(5, 100, "sub2"))
    (found,) = judged(subnets.CHECKS, facts(availabilities=[row], networks=[net(external=True)]))
    assert found.severity is Severity.INFO
    assert "other subnets" in found.why


def test_ipv6_never_runs_out() -> None:
    row = availability(subnet_use(2.0**64, 2.0**64, ip_version=6))
    assert keys(subnets.CHECKS, facts(availabilities=[row], networks=[net(shared=True)])) == set()


def test_whether_it_is_shared_must_be_read_to_be_bad() -> None:
    (found,) = judged(subnets.CHECKS, facts(availabilities=[availability(subnet_use(99, 100))]))
    assert found.severity is Severity.INFO


def test_thousands_of_ports_of_one_host_stay_one_finding_of_that_host() -> None:
    rows = [port(f"p{n}", vif_type="binding_failed") for n in range(500)]
    given = facts(ports=rows, projects=[project()], policy=HealthPolicy())
    (found,) = judged(ports.CHECKS, given)
    assert found.key == "network.port.binding_failed:host:cmp1"
    assert found.subject.host == "cmp1"
