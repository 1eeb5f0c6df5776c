# SPDX-License-Identifier: Apache-2.0
"""One line for each host: what every service, the inventory and the host itself say of it."""

from datetime import datetime

import msgspec


class HostLine(msgspec.Struct, frozen=True, kw_only=True):
    """One host. None means that it is not known: it could not be read, or nobody can say.

    `state` is that of nova-compute (`up`, `down`, `disabled`, `forced down`; disabled and down is
    `disabled, down`), empty on a host without it. Usable amounts are what Placement lets be
    allocated. `agents` are Neutron's, `volume_services` Cinder's. `packages_changed_at` is when a
    package was last installed, changed or removed. `unread` says what is missing, and why.
    """

    name: str
    groups: list[str] = []
    zone: str = ""
    aggregates: list[str] = []
    state: str | None = ""
    reason: str = ""
    servers: int | None = None
    servers_by_status: dict[str, int] = {}
    vcpus_used: int | None = None
    vcpus_usable: int | None = None
    memory_mib_used: int | None = None
    memory_mib_usable: int | None = None
    agents: int | None = None
    agents_up: int | None = None
    agents_down: list[str] = []
    volume_services: int | None = None
    volume_services_up: int | None = None
    reachable: bool | None = None
    containers: int | None = None
    containers_bad: list[str] = []
    running: list[str] = []
    os: str = ""
    kernel: str = ""
    booted_at: datetime | None = None
    reboot_required: bool | None = None
    packages_changed_at: datetime | None = None
    unread: list[str] = []
