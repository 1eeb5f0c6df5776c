# SPDX-License-Identifier: Apache-2.0
"""Routers, DHCP and gateways that only this host serves."""

from typing import Any

from msgspec import structs

from day2.model.tables.network import Router
from tests.unit import builders as make
from tests.unit.operations.hosts.racks import actions_of, cloud, kinds_of, planned, step_of

L3 = {"binary": "neutron-l3-agent", "agent_type": "L3 agent"}
DHCP = {"binary": "neutron-dhcp-agent", "agent_type": "DHCP agent"}
GATEWAY = {"binary": "ovn-controller", "agent_type": "OVN Controller Gateway agent"}


def agents(kind: dict[str, str], *hosts: str, **fields: Any) -> list[Any]:
    return [make.agent(host, id=f"{kind['binary']}-{host}", **{**kind, **fields}) for host in hosts]


def router_port(host: str, router: str = "r1", owner: str = "network:router_interface") -> Any:
    return make.port(f"{router}-{host}-{owner}", device_id=router, device_owner=owner, host=host)


def dhcp_port(host: str, network: str = "n1") -> Any:
    return make.port(
        f"{network}-{host}",
        device_id=f"dhcp-{host}",
        device_owner="network:dhcp",
        network_id=network,
        host=host,
    )


def test_a_router_that_only_this_host_serves_is_moved_to_the_idlest_agent() -> None:
    survey = cloud(
        agents=agents(L3, "cmp1", "net1", "net2"),
        routers=[Router(id="r1", name="edge", ha=False), Router(id="r2", ha=False)],
        ports=[router_port("cmp1"), router_port("net1", "r2")],
    )
    step = step_of(planned(survey), "r1")
    assert step is not None
    assert step.action == "agent.move-router"
    assert step.arguments == {
        "from_agent": "neutron-l3-agent-cmp1",
        "to_agent": "neutron-l3-agent-net2",
    }
    assert step.undo


def test_a_highly_available_router_goes_on_by_itself() -> None:
    owner = "network:router_ha_interface"
    survey = cloud(
        agents=agents(L3, "cmp1", "net1"),
        routers=[Router(id="r1", ha=True)],
        ports=[router_port("cmp1", owner=owner), router_port("net1", owner=owner)],
    )
    plan = planned(survey)
    assert step_of(plan, "r1") is None
    assert not plan.blockers
    assert any("go" in refusal.why for refusal in plan.refused)


def test_a_distributed_router_moves_its_exit_only() -> None:
    snat = "network:router_centralized_snat"
    here = cloud(
        agents=agents(L3, "cmp1", "net1"),
        routers=[Router(id="r1", distributed=True)],
        ports=[router_port("cmp1"), router_port("cmp1", owner=snat)],
    )
    away = cloud(
        agents=agents(L3, "cmp1", "net1"),
        routers=[Router(id="r1", distributed=True)],
        ports=[router_port("cmp1"), router_port("net1", owner=snat)],
    )
    assert step_of(planned(here), "r1") is not None
    assert step_of(planned(away), "r1") is None


def test_dead_and_disabled_agents_take_nothing_over() -> None:
    survey = cloud(
        agents=[
            *agents(L3, "cmp1"),
            *agents(L3, "net1", alive=False),
            *agents(L3, "net2", admin_state_up=False),
        ],
        routers=[Router(id="r1", name="edge")],
        ports=[router_port("cmp1")],
    )
    plan = planned(survey)
    assert kinds_of(plan) == ["agents"]
    assert "router edge has no other agent" in plan.blockers[0].why
    assert not planned(survey, allow=["agents-cut"]).blockers


def test_dhcp_moves_only_where_no_other_agent_serves_the_network() -> None:
    survey = cloud(
        agents=agents(DHCP, "cmp1", "net1"),
        networks=[make.net("n1"), make.net("n2")],
        ports=[dhcp_port("cmp1"), dhcp_port("cmp1", "n2"), dhcp_port("net1", "n2")],
    )
    plan = planned(survey)
    step = step_of(plan, "n1")
    assert step is not None
    assert step.action == "agent.move-network"
    assert step_of(plan, "n2") is None


def test_the_port_that_neutron_keeps_of_an_agent_serves_nothing() -> None:
    """Moved away from net1 once, its DHCP port there is reserved: only cmp1 serves it now."""
    kept = structs.replace(dhcp_port("net1"), device_id="reserved_dhcp_port")
    survey = cloud(agents=agents(DHCP, "cmp1", "net1"), ports=[dhcp_port("cmp1"), kept])
    step = step_of(planned(survey), "n1")
    assert step is not None
    assert step.arguments["to_agent"] == "neutron-dhcp-agent-net1"
    mine = structs.replace(dhcp_port("cmp1"), device_id="reserved_dhcp_port")
    other = cloud(agents=agents(DHCP, "cmp1", "net1"), ports=[dhcp_port("net1"), mine])
    assert step_of(planned(other), "n1") is None


def test_the_only_gateway_of_ovn_is_told() -> None:
    alone = cloud(agents=agents(GATEWAY, "cmp1"))
    assert kinds_of(planned(alone)) == ["agents"]
    two = planned(cloud(agents=agents(GATEWAY, "cmp1", "net1")))
    assert not two.blockers
    assert "OVN gateway" in two.refused[0].why


def test_agents_are_disabled_after_their_duties_went_and_for_good_only() -> None:
    tables: dict[str, Any] = {
        "agents": agents(L3, "cmp1", "net1"),
        "routers": [Router(id="r1")],
        "ports": [router_port("cmp1")],
    }
    reboot = actions_of(planned(cloud(**tables)))
    assert "agent.disable" not in reboot
    steps = [
        step
        for step in planned(cloud(**tables), purpose="decommission").steps
        if step.action.startswith("agent.")
    ]
    assert [step.action for step in steps] == ["agent.move-router", "agent.disable"]
    assert len({step.chain for step in steps}) == 1


def test_policy_leaves_the_agents_alone() -> None:
    survey = cloud(
        agents=agents(L3, "cmp1"), routers=[Router(id="r1")], ports=[router_port("cmp1")]
    )
    plan = planned(survey, agents="leave")
    assert not plan.blockers
    assert step_of(plan, "r1") is None
