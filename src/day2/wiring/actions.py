# SPDX-License-Identifier: Apache-2.0
"""The actions by name: wired only for a cloud that day2 may change, with an account for that."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from msgspec import structs

from day2.adapters.openstack.clouds import WritingSettings
from day2.adapters.openstack.limits import LoadSettings
from day2.errors import BadSettings, Refused
from day2.operations.hosts.policy import DrainPolicy
from day2.wiring.sections import CloudSettings

if TYPE_CHECKING:
    from day2.adapters.fencing import Fence
    from day2.adapters.openstack.session import Session
    from day2.adapters.silences import Silencer
    from day2.engine.action import Action
    from day2.operations.hosts.actions.cloud import Cloud
    from day2.wiring.site import Site

ACT = "act"
OWN_ROOMS = ("backup", "recovery")
"""Rooms whose actions begin with their name, and need no account for writing."""


class Actions(Mapping[str, "Action"]):
    """Every action by its name; what a name needs is wired when the first of its kind is wanted.

    A backup needs no account of OpenStack, and works while there is no OpenStack.
    """

    def __init__(self, site: "Site") -> None:
        require_act(site)
        self._site = site
        self._made: dict[str, Mapping[str, Action]] = {}

    def __getitem__(self, name: str) -> "Action":
        """Return an action.

        Raises:
            BadSettings: when `clouds.NAME.writing` names no account, or no vault is configured.
            KeyError: when there is no such action.

        """
        room = name.partition(".")[0]
        return self._group(room if room in OWN_ROOMS else "cloud")[name]

    def __iter__(self) -> Iterator[str]:
        for group in (*OWN_ROOMS, "cloud"):
            yield from self._group(group)

    def __len__(self) -> int:
        return sum(1 for _name in self)

    def _group(self, group: str) -> "Mapping[str, Action]":
        if group not in self._made:
            makers = {"backup": backup_actions, "recovery": recovery_actions}
            self._made[group] = makers.get(group, cloud_actions)(self._site)
        return self._made[group]


def actions(site: "Site") -> "Mapping[str, Action]":
    """Return every action by its name, ready to change this cloud.

    Raises:
        Refused: unless `clouds.NAME.access` is `act`.

    """
    return Actions(site)


def backup_actions(site: "Site") -> "Mapping[str, Action]":
    """Return the actions of backups."""
    from day2.wiring import backup_actions

    return backup_actions.actions(site, site.backups)


def recovery_actions(site: "Site") -> "Mapping[str, Action]":
    """Return the actions of recoveries: they only look, and remember."""
    from day2.wiring import recovery_plans

    return recovery_plans.actions(site)


def cloud_actions(site: "Site") -> "Mapping[str, Action]":
    """Return the actions that change hosts and what runs on them.

    Raises:
        BadSettings: when `clouds.NAME.writing` names no account.

    """
    from day2.operations.hosts.actions import (
        agents,
        amphora,
        cold,
        death,
        evacuate,
        forcing,
        host,
        live,
        services,
        staying,
        volume_services,
    )
    from day2.operations.smoke.actions.server import SmokeServer
    from day2.wiring.smoke import smoke_cloud

    cloud = host_cloud(site)
    kinds = (
        services.Disable,
        services.Enable,
        live.LiveMigrate,
        cold.ColdMigrate,
        cold.ConfirmResize,
        staying.Leave,
        forcing.ForceDown,
        forcing.UnforceDown,
        agents.MoveRouter,
        agents.MoveNetwork,
        agents.DisableAgent,
        agents.EnableAgent,
        volume_services.DisableVolumes,
        volume_services.EnableVolumes,
        host.Settle,
        host.VerifyDrained,
        amphora.Failover,
    )
    made: list[Action] = [*(kind(cloud) for kind in kinds), SmokeServer(smoke_cloud(site))]
    witnesses = fence(site)
    down_seconds = witnesses.settings.down_seconds
    made.append(evacuate.Evacuate(cloud, down_seconds=down_seconds))
    made.append(death.ProveDead(cloud, witnesses))
    made += _protections(site)
    return {action.name: action for action in made}


def fence(site: "Site") -> "Fence":
    """Return who can tell whether a host of this cloud is dead."""
    from day2.adapters.fencing import Fence, FencingSettings

    return Fence(site.section("fencing", FencingSettings), site.environment)


def _protections(site: "Site") -> "list[Action]":
    """Return what holds off others while a host is away; nothing is opened before it is used."""
    from day2.adapters.ceph import CephFlags, CephSettings
    from day2.adapters.openstack.instance_ha import InstanceHa
    from day2.operations.hosts.actions import protections, silences

    ceph = CephFlags(site.section("ceph", CephSettings), site.environment)

    def silencers() -> "list[Silencer]":
        return _silencers(site)

    return [
        protections.Noout(ceph),
        protections.UnsetNoout(ceph),
        protections.Maintenance(InstanceHa(_session(site), site.clock)),
        silences.Silence(silencers, site.clock),
        silences.Unsilence(silencers),
    ]


def _silencers(site: "Site") -> "list[Silencer]":
    from day2.adapters.addresses import MonitoringSettings
    from day2.adapters.alertmanager import AlertRouter
    from day2.adapters.silences import Silencer

    if site.settings.value(f"clouds.{site.cloud}.monitoring") is None:
        return []
    given = site.section("monitoring", MonitoringSettings)
    user, secret = given.alertmanager_user, given.alertmanager_password
    password = site.secrets.resolve(secret) if user and secret is not None else ""
    return [
        Silencer(
            AlertRouter(
                url,
                user=user,
                password=password,
                ca_file=given.ca_file,
                answer_seconds=given.seconds,
            )
        )
        for url in given.alertmanager
    ]


def _session(site: "Site") -> "Session":
    """Open a session with the account for writing."""
    from day2.adapters.openstack import clouds
    from day2.adapters.openstack.session import Session

    credentials = clouds.find(writing(site), site.environment)
    load = site.section("load", LoadSettings)
    return Session(credentials, limits=load, clock=site.clock, lasting=True)


def host_cloud(site: "Site") -> "Cloud":
    """Wire the services that hosts' actions change, with the account for writing."""
    from day2.adapters.openstack.balancing import Balancing
    from day2.adapters.openstack.compute import Compute
    from day2.adapters.openstack.network import Network
    from day2.adapters.openstack.placement import Placement
    from day2.adapters.openstack.storage import Storage
    from day2.operations.hosts.actions.cloud import Cloud

    require_act(site)
    session = _session(site)
    clock = site.clock
    return Cloud(
        compute=Compute(session, clock),
        network=Network(session, clock),
        storage=Storage(session, clock),
        placement=Placement(session, clock),
        balancing=Balancing(session, clock),
        clock=clock,
        per_target_max=site.section("drain", DrainPolicy).per_target_max,
    )


