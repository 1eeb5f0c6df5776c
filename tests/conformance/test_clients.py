# SPDX-License-Identifier: Apache-2.0
"""The clients that people use work on the sandbox: openstacksdk, and the `openstack` command."""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openstack.connection
import pytest
from openstack.config import OpenStackConfig

from lab.cloud import Cloud
from tests.scenarios.sandboxes import Home

SDK = (
    "ignore::DeprecationWarning",
    "ignore::PendingDeprecationWarning",
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)
pytestmark = [pytest.mark.filterwarnings(warning) for warning in SDK]
# How the SDK lists what we read: table of the sandbox, and the call.
LISTS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "services": ("catalog_services", lambda api: api.identity.services()),
    "endpoints": ("endpoints", lambda api: api.identity.endpoints()),
    "domains": ("domains", lambda api: api.identity.domains()),
    "projects": ("projects", lambda api: api.identity.projects()),
    "users": ("users", lambda api: api.identity.users()),
    "roles": ("roles", lambda api: api.identity.roles()),
    "role assignments": ("role_assignments", lambda api: api.identity.role_assignments()),
    "servers": ("servers", lambda api: api.compute.servers(all_projects=True)),
    "compute services": ("compute_services", lambda api: api.compute.services()),
    "hypervisors": ("hypervisors", lambda api: api.compute.hypervisors(details=True)),
    "migrations": ("migrations", lambda api: api.compute.migrations()),
    "aggregates": ("aggregates", lambda api: api.compute.aggregates()),
    "server groups": ("server_groups", lambda api: api.compute.server_groups(all_projects=True)),
    "flavors": ("flavors", lambda api: api.compute.flavors(is_public=None)),
    "providers": ("providers", lambda api: api.placement.resource_providers()),
    "ports": ("ports", lambda api: api.network.ports()),
    "agents": ("agents", lambda api: api.network.agents()),
    "networks": ("networks", lambda api: api.network.networks()),
    "subnets": ("subnets", lambda api: api.network.subnets()),
    "availabilities": ("networks", lambda api: api.network.network_ip_availabilities()),
    "routers": ("routers", lambda api: api.network.routers()),
    "floating IPs": ("floating_ips", lambda api: api.network.ips()),
    "security groups": ("security_groups", lambda api: api.network.security_groups()),
    "security group rules": (
        "security_group_rules",
        lambda api: api.network.security_group_rules(),
    ),
    "volumes": ("volumes", lambda api: api.block_storage.volumes(all_projects=True)),
    "volume services": ("volume_services", lambda api: api.block_storage.services()),
    "snapshots": ("volume_snapshots", lambda api: api.block_storage.snapshots(all_projects=True)),
    "backups": ("volume_backups", lambda api: api.block_storage.backups(all_tenants=True)),
    "volume pools": ("volume_pools", lambda api: api.block_storage.backend_pools()),
    "volume types": ("volume_types", lambda api: api.block_storage.types()),
    "images": ("images", lambda api: api.image.images()),
}
# Commands of the client, all in one process; each prints one JSON document.
COMMANDS = (
    "token issue -c project_id",
    "catalog list",
    "service list",
    "endpoint list",
    "domain list",
    "project list --long",
    "user list --long",
    "role list",
    "role assignment list --names",
    "server list --all-projects --long",
    "server list --all-projects --status ERROR",
    "compute service list",
    "hypervisor list",
    "aggregate list",
    "availability zone list",
    "flavor list --all",
    "server group list --all-projects",
    "server migration list",
    "network list",
    "network agent list",
    "subnet list",
    "port list --long",
    "router list",
    "floating ip list",
    "security group list",
    "volume list --all-projects --long",
    "volume service list",
    "volume snapshot list --all-projects",
    "volume backup list --all-projects",
    "volume type list",
    "image list --long",
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    found = Home(tmp_path_factory.mktemp("clients"))
    assert found.run("sandbox", "up", "--scenario", "small").code == 0
    yield found
    assert found.run("sandbox", "down").code == 0


@pytest.fixture(scope="module")
def api(home: Home) -> Iterator[Any]:
    with connected(home, "sandbox") as made:
        yield made


@contextmanager
def connected(home: Home, account: str) -> Iterator[Any]:
    file = str(home.place() / "clouds.yaml")
    region = OpenStackConfig(config_files=[file]).get_one(cloud=account)
    made = openstack.connection.Connection(config=region)
    yield made
    made.session.session.close()
    made.close()


@pytest.mark.parametrize("name", LISTS)
def test_the_sdk_lists_what_day2_reads(home: Home, api: Any, name: str) -> None:
    table, listed = LISTS[name]
    rows = list(listed(api))
    assert len(rows) == home.control("GET", "state")["tables"][table]
    unnamed = name in {"role assignments", "availabilities"}
    assert all(row.id or getattr(row, "name", None) or unnamed for row in rows)


def test_the_sdk_lists_the_stacks_of_a_project(home: Home) -> None:
    with connected(home, "member") as api:
        assert [row.name for row in api.orchestration.stacks()] == ["acme-monitoring"]


def test_the_openstack_command_works(cloud: Cloud, home: Home, tmp_path: Path) -> None:
    words = "".join(f"{command} -f json\n" for command in COMMANDS)
    done = subprocess.run(
        [str(cloud.describe()["openstack_client"]), "--os-cloud", "sandbox"],
        input=words,
        capture_output=True,
        text=True,
        timeout=200,
        cwd=tmp_path,
        check=False,
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(tmp_path),
            "OS_CLIENT_CONFIG_FILE": str(home.place() / "clouds.yaml"),
        },
    )
    assert len(documents(done.stdout)) == len(COMMANDS), (done.stdout[-3000:], done.stderr[-2000:])


def documents(text: str) -> list[Any]:
    """Find the JSON documents between the prompts."""
    decoder = json.JSONDecoder()
    found: list[Any] = []
    place = 0
    while place < len(text):
        if text[place] in "[{":
            document, place = decoder.raw_decode(text, place)
            found.append(document)
        else:
            place += 1
    return found
