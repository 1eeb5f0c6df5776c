# SPDX-License-Identifier: Apache-2.0
"""Who reads what for a backup: the takers of one cloud, each with the account that it needs."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from day2.adapters.kolla.settings import KollaSettings
from day2.adapters.openstack.limits import LoadSettings
from day2.errors import Day2Error
from day2.operations.backup.policy import BackupPolicy

if TYPE_CHECKING:
    from day2.adapters.openstack.identity import Directory
    from day2.adapters.openstack.identity_writing import IdentityWriter
    from day2.adapters.openstack.image_writing import ImageWriter
    from day2.adapters.openstack.session import Session
    from day2.adapters.openstack.volume_backups import VolumeBackups
    from day2.operations.backup.plan import Volumes
    from day2.operations.backup.takers.taker import Say, Taker
    from day2.operations.backup.takers.tree import Beside, Root
    from day2.wiring.site import Site

VERSION_SECONDS = 60.0
MIB = 1 << 20
PROGRAMS = ("ansible", "kolla-ansible")


def beside(site: "Site", policy: BackupPolicy) -> "Callable[[Say], Beside]":
    """Return who fetches what belongs to the configuration and lies on the hosts."""

    def fetch(say: "Say") -> "Beside":
        from day2.adapters.ansible import Ansible
        from day2.adapters.host_files import Bounds, FilesOfHosts
        from day2.operations.backup.takers import config

        kolla = site.section("kolla", KollaSettings)
        versions = {name: _version(site, name) for name in PROGRAMS}
        if not kolla.inventory:
            return config.only_here(versions, "no host was asked: kolla.inventory is not set")
        say("asking the hosts")
        bounds = Bounds(
            host_seconds=policy.host_seconds,
            seconds_max=policy.hosts_seconds_max,
            read_bytes=policy.host_read_mib_max * MIB,
            answer_bytes=policy.host_answer_mib_max * MIB,
        )
        hosts = Ansible(kolla, site.virtualenv, site.inventory)
        found = FilesOfHosts(hosts, bounds, engine=kolla.container_engine).fetch(policy.volumes)
        made = config.beside(found, versions)
        for missing in made.source["missing"]:
            say(f"missing: {missing}")
        return made

    return fetch


def configuration_roots(site: "Site", policy: BackupPolicy) -> "list[Root]":
    """Name what the configuration of the cloud is made of, on this machine."""
    from day2.operations.backup.takers.tree import Root

    beside = [path for path in _variables(site) if path.is_dir()]
    paths = _outermost(_configuration(site, policy, beside))
    return [Root(path=path, name=str(path)) for path in paths]


def configuration_places(site: "Site", policy: BackupPolicy) -> list[Path]:
    """Name where the configuration of the cloud may lie, whether it is there or was lost."""
    return _configuration(site, policy, _variables(site))


def _variables(site: "Site") -> list[Path]:
    """Name the folders beside an inventory of one file that Ansible reads as a part of it."""
    kolla = site.section("kolla", KollaSettings)
    if not kolla.inventory:
        return []
    return [kolla.inventory_path.with_name(name) for name in ("group_vars", "host_vars")]


def _configuration(site: "Site", policy: BackupPolicy, beside: Sequence[Path]) -> list[Path]:
    kolla = site.section("kolla", KollaSettings)
    paths = [Path(kolla.config_dir).expanduser().absolute()]
    if kolla.inventory:
        paths += [kolla.inventory_path, *beside]
    if kolla.passwords_file:
        paths.append(kolla.passwords.absolute())
    paths += [Path(path).expanduser().absolute() for path in policy.config_paths]
    return paths


def _outermost(paths: Sequence[Path]) -> list[Path]:
    """Leave out what lies within another path of the list."""
    kept = dict.fromkeys(paths)
    return [
        path for path in kept if not any(other in path.parents for other in kept if other != path)
    ]


def identity(site: "Site") -> "Taker":
    """Return who takes Keystone's tables, with the account for changes where there is one.

    An account for reading within a project sees neither all users nor all assignments.
    """
    from day2.operations.backup.takers.identity import IdentityTaker

    return IdentityTaker(lambda: directory(site))


def directory(site: "Site") -> "Directory":
    """Return what reads Keystone as a whole."""
    from day2.adapters.openstack.identity import Directory

    return Directory(_session(site), site.clock)


def identity_writer(site: "Site") -> "IdentityWriter":
    """Return what changes Keystone; as `_writing_session`."""
    from day2.adapters.openstack.identity_writing import IdentityWriter

    return IdentityWriter(_writing_session(site), site.clock)


def images(site: "Site") -> "Taker":
    """Return who takes images, with the account for changes where there is one.

    Glance shows private data to administrators only, and the account for reading need not be one.
    """
    from day2.adapters.openstack.images import Images
    from day2.operations.backup.takers.images import ImagesTaker

    return ImagesTaker(lambda: Images(_session(site), site.clock))


def image_writer(site: "Site") -> "ImageWriter":
    """Return what puts images back into Glance; as `_writing_session`."""
    from day2.adapters.openstack.image_writing import ImageWriter

    return ImageWriter(_writing_session(site), site.clock)


def volumes(site: "Site") -> "Taker":
    """Return who takes the records of Cinder's backups: Cinder tells them to administrators."""
    from day2.operations.backup.takers.volumes import VolumesTaker

    return VolumesTaker(lambda: volume_backups(site))


