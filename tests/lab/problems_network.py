# SPDX-License-Identifier: Apache-2.0
"""Known problems of the network plane, planted on the real Neutron and its agents' reports."""

import hmac
import json
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any

import httpx
from openstack import exceptions

from lab.databases import sql
from lab.processes import listening, wait_for
from tests.lab.faults_network import DHCP, L3, METADATA, OVS
from tests.lab.hands import Hands
from tests.lab.problem import Planting
from tests.lab.problems_compute import boot
from tests.lab.problems_orchestration import failed, stack

# Of the port at which Nova's metadata are served.
METADATA_OFFSET = 121


def silence(host: str, binary: str) -> Callable[[Hands, ExitStack], None]:
    def plant(hands: Hands, undo: ExitStack) -> None:
        undo.callback(hands.cloud.unsilence, host, binary)
        hands.cloud.silence(host, binary)

    return plant


def exhausted(hands: Hands, undo: ExitStack) -> None:
    """Take every VXLAN number that is left, and ask for one more network."""
    with sql(hands.cloud.facts) as cursor:
        cursor.execute("SELECT vxlan_vni FROM neutron.ml2_vxlan_allocations WHERE NOT allocated")
        free = [row[0] for row in cursor.fetchall()]

    def write(*, taken: bool) -> None:
        with sql(hands.cloud.facts) as cursor:
            cursor.executemany(
                "UPDATE neutron.ml2_vxlan_allocations SET allocated = %s WHERE vxlan_vni = %s",
                [(taken, number) for number in free],
            )

    # What is planted beside it needs networks: the refusal stays in the log.
    try:
        write(taken=True)
        with suppress(exceptions.SDKException):
            made = hands.api.network.create_network(name="planted-one-too-many")
            undo.callback(hands.api.network.delete_network, made)
    finally:
        write(taken=False)


def without_mapping(hands: Hands, undo: ExitStack) -> None:
    """Let an agent that lives be known without its bridges while a port is bound on its host."""
    network = hands.api.network
    undo.callback(hands.cloud.unsilence, "compute04", OVS)
    (agent,) = network.agents(host="compute04", binary=OVS)
    hands.cloud.silence("compute04", OVS)
    # Its last report is on the way for three seconds at most.
    time.sleep(3.5)
    with sql(hands.cloud.facts) as cursor:
        where = (agent.id,)
        cursor.execute("SELECT configurations FROM neutron.agents WHERE id = %s", where)
        row = cursor.fetchone()
        assert row is not None
        said = json.loads(row[0])
        said["bridge_mappings"] = {}
        # It lives until it speaks again, however long the binding takes.
        cursor.execute(
            "UPDATE neutron.agents SET configurations = %s, heartbeat_timestamp = "
            "UTC_TIMESTAMP() + INTERVAL 2 MINUTE WHERE id = %s",
            (json.dumps(said), agent.id),
        )
    public = network.find_network("public")
    port = network.create_port(
        network_id=public.id, name="planted-mapping", binding_host_id="compute04"
    )
    undo.callback(network.delete_port, port)
    hands.cloud.unsilence("compute04", OVS)


def unbindable(hands: Hands, undo: ExitStack) -> None:
    network = hands.api.network
    port = network.create_port(
        network_id=network.find_network("acme-net").id,
        name="planted-unbindable",
        binding_host_id="nohost99",
    )
    undo.callback(network.delete_port, port)


def dhcp_off(hands: Hands, undo: ExitStack) -> None:
    network = hands.api.network
    (subnet,) = network.subnets(network_id=network.find_network("globex-net").id)
    undo.callback(network.update_subnet, subnet.id, is_dhcp_enabled=True)
    network.update_subnet(subnet.id, is_dhcp_enabled=False)


def full(hands: Hands, undo: ExitStack) -> None:
    network = hands.api.network
    made = network.create_network(name="planted-full", shared=True)
    undo.callback(network.delete_network, made)
    network.create_subnet(
        name="planted-full", network_id=made.id, ip_version=4, cidr="192.0.2.0/29",
        enable_dhcp=False,
    )  # fmt: skip
    for number in range(5):
        port = network.create_port(network_id=made.id, name=f"planted-full-{number}")
        undo.callback(network.delete_port, port)
    with suppress(exceptions.SDKException):
        network.create_port(network_id=made.id, name="planted-one-too-many")


