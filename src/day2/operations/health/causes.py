# SPDX-License-Identifier: Apache-2.0
"""The table of causes: which finding explains which others, and how they must belong together."""

import msgspec

CLOUD, HOST, SUBJECT, SERVICE = "cloud", "host", "subject", "service"
CONTAINER = "container"


# Kolla's containers, and what Prometheus calls the job that reads each.
EXPORTERS = (
    ("prometheus_node_exporter", "node"),
    ("prometheus_mysqld_exporter", "mysqld"),
    ("prometheus_memcached_exporter", "memcached"),
    ("prometheus_cadvisor", "cadvisor"),
    ("prometheus_libvirt_exporter", "libvirt_exporter"),
    ("prometheus_server", "prometheus"),
    ("prometheus_alertmanager", "alertmanager"),
    ("fluentd", "fluentd"),
    ("haproxy", "haproxy"),
    ("rabbitmq", "rabbitmq"),
)


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """Findings of `check` explain findings of `consequences` (patterns) with the same place.

    `containers`, where given, are the names that the container among the two may have; `of` and
    `subjects` are patterns for the ids of what cause and consequence are about.
    """

    check: str
    same: str
    consequences: tuple[str, ...]
    containers: tuple[str, ...] = ()
    of: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()


def _of_carriers() -> tuple[Cause, ...]:
    """Say what a part of database, proxy or bus explains, and what explains such a part."""
    parts = ("database.node.*", "database.cluster.not_primary", "bus.node.*", "bus.endpoint.*")
    readers = (
        ("compute.service.down", "nova-conductor@*", "conductor"),
        ("compute.service.down", "nova-scheduler@*", "scheduler"),
        ("compute.service.down", "nova-compute@*", "compute"),
        ("volume.service.down", "cinder-scheduler@*", "cinder-scheduler"),
        ("volume.service.down", "cinder-volume@*", "cinder-volume"),
        ("volume.service.down", "cinder-backup@*", "cinder-backup"),
        ("network.agent.down", "neutron-l3-agent@*", "l3_agent"),
        ("network.agent.down", "neutron-dhcp-agent@*", "dhcp_agent"),
        ("api.down", "network", "q-*"),
        ("api.down", "orchestration", "engine*"),
    )
    unread = ("bus.queue.consumers", "bus.queue.unacked", "bus.queue.backlog")
    return (
        Cause(
            check="bus.down",
            same=CLOUD,
            consequences=("bus.endpoint.*", "bus.alarm", "bus.partition", "bus.stream.*"),
        ),
        Cause(
            check="bus.partition",
            same=CLOUD,
            consequences=("bus.queue.minority", "bus.queue.down", "bus.stream.replicas"),
        ),
        Cause(
            check="bus.down",
            same=CLOUD,
            consequences=("proxy.backend.down",),
            subjects=("rabbitmq*",),
        ),
        Cause(
            check="bus.node.down",
            same=CLOUD,
            consequences=("proxy.backend.down",),
            subjects=("rabbitmq*/*",),
        ),
        Cause(check="cloud.heartbeats.lost", same=CLOUD, consequences=unread),
        *(
            Cause(check=c, same=HOST, consequences=unread)
            for c in ("host.down", "host.unreachable")
        ),
        *(
            Cause(
                check=check,
                same=CLOUD,
                consequences=unread,
                of=(of,),
                subjects=(topic, f"{topic}.*", f"*/{topic}", f"*/{topic}.*"),
            )
            for check, of, topic in readers
        ),
        *(
            Cause(check=check, same=HOST, consequences=(*parts, "proxy.*"))
            for check in ("host.down", "host.unreachable")
        ),
        Cause(
            check="database.down",
            same=CLOUD,
            consequences=("proxy.backend.down",),
            subjects=("mariadb*",),
        ),
        Cause(check="database.down", same=CLOUD, consequences=("database.connections",)),
        Cause(
            check="database.cluster.split",
            same=CLOUD,
            consequences=("database.cluster.size", "database.cluster.not_primary"),
        ),
        Cause(
            check="database.cluster.not_primary",
            same=CLOUD,
            consequences=("database.cluster.size",),
        ),
        # One server dead for HAProxy; a backend without any is worse than what would explain it.
        *(
            Cause(
                check=check,
                same=CLOUD,
                consequences=("proxy.backend.down",),
                subjects=("mariadb*/*",),
            )
            for check in (
                "database.node.down",
                "database.cluster.not_primary",
                "database.node.not_synced",
            )
        ),
    )


def _of_containers() -> tuple[Cause, ...]:
    """Say what a container that does not run explains: the service in it, and what needs that."""
    lost: list[Cause] = []
    for check in ("container.missing", "container.stopped", "container.restarting"):
        lost += [
            Cause(
                check=check,
                same=SERVICE,
                consequences=("compute.service.*", "network.agent.*", "volume.service.*"),
            ),
            *(
                Cause(check=check, same=HOST, consequences=patterns, containers=(name,))
                for name, patterns in (
                    ("nova_libvirt", ("compute.service.disabled",)),
                    ("memcached", ("cache.*",)),
                    ("rabbitmq", ("bus.node.*", "bus.endpoint.*")),
                    ("mariadb", ("database.node.*",)),
                    ("haproxy", ("proxy.down",)),
                    ("prometheus_server", ("monitoring.server.*",)),
                    ("prometheus_alertmanager", ("alerting.server.down",)),
                )
            ),
            *(
                Cause(
                    check=check,
                    same=HOST,
                    consequences=("monitoring.target.*",),
                    containers=(name,),
                    subjects=(f"{job}/*",),
                )
                for name, job in EXPORTERS
            ),
        ]
    return tuple(lost)


