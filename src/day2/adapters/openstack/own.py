# SPDX-License-Identifier: Apache-2.0
"""What day2 makes of its own and deletes again, in the project of the account that changes things.

Everything is found by its name, of this project only: others' things are never in these lists.
"""

from datetime import UTC, datetime
from typing import Any

import msgspec

from day2.adapters.clock import Clock
from day2.adapters.openstack.compute import VERSION as COMPUTE_VERSION
from day2.adapters.openstack.pages import Collection
from day2.adapters.openstack.session import FORBIDDEN, TOO_MANY, UNAUTHORIZED, Session
from day2.adapters.openstack.single import OK, REDIRECT, SERVER_ERROR, Said, Single, part
from day2.errors import BadAnswer, Denied, NotVerified, Unreachable
from day2.model.tables import Row
from day2.model.tables.compute import Server
from day2.model.tables.network import Network, Port, Router, Subnet
from day2.model.tables.storage import Volume

CONSOLE_LINES = 500
ROUTER_PORT = "network:router_interface"
TAKEN = "already allocated"
"""Neutron's words where the gateway's address was taken, and the port is not to be seen yet."""


class Thing(msgspec.Struct, frozen=True, kw_only=True):
    """One thing of ours as its service shows it; what its kind does not have stays empty.

    `address` is a port's first fixed address or a floating IP's own; `within` the port that a
    floating IP points to.
    """

    kind: str
    id: str
    name: str = ""
    status: str = ""
    task_state: str = ""
    host: str = ""
    fault: str = ""
    address: str = ""
    within: str = ""
    created_at: datetime | None = None


class _Address(Row, frozen=True, kw_only=True):
    """A floating IP; it has no name, so that its description is one."""

    id: str
    description: str = ""
    project_id: str = ""
    status: str = ""
    floating_ip_address: str = ""
    port_id: str | None = None
    created_at: datetime | None = None


class _Kind(msgspec.Struct, frozen=True, kw_only=True):
    """How one kind is asked for: its service, its pages, and the key of one in an answer."""

    service: str
    path: str
    detail: str = ""
    one: str
    row: type[msgspec.Struct]
    named: str = "name"


KINDS: dict[str, _Kind] = {
    "network": _Kind(service="network", path="/v2.0/networks", one="network", row=Network),
    "subnet": _Kind(service="network", path="/v2.0/subnets", one="subnet", row=Subnet),
    "router": _Kind(service="network", path="/v2.0/routers", one="router", row=Router),
    "port": _Kind(service="network", path="/v2.0/ports", one="port", row=Port),
    "server": _Kind(service="compute", path="/servers", detail="/detail", one="server", row=Server),
    "volume": _Kind(
        service="block-storage", path="/volumes", detail="/detail", one="volume", row=Volume
    ),
    "floating-ip": _Kind(
        service="network",
        path="/v2.0/floatingips",
        one="floatingip",
        row=_Address,
        named="description",
    ),
}
"""In the order in which they are made; they are deleted in the reverse one."""