def port_of(hands: Hands, server: str) -> Any:
    return next(iter(hands.api.network.ports(device_id=hands.server(server).id)))


def disabled_port(hands: Hands, undo: ExitStack) -> None:
    port = port_of(hands, "web02")
    undo.callback(hands.api.network.update_port, port.id, is_admin_state_up=True)
    hands.api.network.update_port(port.id, is_admin_state_up=False)


def closed_port(hands: Hands, undo: ExitStack) -> None:
    network = hands.api.network
    port = port_of(hands, "shop02")
    group = network.create_security_group(name="planted-closed", project_id=port.project_id)
    undo.callback(network.delete_security_group, group)
    undo.callback(network.update_port, port.id, security_groups=port.security_group_ids)
    network.update_port(port.id, security_groups=[group.id])


def inner(hands: Hands, undo: ExitStack, name: str, cidr: str) -> tuple[Any, Any, Any]:
    """Make a network with a subnet and a port."""
    network = hands.api.network
    made = network.create_network(name=name)
    undo.callback(network.delete_network, made)
    subnet = network.create_subnet(
        name=name, network_id=made.id, ip_version=4, cidr=cidr, enable_dhcp=False
    )
    port = network.create_port(network_id=made.id, name=name)
    undo.callback(network.delete_port, port)
    return made, subnet, port


def router(hands: Hands, undo: ExitStack, name: str, subnet: Any, **more: Any) -> Any:
    network = hands.api.network
    made = network.create_router(name=name, **more)
    undo.callback(network.delete_router, made)
    network.add_interface_to_router(made, subnet_id=subnet.id)
    undo.callback(network.remove_interface_from_router, made, subnet_id=subnet.id)
    return made


def floating_ip(hands: Hands, undo: ExitStack, **where: Any) -> Any:
    public = hands.api.network.find_network("public")
    made = hands.api.network.create_ip(floating_network_id=public.id, **where)
    undo.callback(hands.api.network.delete_ip, made)
    return made


def wanted_by_stack(hands: Hands, undo: ExitStack, name: str, **where: Any) -> None:
    """Let a stack want a floating IP: Neutron says why not to who asked, Heat keeps its words."""
    wanted = {"floating_network": "public", **where}
    resources = {"address": {"type": "OS::Neutron::FloatingIP", "properties": wanted}}
    failed(hands, stack(hands, undo, name, resources)["id"])


def no_gateway(hands: Hands, undo: ExitStack) -> None:
    _network, subnet, port = inner(hands, undo, "planted-gateless", "10.98.0.0/24")
    router(hands, undo, "planted-gateless", subnet)
    wanted_by_stack(hands, undo, "planted-gateless", port_id=port.id)


def no_router(hands: Hands, undo: ExitStack) -> None:
    _network, _subnet, port = inner(hands, undo, "planted-routerless", "10.97.0.0/24")
    wanted_by_stack(hands, undo, "planted-routerless", port_id=port.id)


def not_external(hands: Hands, undo: ExitStack) -> None:
    wanted_by_stack(hands, undo, "planted-inside", floating_network="acme-net")


def nobody_carries(hands: Hands, undo: ExitStack) -> None:
    """Attach a floating IP to a router that no agent may take: all are switched off."""
    network = hands.api.network
    for agent in list(network.agents(binary=L3)):
        undo.callback(network.update_agent, agent.id, is_admin_state_up=True)
        network.update_agent(agent.id, is_admin_state_up=False)
    public = network.find_network("public")
    _network, subnet, port = inner(hands, undo, "planted-carrier", "10.96.0.0/24")
    router(hands, undo, "planted-carrier", subnet, external_gateway_info={"network_id": public.id})
    address = floating_ip(hands, undo, port_id=port.id)
    for moment in ("created_at", "updated_at"):
        hands.age("floating_ip", address.id, moment, hours=1)


def unwired(hands: Hands, undo: ExitStack) -> None:
    """Let an agent hang that still counts as alive, and boot a server there."""
    host = "compute02"
    undo.callback(hands.cloud.unsilence, host, OVS)
    hands.cloud.silence(host, OVS)
    time.sleep(3.5)
    with sql(hands.cloud.facts) as cursor:
        cursor.execute(
            "UPDATE neutron.agents SET heartbeat_timestamp = UTC_TIMESTAMP() + INTERVAL 1 HOUR "
            "WHERE host = %s AND `binary` = %s",
            (host, OVS),
        )
    network = hands.api.network.find_network("acme-net").id
    zone = f"az1:{host}"
    server = boot(
        hands, undo, "planted-unwired", networks=[{"uuid": network}], availability_zone=zone
    )
    hands.wait_status(server.id, "ACTIVE")
    hands.age("server", server.id, "updated", hours=1)
    hands.age("port", port_of(hands, "planted-unwired").id, "updated_at", hours=1)


