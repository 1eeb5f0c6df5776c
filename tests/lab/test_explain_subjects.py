# SPDX-License-Identifier: Apache-2.0
"""real: things that were broken by real means; `explain` names the cause that was planted first."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any

import pytest

from lab.age import set_time
from lab.cloud import Cloud
from lab.parts.galera import Galera
from lab.parts.nodes_ansible import ansible
from lab.parts.tls import Tls
from lab.place import Place
from lab.processes import wait_for
from tests.conftest import fresh
from tests.lab.hands import Hands
from tests.lab.program import Program

DHCP, L3, OVS = "neutron-dhcp-agent", "neutron-l3-agent", "neutron-openvswitch-agent"
Plant = Callable[[Hands, ExitStack], str]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One planted cause: what is done, and the code that is to be named first."""

    name: str
    code: str
    plant: Plant


def port_of(hands: Hands, name: str) -> Any:
    server = hands.server(name)
    return next(iter(hands.api.network.ports(device_id=server.id)))


def dhcp_switched_off(hands: Hands, undo: ExitStack) -> str:
    """Switch the agents off: one that is on takes back a network that it was removed from."""
    port = port_of(hands, "web01")
    network = hands.api.network
    for agent in list(network.agents(binary=DHCP)):
        network.update_agent(agent, is_admin_state_up=False)
        undo.callback(network.update_agent, agent, is_admin_state_up=True)
    return str(port.id)


def dhcp_silent(hands: Hands, undo: ExitStack) -> str:
    port = port_of(hands, "web01")
    for host in ("net01", "net02"):
        hands.cloud.silence(host, DHCP)
        undo.callback(hands.cloud.unsilence, host, DHCP)
    _wait_dead(hands, DHCP, "net01", "net02")
    return str(port.id)


def dhcp_off(hands: Hands, undo: ExitStack) -> str:
    port = port_of(hands, "web01")
    (subnet,) = hands.api.network.subnets(network_id=port.network_id)
    hands.api.network.update_subnet(subnet, is_dhcp_enabled=False)
    undo.callback(hands.api.network.update_subnet, subnet, is_dhcp_enabled=True)
    return str(port.id)


def unbindable(hands: Hands, undo: ExitStack) -> str:
    network = hands.api.network.find_network("acme-net")
    port = hands.api.network.create_port(
        network_id=network.id, name="explained-unbindable", binding_host_id="nohost99"
    )
    undo.callback(hands.api.network.delete_port, port)
    return str(port.id)


def port_off(hands: Hands, undo: ExitStack) -> str:
    port = port_of(hands, "web02")
    hands.api.network.update_port(port, admin_state_up=False)
    undo.callback(hands.api.network.update_port, port, admin_state_up=True)
    return str(port.id)


def agent_silent(hands: Hands, undo: ExitStack) -> str:
    network = hands.api.network.find_network("acme-net")
    hands.cloud.silence("compute04", OVS)
    undo.callback(hands.cloud.unsilence, "compute04", OVS)
    _wait_dead(hands, OVS, "compute04")
    port = hands.api.network.create_port(
        network_id=network.id, name="explained-agentless", binding_host_id="compute04"
    )
    undo.callback(hands.api.network.delete_port, port)
    return str(port.id)


def full_subnet(hands: Hands, undo: ExitStack) -> str:
    network = hands.api.network.create_network(name="explained-full")
    undo.callback(hands.api.network.delete_network, network)
    hands.api.network.create_subnet(
        name="explained-full", network_id=network.id, ip_version=4, cidr="192.0.2.0/29",
        enable_dhcp=False,
    )  # fmt: skip
    for number in range(5):
        made = hands.api.network.create_port(network_id=network.id, name=f"explained-{number}")
        undo.callback(hands.api.network.delete_port, made)
    port = hands.api.network.create_port(network_id=network.id, name="explained-none", fixed_ips=[])
    undo.callback(hands.api.network.delete_port, port)
    return str(port.id)


def without_gateway(hands: Hands, undo: ExitStack) -> str:
    """Ask for an address behind a router without gateway: Neutron refuses to attach it."""
    network = hands.api.network
    project = hands.api.identity.create_project(name="explained-gateless")
    undo.callback(hands.api.identity.delete_project, project)
    router = network.create_router(name="explained-gateless", project_id=project.id)
    undo.callback(network.delete_router, router)
    public = network.find_network("public")
    address = network.create_ip(floating_network_id=public.id, project_id=project.id)
    undo.callback(network.delete_ip, address)
    return str(address.floating_ip_address)