CAUSES: tuple[Cause, ...] = (
    # Keystone's endpoint down and no token: the endpoint is the finding.
    Cause(
        check="api.down",
        same=SUBJECT,
        consequences=("identity.token.*",),
    ),
    *(
        Cause(check=f"certificate.{name}", same=CLOUD, consequences=("identity.token.tls",))
        for name in ("expires", "not_yet_valid", "untrusted", "name_mismatch")
    ),
    Cause(
        check="identity.token.failed",
        same=CLOUD,
        consequences=("identity.endpoint.*",),
    ),
    Cause(
        check="bus.down",
        same=CLOUD,
        consequences=(
            "cloud.heartbeats.lost",
            "host.down",
            "compute.service.down",
            "network.agent.down",
            "volume.service.down",
            "bus.node.*",
            "bus.queue.*",
            "api.*",
            "server.task.stuck",
            "server.build.stuck",
            "server.host.down",
            "compute.hypervisor.down",
            "compute.migration.stuck",
            "volume.stuck",
            "network.port.*",
            "compute.cell.down",
        ),
    ),
    Cause(
        check="database.down",
        same=CLOUD,
        consequences=(
            "cloud.heartbeats.lost",
            "host.down",
            "compute.service.down",
            "network.agent.down",
            "volume.service.down",
            "database.node.*",
            "api.*",
            "compute.cell.down",
            "identity.*",
            "database.cluster.*",
        ),
    ),
    Cause(
        check="cloud.heartbeats.lost",
        same=CLOUD,
        consequences=(
            "host.down",
            "compute.service.down",
            "network.agent.down",
            "volume.service.down",
            "compute.cell.down",
        ),
    ),
    Cause(
        check="host.down",
        same=HOST,
        consequences=(
            "compute.service.*",
            "network.agent.*",
            "volume.service.*",
            "server.host.down",
            "server.task.stuck",
            "server.build.stuck",
            "compute.migration.stuck",
            "compute.hypervisor.*",
            "network.port.*",
            "host.unreachable",
            "service.flapping",
            "server.power.differs",
            "volume.stuck",
            "volume.snapshot.stuck",
            "volume.pool.*",
            "host.partly_known",
            "host.inventory.differs",
            "container.*",
            "monitoring.*",
            "alerting.server.down",
        ),
    ),
    Cause(
        check="host.unreachable",
        same=HOST,
        consequences=(
            "container.*",
            "host.disk.*",
            "host.clock.*",
            "monitoring.server.*",
            "monitoring.target.*",
            "alerting.server.down",
        ),
    ),
    # Without bus or database the health checks of all services fail: that is no news.
    Cause(check="bus.down", same=CLOUD, consequences=("container.unhealthy",)),
    Cause(check="bus.down", same=CLOUD, consequences=("container.*",), containers=("rabbitmq",)),
    Cause(check="database.down", same=CLOUD, consequences=("container.unhealthy",)),
    Cause(
        check="database.down", same=CLOUD, consequences=("container.*",), containers=("mariadb",)
    ),
    *_of_containers(),
    Cause(check="host.partly_known", same=HOST, consequences=("host.inventory.differs",)),
    # A service that does not report is worse than, and told better than, its health check.
    *(
        Cause(check=check, same=SERVICE, consequences=("container.unhealthy",))
        for check in ("compute.service.down", "network.agent.down", "volume.service.down")
    ),
    Cause(
        check="compute.cell.down",
        same=CLOUD,
        consequences=("host.partly_known", "compute.hypervisor.*", "placement.allocation.*"),
    ),
    Cause(
        check="compute.service.down",
        same=HOST,
        consequences=(
            "server.host.down",
            "server.task.stuck",
            "server.build.stuck",
            "compute.migration.stuck",
            "server.power.differs",
            "compute.hypervisor.*",
        ),
    ),
    Cause(
        check="network.agent.down",
        same=HOST,
        consequences=("network.port.*",),
    ),
    Cause(
        check="volume.service.down",
        same=HOST,
        consequences=(
            "volume.stuck",
            "volume.snapshot.stuck",
            "volume.backup.stuck",
            "volume.pool.*",
        ),
    ),
    Cause(
        check="volume.pool.down",
        same=HOST,
        consequences=("volume.stuck", "volume.snapshot.stuck", "volume.pool.full"),
    ),
    Cause(
        check="compute.service.forced_down",
        same=HOST,
        consequences=("server.host.down", "server.power.differs", "compute.hypervisor.down"),
    ),
    Cause(
        check="compute.hypervisor.no_provider",
        same=HOST,
        consequences=("placement.allocation.*",),
    ),
    Cause(
        check="placement.provider.no_hypervisor",
        same=HOST,
        consequences=("placement.allocation.*",),
    ),
    Cause(
        check="bus.node.down",
        same=CLOUD,
        consequences=("bus.queue.minority", "bus.queue.down", "bus.stream.replicas"),
    ),
    Cause(
        check="database.node.down",
        same=CLOUD,
        consequences=("database.cluster.size",),
    ),
    *_of_carriers(),
    Cause(
        check="compute.service.disabled",
        same=SUBJECT,
        consequences=("compute.service.down",),
    ),
    Cause(
        check="compute.service.disabled",
        same=HOST,
        consequences=("server.host.down", "compute.hypervisor.down"),
    ),
)
