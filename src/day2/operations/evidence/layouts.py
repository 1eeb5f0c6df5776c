# SPDX-License-Identifier: Apache-2.0
"""The sections that a survey fills: which tables, which fields, how a row is told; pure."""

from typing import Any

from day2.operations.evidence.tables import Layout, Part
from day2.operations.evidence.words import moment

OF_SERVICES = ("binary", "host", "status", "state", "disabled_reason", "updated_at")


def _service(row: Any) -> str:  # noqa: ANN401 - two kinds of services
    why = f" ({row.disabled_reason})" if row.disabled_reason else ""
    return (
        f"{row.binary} on {row.host}: {row.state}, {row.status}{why}, last {moment(row.updated_at)}"
    )


def _service_bad(row: Any) -> bool:  # noqa: ANN401
    return bool(row.state != "up" or row.status != "enabled")


def _agent(row: Any) -> str:  # noqa: ANN401
    said = "alive" if row.alive else "not alive"
    off = "" if row.admin_state_up else ", disabled"
    return f"{row.binary} on {row.host}: {said}{off}, last {moment(row.heartbeat_timestamp)}"


def _database(row: Any) -> str:  # noqa: ANN401
    if not row.reachable:
        return f"{row.address}: {'all connections in use' if row.full else row.error}"
    galera = f"{row.cluster_status}, {row.local_state}, {row.cluster_size} in view"
    return f"{row.address}: {galera if row.wsrep_on else 'answers, no Galera'}"


def _bus_node(row: Any) -> str:  # noqa: ANN401
    alarms = [n for n, on in (("memory", row.memory_alarm), ("disk", row.disk_alarm)) if on]
    said = "running" if row.running else "down"
    cut = f", cut off from {', '.join(row.partitions)}" if row.partitions else ""
    return f"{row.name}: {said}{f', alarm: {alarms}' if alarms else ''}{cut}"


def _queue_bad(row: Any) -> bool:  # noqa: ANN401
    return bool(
        (row.messages_ready and not row.consumers)
        or row.state not in {"", "running", "idle"}
        or (row.online is not None and len(row.online) < len(row.members))
    )


def _host(row: Any) -> str:  # noqa: ANN401
    if not row.reachable:
        return f"{row.name}: {row.error}"
    full = [f"{m.path} {m.used_ratio:.0%}" for m in row.mounts if m.used_ratio >= 0.85]  # noqa: PLR2004
    free = row.memory_available_bytes
    memory = f", {free >> 20} MiB free" if free is not None else ""
    disks = f", full: {', '.join(full)}" if full else ""
    return f"{row.name}: load {row.load_1m} on {row.cpus} CPUs{memory}{disks}"


def _host_bad(row: Any) -> bool:  # noqa: ANN401
    return bool(
        not row.reachable
        or any(m.used_ratio >= 0.85 for m in row.mounts)  # noqa: PLR2004
        or (row.load_1m and row.cpus and row.load_1m > 2 * row.cpus)
    )


def _clock(row: Any) -> str:  # noqa: ANN401
    if row.clock_offset_seconds is None:
        return f"{row.name}: not measured"
    doubt = row.clock_uncertainty_seconds or 0.0
    said = "" if row.clock_synchronized is not False else ", follows no time source"
    return f"{row.name}: {row.clock_offset_seconds:+.1f} s (to within {doubt:.1f} s){said}"


def _clock_bad(row: Any) -> bool:  # noqa: ANN401
    offset = row.clock_offset_seconds
    if offset is None:
        return True
    return bool(
        abs(offset) - (row.clock_uncertainty_seconds or 0) > 1 or not row.clock_synchronized
    )


def _certificate(row: Any) -> str:  # noqa: ANN401
    if row.error:
        return f"{row.address}: {row.error}"
    trusted = {True: "trusted", False: "NOT trusted", None: "trust not known"}[row.trusted]
    name = "" if row.name_matches is not False else ", for another name"
    return f"{row.address}: until {moment(row.not_after)}, {trusted}{name}"


def _probe(row: Any) -> str:  # noqa: ANN401
    said = f"HTTP {row.status}" if row.status is not None else row.error
    slow = f", {row.latency_ms:.0f} ms" if row.latency_ms is not None else ""
    return f"{row.service_type} {row.url}: {said}{slow}"


def _alert(row: Any) -> str:  # noqa: ANN401
    named = {k: v for k, v in row.labels.items() if k in {"severity", "instance", "host", "job"}}
    labels = ", ".join(f"{key}={value}" for key, value in sorted(named.items()))
    said = f": {row.summary}" if row.summary else ""
    return f"{row.name} ({labels}) {row.state} since {moment(row.active_at)}{said}"


