# SPDX-License-Identifier: Apache-2.0
"""What the fields mean: relations between the lists that hold on the lab and on the sandbox."""

import ipaddress
import re
from collections import Counter
from datetime import timedelta

from day2.model.survey import Tables
from day2.model.tables import utc
from tests.conformance.places import CLOCK, Place

SLACK = timedelta(seconds=5)
SHA512 = re.compile(r"[0-9a-f]{128}")


def tables(place: Place) -> Tables:
    return place.survey()[0].tables


def test_allocations_sum_to_the_usages_of_their_provider(there: Place) -> None:
    summed = {row.provider: row.usages for row in tables(there).allocations}
    assert summed
    for provider in tables(there).providers:
        reply = there.ask("placement", "GET", f"/resource_providers/{provider.uuid}/usages")
        told = {name: amount for name, amount in reply.body["usages"].items() if amount}
        assert summed[provider.uuid] == told


def test_a_servers_allocation_is_its_flavor(there: Place) -> None:
    taken = {
        consumer: resources
        for row in tables(there).allocations
        for consumer, resources in row.allocations.items()
    }
    placed = [row for row in tables(there).servers if row.host and row.task_state is None]
    assert placed
    for server in placed:
        assert taken[server.id]["VCPU"] == server.flavor.vcpus
        assert taken[server.id]["MEMORY_MB"] == server.flavor.ram
    homeless = [row.id for row in tables(there).servers if row.status == "ERROR" and not row.host]
    assert homeless
    assert not set(homeless) & set(taken)


def test_hypervisors_services_and_providers_are_one_host_each(there: Place) -> None:
    services = {
        row.host: row for row in tables(there).compute_services if row.binary == "nova-compute"
    }
    names = set()
    for hypervisor in tables(there).hypervisors:
        service = services[hypervisor.service.host]
        assert hypervisor.service.id == service.id
        assert (hypervisor.state, hypervisor.status) == (service.state, service.status)
        names.add(hypervisor.hypervisor_hostname)
    for provider in tables(there).providers:
        assert provider.parent_provider_uuid is None
        assert provider.root_provider_uuid == provider.uuid
    assert {row.name for row in tables(there).providers} == names
    assert {str(row.id) for row in tables(there).hypervisors} == {
        row.uuid for row in tables(there).providers
    }


def test_a_hosts_zone_is_its_aggregates(there: Place) -> None:
    zones = {
        host: row.availability_zone
        for row in tables(there).aggregates
        if row.availability_zone
        for host in row.hosts
    }
    assert zones
    for service in tables(there).compute_services:
        compute = service.binary == "nova-compute"
        assert service.zone == (zones.get(service.host, "nova") if compute else "internal")
    for aggregate in tables(there).aggregates:
        assert aggregate.metadata.get("availability_zone") == aggregate.availability_zone
    for server in tables(there).servers:
        if server.host:
            assert server.availability_zone == zones.get(server.host, "nova")
            assert server.hypervisor_hostname == server.host


def test_ports_belong_to_what_they_name(there: Place) -> None:
    found = tables(there)
    servers = {row.id: row for row in found.servers}
    devices = {
        "network:router_interface": {row.id for row in found.routers},
        "network:router_gateway": {row.id for row in found.routers},
        "network:floatingip": {row.id for row in found.floating_ips},
    }
    networks = {row.id: row for row in found.networks}
    subnets = {row.id: row for row in found.subnets}
    owners = Counter(row.device_owner.partition(":")[0] for row in found.ports)
    assert {"compute", "network"} <= set(owners)
    for port in found.ports:
        assert port.network_id in networks
        if port.device_owner.startswith("compute:"):
            server = servers[port.device_id]
            assert port.project_id == server.project_id
            assert port.device_owner == f"compute:{server.availability_zone or 'nova'}" or (
                server.status == "SHELVED_OFFLOADED"
            )
            assert port.host == (server.host or "")
        elif port.device_owner == "network:dhcp":
            assert port.device_id.startswith("dhcp")
        elif port.device_owner in devices:
            assert port.device_id in devices[port.device_owner]
        for fixed in port.fixed_ips:
            subnet = subnets[fixed.subnet_id]
            assert subnet.network_id == port.network_id
            assert ipaddress.ip_address(fixed.ip_address) in ipaddress.ip_network(subnet.cidr)


def test_networks_name_their_subnets_and_count_their_addresses(there: Place) -> None:
    found = tables(there)
    subnets = Counter((row.network_id, row.id) for row in found.subnets)
    assert Counter((row.id, own) for row in found.networks for own in row.subnets) == subnets
    taken = Counter(fixed.subnet_id for port in found.ports for fixed in port.fixed_ips)
    for network in found.availabilities:
        assert network.used_ips == sum(row.used_ips for row in network.subnets)
        for subnet in network.subnets:
            assert subnet.used_ips == taken[subnet.subnet_id]
            assert 0 <= subnet.used_ips <= subnet.total_ips


