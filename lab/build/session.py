# SPDX-License-Identifier: Apache-2.0
"""The connections that building needs, one for each project, and a way to wait."""

import threading
from collections.abc import Callable
from typing import TypeVar

from lab.catalog import Cloud, connect
from lab.facts import Facts
from lab.processes import wait_for

Found = TypeVar("Found")
SECONDS = 120


class Session:
    """The administrator in each project; connections are made once and shared by the threads."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self._lock = threading.Lock()
        self._clouds: dict[str, Cloud] = {}

    def cloud(self, project: str = "admin") -> Cloud:
        """Return the connection whose things belong to `project`."""
        with self._lock:
            if project not in self._clouds:
                scope = {"project_name": project, "project_domain_name": "Default"}
                self._clouds[project] = connect(self.facts, **scope)
            return self._clouds[project]

    def cloud_of(self, user: str, project: str) -> Cloud:
        """Return a connection of one of the world's users."""
        scope = {"project_name": project, "project_domain_name": "Default"}
        password = self.facts.passwords["world_users_password"]
        return connect(self.facts, username=user, password=password, **scope)


def reach(
    what: str, fetch: Callable[[], Found], good: Callable[[Found], bool], *, every: float = 0.5
) -> Found:
    """Poll until `good(fetch())`, and return what was fetched last."""
    found = [fetch()]

    def done() -> bool:
        found[0] = fetch()
        return good(found[0])

    if not good(found[0]):
        wait_for(done, what, seconds=SECONDS, every=every)
    return found[0]