def unanswered(hands: Hands, undo: ExitStack) -> None:
    """Make a network that no DHCP agent may take, and put a server onto it."""
    network = hands.api.network
    for agent in list(network.agents(binary=DHCP)):
        undo.callback(network.update_agent, agent.id, is_admin_state_up=True)
        network.update_agent(agent.id, is_admin_state_up=False)
    made = network.create_network(name="planted-unanswered")
    undo.callback(network.delete_network, made)
    network.create_subnet(
        name="planted-unanswered", network_id=made.id, ip_version=4, cidr="10.95.0.0/24"
    )
    server = boot(hands, undo, "planted-unanswered", networks=[{"uuid": made.id}])
    hands.wait_status(server.id, "ACTIVE")
    hands.age("port", port_of(hands, "planted-unanswered").id, "created_at", hours=1)


def other_secret(hands: Hands, undo: ExitStack) -> None:
    """Ask Nova's metadata as an agent does that has another secret."""
    cloud, name = hands.cloud, "nova-api-metadata"
    port = cloud.place.port(METADATA_OFFSET)
    own = cloud.place.etc / "nova" / "metadata.conf"
    own.write_text(
        f"[DEFAULT]\nlog_file = {cloud.place.log}/{name}.log\nmetadata_listen = 127.0.0.1\n"
        f"metadata_listen_port = {port}\nmetadata_workers = 1\n"
        "[neutron]\nservice_metadata_proxy = true\nmetadata_proxy_shared_secret = planted\n"
    )
    undo.callback(own.unlink)
    argv: list[object] = [cloud.facts.venv / "bin" / name]
    for file in (cloud.place.etc / "nova" / "nova.conf", own):
        argv += ["--config-file", file]
    undo.callback(cloud.processes.stop, [name])
    cloud.processes.start(name, [str(word) for word in argv], env=cloud.facts.environment())
    wait_for(lambda: listening(port), name, seconds=90)
    server = hands.server("web01")
    answer = httpx.get(
        f"http://127.0.0.1:{port}/latest/meta-data",
        headers={
            "X-Instance-ID": server.id,
            "X-Tenant-ID": server.project_id,
            "X-Forwarded-For": "10.10.0.9",
            "X-Instance-ID-Signature": hmac.new(b"other", server.id.encode(), "sha256").hexdigest(),
        },
        timeout=60,
    )
    assert answer.status_code == 403, answer.text


PLANTINGS = (
    Planting(problem="port-down", batch="unwired", plant=unwired),
    Planting(problem="dhcp-not-bound", batch="networks", plant=unanswered),
    Planting(problem="metadata-secret", batch="unwired", plant=other_secret),
    Planting(problem="agent-down", batch="agents", plant=silence("compute03", OVS)),
    Planting(problem="dhcp-agent-down", batch="agents", plant=silence("net01", DHCP), quick=True),
    Planting(problem="l3-agent-down", batch="agents", plant=silence("net02", L3)),
    Planting(problem="metadata-agent-down", batch="agents", plant=silence("net01", METADATA)),
    Planting(problem="physical-network-unknown", batch="networks", plant=without_mapping),
    Planting(problem="segments-exhausted", batch="networks", plant=exhausted),
    Planting(problem="subnet-full", batch="networks", plant=full),
    Planting(problem="dhcp-off", batch="ports", plant=dhcp_off),
    Planting(problem="port-binding-failed", batch="ports", plant=unbindable),
    Planting(problem="port-disabled", batch="ports", plant=disabled_port),
    Planting(problem="security-group-closed", batch="ports", plant=closed_port),
    Planting(
        problem="router-without-gateway",
        batch="networks",
        plant=no_gateway,
        beside=("external-network-not-reachable",),
    ),
    Planting(problem="network-not-external", batch="networks", plant=not_external),
    Planting(problem="floating-ip-down", batch="networks", plant=nobody_carries),
    Planting(problem="external-network-not-reachable", batch="ports", plant=no_router),
)
