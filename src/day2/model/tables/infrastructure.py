# SPDX-License-Identifier: Apache-2.0
"""What carries the cloud: endpoints as they answer, database, bus, caches, hosts, containers."""

from datetime import datetime

from day2.model.tables import Row


class ApiProbe(Row, frozen=True, kw_only=True):
    """One URL of the catalogue, asked once without a token.

    `status` None means that nothing answered (`error` says how); `clock_offset_seconds` is the
    service's Date header minus ours, None when it sent none.
    """

    url: str
    service_type: str
    interfaces: list[str] = []
    status: int | None = None
    latency_ms: float | None = None
    clock_offset_seconds: float | None = None
    error: str = ""


class TokenIssue(Row, frozen=True, kw_only=True):
    """How long Keystone took to issue the token of this survey."""

    latency_ms: float
    user: str = ""
    project: str = ""
    roles: list[str] = []
    expires_at: datetime | None = None


class Certificate(Row, frozen=True, kw_only=True):
    """The certificate that one TLS address shows; `error` when the handshake failed."""

    address: str
    used_by: list[str] = []
    subject: str = ""
    issuer: str = ""
    names: list[str] = []
    not_before: datetime | None = None
    not_after: datetime | None = None
    protocol: str = ""
    trusted: bool | None = None
    name_matches: bool | None = None
    error: str = ""


class DatabaseNode(Row, frozen=True, kw_only=True):
    """One MariaDB server, asked for itself; Galera's fields are None where there is none.

    `full` means that it refused us because all its connections are in use: it lives, and serves
    nobody new. Counters (failures, commits, pauses) run since the server's own start.
    """

    address: str
    reachable: bool
    error: str = ""
    full: bool = False
    name: str = ""
    version: str = ""
    connections: int | None = None
    connections_max: int | None = None
    connections_used_max: int | None = None
    uptime_seconds: int | None = None
    wsrep_on: bool | None = None
    cluster_status: str | None = None
    cluster_size: int | None = None
    cluster_state_uuid: str | None = None
    cluster_conf_id: int | None = None
    ready: bool | None = None
    connected: bool | None = None
    local_state: str | None = None
    flow_control_paused_ratio: float | None = None
    flow_control_paused_ns: int | None = None
    receive_queue_average: float | None = None
    certification_failures: int | None = None
    last_committed: int | None = None


class ProxyServer(Row, frozen=True, kw_only=True):
    """One server line of HAProxy's statistics: what the load balancer thinks of a server.

    A backend as a whole is the line whose `server` is `BACKEND`.
    """

    proxy: str
    backend: str
    server: str
    status: str
    backup: bool = False
    active: bool = False
    check_status: str = ""
    last_change_seconds: int | None = None


class ProxyEndpoint(Row, frozen=True, kw_only=True):
    """One HAProxy, by the address of its statistics page."""

    address: str
    reachable: bool
    error: str = ""


class BusNode(Row, frozen=True, kw_only=True):
    """One RabbitMQ node as the management APIs of all nodes tell it.

    `running` as the node itself says, else as any other does; `missed_by` are the nodes that see
    it down although it answers.
    """

    name: str
    running: bool
    missed_by: list[str] = []
    partitions: list[str] = []
    memory_alarm: bool = False
    disk_alarm: bool = False
    memory_used_bytes: int | None = None
    memory_limit_bytes: int | None = None
    disk_free_bytes: int | None = None
    file_descriptors_used: int | None = None
    file_descriptors_total: int | None = None
    uptime_seconds: int | None = None
    version: str = ""


class BusQueue(Row, frozen=True, kw_only=True):
    """One queue or stream; `expires` when the broker deletes it after a time without use.

    `online` is None where the broker does not tell, as it may while a node does not answer.
    """

    vhost: str
    name: str
    type: str = "classic"
    durable: bool = True
    auto_delete: bool = False
    exclusive: bool = False
    expires: bool = False
    consumers: int | None = None
    messages: int = 0
    messages_ready: int = 0
    messages_unacknowledged: int = 0
    members: list[str] = []
    online: list[str] | None = []
    state: str = ""
    idle_since: datetime | None = None


class BusEndpoint(Row, frozen=True, kw_only=True):
    """One management address of RabbitMQ, asked for itself; `node` is who answered there."""

    address: str
    reachable: bool
    error: str = ""
    node: str = ""
    cluster: str = ""
    version: str = ""


class CacheNode(Row, frozen=True, kw_only=True):
    """One memcached server."""

    address: str
    reachable: bool
    error: str = ""
    version: str = ""
    uptime_seconds: int | None = None
    evictions: int | None = None
    connections: int | None = None
    connections_max: int | None = None
    get_hits: int | None = None
    get_misses: int | None = None


class Mount(Row, frozen=True, kw_only=True):
    """One file system of a host; ratios are 0 to 1, inodes None where there are none."""

    path: str
    device: str = ""
    size_bytes: int = 0
    used_ratio: float = 0.0
    inodes_used_ratio: float | None = None


class Host(Row, frozen=True, kw_only=True):
    """One host of the inventory, asked over Ansible.

    `hostname` is what the host calls itself. The true clock offset (the host's minus ours) lies
    within `clock_uncertainty_seconds` of `clock_offset_seconds`. `containers_read` False means that
    its containers are not in the survey, whatever runs there. `packages_changed_at` is when a
    package was last installed, changed or removed.
    """

    name: str
    hostname: str = ""
    groups: list[str] = []
    address: str = ""
    reachable: bool
    error: str = ""
    os: str = ""
    kernel: str = ""
    booted_at: datetime | None = None
    load_1m: float | None = None
    cpus: int | None = None
    memory_total_bytes: int | None = None
    memory_available_bytes: int | None = None
    mounts: list[Mount] = []
    clock_offset_seconds: float | None = None
    clock_uncertainty_seconds: float | None = None
    clock_synchronized: bool | None = None
    reboot_required: bool | None = None
    packages_changed_at: datetime | None = None
    engine: str = ""
    containers_read: bool = False


class Container(Row, frozen=True, kw_only=True):
    """One container of one host, stopped ones included."""

    host: str
    name: str
    image: str = ""
    image_id: str = ""
    state: str = ""
    health: str = ""
    failing_checks: int | None = None
    restarts: int = 0
    restart_policy: str = ""
    exit_code: int | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    kolla_version: str = ""
