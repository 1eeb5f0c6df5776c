# SPDX-License-Identifier: Apache-2.0
"""What the rules look at, and how they say what they suspect before it is proven."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from day2.model.finding import Finding, Subject, finding_key
from day2.model.recovery import Guests
from day2.model.severity import Severity
from day2.model.survey import Survey, Tables
from day2.model.tables import utc
from day2.model.tables.compute import MIGRATION_UNFINISHED, Server

UNKNOWN = "UNKNOWN"
# Between two hosts a server may be on either, or on both.
ON_THE_WAY = frozenset({"RESIZE", "VERIFY_RESIZE", "REVERT_RESIZE", "MIGRATING", "REBUILD"})
Thing = tuple[str, str]
"""What is asked for by its id: `("server", id)`."""


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """Every store as it was read.

    `guests` None: no hypervisor was asked. `rbd` are the names of RBD images by pool, of the pools
    that were read whole; `no_data` says by image why its first bytes could not be had. `settle`
    bounds how young a row may be to be held against rows that were read at another moment.
    """

    survey: Survey
    now: datetime
    settle: timedelta
    guests: Guests | None = None
    rbd: Mapping[str, Sequence[str]] = {}
    rbd_backends: Sequence[str] = ()
    volumes_pools: Sequence[str] = ()
    images_pools: Sequence[str] = ()
    no_data: Mapping[str, str] = {}

    @property
    def tables(self) -> Tables:
        """The rows of the survey."""
        return self.survey.tables

    def whole(self, *kinds: str) -> bool:
        """Tell whether these tables are complete: only then is what they lack not there."""
        return all(self.survey.is_complete(kind) for kind in kinds)

    def settled(self, moment: datetime | None) -> bool:
        """Tell whether a row is old enough; one of unknown age is not."""
        aware = utc(moment)
        return aware is not None and self.now - aware > self.settle

    @property
    def servers(self) -> dict[str, Server] | None:
        """Return every server by id; None unless the list is whole and every cell answered."""
        if not self.whole("servers", "compute_services"):
            return None
        rows = self.tables.servers
        lost = any(service.status == UNKNOWN for service in self.tables.compute_services)
        if lost or any(server.status == UNKNOWN for server in rows):
            return None
        return {server.id: server for server in rows}

    @property
    def moving(self) -> set[str]:
        """Return the servers that are on their way, or waiting to be."""
        moves = {
            m.instance_uuid for m in self.tables.migrations if m.status in MIGRATION_UNFINISHED
        }
        rows = self.tables.servers
        return moves | {s.id for s in rows if s.task_state or s.status in ON_THE_WAY}


class Suspect(msgspec.Struct, frozen=True, kw_only=True):
    """A finding that holds when each of `absent` is proven not to be there."""

    finding: Finding
    absent: list[Thing] = []


def suspect(  # noqa: PLR0913 - what a finding says
    check: str,
    severity: Severity,
    subject: Subject,
    summary: str,
    *,
    why: str,
    advice: str,
    absent: Iterable[Thing] = (),
    evidence: Mapping[str, Any] | None = None,
    aspect: str = "",
) -> Suspect:
    """Make one with its stable key."""
    return Suspect(
        finding=Finding(
            key=finding_key(check, subject, aspect),
            check=check,
            severity=severity,
            subject=subject,
            summary=summary,
            why=why,
            evidence={k: v for k, v in (evidence or {}).items() if v is not None},
            advice=advice,
        ),
        absent=list(absent),
    )


def server_subject(server: Server) -> Subject:
    """Make the subject of a server."""
    return Subject(
        type="server",
        id=server.id,
        name=server.name,
        project=server.project_id,
        host=short(server.host),
    )


def command(words: str, *ids: str) -> str:
    """Write a command to type; what the cloud calls a thing is quoted for the shell."""
    return " ".join([words, *(shlex.quote(one) for one in ids)])


def short(host: str | None) -> str:
    """Return what every service calls a host, whether it says its domain or not."""
    return (host or "").split("@")[0].split(".")[0]
