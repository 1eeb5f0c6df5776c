# SPDX-License-Identifier: Apache-2.0
"""What a scenario says of the planes around OpenStack: hosts, containers, logs, certificates."""

from typing import Annotated, Literal

from msgspec import Meta

from day2.sandbox.entries import Entry, Name, Span


class OddContainer(Entry, frozen=True, kw_only=True):
    """A container that is not as its peers are; `since` is how long ago it started or ended."""

    host: Name
    name: Name
    state: Literal["running", "restarting", "exited", "created", "paused"] = "running"
    health: Literal["", "healthy", "unhealthy"] = ""
    restarts: Annotated[int, Meta(ge=0)] = 0
    exit_code: int = 0
    since: Span = "40d"
    missing: bool = False


class FullDisk(Entry, frozen=True, kw_only=True):
    """A file system that is fuller than the others: `/` or `/var/lib/docker`."""

    host: Name
    path: Literal["/", "/var/lib/docker"]
    used_ratio: Annotated[float, Meta(ge=0, le=1)]


class Errors(Entry, frozen=True, kw_only=True):
    """An error that a service of some hosts logs again and again within the last day.

    `file` is below /var/log/kolla (`nova/nova-compute.log`, `rabbitmq/rabbit@{host}.log`); its
    folder decides how a line is written. `raises` is the last line of a traceback, `{n}` in the
    message a number that grows.
    """

    hosts: Annotated[list[Name], Meta(min_length=1)]
    file: Annotated[str, Meta(pattern=r"^[a-z][\w.-]*/[\w@.{}-]+\.(log|err)$")]
    message: str
    module: str = ""
    level: Literal["ERROR", "CRITICAL", "WARNING"] = "ERROR"
    count: Annotated[int, Meta(ge=1, le=100_000)] = 1
    first: Span = "20h"
    last: Span = "30m"
    raises: str = ""
    request: bool = True


class Certificate(Entry, frozen=True, kw_only=True):
    """The certificate of the TLS port; `expired_for`: it ended so long ago."""

    expires_in: Span = "200d"
    expired_for: Span | None = None


class WrongClock(Entry, frozen=True, kw_only=True):
    """A host whose clock is ahead by so many seconds; behind, when there are less than none."""

    host: Name
    seconds: float


class VirtualAddress(Entry, frozen=True, kw_only=True):
    """Who holds the cloud's virtual address; `hosts` None: the first controller that lives."""

    hosts: list[Name] | None = None


class LoadBalancer(Entry, frozen=True, kw_only=True):
    """An Octavia load balancer; `amphorae` are the servers that carry it, none means OVN does."""

    name: Name
    project: Name
    network: Name
    provisioning_status: Literal["ACTIVE", "ERROR", "PENDING_UPDATE", "PENDING_CREATE"] = "ACTIVE"
    amphorae: list[Name] = []
    operating_status: Literal["ONLINE", "DEGRADED", "ERROR", "OFFLINE", "NO_MONITOR"] = "ONLINE"
    age: Span = "100d"
    updated: Span | None = None