def l3_silent(hands: Hands, undo: ExitStack) -> str:
    for host in ("net01", "net02"):
        hands.cloud.silence(host, L3)
        undo.callback(hands.cloud.unsilence, host, L3)
    _wait_dead(hands, L3, "net01", "net02")
    server = hands.server("app01")
    address = next(
        ip["addr"]
        for ips in server.addresses.values()
        for ip in ips
        if ip["OS-EXT-IPS:type"] == "floating"
    )
    return str(address)


def router_off(hands: Hands, undo: ExitStack) -> str:
    router = hands.api.network.find_router("globex-router")
    hands.api.network.update_router(router, is_admin_state_up=False)
    undo.callback(hands.api.network.update_router, router, is_admin_state_up=True)
    server = hands.server("shop01")
    (port,) = hands.api.network.ports(device_id=server.id)
    return str(next(iter(hands.api.network.ips(port_id=port.id))).id)


def _volume(hands: Hands, undo: ExitStack, name: str) -> Any:
    volume = hands.api.block_storage.create_volume(name=name, size=1)
    undo.callback(hands.api.block_storage.delete_volume, volume, force=True)
    hands.api.block_storage.wait_for_status(volume, "available", interval=0.5, wait=90)
    return volume


def attaching(hands: Hands, undo: ExitStack) -> str:
    volume = _volume(hands, undo, "explained-attaching")
    storage = hands.api.block_storage
    storage.reset_volume_status(volume, status="attaching", attach_status=None)
    undo.callback(storage.reset_volume_status, volume, status="available")
    set_time(hands.cloud.facts, "volume", volume.id, "updated_at", _hours_ago(3))
    return "explained-attaching"


def orphaned(hands: Hands, undo: ExitStack) -> str:
    """Reserve a volume for a server that does not exist, as a lost server leaves it."""
    volume = _volume(hands, undo, "explained-orphan")
    body = {"attachment": {"volume_uuid": volume.id, "instance_uuid": str(uuid.uuid4())}}
    answer = hands.api.block_storage.post("/attachments", json=body, microversion="3.54")
    assert answer.status_code == 200, answer.text
    own = answer.json()["attachment"]["id"]
    undo.callback(hands.api.block_storage.delete, f"/attachments/{own}", microversion="3.54")
    return str(volume.id)


def too_large(hands: Hands, undo: ExitStack) -> str:
    """Ask for more than the pool has: Cinder tells its user why, asynchronously."""
    storage = hands.api.block_storage
    project = hands.api.session.get_project_id()
    storage.update_quota_set(project, gigabytes=-1)
    undo.callback(storage.revert_quota_set, project)
    volume = storage.create_volume(name="explained-huge", size=2_000_000)
    undo.callback(storage.delete_volume, volume, force=True)
    wait_for(lambda: storage.get_volume(volume).status == "error", "a volume in error", seconds=90)
    return str(volume.id)


def backend_silent(hands: Hands, undo: ExitStack) -> str:
    volume = _volume(hands, undo, "explained-backend")
    hands.cloud.kill("cinder-volume")
    undo.callback(hands.cloud.start, "cinder-volume")
    storage = hands.api.block_storage

    def down() -> bool:
        return all(s.state == "down" for s in storage.services(binary="cinder-volume"))

    wait_for(down, "cinder-volume to be down", seconds=90, every=0.5)
    return str(volume.id)


def queued(hands: Hands, undo: ExitStack) -> str:
    image = hands.api.image.create_image(
        name="explained-queued", container_format="bare", disk_format="raw", allow_duplicates=True
    )
    undo.callback(hands.api.image.delete_image, image)
    for moment in ("created_at", "updated_at"):
        set_time(hands.cloud.facts, "image", image.id, moment, _hours_ago(60))
    return "explained-queued"


def deactivated(hands: Hands, undo: ExitStack) -> str:
    image = hands.api.image.find_image("acme-golden")
    hands.api.image.deactivate_image(image)
    undo.callback(hands.api.image.reactivate_image, image)
    return str(image.id)


def killed_host(hands: Hands, undo: ExitStack) -> str:
    hands.cloud.kill("nova-compute-compute03")
    undo.callback(hands.cloud.start, "nova-compute-compute03")
    wait_for(lambda: hands.service("compute03").state == "down", "a dead compute", seconds=60)
    return "compute03"


def _wait_dead(hands: Hands, binary: str, *hosts: str) -> None:
    def dead() -> bool:
        agents = [a for a in hands.api.network.agents(binary=binary) if a.host in hosts]
        return bool(agents) and not any(a.is_alive for a in agents)

    wait_for(dead, f"{binary} to be dead", seconds=90, every=0.5)


def _hours_ago(hours: float) -> Any:
    from datetime import UTC, datetime, timedelta

    return datetime.now(UTC) - timedelta(hours=hours)


