# SPDX-License-Identifier: Apache-2.0
"""Instance high availability (Masakari), as far as work on a host needs it: its maintenance."""

import msgspec

from day2.adapters.clock import Clock
from day2.adapters.openstack.session import Session
from day2.adapters.openstack.single import Said, Single, part


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """A group of hosts that stand in for each other."""

    uuid: str
    name: str = ""


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """A host as Masakari watches it; a host may be in one segment only."""

    uuid: str
    name: str
    on_maintenance: bool = False
    segment: str = ""


class InstanceHa(Single):
    """One region's Masakari."""

    def __init__(self, session: Session, clock: Clock) -> None:
        super().__init__(session, "instance-ha", clock=clock)

    def host(self, name: str) -> Watched | None:
        """Find a host among all segments; None when Masakari does not watch it.

        Raises:
            Day2Error: when a list could not be read: not read is not unwatched.

        """
        for segment in self.read("/segments", "segments", list[Segment], "segments"):
            path = f"/segments/{part(segment.uuid)}/hosts"
            rows = self.read(path, f"hosts of segment {segment.uuid}", list[Watched], "hosts")
            for row in rows:
                if row.name == name:
                    return msgspec.structs.replace(row, segment=segment.uuid)
        return None

    def maintain(self, watched: Watched, *, on: bool) -> Said:
        """Tell Masakari that a host is under maintenance: it ignores what it hears of it."""
        path = f"/segments/{part(watched.segment)}/hosts/{part(watched.uuid)}"
        what = f"maintenance of {watched.name}"
        return self.change("PUT", path, what, {"host": {"on_maintenance": on}})
