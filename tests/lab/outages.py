# SPDX-License-Identifier: Apache-2.0
"""The ten outages that evidence is held against: the means, and what must be named first.

Where the lab cannot do it for real, the form says what stands for it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from lab.cloud import Cloud
from lab.parts.galera import Galera
from lab.parts.nodes import Nodes
from lab.parts.tls import Tls

REAL = "real"
SANDBOX = "the sandbox's hosts tell it (tests/scenarios/evidence/test_outages.py)"


@dataclass(frozen=True)
class Parts:
    """What an outage is planted on; the lean form has the cloud only."""

    cloud: Cloud
    galera: Galera | None = None
    tls: Tls | None = None
    nodes: Nodes | None = None


@dataclass(frozen=True, kw_only=True)
class Outage:
    """One outage. `causes` are ids of known problems, or checks, that name it truly.

    `seconds` pass until services that only fell silent are told to be down.
    """

    name: str
    means: str
    causes: frozenset[str]
    plant: Callable[[Parts], None]
    undo: Callable[[Parts], None]
    form: str = REAL
    lean: bool = False
    seconds: float = 0.0


def kill(process: str) -> Callable[[Parts], None]:
    return lambda parts: parts.cloud.kill(process)


def start(process: str) -> Callable[[Parts], None]:
    return lambda parts: parts.cloud.start(process)


def lose_quorum(parts: Parts) -> None:
    assert parts.galera is not None
    for node in parts.galera.nodes[1:]:
        parts.galera.kill(node)


def find_quorum(parts: Parts) -> None:
    assert parts.galera is not None
    parts.galera.restore()


def expire(parts: Parts) -> None:
    assert parts.tls is not None
    parts.tls.expired()


def renew(parts: Parts) -> None:
    assert parts.tls is not None
    parts.tls.restore()


def shift_clock(parts: Parts) -> None:
    assert parts.nodes is not None
    parts.nodes.set_time_offset("control01", -400)


def fill(parts: Parts) -> None:
    assert parts.nodes is not None
    parts.nodes.fill_disk("control01")


def mend(parts: Parts) -> None:
    assert parts.nodes is not None
    parts.nodes.restore()


def cut(parts: Parts) -> None:
    """Take a compute host off the network: nothing of it reports, nothing reaches it."""
    assert parts.nodes is not None
    parts.nodes.unplug("compute02")
    parts.cloud.kill("nova-compute-compute02")
    parts.cloud.silence("compute02")


def plug(parts: Parts) -> None:
    parts.cloud.unsilence("compute02")
    parts.cloud.start("nova-compute-compute02")
    mend(parts)


OUTAGES = (
    Outage(
        name="RabbitMQ dead",
        means="kill -9",
        causes=frozenset({"bus-down", "bus.down"}),
        plant=kill("rabbitmq"),
        undo=start("rabbitmq"),
    ),
    Outage(
        name="Galera non-primary",
        means="two of three servers killed",
        causes=frozenset(
            {
                *("database-not-primary", "database-lost", "database-member-gone"),
                *("database.down", "database.cluster.not_primary", "database.node.down"),
            }
        ),
        plant=lose_quorum,
        undo=find_quorum,
    ),
    Outage(
        name="Keystone down",
        means="kill -9",
        causes=frozenset({"keystone-down", "api.down", "identity.token.failed"}),
        plant=kill("keystone"),
        undo=start("keystone"),
        lean=True,
    ),
    Outage(
        name="Fernet keys differing",
        means="the lab has one Keystone",
        causes=frozenset({"fernet-keys-differ", "identity.fernet.differ"}),
        plant=lambda _parts: None,
        undo=lambda _parts: None,
        form=SANDBOX,
    ),
    Outage(
        name="clock off",
        means="what SSH of a node sees is 400 s behind",
        causes=frozenset({"clock-skew", "host.clock.offset"}),
        plant=shift_clock,
        undo=mend,
    ),
    Outage(
        name="disk full",
        means="/var/log/kolla of a node is filled",
        causes=frozenset({"disk-full", "host.disk.full"}),
        plant=fill,
        undo=mend,
    ),
    Outage(
        name="DHCP agent dead",
        means="it falls silent",
        causes=frozenset({"dhcp-agent-down", "network.agent.down"}),
        plant=lambda parts: parts.cloud.silence("net01", "neutron-dhcp-agent"),
        undo=lambda parts: parts.cloud.unsilence("net01", "neutron-dhcp-agent"),
        lean=True,
        seconds=12,
    ),
    Outage(
        name="Cinder backend gone",
        means="kill -9 of cinder-volume",
        causes=frozenset(
            {"volume-service-down", "volume-no-backend", "volume.service.down", "volume.pool.down"}
        ),
        plant=kill("cinder-volume"),
        undo=start("cinder-volume"),
        lean=True,
        seconds=12,
    ),
    Outage(
        name="certificate expired",
        means="HAProxy serves one that ended yesterday",
        causes=frozenset({"certificate-expired", "certificate.expires"}),
        plant=expire,
        undo=renew,
    ),
    Outage(
        name="one compute's network cut",
        means="its node unplugged, its services silent",
        causes=frozenset({"host-cut-off", "host.down", "host.unreachable"}),
        plant=cut,
        undo=plug,
        seconds=14,
    ),
)


def settle(outage: Outage) -> None:
    """Wait as long as a service may be silent."""
    time.sleep(outage.seconds)