def volumes_wanted(site: "Site", policy: BackupPolicy) -> "Volumes":
    """Return the volumes that the policy selects; none are looked for when it selects none."""
    from day2.operations.backup.plan import Volumes
    from day2.operations.backup.selecting import selected

    words = policy.volumes_selector
    found = volume_backups(site).volumes() if words else []
    return Volumes(wanted=selected(found, words), seconds_max=policy.hours_max * 3600)


def volume_backups(site: "Site") -> "VolumeBackups":
    """Return what asks Cinder for backups, with the account for changes where there is one."""
    from day2.adapters.openstack.volume_backups import VolumeBackups

    return VolumeBackups(_session(site), site.clock)


def volume_orders(site: "Site") -> "VolumeBackups":
    """Return what orders backups from Cinder and removes them; as `_writing_session`."""
    from day2.adapters.openstack.volume_backups import VolumeBackups

    return VolumeBackups(_writing_session(site), site.clock)


def seeing(site: "Site") -> "Session":
    """Open a session with the account that sees most: to whom a 404 proves something."""
    return _session(site)


def _session(site: "Site") -> "Session":
    """Open a session with the account for changes, where this cloud may be changed and has one."""
    from day2.adapters.openstack.session import Session
    from day2.wiring.actions import ACT

    if site.settings.value(f"clouds.{site.cloud}.writing.cloud") and site.changes.access == ACT:
        return _writing_session(site)
    load = site.section("load", LoadSettings)
    # A stream of hours outlives a token.
    return Session(site.credentials, limits=load, clock=site.clock, lasting=True)


def _writing_session(site: "Site") -> "Session":
    """Open a session with the account for changes, and with no other.

    Raises:
        Refused: unless `clouds.NAME.access` is `act`.
        BadSettings: when `clouds.NAME.writing` names no account.

    """
    from day2.adapters.openstack import clouds
    from day2.adapters.openstack.session import Session
    from day2.wiring.actions import require_act, writing

    require_act(site)
    credentials = clouds.find(writing(site), site.environment)
    load = site.section("load", LoadSettings)
    return Session(credentials, limits=load, clock=site.clock, lasting=True)


def _version(site: "Site", program: str) -> str:
    """Return what a program says of its version; why not, where it does not say it."""
    try:
        printed = site.virtualenv.run(program, ["--version"], seconds=VERSION_SECONDS)
    except Day2Error as error:
        return f"unknown: {error}"
    lines = printed.decode(errors="replace").strip().splitlines()
    # ansible goes on with paths of this machine.
    return lines[0].strip() if lines else "unknown"