APIS = Layout(
    name="apis",
    title="APIs, proxies and caches",
    parts=(
        Part(
            kind="tokens",
            noun="tokens of this collection",
            fields=("latency_ms", "expires_at"),
            line=lambda row: f"Keystone gave a token within {row.latency_ms:.0f} ms",
        ),
        Part(
            kind="api_probes",
            noun="addresses of APIs",
            fields=("url", "service_type", "interfaces", "status", "latency_ms", "error"),
            line=_probe,
            bad=lambda row: row.status is None or row.status >= 500,  # noqa: PLR2004
        ),
        Part(
            kind="proxy_servers",
            noun="servers behind HAProxy",
            fields=("proxy", "backend", "server", "status", "check_status", "last_change_seconds"),
            line=lambda row: (
                f"{row.backend}/{row.server} is {row.status} for {row.proxy} ({row.check_status})"
            ),
            bad=lambda row: row.status not in {"UP", "OPEN", "no check"},
        ),
        Part(
            kind="proxy_endpoints",
            noun="HAProxies",
            fields=("address", "reachable", "error"),
            line=lambda row: f"{row.address}: {row.error or 'answers'}",
            bad=lambda row: not row.reachable,
        ),
        Part(
            kind="cache_nodes",
            noun="memcached",
            fields=("address", "reachable", "error", "connections", "evictions"),
            line=lambda row: f"{row.address}: {row.error or 'answers'}",
            bad=lambda row: not row.reachable,
        ),
    ),
)
SERVICES = Layout(
    name="services",
    title="Services and agents",
    parts=(
        Part(
            kind="compute_services",
            noun="compute services",
            fields=OF_SERVICES,
            line=_service,
            bad=_service_bad,
        ),
        Part(
            kind="agents",
            noun="network agents",
            fields=("binary", "host", "alive", "admin_state_up", "heartbeat_timestamp"),
            line=_agent,
            bad=lambda row: not row.alive or not row.admin_state_up,
        ),
        Part(
            kind="volume_services",
            noun="volume services",
            fields=OF_SERVICES,
            line=_service,
            bad=_service_bad,
        ),
    ),
)
DATABASE = Layout(
    name="database",
    title="Database (MariaDB, Galera)",
    setting="clouds.NAME.database",
    parts=(
        Part(
            kind="database_nodes",
            noun="servers",
            fields=(
                *("address", "reachable", "error", "full", "name", "version", "uptime_seconds"),
                *("connections", "connections_max", "wsrep_on", "cluster_status", "cluster_size"),
                *("cluster_state_uuid", "cluster_conf_id", "ready", "connected", "local_state"),
                *("flow_control_paused_ratio", "last_committed"),
            ),
            line=_database,
        ),
    ),
)
BUS = Layout(
    name="bus",
    title="Message bus (RabbitMQ)",
    setting="clouds.NAME.bus",
    parts=(
        Part(
            kind="bus_endpoints",
            noun="management addresses",
            fields=("address", "reachable", "error", "node", "cluster", "version"),
            line=lambda row: f"{row.address}: {row.error or 'answers'}",
            bad=lambda row: not row.reachable,
        ),
        Part(
            kind="bus_nodes",
            noun="nodes",
            fields=(
                *("name", "running", "missed_by", "partitions", "memory_alarm", "disk_alarm"),
                *("memory_used_bytes", "memory_limit_bytes", "disk_free_bytes", "uptime_seconds"),
            ),
            line=_bus_node,
        ),
        Part(
            kind="bus_queues",
            noun="queues",
            fields=("vhost", "name", "type", "consumers", "messages", "members", "online", "state"),
            line=lambda row: (
                f"{row.name}: {row.messages} messages, {row.consumers} consumers,"
                f" {'?' if row.online is None else len(row.online)} of {len(row.members)} members"
                f" {row.state}"
            ),
            bad=_queue_bad,
        ),
    ),
)
CERTIFICATES = Layout(
    name="certificates",
    title="Certificates",
    parts=(
        Part(
            kind="certificates",
            noun="addresses with TLS",
            fields=(
                *("address", "used_by", "subject", "issuer", "names", "not_before", "not_after"),
                *("trusted", "name_matches", "error"),
            ),
            line=_certificate,
        ),
    ),
)
CLOCKS = Layout(
    name="clocks",
    title="Clocks, against this machine's",
    setting="clouds.NAME.kolla.inventory",
    parts=(
        Part(
            kind="hosts",
            noun="hosts",
            fields=(
                *("name", "clock_offset_seconds", "clock_uncertainty_seconds"),
                "clock_synchronized",
            ),
            line=_clock,
            bad=_clock_bad,
        ),
    ),
)
HOSTS = Layout(
    name="hosts",
    title="Hosts",
    setting="clouds.NAME.kolla.inventory",
    parts=(
        Part(
            kind="hosts",
            noun="hosts",
            fields=(
                *("name", "address", "reachable", "error", "os", "kernel", "booted_at", "load_1m"),
                *("cpus", "memory_total_bytes", "memory_available_bytes", "mounts"),
                *("reboot_required", "packages_changed_at"),
            ),
            line=_host,
            bad=_host_bad,
        ),
    ),
)
ALERTS = Layout(
    name="alerts",
    title="Alerts that fire",
    setting="clouds.NAME.monitoring",
    parts=(
        Part(
            kind="monitoring_servers",
            noun="Prometheus servers",
            fields=("address", "reachable", "error", "ready"),
            line=lambda row: f"{row.address}: {row.error or 'answers'}",
            bad=lambda row: not row.reachable or row.ready is False,
        ),
        Part(
            kind="alerts",
            noun="alerts",
            fields=("server", "name", "state", "labels", "summary", "active_at"),
            line=_alert,
        ),
    ),
)
LAYOUTS = (APIS, SERVICES, DATABASE, BUS, ALERTS, CERTIFICATES, CLOCKS, HOSTS)
