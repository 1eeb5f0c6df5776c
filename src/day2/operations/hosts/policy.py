# SPDX-License-Identifier: Apache-2.0
"""The knobs of draining, enabling and evacuating a host."""

from typing import Annotated

import msgspec
from msgspec import Meta

Ratio = Annotated[float, Meta(ge=0, lt=1)]
Count = Annotated[int, Meta(ge=1)]
Positive = Annotated[float, Meta(gt=0)]


class DrainPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Section `drain`, for all clouds or one (`clouds.NAME.drain`)."""

    per_source_max: Annotated[
        Count,
        Meta(
            description="How many servers leave one host at the same time. More than Nova's "
            "max_concurrent_live_migrations (1 unless changed) only queue up in Nova."
        ),
    ] = 1
    cloud_max: Annotated[
        Count, Meta(description="How many servers move at the same time in the whole cloud.")
    ] = 4
    per_target_max: Annotated[
        Count, Meta(description="How many servers may be on their way to one host at a time.")
    ] = 2
    per_zone_max: Annotated[
        Count,
        Meta(
            description="How many hosts of one availability zone may be away at a time: drained by "
            "day2, or down. Over all runs; --allow other-work goes beyond it."
        ),
    ] = 1
    per_aggregate_max: Annotated[
        Count,
        Meta(
            description="The same for each host aggregate that is no availability zone. Of the "
            "hosts of one quorum (Galera, RabbitMQ, OVN, etcd, Ceph's monitors, by the groups of "
            "the inventory) it is always one."
        ),
    ] = 1
    link_mib_per_second: Annotated[
        Positive,
        Meta(description="What one migration gets through the migration network, as measured."),
    ] = 400.0
    dirty_ratio: Annotated[
        Ratio,
        Meta(
            description="How fast a usual server dirties its memory, as a share of the link; the "
            "copying again of a live migration follows from it."
        ),
    ] = 0.25
    start_seconds: Annotated[
        Positive,
        Meta(description="What each move costs beside the copying: checks, ports, volumes."),
    ] = 15.0
    patience: Annotated[
        Annotated[float, Meta(ge=1)],
        Meta(
            description="A move that takes this many times what was expected is stuck. Nova's own "
            "limit (800 seconds for each GiB) is far longer: day2's ends first, and is recorded."
        ),
    ] = 5.0
    move_seconds_min: Annotated[
        Positive, Meta(description="No move is called stuck before this time.")
    ] = 300.0
    settle_seconds_max: Annotated[
        Positive,
        Meta(description="How long to wait until nothing builds or arrives on the host any more."),
    ] = 600.0
    amphora_seconds_max: Annotated[
        Positive, Meta(description="How long the failover of one amphora may take.")
    ] = 900.0
    force_complete: Annotated[
        bool,
        Meta(
            description="Let a stuck live migration be completed by force: the server pauses, or "
            "goes on by post-copy, where it is lost if the network fails. Never done with "
            "passed-through devices."
        ),
    ] = False
    abort: Annotated[
        bool, Meta(description="Abort a stuck live migration; the server stays where it is.")
    ] = True
    tries: Annotated[
        Count, Meta(description="How often to try each server, each time elsewhere.")
    ] = 2
    targets_max: Annotated[
        Count, Meta(description="How many destinations to name for each server, the best first.")
    ] = 3
    canary: Annotated[
        bool, Meta(description="Move one small server first, alone, and the others after it.")
    ] = True
    disks: Annotated[
        str,
        Meta(
            pattern="^(local|shared)$",
            description="Where the disks of servers are that do not boot from a volume. local: on "
            "the host: a move copies them, and a dead host takes them along; shared: in Ceph "
            "or on NFS. The API does not tell: say it.",
        ),
    ] = "local"
    shutoff_on_reboot: Annotated[
        str,
        Meta(
            pattern="^(leave|move)$",
            description="What a stopped server does when its host is drained for a reboot: a "
            "stopped server loses nothing by staying, and a move copies its disk.",
        ),
    ] = "leave"
    confirm_resize_hours: Annotated[
        float | None,
        Meta(
            description="Confirm a resize that waits for its owner longer than this (null: never, "
            "the owner has to decide)."
        ),
    ] = None
    cross_zones: Annotated[
        bool,
        Meta(
            description="Let servers that are not pinned to their availability zone leave it; "
            "their volumes may not follow."
        ),
    ] = False
    reserve_hosts_reboot: Annotated[
        Annotated[int, Meta(ge=0)],
        Meta(
            description="How many further hosts the zone must be able to lose while this one is "
            "drained for a reboot."
        ),
    ] = 0
    reserve_hosts_decommission: Annotated[
        Annotated[int, Meta(ge=0)],
        Meta(description="The same when the host goes for good."),
    ] = 1
    agents: Annotated[
        str,
        Meta(
            pattern="^(move|leave)$",
            description="Whether routers and DHCP that only this host serves are moved.",
        ),
    ] = "move"
    masakari: Annotated[
        bool,
        Meta(
            description="Tell Masakari that the host is under maintenance. Without it, a cloud "
            "that has Masakari needs --allow masakari-on."
        ),
    ] = False
    ceph_noout: Annotated[
        bool, Meta(description="Set noout for the OSDs of the host while it is away.")
    ] = False
    silence_alerts: Annotated[
        bool,
        Meta(description="Silence the alerts of the host in Alertmanager for the time expected."),
    ] = False
    failed_max: Annotated[
        Count,
        Meta(description="How many servers may fail to move before no other begins."),
    ] = 2
    changed_ratio_max: Annotated[
        Annotated[float, Meta(ge=0, le=1)],
        Meta(
            description="Which share of the plan may have changed since it was made: people go on "
            "using their servers."
        ),
    ] = 0.25
    valid_minutes: Annotated[
        Count, Meta(description="How long a plan may wait for its approval.")
    ] = 240
