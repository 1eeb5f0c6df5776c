# SPDX-License-Identifier: Apache-2.0
"""What a scenario file says, checked when it is read.

Every age is a span back from the start of the world (`40d`, `3h`); names refer to other entries.
What a cloud has of itself (services of hosts by their roles, DHCP and router ports, allocations,
default security groups) is not written down: building the world adds it.
"""

from importlib import resources
from pathlib import Path
from typing import Literal

import msgspec

from day2.errors import BadSettings, BadUsage
from day2.sandbox.bulk.sizes import Bulk, spread
from day2.sandbox.entries import Entry, Name, Script, Span
from day2.sandbox.faults import Rule
from day2.sandbox.scenario_names import refuse_dangling
from day2.sandbox.scenario_planes import (
    Certificate,
    Errors,
    FullDisk,
    LoadBalancer,
    OddContainer,
    VirtualAddress,
    WrongClock,
)
from day2.settings import read_yaml

Role = Literal["control", "network", "compute", "storage"]


class Timers(Entry, frozen=True, kw_only=True):
    """How long things take."""

    boot: Span = "2s"
    delete: Span = "1s"
    power: Span = "1s"
    live_migration: Span = "4s"
    cold_migration: Span = "4s"
    confirm: Span = "1s"
    volume: Span = "1s"


class Host(Entry, frozen=True, kw_only=True):
    """A host; its roles give it services. `dead` is since when nothing on it reports."""

    name: Name
    roles: list[Role]
    vcpus: int = 32
    memory_mib: int = 131072
    disk_gib: int = 2000
    dead: Span | None = None
    disabled: str | None = None
    reboot_required: bool = False


class Dead(Entry, frozen=True, kw_only=True):
    """One service or agent that stopped reporting, by host and binary."""

    host: Name
    binary: Name
    since: Span


class Aggregate(Entry, frozen=True, kw_only=True):
    """A host aggregate, in a zone of its own or none."""

    name: Name
    hosts: list[Name]
    zone: str | None = None
    metadata: dict[str, str] = {}
    age: Span = "300d"


class Project(Entry, frozen=True, kw_only=True):
    """A project; `quotas` are limits by service and resource that differ from the standard."""

    name: Name
    description: str = ""
    age: Span = "300d"
    quotas: dict[Literal["compute", "network", "block-storage"], dict[str, int]] = {}


class User(Entry, frozen=True, kw_only=True):
    """A user, with the roles that it has in a project, or in the system."""

    name: Name
    project: Name
    roles: list[Name] = msgspec.field(default_factory=lambda: ["member"])
    system_roles: list[Name] = []
    enabled: bool = True


class Flavor(Entry, frozen=True, kw_only=True):
    """A flavor."""

    name: Name
    vcpus: int
    ram_mib: int
    disk_gib: int
    public: bool = True
    extra_specs: dict[str, str] = {}


class Image(Entry, frozen=True, kw_only=True):
    """An image; one with `of_server` is that server's snapshot."""

    name: Name
    project: Name = "admin"
    size_mib: int = 400
    visibility: Literal["public", "private", "shared", "community"] = "public"
    status: Literal["active", "queued", "saving", "importing", "deactivated", "killed"] = "active"
    protected: bool = False
    hidden: bool = False
    age: Span = "200d"
    of_server: Name | None = None
    properties: dict[str, str] = {}


class Network(Entry, frozen=True, kw_only=True):
    """A network with one subnet; `router` hangs it on that router of its project."""

    name: Name
    cidr: str
    project: Name = "admin"
    external: bool = False
    shared: bool = False
    router: Name | None = None
    age: Span = "300d"


class RuleOf(Entry, frozen=True, kw_only=True):
    """One rule of a security group that lets something in."""

    protocol: str | None = "tcp"
    port_min: int | None = None
    port_max: int | None = None
    remote: str = "0.0.0.0/0"


class SecurityGroup(Entry, frozen=True, kw_only=True):
    """A security group beside the default one."""

    name: Name
    project: Name
    rules: list[RuleOf] = []


class Server(Entry, frozen=True, kw_only=True):
    """One server, or `count` of them, numbered.

    `age` is since its creation, `updated` since its last change (the same when it is not said).
    `host` may name several, which are filled in turn. `script` is what becomes of its next
    migration. `fault` is the message of a server in ERROR.
    """

    name: Name
    project: Name
    flavor: Name
    image: Name | None
    network: Name
    host: list[Name] = []
    count: int = 1
    status: Literal[
        "ACTIVE", "SHUTOFF", "ERROR", "PAUSED", "SUSPENDED", "SHELVED_OFFLOADED", "BUILD",
        "VERIFY_RESIZE", "MIGRATING",
    ] = "ACTIVE"  # fmt: skip
    task_state: str | None = None
    age: Span = "100d"
    updated: Span | None = None
    fault: str | None = None
    floating_ip: bool = False
    security_group: Name = "default"
    server_group: Name | None = None
    boot_volume: Name | None = None
    locked: str | None = None
    tags: list[str] = []
    metadata: dict[str, str] = {}
    script: Script = ""


