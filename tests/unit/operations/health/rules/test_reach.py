# SPDX-License-Identifier: Apache-2.0
"""What keeps traffic from servers by configuration: told as information, and only when it is so."""

from typing import Any

import pytest

from day2.model.severity import Severity
from day2.model.tables.network import ExternalGateway, Router, SecurityGroup, SecurityGroupRule
from day2.operations.health.rules import reach
from tests.unit import builders as b


def rule(direction: str, group: str = "g1") -> SecurityGroupRule:
    return SecurityGroupRule(
        id=f"{group}-{direction}", security_group_id=group, direction=direction
    )


def found(**tables: Any) -> set[str]:
    given = {"servers": [b.server("s1")], "networks": [b.net()], **tables}
    findings = b.judged(reach.CHECKS, b.facts(**given))
    assert all(f.severity is Severity.INFO for f in findings)
    return {f.key for f in findings}


def test_a_subnet_without_dhcp_is_told_when_servers_use_it() -> None:
    off = b.subnet(enable_dhcp=False)
    ports = [b.port()]
    assert found(subnets=[off], ports=ports) == {"network.subnet.dhcp_off:subnet:sub1"}
    assert found(subnets=[b.subnet()], ports=ports) == set()
    assert found(subnets=[b.subnet(enable_dhcp=False, ip_version=6)], ports=ports) == set()
    assert found(subnets=[off], ports=[b.port(device_owner="network:dhcp")]) == set()
    assert found(subnets=[off], ports=ports, servers=[b.server("s1", status="SHUTOFF")]) == set()
    assert found(subnets=[off], ports=ports, gaps=["servers"]) == set()


def test_a_port_or_network_that_is_switched_off_is_told() -> None:
    key = {"network.port.disabled:port:port1"}
    assert found(ports=[b.port(admin_state_up=False)]) == key
    assert found(ports=[b.port()], networks=[b.net(admin_state_up=False)]) == key
    assert found(ports=[b.port()]) == set()
    assert found(ports=[b.port(admin_state_up=False, device_id="")]) == set()


@pytest.mark.parametrize(
    ("rules", "closed"),
    [
        (["ingress", "egress"], []),
        (["egress"], ["ingress"]),
        (["ingress"], ["egress"]),
        ([], ["ingress", "egress"]),
    ],
)
def test_groups_without_a_rule_of_a_direction_close_it(rules: list[str], closed: list[str]) -> None:
    given = b.facts(
        servers=[b.server("s1")],
        ports=[b.port(port_security_enabled=True, security_groups=["g1"])],
        security_groups=[SecurityGroup(id="g1")],
        security_group_rules=[rule(direction) for direction in rules],
    )
    findings = b.judged(reach.CHECKS, given, "network.port.closed")
    assert [f.evidence["closed"] for f in findings] == ([closed] if closed else [])


@pytest.mark.parametrize(
    "tables",
    [
        {"ports": [b.port(port_security_enabled=False)]},
        {"ports": [b.port(port_security_enabled=True, security_groups=["new"])]},
        {"ports": [b.port(port_security_enabled=True)], "gaps": ["security_group_rules"]},
        {"ports": [b.port(port_security_enabled=True)], "servers": []},
    ],
)
def test_nothing_is_closed_that_is_not_known_to_be(tables: dict[str, Any]) -> None:
    given = {"security_groups": [SecurityGroup(id="g1")], "security_group_rules": [], **tables}
    assert found(**given) == set()


def test_a_router_that_joins_subnets_and_leads_nowhere_is_told() -> None:
    inner = Router(id="r1")
    joined = b.port(device_owner="network:router_interface", device_id="r1")
    assert found(routers=[inner], ports=[joined]) == {"network.router.no_gateway:router:r1"}
    assert found(routers=[inner], ports=[]) == set()
    outer = Router(id="r1", external_gateway_info=ExternalGateway(network_id="ext"))
    assert found(routers=[outer], ports=[joined]) == set()
