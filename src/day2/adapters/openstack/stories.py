# SPDX-License-Identifier: Apache-2.0
"""What the services still tell of one subject: the server, what was asked of it, its image."""

import re
from typing import Any

from day2.adapters.clock import Clock
from day2.adapters.openstack.pages import Collection, Query
from day2.adapters.openstack.session import Session
from day2.adapters.openstack.single import Single, part
from day2.model.tables.compute import Migration, Server, ServerAction

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class Stories:
    """One region's services, asked about one subject; only read, in their newest words."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self._compute = Single(session, "compute", clock=clock)
        self._image = Single(session, "image", clock=clock)

    def servers(self, wanted: str) -> list[Server]:
        """Find servers by id, or by their whole name, of all projects; usually none or one."""
        # Nova takes a regular expression for a name; what it answers is compared again.
        by_id = _ID.fullmatch(wanted) is not None
        about = {"uuid": wanted} if by_id else {"name": f"^{re.escape(wanted)}$"}
        query: Query = {"all_tenants": "1", **about}
        rows = self._list("servers", "/servers/detail", "servers", Server, query)
        return [row for row in rows if wanted in {row.name, row.id}]

    def server(self, own: str) -> Server | None:
        """Read the own page of a server, which tells its fault; None when it is proven gone."""
        return self._compute.find(f"/servers/{part(own)}", f"server {own}", Server, "server")

    def actions(self, server: str, *, newest: int) -> list[ServerAction]:
        """Read what was asked of a server, oldest first, each with what became of it.

        One request for the list, and one for each of the `newest`.
        """
        path = f"/servers/{part(server)}/os-instance-actions"
        what = f"actions of server {server}"
        listed = self._list(what, path, "instanceActions", ServerAction, {})
        return [
            self._compute.read(
                f"{path}/{part(one.request_id)}", what, ServerAction, "instanceAction"
            )
            for one in reversed(listed[:newest])
        ]

    def migrations(self, server: str) -> list[Migration]:
        """List every move of a server, ended ones too."""
        query: Query = {"instance_uuid": server}
        return self._list("migrations", "/os-migrations", "migrations", Migration, query)

    def image(self, own: str) -> dict[str, str] | None:
        """Read the properties of an image that are words; None when it is gone."""
        found = self._image.find(f"/v2/images/{part(own)}", f"image {own}", dict)
        if found is None:
            return None
        return {name: value for name, value in found.items() if isinstance(value, str)}

    def _list(self, what: str, path: str, key: str, row: type[Any], query: Query) -> list[Any]:
        return self._compute.list(
            Collection(kind=what, service="compute", path=path, key=key, row=row, query=query)
        )
