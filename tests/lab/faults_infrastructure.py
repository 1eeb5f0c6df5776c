# SPDX-License-Identifier: Apache-2.0
"""Faults of what carries the cloud: its processes, database, bus, cache, certificates."""

from typing import Any

from tests.lab.fault import Expected, Fault
from tests.lab.hands import Hands


def kill(process: str, key: str, why: str) -> Any:
    def plant(hands: Hands) -> Expected:
        hands.cloud.kill(process)
        return {key: why}

    return plant


def start(process: str) -> Any:
    def undo(hands: Hands) -> None:
        hands.cloud.start(process)

    return undo


def kill_memcached(hands: Hands) -> Expected:
    """Kill the only memcached: the lab's Keystone, as Kolla's, gives no token without its cache."""
    hands.cloud.kill("memcached")
    return {
        f"cache.down:cache:127.0.0.1:{hands.cloud.place.port(15)}": "",
        "identity.token.failed:service:identity": "",
    }


def kill_galera_node(hands: Hands) -> Expected:
    node = max(hands.galera.nodes)
    hands.galera.kill(node)
    described: Any = hands.galera.describe()
    address = described["nodes"][node]
    return {f"database.node.down:database:{address['host']}:{address['port']}": ""}


def short_certificate(hands: Hands) -> Expected:
    hands.tls.use(days_left=5)
    return {"certificate.expires:certificate:localhost": "health.certificate_critical_days"}


FAULTS = (
    Fault(
        name="image API killed",
        plane="infrastructure",
        batch="processes",
        means="kill -9",
        plant=kill("glance-api", "api.down:service:image", ""),
        undo=start("glance-api"),
    ),
    Fault(
        name="orchestration API killed",
        plane="infrastructure",
        batch="processes",
        means="kill -9",
        plant=kill("heat-api", "api.down:service:orchestration", ""),
        undo=start("heat-api"),
    ),
    Fault(
        name="the only scheduler killed",
        plane="infrastructure",
        batch="processes",
        means="kill -9",
        plant=kill(
            "nova-scheduler",
            "compute.service.down:service:nova-scheduler@control01",
            "Nova reports the enabled service as down",
        ),
        undo=start("nova-scheduler"),
    ),
    Fault(
        name="volume service killed",
        plane="infrastructure",
        batch="processes",
        means="kill -9",
        plant=kill(
            "cinder-volume",
            "volume.service.down:service:cinder-volume@storage01@nfs1",
            "Cinder reports the enabled service as down",
        ),
        undo=start("cinder-volume"),
    ),
    Fault(
        name="backup service killed",
        plane="infrastructure",
        batch="processes",
        means="kill -9",
        plant=kill(
            "cinder-backup",
            "volume.service.down:service:cinder-backup@storage01",
            "Cinder reports the enabled service as down",
        ),
        undo=start("cinder-backup"),
    ),
    Fault(
        name="memcached killed",
        plane="infrastructure",
        batch="cache",
        means="kill -9",
        plant=kill_memcached,
        undo=start("memcached"),
    ),
    Fault(
        name="one of three Galera servers killed",
        plane="infrastructure",
        batch="network",
        means="kill -9",
        plant=kill_galera_node,
        undo=lambda hands: hands.galera.restore(),
    ),
    Fault(
        name="certificate that ends in five days",
        plane="infrastructure",
        batch="compute",
        means="HAProxy serves it",
        plant=short_certificate,
        undo=lambda hands: hands.tls.restore(),
    ),
    Fault(
        name="RabbitMQ killed",
        plane="infrastructure",
        batch="bus",
        means="kill -9",
        plant=kill("rabbitmq", "bus.down:bus:rabbitmq", ""),
        undo=start("rabbitmq"),
    ),
)
