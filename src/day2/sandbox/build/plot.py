# SPDX-License-Identifier: Apache-2.0
"""What every part of the building needs: the ids of named things, and moments from ages."""

from datetime import datetime

from day2.sandbox import ids
from day2.sandbox.timing import span
from day2.sandbox.world import World


class Plot:
    """Ids by kind and name of one scenario, and its beginning."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._seed = world.scenario.seed

    def id(self, kind: str, name: str) -> str:
        """Return the UUID of a named thing."""
        return ids.uuid_of(self._seed, kind, name)

    def hex(self, kind: str, name: str) -> str:
        """Return the id of a named identity object."""
        return ids.hex_of(self._seed, kind, name)

    def project(self, name: str) -> str:
        """Return the id of a project."""
        return self.hex("project", name)

    def user(self, name: str) -> str:
        """Return the id of a user."""
        return self.hex("user", name)

    def past(self, age: str | None) -> datetime | None:
        """Return the moment that lies so far back; None without an age."""
        return None if age is None else self.ago(age)

    def ago(self, age: str) -> datetime:
        """Return the moment that lies so far back."""
        return self.world.started_at - span(age)
