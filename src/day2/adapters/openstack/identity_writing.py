# SPDX-License-Identifier: Apache-2.0
"""Keystone's things one at a time: found by name, made, given, and taken away again."""

from typing import Any

import msgspec

from day2.adapters.clock import Clock
from day2.adapters.openstack.pages import Collection, Query
from day2.adapters.openstack.session import (
    FORBIDDEN,
    NOT_FOUND,
    TOO_MANY,
    UNAUTHORIZED,
    Session,
)
from day2.adapters.openstack.single import OK, REDIRECT, SERVER_ERROR, Said, Single, part
from day2.errors import Denied, NotVerified, Unreachable

PATHS = {
    "domain": "/domains",
    "project": "/projects",
    "role": "/roles",
    "group": "/groups",
    "user": "/users",
}


class IdentityWriter:
    """Keystone of one cloud, with the calls that change it."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self._api = Single(session, "identity", clock=clock)

    def find(self, kind: str, name: str, domain: str = "") -> str:
        """Return the id of a thing of exactly this name; empty when there is none.

        `domain` is the id of its domain, empty for what has none.

        Raises:
            Denied, Unreachable, BadAnswer: when Keystone does not say.

        """
        query = Query(name=name)
        if domain:
            query["domain_id"] = domain
        rows = self._list(f"{kind}s", PATHS[kind], query)
        for row in rows:
            own = "" if kind == "domain" else str(row.get("domain_id") or "")
            if (row.get("name"), own) == (name, domain):
                return str(row["id"])
        return ""

    def make(self, kind: str, fields: dict[str, Any]) -> str:
        """Make a thing, by one request that is never repeated; return its id.

        Raises:
            NotVerified: when Keystone says no.
            Denied, Unreachable: as ever; after the latter it may have been made all the same.

        """
        what = f"{kind} {fields.get('name')}"
        answer = self._api.service.ask("POST", PATHS[kind], what=what, body={kind: fields})
        if OK <= answer.status < REDIRECT:
            return str(msgspec.json.decode(answer.body, type=dict[str, Any])[kind]["id"])
        said = Said(status=answer.status, message=answer.said)
        if answer.status in {UNAUTHORIZED, FORBIDDEN}:
            raise Denied(
                f"{what}: {said}", hint="the account of clouds.NAME.writing needs the role admin"
            )
        if answer.status == TOO_MANY or answer.status >= SERVER_ERROR:
            raise Unreachable(f"{what}: {said}")
        raise NotVerified(f"{what}: Keystone refuses it: {said}")

    def remove(self, kind: str, own: str) -> Said:
        """Remove a thing; a domain is disabled before, as Keystone wants it."""
        path = f"{PATHS[kind]}/{part(own)}"
        if kind == "domain":
            said = self._api.change("PATCH", path, f"domain {own}", {"domain": {"enabled": False}})
            if not said.ok:
                return said
        return self._api.change("DELETE", path, f"{kind} {own}")

    def put(self, path: str, what: str) -> Said:
        """Give a role or a membership; given already, it stays as it is."""
        return self._api.change("PUT", path, what)

    def take(self, path: str, what: str) -> Said:
        """Take a role or a membership away; 404 says that it was not there."""
        said = self._api.change("DELETE", path, what)
        return Said(status=OK) if said.status == NOT_FOUND else said

    def has(self, path: str, what: str) -> bool:
        """Ask whether a role or a membership is given: its page answers nothing else."""
        answer = self._api.service.ask("HEAD", path, what=what)
        if answer.status == NOT_FOUND:
            return False
        answer.require_ok(what)
        return True

    def _list(self, key: str, path: str, query: Query) -> list[dict[str, Any]]:
        collection = Collection(
            kind=key, service="identity", path=path, key=key, row=dict, query=query
        )
        found: list[dict[str, Any]] = self._api.list(collection)
        return found