def test_floating_ips_point_at_ports_or_are_down(there: Place) -> None:
    found = tables(there)
    ports = {row.id: row for row in found.ports}
    external = {row.id for row in found.networks if row.external}
    assert {bool(row.port_id) for row in found.floating_ips} == {True, False}
    for row in found.floating_ips:
        assert row.floating_network_id in external
        if row.port_id:
            fixed = [each.ip_address for each in ports[row.port_id].fixed_ips]
            assert row.fixed_ip_address in fixed
            assert row.router_id in {router.id for router in found.routers}
        else:
            assert (row.status, row.router_id, row.fixed_ip_address) == ("DOWN", None, None)


def test_volumes_attachments_and_servers_tell_one_story(there: Place) -> None:
    found = tables(there)
    by_volume = {
        (row.id, each.server_id, each.attachment_id)
        for row in found.volumes
        for each in row.attachments
    }
    assert by_volume == {(a.volume_id, a.instance, a.id) for a in found.volume_attachments}
    assert {(volume, server) for volume, server, _own in by_volume} == {
        (volume.id, server.id) for server in found.servers for volume in server.volumes
    }
    for row in found.volumes:
        assert (row.status == "in-use") == bool(row.attachments)
    hosts = {row.host for row in found.volume_services if row.binary == "cinder-volume"}
    assert {row.name.partition("#")[0] for row in found.volume_pools} <= hosts
    pools = {row.name for row in found.volume_pools}
    assert {row.host for row in found.volumes if row.host} <= pools
    assert {row.volume_id for row in found.volume_snapshots} <= {row.id for row in found.volumes}
    types = {row.name for row in found.volume_types}
    assert {row.volume_type for row in found.volumes} <= types


def test_quotas_count_what_is_there(there: Place) -> None:
    found = tables(there)
    used = {(row.service, row.project_id, row.resource): row.in_use for row in found.quotas}
    assert used
    counted = {
        ("compute", "instances"): Counter(row.project_id for row in found.servers),
        ("block-storage", "volumes"): Counter(row.project_id for row in found.volumes),
        ("block-storage", "snapshots"): Counter(row.project_id for row in found.volume_snapshots),
        ("network", "port"): Counter(row.project_id for row in found.ports),
        ("network", "floatingip"): Counter(row.project_id for row in found.floating_ips),
    }
    cores: Counter[str] = Counter()
    for server in found.servers:
        cores[server.project_id] += server.flavor.vcpus
    counted["compute", "cores"] = cores
    for (service, resource), own in counted.items():
        for key, amount in used.items():
            if (key[0], key[2]) == (service, resource):
                assert amount == own[key[1]], key


def test_identity_refers_to_what_it_lists(there: Place) -> None:
    found = tables(there)
    users, roles, projects, services, domains = (
        {row.id for row in rows}
        for rows in (
            found.users,
            found.roles,
            found.projects,
            found.catalog_services,
            found.domains,
        )
    )
    for row in found.role_assignments:
        assert row.role.id in roles
        assert (row.user is None) != (row.group is None)
        assert row.user is None or row.user.id in users
        scopes = (row.scope.project, row.scope.domain, row.scope.system)
        assert sum(scope is not None for scope in scopes) == 1
        assert row.scope.project is None or row.scope.project.id in projects
    assert {row.service_id for row in found.endpoints} <= services
    assert {row.domain_id for row in found.users} <= domains
    assert {row.user_id for row in found.application_credentials} <= users
    assert found.application_credentials


def test_moves_are_between_known_hosts(there: Place) -> None:
    found = tables(there)
    hosts = {row.host for row in found.compute_services}
    assert found.migrations
    for row in found.migrations:
        assert row.migration_type in {"live-migration", "migration", "resize", "evacuation"}
        assert {row.source_compute, row.dest_compute} - {None} <= hosts
    members = {own for row in found.server_groups for own in row.members}
    assert members <= {row.id for row in found.servers}
    groups = {row.id for row in found.security_groups}
    assert {row.security_group_id for row in found.security_group_rules} == groups


def test_an_active_image_has_its_hash(there: Place) -> None:
    images = [row for row in tables(there).images if row.status == "active"]
    assert images
    for row in images:
        assert row.os_hash_algo == "sha512"
        assert SHA512.fullmatch(row.os_hash_value or "")
        assert len(row.checksum or "") == 32
        assert row.size
    assert {row.owner for row in images} <= {row.id for row in tables(there).projects}


def test_nothing_was_made_in_the_future(there: Place) -> None:
    now = CLOCK.now() + SLACK
    for kind in ("servers", "volumes", "ports", "migrations", "images", "floating_ips", "stacks"):
        for row in getattr(tables(there), kind):
            made = utc(getattr(row, "created_at", None) or getattr(row, "created", None))
            changed = utc(getattr(row, "updated_at", None) or getattr(row, "updated", None))
            assert made is None or made <= now, row
            assert made is None or changed is None or made <= changed + SLACK, row
