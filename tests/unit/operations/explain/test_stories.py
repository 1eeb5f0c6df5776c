# SPDX-License-Identifier: Apache-2.0
"""Which cause is named first of a port, a floating IP, a volume, an image, a balancer, a server."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from day2.model.explanation import Explanation
from day2.model.finding import Subject
from day2.model.survey import Gap, Tables
from day2.model.tables import compute, details, network, others, storage
from day2.operations.explain import (
    floating_ip,
    host,
    image,
    load_balancer,
    port,
    server_around,
    volume,
)
from day2.operations.explain.picture import Picture
from day2.operations.explain.policy import ExplainPolicy

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(hours=5)
GROUP = "g1"


def picture(tables: Tables | None = None, **more: Any) -> Picture:
    return Picture(now=NOW, policy=ExplainPolicy(), tables=tables or Tables(), **more)


def codes(found: Explanation) -> list[str]:
    return [cause.code for cause in found.causes]


def agent(binary: str, name: str, *, alive: bool = True, **more: Any) -> details.AgentDetail:
    return details.AgentDetail(
        id=f"{binary}-{name}", binary=binary, host=name, alive=alive, heartbeat_timestamp=LONG_AGO,
        **more,
    )  # fmt: skip


def a_port(**more: Any) -> network.Port:
    given: dict[str, Any] = {
        "id": "p1",
        "network_id": "n1",
        "status": "ACTIVE",
        "device_id": "s1",
        "device_owner": "compute:az1",
        "host": "cmp1",
        "vif_type": "ovs",
        "fixed_ips": [network.FixedIp(subnet_id="sub1", ip_address="10.0.0.5")],
        "security_groups": [GROUP],
        "updated_at": LONG_AGO,
        **more,
    }
    return network.Port(**given)


def rule(**more: Any) -> network.SecurityGroupRule:
    given = {"id": f"r{len(more)}", "security_group_id": GROUP, "direction": "ingress", **more}
    return network.SecurityGroupRule(**given)


RULES = [rule(remote_ip_prefix="0.0.0.0/0"), rule(direction="egress", id="out")]
WIRED = [agent("neutron-openvswitch-agent", "cmp1")]


def net(**more: Any) -> dict[str, Any]:
    """Return the tables around a port that is well, some of them replaced."""
    return {
        "servers": [compute.Server(id="s1", status="ACTIVE", host="cmp1")],
        "networks": [network.Network(id="n1", name="inner", admin_state_up=True)],
        "subnets": [
            network.Subnet(id="sub1", network_id="n1", cidr="10.0.0.0/24", enable_dhcp=True)
        ],
        "security_group_rules": RULES,
        "agents": [agent("neutron-dhcp-agent", "net1")],
        **more,
    }


def of_port(one: network.Port, tables: dict[str, Any] | None = None, **more: Any) -> Explanation:
    given = {
        "details": WIRED,
        "serving": {"n1": [agent("neutron-dhcp-agent", "net1")]},
        **more,
    }
    return port.explain(picture(Tables(**(tables or net())), **given), one)


def test_a_port_that_is_well_has_no_cause() -> None:
    assert codes(of_port(a_port())) == []


NETWORK_OFF = network.Network(id="n1", admin_state_up=False)
DEAD_DHCP = [agent("neutron-dhcp-agent", "net1", alive=False)]
UNMAPPED = [
    agent("neutron-openvswitch-agent", "cmp1", configurations={"bridge_mappings": {"other": "b"}})
]
FULL = network.NetworkAvailability(
    network_id="n1",
    total_ips=5,
    used_ips=5,
    subnets=[network.SubnetUse(subnet_id="sub1", cidr="10.0.0.0/29", total_ips=5, used_ips=5)],
)


@pytest.mark.parametrize(
    ("one", "tables", "more", "code"),
    [
        (a_port(admin_state_up=False), {}, {}, "port-admin-down"),
        (a_port(), {"networks": [NETWORK_OFF]}, {}, "network-admin-down"),
        (a_port(vif_type="binding_failed", status="DOWN"), {}, {}, "binding-failed"),
        (
            a_port(vif_type="binding_failed", status="DOWN"),
            {},
            {"details": [agent("neutron-openvswitch-agent", "cmp1", alive=False)]},
            "network-agent-down",
        ),
        (
            a_port(vif_type="binding_failed", status="DOWN"),
            {
                "networks": [
                    network.Network(id="n1", admin_state_up=True, physical_network="physnet1")
                ]
            },
            {"details": UNMAPPED},
            "physical-network-mapping",
        ),
        (a_port(status="DOWN"), {}, {}, "vif-plugging"),
        (a_port(), {}, {"serving": {"n1": []}}, "dhcp-not-bound"),
        (a_port(), {}, {"serving": {"n1": DEAD_DHCP}}, "dhcp-agent-down"),
        (
            a_port(),
            {"subnets": [network.Subnet(id="sub1", network_id="n1", enable_dhcp=False)]},
            {},
            "dhcp-disabled",
        ),
        (a_port(fixed_ips=[]), {"availabilities": [FULL]}, {}, "subnet-full"),
        (a_port(), {"security_group_rules": RULES[:1]}, {}, "security-group-blocks-egress"),
        (a_port(), {"servers": []}, {"gone": frozenset({"s1"})}, "port-of-no-server"),
        (
            a_port(),
            {"agents": [*net()["agents"], agent("neutron-metadata-agent", "net1", alive=False)]},
            {},
            "metadata-agent-down",
        ),
        (
            a_port(),
            {},
            {"bindings": [details.PortBinding(host="cmp2", status="INACTIVE")]},
            "stale-port-binding",
        ),
    ],
)  # fmt: skip
def test_what_keeps_a_port_from_working_is_named_first(
    one: network.Port, tables: dict[str, Any], more: dict[str, Any], code: str
) -> None:
    found = of_port(one, net(**tables), **more)
    assert codes(found)[:1] == [code], found.causes
    assert found.causes[0].speaks_for


def test_what_was_not_read_is_no_cause() -> None:
    gap = Gap(kind="subnets", what="subnets", error="Unreachable", message="HTTP 503")
    found = of_port(
        a_port(fixed_ips=[]),
        net(subnets=[], agents=[]),
        unread=frozenset({"subnets", "agents", "agent_details"}),
        details=[],
        gaps=[gap],
        serving={"n1": None},
    )
    assert codes(found) == []
    assert found.summary.endswith("not everything was read.")


def address(**more: Any) -> network.FloatingIp:
    given = {
        "id": "f1",
        "floating_ip_address": "203.0.113.7",
        "floating_network_id": "out",
        "project_id": "acme",
        "port_id": "p1",
        "router_id": "r1",
        "fixed_ip_address": "10.0.0.5",
        "status": "ACTIVE",
        **more,
    }
    return network.FloatingIp(**given)


OUTER = network.Network(id="out", name="public", admin_state_up=True, external=True)
ROUTER = network.Router(
    id="r1",
    name="edge",
    project_id="acme",
    status="ACTIVE",
    external_gateway_info=network.ExternalGateway(network_id="out"),
)
INTERFACE = network.Port(
    id="i1",
    device_id="r1",
    device_owner="network:router_interface",
    fixed_ips=[network.FixedIp(subnet_id="sub1")],
)


def of_address(one: network.FloatingIp, **tables: Any) -> Explanation:
    inner = net()
    given = {
        **inner,
        "networks": [*inner["networks"], OUTER],
        "routers": [ROUTER],
        "ports": [a_port(), INTERFACE],
        "agents": [*inner["agents"], agent("neutron-l3-agent", "net1")],
        **tables,
    }
    serving = {
        "n1": [agent("neutron-dhcp-agent", "net1")],
        "r1": [a for a in given["agents"] if a.binary == "neutron-l3-agent"],
    }
    return floating_ip.explain(picture(Tables(**given), details=WIRED, serving=serving), one)


def test_a_floating_ip_that_leads_somewhere_has_no_cause() -> None:
    assert codes(of_address(address())) == []


GATELESS = network.Router(id="r1", name="edge", project_id="acme", status="ACTIVE")
HIDDEN = network.Network(id="out", admin_state_up=True, external=False)
STOPPED = compute.Server(id="s1", status="SHUTOFF", host="cmp1")
ONLY_GROUP = [rule(remote_group_id=GROUP), RULES[1]]


@pytest.mark.parametrize(
    ("one", "tables", "code"),
    [
        (address(port_id=None, router_id=None), {}, "floating-ip-unattached"),
        (
            address(port_id=None, router_id=None),
            {"routers": [GATELESS]},
            "router-without-gateway",
        ),
        (address(port_id=None, router_id=None), {"routers": []}, "network-not-reachable"),
        (address(), {"routers": [GATELESS]}, "router-without-gateway"),
        (address(), {"networks": [*net()["networks"], HIDDEN]}, "external-network-not-external"),
        (address(), {"ports": [a_port()]}, "router-not-in-subnet"),
        (address(), {"servers": [STOPPED]}, "server-not-active"),
        (address(), {"security_group_rules": ONLY_GROUP}, "security-group-blocks"),
        (
            address(status="DOWN"),
            {"agents": [agent("neutron-l3-agent", "net1", alive=False)]},
            "l3-agent-down",
        ),
    ],
)
def test_what_keeps_a_floating_ip_from_answering_is_named_first(
    one: network.FloatingIp, tables: dict[str, Any], code: str
) -> None:
    found = of_address(one, **tables)
    assert codes(found)[:1] == [code], found.causes


def a_volume(**more: Any) -> storage.Volume:
    given = {
        "id": "v1",
        "status": "available",
        "size": 10,
        "host": "st1@rbd#rbd",
        "updated_at": LONG_AGO,
        **more,
    }
    return storage.Volume(**given)


def cinder(state: str = "up") -> storage.VolumeService:
    return storage.VolumeService(
        binary="cinder-volume", host="st1@rbd", state=state, status="enabled", updated_at=LONG_AGO
    )


def record(**more: Any) -> storage.VolumeAttachment:
    given = {"id": "a1", "volume_id": "v1", "instance": "s1", "status": "attached", **more}
    return storage.VolumeAttachment(**given)


HAS_IT = compute.Server(id="s1", status="ACTIVE", volumes=[compute.VolumeId(id="v1")])
SNAPSHOT = storage.VolumeSnapshot(id="snap", volume_id="v1", status="available")
FULL_POOL = storage.VolumePool(
    name="st1@rbd#rbd",
    capabilities=storage.PoolCapabilities(total_capacity_gb=100.0, free_capacity_gb=1.0),
)
MESSAGE = details.VolumeMessage(
    id="m1", user_message="extend volume:Driver failed.", message_level="ERROR",
    created_at=LONG_AGO, resource_uuid="v1",
)  # fmt: skip


@pytest.mark.parametrize(
    ("one", "tables", "more", "code"),
    [
        (a_volume(), {"volume_services": [cinder("down")]}, {}, "volume-service-down"),
        (a_volume(status="error"), {"volume_services": []}, {}, "volume-service-missing"),
        (a_volume(), {"volume_attachments": [record()]}, {"gone": {"s1"}},
         "volume-attachment-orphan"),
        (a_volume(), {"servers": [HAS_IT]}, {}, "volume-attachment-unknown"),
        (a_volume(status="attaching"), {}, {}, "volume-attachment-missing"),
        (a_volume(status="attaching"),
         {"volume_attachments": [record(status="attaching")], "servers": [HAS_IT]}, {},
         "volume-attachment-unfinished"),
        (a_volume(status="error_deleting"), {"volume_snapshots": [SNAPSHOT]}, {},
         "volume-has-snapshots"),
        (a_volume(status="creating"), {"volume_pools": [FULL_POOL]}, {}, "volume-pool-full"),
        (a_volume(status="error_extending"), {}, {"messages": [MESSAGE]}, "volume-message"),
        (a_volume(status="deleting"), {}, {}, "volume-stuck-deleting"),
    ],
)  # fmt: skip
def test_what_holds_a_volume_is_named_first(
    one: storage.Volume, tables: dict[str, Any], more: dict[str, Any], code: str
) -> None:
    given = {"volume_services": [cinder()], **tables}
    known = {**more, "gone": frozenset(more.get("gone", ()))}
    found = volume.explain(picture(Tables(**given), **known), one)
    assert codes(found)[:1] == [code], found.causes


def test_a_volume_that_is_well_has_no_cause() -> None:
    tables = Tables(volume_services=[cinder()], volume_attachments=[record()], servers=[HAS_IT])
    assert codes(volume.explain(picture(tables), a_volume(status="in-use"))) == []


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"status": "queued", "size": None}, "image-queued"),
        ({"status": "saving", "size": None}, "image-stuck-saving"),
        ({"status": "killed", "size": None}, "image-killed"),
        ({"status": "active", "size": 0}, "image-empty"),
        ({"status": "active"}, "image-without-hash"),
        ({"status": "deactivated"}, "image-deactivated"),
        ({"status": "active", "os_hash_value": "ab", "os_hidden": True}, "image-hidden"),
    ],
)
def test_what_is_wrong_with_an_image_is_named_first(given: dict[str, Any], code: str) -> None:
    one = storage.Image(**{"id": "i1", "size": 5 << 20, "updated_at": LONG_AGO, **given})
    assert codes(image.explain(picture(), one))[:1] == [code]


def test_a_load_balancer_is_lost_with_the_host_of_its_only_amphora() -> None:
    tables = Tables(
        amphorae=[
            others.Amphora(id="a1", loadbalancer_id="l1", compute_id="s1", status="ALLOCATED")
        ],
        servers=[compute.Server(id="s1", status="ACTIVE", host="cmp1")],
        compute_services=[compute.ComputeService(binary="nova-compute", host="cmp1", state="down")],
    )
    one = others.LoadBalancer(id="l1", provisioning_status="ACTIVE", provider="amphora")
    found = load_balancer.explain(picture(tables), one)
    assert codes(found) == ["amphora-lost"]
    assert "cmp1" in found.causes[0].text


def test_a_silent_host_is_told_from_a_dead_service() -> None:
    down = compute.ComputeService(
        binary="nova-compute", host="cmp1", state="down", status="enabled", updated_at=LONG_AGO
    )
    wires = agent("neutron-openvswitch-agent", "cmp1")
    known = [compute.Hypervisor(id=1, hypervisor_hostname="cmp1",
                                service=compute.HypervisorService(host="cmp1"))]  # fmt: skip
    lives = Tables(compute_services=[down], agents=[wires], hypervisors=known)
    assert codes(host.explain(picture(lives), "cmp1")) == ["service-down"]
    silent = Tables(
        compute_services=[down],
        agents=[agent("neutron-openvswitch-agent", "cmp1", alive=False)],
        hypervisors=known,
    )
    found = host.explain(picture(silent), "cmp1")
    assert codes(found) == ["host-down"]
    assert found.causes[0].plan == "day2 host evacuate cmp1 --plan-only"


def test_a_task_is_stuck_because_its_host_died() -> None:
    server = compute.Server(
        id="s1", status="ACTIVE", task_state="deleting", host="cmp1", updated=LONG_AGO
    )
    service = compute.ComputeService(binary="nova-compute", host="cmp1", state="down")
    story = Explanation(subject=Subject(type="server", id="s1"), state="ACTIVE", summary="")
    found = server_around.add(
        story, picture(Tables(compute_services=[service], servers=[server])), server
    )
    assert codes(found) == ["task-host-down"]
    healthy = compute.ComputeService(binary="nova-compute", host="cmp1", state="up")
    again = server_around.add(story, picture(Tables(compute_services=[healthy])), server)
    assert codes(again) == ["task-lost"]
