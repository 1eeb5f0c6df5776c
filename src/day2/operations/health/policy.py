# SPDX-License-Identifier: Apache-2.0
"""The knobs of the health checks: what is still well, what is a warning, what is critical."""

from typing import Annotated

import msgspec
from msgspec import Meta

Ratio = Annotated[float, Meta(ge=0, le=1)]


def _minutes(text: str) -> Meta:
    return Meta(ge=0, description=text)


class HealthPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Section `health`, for all clouds or one (`clouds.NAME.health`)."""

    api_latency_warning_ms: Annotated[
        float, Meta(gt=0, description="An endpoint or a token slower than this is a warning.")
    ] = 2000.0
    clock_offset_warning_seconds: Annotated[
        float, Meta(gt=0, description="A clock that is off by more than this is a warning.")
    ] = 2.0
    clock_offset_critical_seconds: Annotated[
        float, Meta(gt=0, description="A clock that is off by more than this is critical.")
    ] = 30.0
    certificate_warning_days: Annotated[
        int, Meta(ge=0, description="A certificate that expires within this is a warning.")
    ] = 30
    certificate_critical_days: Annotated[
        int, Meta(ge=0, description="A certificate that expires within this is critical.")
    ] = 7
    disabled_reason_required: Annotated[
        bool, Meta(description="A service disabled without a reason is a warning; with one, info.")
    ] = True
    flapping_changes: Annotated[
        int, Meta(ge=2, description="Up/down changes over the kept surveys that count as flapping.")
    ] = 3
    flapping_surveys: Annotated[
        int, Meta(ge=2, description="How many of the newest surveys are looked at for flapping.")
    ] = 6
    heartbeats_lost_ratio: Annotated[
        Ratio,
        Meta(
            description="When more than this share of all services stopped reporting, the bus or "
            "the database is suspected before the hosts."
        ),
    ] = 0.6
    findings_per_check_max: Annotated[
        int,
        Meta(
            ge=1,
            description="More findings of one check than this are told together, by project or "
            "host.",
        ),
    ] = 50
    settle_minutes: Annotated[
        int,
        _minutes(
            "What changed within this is not held against other tables: they are read a moment "
            "earlier or later."
        ),
    ] = 5
    server_task_minutes: Annotated[
        int, _minutes("A server in the same task state for longer is stuck.")
    ] = 30
    server_build_minutes: Annotated[int, _minutes("A server in BUILD for longer is stuck.")] = 15
    server_resize_confirm_hours: Annotated[
        int, Meta(ge=0, description="A server that waits in VERIFY_RESIZE for longer is a warning.")
    ] = 72
    server_power_minutes: Annotated[
        int,
        _minutes(
            "An ACTIVE server that does not run, or a SHUTOFF one that runs, for longer is a "
            "warning (Nova aligns them every 10 minutes)."
        ),
    ] = 30
    migration_minutes: Annotated[
        int, _minutes("A migration in the same unfinished status for longer is stuck.")
    ] = 60
    migration_failed_hours: Annotated[
        int, Meta(ge=0, description="Migrations that failed within this are worth a word.")
    ] = 24
    volume_minutes: Annotated[
        int, _minutes("A volume, snapshot or backup in a passing status for longer is stuck.")
    ] = 30
    volume_copy_hours: Annotated[
        int,
        Meta(
            ge=0,
            description="A volume or backup that copies its data (downloading, uploading, "
            "retyping, backing up, restoring) for longer is stuck.",
        ),
    ] = 6
    image_hours: Annotated[
        int, Meta(ge=0, description="An image queued, saving or importing for longer is stuck.")
    ] = 6
    load_balancer_minutes: Annotated[
        int, _minutes("A load balancer or amphora in a PENDING state for longer is stuck.")
    ] = 30
    stack_minutes: Annotated[int, _minutes("A stack IN_PROGRESS for longer is stuck.")] = 120
    port_grace_minutes: Annotated[
        int, _minutes("A port of a server may be DOWN, a floating IP not ACTIVE, for this long.")
    ] = 5
    subnet_used_warning_ratio: Annotated[
        Ratio, Meta(description="A subnet fuller than this is a warning.")
    ] = 0.85
    subnet_used_critical_ratio: Annotated[
        Ratio, Meta(description="A subnet fuller than this is critical.")
    ] = 0.97
    quota_used_warning_ratio: Annotated[
        Ratio, Meta(description="A quota used to this share or beyond is a warning.")
    ] = 0.9
    quota_service_projects: Annotated[
        list[str],
        Meta(description="Projects of the cloud's own services: their full quotas are info."),
    ] = msgspec.field(default_factory=lambda: ["service"])
    pool_used_warning_ratio: Annotated[
        Ratio, Meta(description="A volume pool fuller than this is a warning.")
    ] = 0.8
    pool_used_critical_ratio: Annotated[
        Ratio, Meta(description="A volume pool fuller than this is critical.")
    ] = 0.92
    database_connections_warning_ratio: Annotated[
        Ratio, Meta(description="A database with more of its connections in use is a warning.")
    ] = 0.8
    database_flow_control_warning_ratio: Annotated[
        Ratio, Meta(description="A Galera node paused by flow control for more of the time.")
    ] = 0.1
    database_certification_failures_warning_per_hour: Annotated[
        float,
        Meta(
            gt=0,
            description="Transactions an hour that Galera throws away for conflicting writes that "
            "are a warning.",
        ),
    ] = 60.0
    bus_unread_messages_warning: Annotated[
        int, Meta(ge=1, description="Messages in one queue that nobody reads that are a warning.")
    ] = 10
    bus_unacknowledged_warning: Annotated[
        int, Meta(ge=1, description="Unacknowledged messages in one queue that are a warning.")
    ] = 1000
    bus_messages_warning: Annotated[
        int, Meta(ge=1, description="Messages waiting in one queue that are a warning.")
    ] = 1000
    cache_evictions_info: Annotated[
        int, Meta(ge=1, description="Evictions of one memcached since its start worth a word.")
    ] = 100_000
    cache_connections_warning_ratio: Annotated[
        Ratio, Meta(description="A memcached with more of its connections in use is a warning.")
    ] = 0.8
    disk_used_warning_ratio: Annotated[
        Ratio, Meta(description="A file system fuller than this is a warning.")
    ] = 0.85
    disk_used_critical_ratio: Annotated[
        Ratio, Meta(description="A file system fuller than this is critical.")
    ] = 0.95
    inodes_used_warning_ratio: Annotated[
        Ratio, Meta(description="A file system with more of its inodes used is a warning.")
    ] = 0.9
    container_restarts_warning: Annotated[
        int, Meta(ge=1, description="Restarts of one running container that are a warning.")
    ] = 5
    container_failing_checks: Annotated[
        int,
        Meta(
            ge=1,
            description="Health checks of a container that fail in a row before it counts as "
            "unhealthy: one alone may be a moment of load.",
        ),
    ] = 3
    container_grace_seconds: Annotated[
        int,
        Meta(
            ge=0,
            description="A container may be unhealthy for this long after its start "
            "(nova_scheduler takes up to 160 s: LP#2162860).",
        ),
    ] = 180
    monitoring_stale_minutes: Annotated[
        int,
        _minutes(
            "A key series (`monitoring.key_series`) without a sample for longer is a warning."
        ),
    ] = 10
    alert_critical_labels: Annotated[
        list[str],
        Meta(description="Values of an alert's label `severity` that are critical here."),
    ] = msgspec.field(default_factory=lambda: ["critical", "page", "emergency", "disaster"])
    alert_info_labels: Annotated[
        list[str],
        Meta(
            description="Values of an alert's label `severity` that are info here; every other "
            "value, and none at all, is a warning."
        ),
    ] = msgspec.field(default_factory=lambda: ["info", "information", "notice", "low", "debug"])
    alert_watchdog_names: Annotated[
        list[str],
        Meta(
            description="Alerts that fire always, to prove that alerts arrive; so are those whose "
            "rule is a number, and those of severity `none`."
        ),
    ] = msgspec.field(default_factory=lambda: ["Watchdog", "DeadMansSwitch", "DeadMansSnitch"])
    silence_ending_hours: Annotated[
        int,
        Meta(ge=0, description="A silence that hides alerts and ends within this is a warning."),
    ] = 24
    silence_days_max: Annotated[
        int, Meta(ge=1, description="A silence made for longer than this is a warning.")
    ] = 30
