# SPDX-License-Identifier: Apache-2.0
"""Guests of the hypervisors against Nova's servers: none may exist twice, and none nowhere.

After a restore Nova knows the cloud of yesterday, and the hypervisors run that of today. Whoever
opens compute then starts second copies on shared disks, or lets Nova reap guests that it forgot.
"""

from collections import defaultdict
from collections.abc import Iterator

from day2.model.finding import Subject
from day2.model.recovery import Guest, Guests
from day2.model.severity import Severity
from day2.model.tables.compute import Server
from day2.operations.recovery.rules.seen import (
    Picture,
    Suspect,
    command,
    server_subject,
    short,
    suspect,
)

# In these a hypervisor has the guest, running or not; an error may have left none.
ON_A_HOST = frozenset(
    {"ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED", "RESCUE", "REBOOT", "HARD_REBOOT", "SHELVED"}
)
NEEDS = ("servers", "compute_services", "migrations")


def guests(picture: Picture) -> Iterator[Suspect]:
    """Hold each guest against its server, and each server against the guests."""
    seen, servers = picture.guests, picture.servers
    if seen is None or servers is None or not picture.whole(*NEEDS):
        return
    moving = picture.moving
    places: dict[str, list[Guest]] = defaultdict(list)
    for guest in seen.guests:
        places[guest.id].append(guest)
    for identifier, found in places.items():
        server = servers.get(identifier)
        if server is None:
            yield _unknown(identifier, found)
        elif identifier not in moving:
            yield from _misplaced(server, found)
    read = {short(host) for host in seen.hosts}
    for server in servers.values():
        expected = server.status in ON_A_HOST and short(server.host) in read
        if expected and server.id not in places and server.id not in moving:
            yield _nowhere(server, seen)


def _misplaced(server: Server, found: list[Guest]) -> Iterator[Suspect]:
    hosts = sorted({guest.host for guest in found})
    said = f"server {server.name or server.id}"
    if len(hosts) > 1:
        running = sum(guest.running for guest in found)
        many = running > 1
        yield suspect(
            "recovery.guest.twice",
            Severity.CRITICAL,
            server_subject(server),
            f"{said} exists on {', '.join(hosts)}"
            + (": both run, and may write the same disks" if many else f"; {running} of them runs"),
            why=f"the hypervisors of these hosts have it, and Nova has it on {_where(server)}; no "
            "move explains it",
            evidence={"guests": _told(found), "host": server.host},
            advice="Keep compute closed. Find which of them wrote last "
            f"({command('virsh domblkstat', server.id)}, the file system in it), then, on the "
            f"other host: {command('virsh destroy', server.id)} and "
            f"{command('virsh undefine --managed-save --nvram', server.id)}. An evacuated server "
            "is deleted from its old host when nova-compute starts there.",
        )
    elif hosts[0] and short(hosts[0]) != short(server.host):
        yield suspect(
            "recovery.guest.elsewhere",
            Severity.CRITICAL,
            server_subject(server),
            f"{said} is on {hosts[0]}, but Nova has it on {_where(server)}: started there it would "
            "exist twice",
            why="the hypervisor of that host has it, no other one does, and no move explains it",
            evidence={"guests": _told(found), "host": server.host},
            advice=f"Keep nova-compute of {_where(server)} closed. It was moved after the set was "
            "taken: move the row, not the guest (instances.host and .node of Nova's cell database, "
            f"then {command('openstack resource provider allocation show', server.id)}), or "
            f"{command('virsh destroy', server.id)} on {hosts[0]} and start it where Nova has it.",
        )


def _nowhere(server: Server, seen: Guests) -> Suspect:
    unread = sorted(seen.silent)
    return suspect(
        "recovery.guest.nowhere",
        Severity.UNKNOWN if unread else Severity.CRITICAL,
        server_subject(server),
        f"server {server.name or server.id} is {server.status} on {_where(server)}, and no "
        "hypervisor that answered has it",
        why=f"{len(seen.hosts)} hypervisors answered"
        + (f"; {', '.join(unread)} did not, and may have it" if unread else ", none is silent"),
        evidence={"status": server.status, "silent": unread or None},
        advice="Was it deleted after the set was taken? Then its owner knows, and "
        f"{command('openstack server delete', server.id)} ends it. Else look for its disk; with it "
        f"{command('openstack server reboot --hard', server.id)} defines the guest anew once "
        "nova-compute runs, without it its volumes and backups are what is left.",
    )


def _unknown(identifier: str, found: list[Guest]) -> Suspect:
    hosts = sorted({guest.host for guest in found})
    running = any(guest.running for guest in found)
    return suspect(
        "recovery.guest.unknown",
        Severity.CRITICAL,
        Subject(type="guest", id=identifier, host=short(hosts[0])),
        f"guest {identifier} {'runs' if running else 'lies'} on {', '.join(hosts)}, and Nova does "
        "not know it",
        why="Nova's complete list of servers does not have it, every cell answered, and it is not "
        "there by its id either",
        absent=[("server", identifier)],
        evidence={"guests": _told(found)},
        advice="Keep nova-compute of that host closed, or set running_deleted_instance_action = "
        "noop there first: reap destroys it. It was made after the set was taken: "
        f"{command('virsh dumpxml', identifier)} says its disks and ports; tell its owner, save "
        "the disks, and build the server anew from them.",
    )


def _where(server: Server) -> str:
    return server.host or "no host"


def _told(found: list[Guest]) -> list[str]:
    return sorted(f"{guest.host}: {'runs' if guest.running else 'stopped'}" for guest in found)