CASES = (
    Case(name="DHCP agents switched off", code="dhcp-agent-down", plant=dhcp_switched_off),
    Case(name="DHCP agents silent", code="dhcp-agent-down", plant=dhcp_silent),
    Case(name="DHCP off", code="dhcp-disabled", plant=dhcp_off),
    Case(name="port that cannot be bound", code="network-agent-missing", plant=unbindable),
    Case(name="agent of the host silent", code="network-agent-down", plant=agent_silent),
    Case(name="port switched off", code="port-admin-down", plant=port_off),
    Case(name="subnet full", code="subnet-full", plant=full_subnet),
    Case(name="floating IP without gateway", code="router-without-gateway", plant=without_gateway),
    Case(name="L3 agents silent", code="l3-agent-down", plant=l3_silent),
    Case(name="router switched off", code="router-admin-down", plant=router_off),
    Case(name="volume stuck attaching", code="volume-attachment-missing", plant=attaching),
    Case(name="attachment without server", code="volume-attachment-orphan", plant=orphaned),
    Case(name="no backend has room", code="volume-no-backend", plant=too_large),
    Case(name="backend dead", code="volume-service-down", plant=backend_silent),
    Case(name="image queued", code="image-queued", plant=queued),
    Case(name="image deactivated", code="image-deactivated", plant=deactivated),
    Case(name="host with a killed agent", code="service-down", plant=killed_host),
)
QUICK = {
    "DHCP agents switched off",
    "floating IP without gateway",
    "volume stuck attaching",
    "attachment without server",
    "image queued",
}


@pytest.fixture(scope="module")
def hands(cloud: Cloud, place: Place) -> Iterator[Hands]:
    fresh(cloud, place)
    with closing(Hands(cloud, galera=Galera(place), tls=Tls(place))) as made:
        yield made
    cloud.restore()


@pytest.fixture(scope="module")
def operator(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Program:
    folder = tmp_path_factory.mktemp("operator")
    inventory = folder / "inventory"
    inventory.write_text(
        "[baremetal]\nlab ansible_connection=local ansible_python_interpreter=/usr/bin/python3\n"
    )
    return Program(
        cloud,
        folder,
        kolla={"inventory": str(inventory), "virtualenv": str(ansible(cloud.place).parent)},
        logs={"folder": str(cloud.place.log)},
    )


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(
            case,
            id=case.name.replace(" ", "-"),
            marks=[] if case.name in QUICK else pytest.mark.full,
        )
        for case in CASES
    ],
)
def test_the_cause_that_was_planted_is_named(case: Case, hands: Hands, operator: Program) -> None:
    with ExitStack() as undo:
        subject = case.plant(hands, undo)
        ended = operator.run("explain", subject, "--no-logs", "-f", "json")
        assert ended.code == 0, ended.stderr
        found = ended.document["explanation"]
        named = [cause["code"] for cause in found["causes"]]
        assert named[:1] == [case.code], (found["summary"], found["causes"], found["gaps"])


@pytest.mark.full
def test_nothing_speaks_against_what_is_well(hands: Hands, operator: Program) -> None:
    hands.cloud.ready()
    wait_for(lambda: not hands.cloud.missing(), "the lab to be whole", seconds=60, every=1)
    port = port_of(hands, "web01")
    for subject in ("web01", str(port.id), "db01-data", "debian-12", "compute01"):
        ended = operator.run("explain", subject, "--no-logs", "-f", "json")
        assert ended.code == 0, ended.stderr
        found = ended.document["explanation"]
        assert found["causes"] == [], (subject, found["causes"])


def test_a_request_is_followed_from_the_api_to_the_compute_host(
    hands: Hands, operator: Program
) -> None:
    with ExitStack() as undo:
        name = "explained-followed"
        hands.cloud.script("spawns", {name: {"fail": "scripted by the test"}})
        undo.callback(hands.cloud.script, "spawns", {})
        server = hands.boot(name)
        undo.callback(hands.delete_server, name)
        hands.wait_status(server.id, "ERROR")
        actions = list(hands.api.compute.server_actions(server.id))
        request = str(actions[-1].request_id)
        ended = operator.run("explain", request, "-f", "json")
        assert ended.code == 0, ended.stderr
        found = ended.document["explanation"]
        touched = [link["subject"]["name"] for link in found["links"]]
        # Nova's API logs a request when it has answered it: whom it asked meanwhile logs before.
        assert {"nova-api", "placement"} <= set(touched), touched
        assert any(one.startswith("nova-compute") for one in touched)
        assert found["causes"], found["summary"]
        whole = operator.run("explain", str(server.id), "-f", "json").document["explanation"]
        logged = [event for event in whole["events"] if event["host"] and event["request_id"]]
        assert {event["request_id"] for event in logged} >= {request}
        assert any(event["failed"] for event in logged)
