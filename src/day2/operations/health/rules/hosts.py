# SPDX-License-Identifier: Apache-2.0
"""Hosts as Ansible sees them: reachable, full, in time, waiting for a reboot."""

from collections.abc import Iterator

from day2.model.finding import Finding, Subject
from day2.model.severity import Severity
from day2.model.tables.infrastructure import Host, Mount
from day2.operations.health.check import Check, Facts, finding, setting
from day2.operations.health.rules.heartbeats import heartbeats
from day2.operations.health.rules.places import Places, same_host


def unreachable(facts: Facts) -> Iterator[Finding]:
    """A host that Ansible cannot reach; whether it lives is told by what reports from it."""
    places = Places(facts)
    alive = {beat.host for beat in heartbeats(facts.tables) if beat.up}
    for host in facts.tables.hosts:
        if host.reachable:
            continue
        name = places.of(host.name)
        lives = any(same_host(name, up) for up in alive)
        yield finding(
            "host.unreachable",
            Severity.WARNING if lives else Severity.CRITICAL,
            _subject(places, host),
            f"Ansible cannot reach {host.name}"
            + (": its services report, so it is alive" if lives else "; nothing else reports there")
            + f" ({host.error})",
            why="Ansible's connection failed"
            + (" (a warning: services of the host are up)" if lives else ""),
            evidence={"address": host.address or None, "error": host.error},
            advice=f"Try it by hand: ansible -i INVENTORY -m ping {host.name}",
        )


def disks_full(facts: Facts) -> Iterator[Finding]:
    """A file system that is nearly full."""
    places = Places(facts)
    policy = facts.policy
    for host, mount in _mounts(facts):
        if mount.used_ratio < policy.disk_used_warning_ratio:
            continue
        critical = mount.used_ratio >= policy.disk_used_critical_ratio
        decided = "disk_used_critical_ratio" if critical else "disk_used_warning_ratio"
        free = mount.size_bytes * (1 - mount.used_ratio)
        yield finding(
            "host.disk.full",
            Severity.CRITICAL if critical else Severity.WARNING,
            _subject(places, host),
            f"{mount.path} of {host.name} is {mount.used_ratio:.0%} full "
            f"({_size(free)} of {_size(mount.size_bytes)} left)",
            why=setting(policy, decided),
            evidence={"mount": mount.path, "device": mount.device, "used_ratio": mount.used_ratio},
            advice=f"On {host.name}: du -xhd2 {mount.path}; old images: docker image ls; logs: "
            "/var/log/kolla",
            aspect=mount.path,
        )


def inodes_full(facts: Facts) -> Iterator[Finding]:
    """A file system that has space and can hold no more files."""
    places = Places(facts)
    bound = facts.policy.inodes_used_warning_ratio
    for host, mount in _mounts(facts):
        used = mount.inodes_used_ratio
        if used is None or used < bound:
            continue
        yield finding(
            "host.inodes.full",
            Severity.WARNING,
            _subject(places, host),
            f"{used:.0%} of the inodes of {mount.path} on {host.name} are used",
            why=setting(facts.policy, "inodes_used_warning_ratio"),
            evidence={"mount": mount.path, "inodes_used_ratio": used},
            advice=f"On {host.name}: du --inodes -xd2 {mount.path}",
            aspect=mount.path,
        )


def clocks_off(facts: Facts) -> Iterator[Finding]:
    """A clock that is off by more than the measurement can be wrong."""
    places = Places(facts)
    policy = facts.policy
    for host in facts.tables.hosts:
        if host.clock_offset_seconds is None:
            continue
        doubt = host.clock_uncertainty_seconds or 0.0
        least = abs(host.clock_offset_seconds) - doubt
        if least <= policy.clock_offset_warning_seconds:
            continue
        critical = least > policy.clock_offset_critical_seconds
        decided = "clock_offset_critical_seconds" if critical else "clock_offset_warning_seconds"
        side = "ahead of" if host.clock_offset_seconds > 0 else "behind"
        yield finding(
            "host.clock.offset",
            Severity.CRITICAL if critical else Severity.WARNING,
            _subject(places, host),
            f"the clock of {host.name} is about {abs(host.clock_offset_seconds):.1f} s {side} ours",
            why=f"{setting(policy, decided)}; measured to within {doubt:.1f} s",
            evidence={"offset_seconds": host.clock_offset_seconds, "uncertainty_seconds": doubt},
            advice=f"On {host.name}: chronyc tracking; chronyc sources",
        )


def clocks_unsynchronized(facts: Facts) -> Iterator[Finding]:
    """A clock that follows no source drifts; it may still be right today."""
    places = Places(facts)
    for host in facts.tables.hosts:
        if host.clock_synchronized is not False:
            continue
        yield finding(
            "host.clock.unsynchronized",
            Severity.WARNING,
            _subject(places, host),
            f"the clock of {host.name} follows no time source",
            why="chrony (or systemd, where there is no chrony) says so",
            evidence={"offset_seconds": host.clock_offset_seconds},
            advice=f"On {host.name}: chronyc sources; systemctl status chrony",
        )


def reboots_required(facts: Facts) -> Iterator[Finding]:
    """An update that is installed and not running."""
    places = Places(facts)
    for host in facts.tables.hosts:
        if not host.reboot_required:
            continue
        yield finding(
            "host.reboot.required",
            Severity.INFO,
            _subject(places, host),
            f"{host.name} waits for a reboot (it runs kernel {host.kernel})",
            why="the distribution says that an installed update needs a reboot",
            evidence={
                "kernel": host.kernel,
                "booted_at": host.booted_at and host.booted_at.isoformat(),
            },
        )


def _subject(places: Places, host: Host) -> Subject:
    return Subject(type="host", id=host.name, host=places.of(host.name))


def _mounts(facts: Facts) -> Iterator[tuple[Host, Mount]]:
    return ((host, mount) for host in facts.tables.hosts for mount in host.mounts)


def _size(count: float) -> str:
    """Say bytes in the largest binary unit that fits."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:  # noqa: PLR2004
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


# What only a host itself can tell is not judged gone while a host stays silent: the containers'
# gaps name those hosts.
OF_EVERY_HOST = ("hosts", "containers")

CHECKS = (
    Check(
        name="host.unreachable",
        title="A host that Ansible cannot reach",
        needs=("hosts",),
        judge=unreachable,
    ),
    Check(
        name="host.disk.full",
        title="A file system of a host that is nearly full",
        needs=OF_EVERY_HOST,
        judge=disks_full,
        settings=("disk_used_warning_ratio", "disk_used_critical_ratio"),
    ),
    Check(
        name="host.inodes.full",
        title="A file system of a host that is short of inodes",
        needs=OF_EVERY_HOST,
        judge=inodes_full,
        settings=("inodes_used_warning_ratio",),
    ),
    Check(
        name="host.clock.offset",
        title="A host whose clock is off",
        needs=OF_EVERY_HOST,
        judge=clocks_off,
        settings=("clock_offset_warning_seconds", "clock_offset_critical_seconds"),
    ),
    Check(
        name="host.clock.unsynchronized",
        title="A host whose clock follows no source",
        needs=OF_EVERY_HOST,
        judge=clocks_unsynchronized,
    ),
    Check(
        name="host.reboot.required",
        title="A host that waits for a reboot",
        needs=OF_EVERY_HOST,
        judge=reboots_required,
    ),
)
