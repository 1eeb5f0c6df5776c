# SPDX-License-Identifier: Apache-2.0
"""Hosts by Ansible: one ad-hoc run over the cloud's own inventory looks at all of them."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from day2.adapters import ansible, containers
from day2.adapters.ansible import Ansible, Program
from day2.adapters.kolla.inventory import Inventory, InventoryHost
from day2.adapters.kolla.settings import KollaSettings
from day2.adapters.kolla.virtualenv import Virtualenv
from day2.errors import BadAnswer, Day2Error, Denied, Unreachable
from day2.model.tables.infrastructure import Container, Host, Mount

PROGRAM = Program(name="day2_look")


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What the program on a host prints."""

    began: float
    ended: float
    hostname: str = ""
    os: str = ""
    kernel: str = ""
    booted_at: float | None = None
    load_1m: float | None = None
    cpus: int | None = None
    memory_total_bytes: int | None = None
    memory_available_bytes: int | None = None
    mounts: list[Mount] = []
    clock_synchronized: bool | None = None
    reboot_required: bool | None = None
    packages_changed_at: float | None = None
    engine: str = ""
    containers: list[Any] | None = None
    containers_error: str = ""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Something of one host that could not be read; `containers_only` when the rest could."""

    host: str
    error: Day2Error
    containers_only: bool


class Looked(msgspec.Struct, kw_only=True):
    """What all hosts together brought."""

    hosts: list[Host] = []
    containers: list[Container] = []
    failures: list[Failure] = []


class Hosts:
    """The hosts of one inventory."""

    def __init__(
        self, settings: KollaSettings, virtualenv: Virtualenv, inventory: Inventory
    ) -> None:
        self._settings = settings
        self._ansible = Ansible(settings, virtualenv, inventory)

    def look(self, names: Sequence[str] = ()) -> Looked:
        """Look at every host at once, or at those of these names only.

        A host that Ansible cannot reach is a row with `reachable` False, and a failure as to its
        containers; one that was not asked in time is a failure and no row.

        Raises:
            BadSettings: when Ansible or the inventory cannot be used.
            BadAnswer: when Ansible ended without a word about any host.

        """
        settings = self._settings
        hosts = [one for one in self._ansible.hosts if not names or one.name in names]
        events = self._ansible.run(
            PROGRAM,
            {"engine": settings.container_engine, "seconds": settings.host_seconds / 3},
            hosts=hosts,
            host_seconds=settings.host_seconds,
            seconds_max=settings.seconds_max,
        )
        return self._read(hosts, events)

    def _read(self, hosts: Sequence[InventoryHost], events: dict[str, dict[str, Any]]) -> Looked:
        looked = Looked()
        for host in hosts:
            event = events.get(host.name)
            if event is None:
                late = Unreachable(
                    f"Ansible had no answer of {host.name} within {self._settings.seconds_max} s",
                    hint="setting clouds.NAME.kolla.seconds_max or .forks",
                )
                looked.failures.append(Failure(host=host.name, error=late, containers_only=False))
            else:
                _take(looked, host, event)
        return looked


def _take(looked: Looked, host: InventoryHost, event: dict[str, Any]) -> None:
    """Add what one host's event says."""
    result = event.get("res") or {}
    message = ansible.message(result)
    if ansible.silent(event):
        error = Unreachable(f"{host.name} cannot be reached by Ansible: {message}")
        looked.hosts.append(_row(host, reachable=False, error=message))
        looked.failures.append(Failure(host=host.name, error=error, containers_only=True))
        return
    try:
        seen = msgspec.convert(result.get("day2"), Seen, strict=False)
    except msgspec.ValidationError:
        bad = BadAnswer(
            f"{host.name} could not be looked at: {message or 'it answered in an unknown form'}",
            hint=f"try it by hand: ansible -i INVENTORY -m setup {host.name}",
        )
        looked.hosts.append(_row(host, reachable=True, error=str(bad)))
        looked.failures.append(Failure(host=host.name, error=bad, containers_only=False))
        return
    rows, unread = _containers(host.name, seen)
    looked.containers += rows
    if unread is not None:
        looked.failures.append(Failure(host=host.name, error=unread, containers_only=True))
    looked.hosts.append(_seen_row(host, seen, event, containers_read=unread is None))


def _containers(host: str, seen: Seen) -> tuple[list[Container], Day2Error | None]:
    why = seen.containers_error
    if seen.containers is not None:
        try:
            return containers.rows(host, seen.containers), None
        except msgspec.ValidationError as error:
            why = f"{seen.engine} answered in an unknown form ({error})"
            return [], BadAnswer(f"containers of {host} not readable: {why}")
    if "not in group" in why or "by root only" in why:
        return [], Denied(
            f"containers of {host} not readable: {why}",
            hint=f"on {host}: usermod --append --groups docker USER; or setting "
            "clouds.NAME.kolla.become: true",
        )
    return [], Unreachable(
        f"containers of {host} not readable: {why}",
        hint=f"on {host}: systemctl status {seen.engine}",
    )


def _row(host: InventoryHost, *, reachable: bool, error: str) -> Host:
    return Host(
        name=host.name,
        groups=list(host.groups),
        address=host.address,
        reachable=reachable,
        error=error,
    )


def _seen_row(
    host: InventoryHost, seen: Seen, event: dict[str, Any], *, containers_read: bool
) -> Host:
    offset, uncertainty = _offset(seen, event.get("start"), event.get("end"))
    return msgspec.structs.replace(
        _row(host, reachable=True, error=""),
        hostname=seen.hostname,
        os=seen.os,
        kernel=seen.kernel,
        booted_at=_moment(seen.booted_at),
        load_1m=seen.load_1m,
        cpus=seen.cpus,
        memory_total_bytes=seen.memory_total_bytes,
        memory_available_bytes=seen.memory_available_bytes,
        mounts=seen.mounts,
        clock_offset_seconds=offset,
        clock_uncertainty_seconds=uncertainty,
        clock_synchronized=seen.clock_synchronized,
        reboot_required=seen.reboot_required,
        packages_changed_at=_moment(seen.packages_changed_at),
        engine=seen.engine,
        containers_read=containers_read,
    )


def _moment(seconds: float | None) -> datetime | None:
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _offset(seen: Seen, start: object, end: object) -> tuple[float | None, float | None]:
    """Return the clock's offset and how far the truth may be from it.

    The program ran somewhere between our start and our end: it began no earlier, so the offset is
    at most `began - start`, and ended no later, so it is at least `ended - end`.
    """
    try:
        ours = datetime.fromisoformat(str(start)), datetime.fromisoformat(str(end))
    except ValueError:
        return None, None
    if not (math.isfinite(seen.began) and math.isfinite(seen.ended)):
        return None, None
    most = seen.began - ours[0].timestamp()
    least = seen.ended - ours[1].timestamp()
    return round((most + least) / 2, 3), round(abs(most - least) / 2, 3)