class Own:
    """The things of one project, on the services of one region."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self._session = session
        self._apis = {
            "compute": Single(session, "compute", clock=clock, version=COMPUTE_VERSION),
            "block-storage": Single(session, "block-storage", clock=clock),
            "network": Single(session, "network", clock=clock),
        }

    @property
    def project(self) -> str:
        """The project's id."""
        return self._session.authenticate().project_id

    def named(self, kind: str, name: str) -> list[Thing]:
        """List ours of exactly this name."""
        return [thing for thing in self._list(kind, name) if thing.name == name]

    def beginning(self, kind: str, prefix: str) -> list[Thing]:
        """List ours whose name begins so."""
        return [thing for thing in self._list(kind) if thing.name.startswith(prefix)]

    def get(self, kind: str, own: str) -> Thing | None:
        """Read one; None when it is proven to be gone."""
        how = KINDS[kind]
        page = f"{how.path}/{part(own)}"
        row = self._apis[how.service].find(page, f"{kind} {own}", how.row, how.one)
        return None if row is None or self._project_of(row) != self.project else _thing(kind, row)

    def make(self, kind: str, wanted: dict[str, Any]) -> Thing:
        """Make one, by one request that is never repeated.

        Raises:
            NotVerified: when the service says no (a quota is full, something is not there).
            Unreachable: no answer, 429 or 5xx: it may have been made all the same.
            Denied: when the account has not the right.

        """
        how = KINDS[kind]
        what = f"a {kind} of our own"
        body = self._asked(how.service, "POST", how.path, what, {how.one: wanted})
        try:
            found = msgspec.json.decode(body, type=dict[str, Any])[how.one]
            # What is answered at once is less than its page: of a server hardly more than the id.
            return Thing(kind=kind, id=str(found["id"]), name=str(wanted.get(how.named, "")))
        except (msgspec.DecodeError, KeyError, TypeError):
            raise BadAnswer(f"{what}: the answer names no id") from None

    def delete(self, kind: str, own: str) -> Said:
        """Ask for its end; what the service refuses is returned."""
        how = KINDS[kind]
        path = f"{how.path}/{part(own)}"
        return self._apis[how.service].change("DELETE", path, f"{kind} {own}")

    def plug(self, router: str, subnet: str) -> None:
        """Hang a subnet on a router, unless it is there already.

        Raises:
            NotVerified: when it is refused.
            Unreachable: also while a request whose answer was lost is still at work.

        """
        if self._interfaces(router):
            return
        path = f"/v2.0/routers/{part(router)}/add_router_interface"
        try:
            self._asked("network", "PUT", path, f"router {router}", {"subnet_id": subnet})
        except NotVerified as refused:
            if TAKEN not in str(refused):
                raise
            if not self._interfaces(router):
                raise Unreachable(f"{refused}: by the request before this one") from None

    def unplug(self, router: str) -> None:
        """Take every subnet from a router."""
        for port in self._interfaces(router):
            path = f"/v2.0/routers/{part(router)}/remove_router_interface"
            self._asked("network", "PUT", path, f"router {router}", {"port_id": port})

    def attached(self, server: str) -> list[str]:
        """List the volumes that Nova has on a server."""
        found = self._apis["compute"].find(f"/servers/{part(server)}", server, Server, "server")
        return [volume.id for volume in found.volumes] if found else []

    def attach(self, server: str, volume: str) -> None:
        """Attach a volume.

        Raises:
            NotVerified: when it is refused.

        """
        path = f"/servers/{part(server)}/os-volume_attachments"
        body = {"volumeAttachment": {"volumeId": volume}}
        self._asked("compute", "POST", path, f"volume {volume}", body)

    def detach(self, server: str, volume: str) -> Said:
        """Detach a volume; what Nova refuses is returned."""
        path = f"/servers/{part(server)}/os-volume_attachments/{part(volume)}"
        return self._apis["compute"].change("DELETE", path, f"volume {volume}")

    def console(self, server: str) -> str:
        """Read the end of a server's console; empty where there is none (yet)."""
        path = f"/servers/{part(server)}/action"
        body = {"os-getConsoleOutput": {"length": CONSOLE_LINES}}
        try:
            said = self._asked("compute", "POST", path, f"console of {server}", body)
            return str(msgspec.json.decode(said, type=dict[str, Any]).get("output") or "")
        except (NotVerified, Denied, Unreachable, msgspec.DecodeError):
            return ""

    def _interfaces(self, router: str) -> list[str]:
        query = {"device_id": router, "device_owner": ROUTER_PORT}
        rows = self._apis["network"].list(
            Collection(
                kind="ports",
                service="network",
                path="/v2.0/ports",
                key="ports",
                row=Port,
                query=dict(query),
            )
        )
        return [row.id for row in rows]

    def _list(self, kind: str, name: str = "") -> list[Thing]:
        how = KINDS[kind]
        # Nova's filter is a regular expression; our names have nothing in them that means more.
        query = {how.named: name} if name else {}
        if how.service == "network":
            query["project_id"] = self.project
        rows = self._apis[how.service].list(
            Collection(
                kind=f"our own {kind}s",
                service=how.service,
                path=f"{how.path}{how.detail}",
                key=f"{how.one}s",
                row=how.row,
                query=dict(query),
                microversion_max=COMPUTE_VERSION if how.service == "compute" else None,
            )
        )
        return [_thing(kind, row) for row in rows if self._project_of(row) == self.project]

    @staticmethod
    def _project_of(row: Any) -> str:  # noqa: ANN401 - one of the rows of KINDS
        return str(row.project_id)

    def _asked(self, service: str, method: str, path: str, what: str, body: Any) -> bytes:  # noqa: ANN401 - JSON
        """Send one change and return the answer's body."""
        api = self._apis[service]
        lower = COMPUTE_VERSION if service == "compute" else None
        answer = api.service.ask(method, path, what=what, body=body, lower=lower)
        status = answer.status
        said = Said(status=status, message=answer.said)
        if OK <= status < REDIRECT:
            return answer.body
        if status == UNAUTHORIZED or (status == FORBIDDEN and "quota" not in said.message.lower()):
            raise Denied(
                f"{what}: {said}",
                hint="the account of clouds.NAME.writing lacks the right for this",
            )
        if status == TOO_MANY or status >= SERVER_ERROR:
            raise Unreachable(f"{what}: {said}")
        raise NotVerified(f"{what}: {service} refuses it: {said}")


def _aware(moment: datetime | None) -> datetime | None:
    """Return a moment with its zone: Cinder writes UTC without saying so."""
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment


def _thing(kind: str, row: Any) -> Thing:  # noqa: ANN401 - one of the rows of KINDS
    common = {"kind": kind, "id": row.id}
    match row:
        case Server():
            return Thing(
                **common,
                name=row.name,
                status=row.status,
                task_state=row.task_state or "",
                host=row.host or "",
                fault=row.fault.message if row.fault else "",
                created_at=_aware(row.created),
            )
        case _Address():
            return Thing(
                **common,
                name=row.description,
                status=row.status,
                address=row.floating_ip_address,
                within=row.port_id or "",
                created_at=_aware(row.created_at),
            )
        case Port():
            address = row.fixed_ips[0].ip_address if row.fixed_ips else ""
            return Thing(
                **common,
                name=row.name,
                status=row.status,
                host=row.host or "",
                address=address,
                created_at=_aware(row.created_at),
            )
        case _:
            return Thing(
                **common,
                name=row.name or "",
                status=getattr(row, "status", ""),
                created_at=_aware(getattr(row, "created_at", None)),
            )