class Migration(Entry, frozen=True, kw_only=True):
    """A move that was there before the world began."""

    server: Name
    source: Name
    target: Name
    type: Literal["live-migration", "migration", "resize", "evacuation"] = "live-migration"
    status: str = "completed"
    age: Span = "1d"
    updated: Span | None = None


class Volume(Entry, frozen=True, kw_only=True):
    """A volume; with `server`, attached to it. `message` is what Cinder tells its user."""

    name: Name
    project: Name
    size_gib: int = 10
    type: Name | None = None
    status: str | None = None
    server: Name | None = None
    image: Name | None = None
    age: Span = "100d"
    updated: Span | None = None
    message: str | None = None
    metadata: dict[str, str] = {}


class Snapshot(Entry, frozen=True, kw_only=True):
    """A snapshot of a volume."""

    name: Name
    volume: Name
    status: str = "available"
    age: Span = "10d"


class Backup(Entry, frozen=True, kw_only=True):
    """A Cinder backup of a volume."""

    name: Name
    volume: Name
    status: str = "available"
    age: Span = "3d"
    fail_reason: str | None = None


class Pool(Entry, frozen=True, kw_only=True):
    """A backend of block storage: a volume type of its name, and one pool."""

    name: Name
    host: Name
    size_gib: int = 100000
    used_ratio: float = 0.3


class Port(Entry, frozen=True, kw_only=True):
    """A port that belongs to nothing."""

    name: str = ""
    project: Name
    network: Name
    age: Span = "60d"
    tags: list[str] = []


class FloatingIp(Entry, frozen=True, kw_only=True):
    """A floating IP that points nowhere."""

    project: Name
    age: Span = "60d"
    description: str = ""
    tags: list[str] = []


class Stack(Entry, frozen=True, kw_only=True):
    """A Heat stack."""

    name: Name
    project: Name
    status: str = "CREATE_COMPLETE"
    reason: str = "Stack CREATE completed successfully"
    age: Span = "50d"


class Scenario(Entry, frozen=True, kw_only=True):
    """A whole cloud."""

    description: str
    region: str = "RegionOne"
    seed: str = "small"
    token_lasts: Span = "24h"  # noqa: S105 - how long, not which
    timers: Timers = Timers()
    hosts: list[Host]
    dead: list[Dead] = []
    aggregates: list[Aggregate] = []
    projects: list[Project] = []
    users: list[User] = []
    flavors: list[Flavor] = []
    images: list[Image] = []
    networks: list[Network] = []
    security_groups: list[SecurityGroup] = []
    pools: list[Pool] = []
    servers: list[Server] = []
    migrations: list[Migration] = []
    volumes: list[Volume] = []
    snapshots: list[Snapshot] = []
    backups: list[Backup] = []
    ports: list[Port] = []
    floating_ips: list[FloatingIp] = []
    stacks: list[Stack] = []
    containers: list[OddContainer] = []
    disks: list[FullDisk] = []
    logs: list[Errors] = []
    certificate: Certificate = Certificate()
    load_balancers: list[LoadBalancer] = []
    virtual_address: VirtualAddress = VirtualAddress()
    fernet_differs: list[Name] = []
    clocks: list[WrongClock] = []
    faults: list[Rule] = []
    bulk: Bulk | None = None


def known() -> list[str]:
    """List the scenarios that are shipped."""
    folder = resources.files("day2.sandbox") / "scenarios"
    return sorted(
        f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith(".yaml")
    )


def load(name: str) -> Scenario:
    """Read a shipped scenario by name, or a file of your own (`./mine.yaml`).

    Raises:
        BadUsage: when there is no such scenario.
        BadSettings: when the file is not what a scenario says; the message names the place.

    """
    if name in known():
        with resources.as_file(resources.files("day2.sandbox") / "scenarios" / f"{name}.yaml") as f:
            return read(f)
    if "/" not in name and not name.endswith((".yaml", ".yml")):
        raise BadUsage(f"no scenario {name!r}; known: {', '.join(known())}, or a file: ./NAME.yaml")
    return read(Path(name).expanduser())


def read(file: Path) -> Scenario:
    """Read a scenario file.

    Raises:
        BadSettings: when it cannot be read, or is not what a scenario says.

    """
    try:
        scenario = msgspec.convert(spread(read_yaml(file)), Scenario, strict=True)
    except msgspec.ValidationError as error:
        raise BadSettings(f"scenario {file.name}: {error}") from None
    refuse_dangling(scenario, file.name)
    if scenario.bulk is not None and not _carries_bulk(scenario):
        raise BadSettings(
            f"scenario {file.name}: bulk needs a flavor, a public image, a pool and a host with "
            "the role network"
        )
    return scenario


def _carries_bulk(scenario: Scenario) -> bool:
    images = any(i.visibility == "public" and i.status == "active" for i in scenario.images)
    hosts = any("network" in host.roles for host in scenario.hosts)
    return bool(scenario.flavors and scenario.pools and images and hosts)
