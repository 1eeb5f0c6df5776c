# SPDX-License-Identifier: Apache-2.0
"""The world: tables, time, and what is due.

Nothing runs in the background. What takes time is an event with a moment; before a request is
answered, every event that is due happens, in order, each at its own moment.
"""

import functools
import heapq
import itertools
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from day2.adapters.clock import Clock
from day2.sandbox.build.logs import Record, records
from day2.sandbox.bulk.kept import Kept
from day2.sandbox.ids import uuid_of
from day2.sandbox.scenario import Scenario
from day2.sandbox.tables import Rows, Table
from day2.sandbox.tokens import Tokens

Event = Callable[[], None]


def _newest(*names: str) -> Rows:
    return Rows(lambda row: tuple(row[name] for name in names), newest=True)


def _by(*names: str) -> Rows:
    return Rows(lambda row: tuple(str(row[name]) for name in names))


def empty_tables() -> dict[str, Table]:
    """Make every table, each in the order in which its service lists it."""
    return {
        "regions": _by("id"),
        "domains": _by("name"),
        "projects": _by("name"),
        "users": _by("name"),
        "roles": _by("name"),
        "role_assignments": Rows(),
        "application_credentials": Rows(),
        "catalog_services": _by("name"),
        "endpoints": _by("id"),
        "flavors": _by("id"),
        "servers": _newest("created_at", "id"),
        "compute_services": Rows(),
        "hypervisors": Rows(),
        "migrations": _newest("number", "id"),
        "aggregates": Rows(),
        "server_groups": _by("id"),
        "server_actions": _newest("start_time", "id"),
        "providers": _by("id"),
        "allocations": _by("id"),
        "networks": _by("id"),
        "subnets": _by("id"),
        "ports": _by("id"),
        "agents": _by("id"),
        "routers": _by("id"),
        "floating_ips": _by("id"),
        "security_groups": _by("id"),
        "security_group_rules": _by("id"),
        "volumes": _newest("created_at", "id"),
        "volume_services": Rows(),
        "volume_snapshots": _newest("created_at", "id"),
        "volume_backups": _newest("created_at", "id"),
        "volume_pools": Rows(),
        "volume_attachments": _newest("created_at", "id"),
        "volume_messages": _newest("created_at", "id"),
        "volume_types": _newest("created_at", "id"),
        "images": _newest("created_at", "id"),
        "stacks": _newest("created_at", "id"),
        "load_balancers": _newest("created_at", "id"),
        "amphorae": _newest("created_at", "id"),
        "silences": Rows(),
    }


class World:
    """One cloud in memory.

    `tables` may be given with some of them replaced (rows that are made as they are read).
    `passwords` are those of the users by name; `secrets` those of the accounts of the planes around
    OpenStack, by the names that Kolla gives them.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        clock: Clock,
        root: str,
        passwords: Mapping[str, str],
        tables: dict[str, Table] | None = None,
    ) -> None:
        self.scenario = scenario
        self.root = root
        self.passwords = dict(passwords)
        self.secrets: dict[str, str] = {}
        self.tokens = Tokens()
        self.tables = empty_tables() | (tables or {})
        self.kept: Kept | None = None
        self.quotas: dict[tuple[str, str], dict[str, int]] = {}
        self._clock = clock
        self._skew = timedelta(0)
        self._happening: datetime | None = None
        self._numbers = itertools.count(1)
        self.numbered: dict[str, int] = {}
        self.served: dict[str, set[str]] = {}
        """The agents of what was moved to others; those of the rest follow from the ports."""
        self._due: list[tuple[datetime, int, Event]] = []
        self._order = itertools.count()
        self.started_at = self.now()

    def __getitem__(self, name: str) -> Table:
        return self.tables[name]

    def now(self) -> datetime:
        """Return the world's time: the event's own moment while one happens."""
        return self._happening or self._clock.now() + self._skew

    def advance(self, seconds: float) -> None:
        """Let time jump forward, for practice and tests."""
        self._skew += timedelta(seconds=seconds)

    def later(self, seconds: float, event: Event) -> None:
        """Let something happen after a while."""
        due = self.now() + timedelta(seconds=seconds)
        heapq.heappush(self._due, (due, next(self._order), event))

    def settle(self) -> None:
        """Let everything happen that is due."""
        now = self.now()
        while self._due and self._due[0][0] <= now:
            self._happening, _order, event = heapq.heappop(self._due)
            try:
                event()
            finally:
                self._happening = None

    @functools.cached_property
    def logs(self) -> list[Record]:
        """What the services had logged when the world began, newest first."""
        found = list(records(self.scenario, self.started_at))
        found.sort(key=lambda record: record.at, reverse=True)
        return found

    @property
    def waiting(self) -> int:
        """How many events are still to come."""
        return len(self._due)

    def next_number(self, table: str) -> int:
        """Return the number of a table's next row: behind the highest that there ever was.

        The first call looks through the table, unless `numbered` said how far it is.
        """
        if table not in self.numbered:
            self.numbered[table] = max((row["number"] for row in self[table]), default=0)
        self.numbered[table] += 1
        return self.numbered[table]

    def new_id(self, kind: str) -> str:
        """Return the id of a new thing."""
        return uuid_of(kind, self.started_at.isoformat(), next(self._numbers))

    def require(self, table: str, key: str) -> dict[str, Any]:
        """Return a row that must be there."""
        row = self[table].get(key)
        if row is None:
            raise KeyError(f"{table}: {key}")
        return row