def require_act(site: "Site") -> None:
    """Refuse to wire a writer for a cloud that may only be looked at.

    Raises:
        Refused: unless `clouds.NAME.access` is `act`.

    """
    access = site.settings.section(CloudSettings, f"clouds.{site.cloud}").access
    if access != ACT:
        raise Refused(
            f"cloud {site.cloud!r} is not to be changed: its access is {access}",
            hint=f"set clouds.{site.cloud}.access to act, and name an account for writing: "
            f"clouds.{site.cloud}.writing.cloud",
        )


def writing(site: "Site") -> WritingSettings:
    """Return which account changes this cloud; region and interface are those that are read.

    Raises:
        BadSettings: when none is named: the account for reading is never used for it by itself.

    """
    path = f"clouds.{site.cloud}.writing"
    if not site.settings.value(f"{path}.cloud"):
        raise BadSettings(
            f"cloud {site.cloud!r} has no account for writing",
            hint=f"name an entry of clouds.yaml as {path}.cloud; it may be the one that reads",
        )
    given = site.settings.section(WritingSettings, f"clouds.{site.cloud}.openstack", path)
    if given.region and given.interface:
        return given
    # What the settings leave to the entries is that of the entry that was read with: a plan must
    # never run in the region that another entry happens to name.
    read = site.credentials
    return structs.replace(
        given,
        region=given.region or read.region,
        interface=given.interface or read.interface,
    )
