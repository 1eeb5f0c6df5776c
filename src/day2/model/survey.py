# SPDX-License-Identifier: Apache-2.0
"""A survey: one typed, time-stamped picture of a cloud, read once and judged many times."""

from datetime import datetime

import msgspec

from day2.model.tables import (
    compute,
    identity,
    infrastructure,
    monitoring,
    network,
    others,
    placement,
    storage,
)


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """Something that could not be read: never to be taken for "not there".

    `kind` is the table that is incomplete; `what` says it to people; `error` is the kind of failure
    (a class name of `day2.errors`) and `message` its sentence.
    """

    kind: str
    what: str
    error: str
    message: str
    hint: str = ""


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """How one table was read: rows, requests, and seconds spent waiting."""

    rows: int
    requests: int
    seconds: float


class Tables(msgspec.Struct, frozen=True, kw_only=True):
    """Every table that a survey may hold, by its kind; empty when it was not asked for."""

    # identity
    catalog_services: list[identity.CatalogService] = []
    endpoints: list[identity.Endpoint] = []
    domains: list[identity.Domain] = []
    projects: list[identity.Project] = []
    users: list[identity.User] = []
    roles: list[identity.Role] = []
    role_assignments: list[identity.RoleAssignment] = []
    application_credentials: list[identity.ApplicationCredential] = []
    # compute
    compute_services: list[compute.ComputeService] = []
    hypervisors: list[compute.Hypervisor] = []
    servers: list[compute.Server] = []
    server_faults: list[compute.ServerOwnFault] = []
    migrations: list[compute.Migration] = []
    aggregates: list[compute.Aggregate] = []
    server_groups: list[compute.ServerGroup] = []
    flavors: list[compute.Flavor] = []
    # placement
    providers: list[placement.ResourceProvider] = []
    inventories: list[placement.ProviderInventories] = []
    traits: list[placement.ProviderTraits] = []
    allocations: list[placement.ProviderAllocations] = []
    # network
    agents: list[network.NetworkAgent] = []
    networks: list[network.Network] = []
    subnets: list[network.Subnet] = []
    availabilities: list[network.NetworkAvailability] = []
    ports: list[network.Port] = []
    routers: list[network.Router] = []
    floating_ips: list[network.FloatingIp] = []
    security_groups: list[network.SecurityGroup] = []
    security_group_rules: list[network.SecurityGroupRule] = []
    # block storage, images
    volume_services: list[storage.VolumeService] = []
    volumes: list[storage.Volume] = []
    volume_snapshots: list[storage.VolumeSnapshot] = []
    volume_backups: list[storage.VolumeBackup] = []
    volume_pools: list[storage.VolumePool] = []
    volume_attachments: list[storage.VolumeAttachment] = []
    volume_types: list[storage.VolumeType] = []
    ceph_pools: list[storage.CephPool] = []
    ceph_health: list[storage.CephCheck] = []
    images: list[storage.Image] = []
    # services that not every cloud has
    stacks: list[others.Stack] = []
    load_balancers: list[others.LoadBalancer] = []
    amphorae: list[others.Amphora] = []
    zones: list[others.Zone] = []
    shares: list[others.Share] = []
    clusters: list[others.Cluster] = []
    baremetal_nodes: list[others.BaremetalNode] = []
    quotas: list[others.QuotaUse] = []
    # what carries the cloud
    tokens: list[infrastructure.TokenIssue] = []
    api_probes: list[infrastructure.ApiProbe] = []
    certificates: list[infrastructure.Certificate] = []
    database_nodes: list[infrastructure.DatabaseNode] = []
    proxy_endpoints: list[infrastructure.ProxyEndpoint] = []
    proxy_servers: list[infrastructure.ProxyServer] = []
    bus_endpoints: list[infrastructure.BusEndpoint] = []
    bus_nodes: list[infrastructure.BusNode] = []
    bus_queues: list[infrastructure.BusQueue] = []
    cache_nodes: list[infrastructure.CacheNode] = []
    hosts: list[infrastructure.Host] = []
    containers: list[infrastructure.Container] = []
    # what watches the cloud
    monitoring_servers: list[monitoring.MonitoringServer] = []
    scrape_targets: list[monitoring.ScrapeTarget] = []
    alert_rules: list[monitoring.AlertRule] = []
    alerts: list[monitoring.Alert] = []
    key_series: list[monitoring.KeySeries] = []
    alertmanagers: list[monitoring.Alertmanager] = []
    routed_alerts: list[monitoring.RoutedAlert] = []
    silences: list[monitoring.Silence] = []


KINDS: tuple[str, ...] = Tables.__struct_fields__


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """One picture of one cloud and region.

    `readings` has an entry for each kind that was asked for and offered by the cloud; a kind that
    also has a gap is incomplete. `absent` names the service types that the catalogue does not have.
    """

    cloud: str
    region: str
    started_at: datetime
    ended_at: datetime
    tables: Tables
    readings: dict[str, Reading] = {}
    gaps: list[Gap] = []
    absent: list[str] = []

    def was_read(self, kind: str) -> bool:
        """Tell whether this kind was asked for at all and the cloud offers it."""
        return kind in self.readings

    def is_complete(self, kind: str) -> bool:
        """Tell whether this kind was read without any gap: only then does absence mean absence."""
        return kind in self.readings and all(gap.kind != kind for gap in self.gaps)
