# SPDX-License-Identifier: Apache-2.0
"""Identity (Keystone) as a whole: who is known, who may do what, and where the services answer.

What Keystone never tells is not in it: password hashes, and the secrets of application credentials.
"""

from typing import Any

from day2.adapters.clock import Clock
from day2.adapters.openstack.pages import Collection, Query
from day2.adapters.openstack.session import NOT_FOUND, Session
from day2.adapters.openstack.single import Single, part
from day2.errors import BadAnswer, NotDeployed

Rows = list[dict[str, Any]]
PLAIN = (
    ("domains", "/domains"),
    ("projects", "/projects"),
    ("role_assignments", "/role_assignments"),
    ("role_inferences", "/role_inferences"),
    ("services", "/services"),
    ("endpoints", "/endpoints"),
    ("regions", "/regions"),
    ("registered_limits", "/registered_limits"),
    ("limits", "/limits"),
)
# Domains may have drivers of their own: only by its domain is everybody in a list.
BY_DOMAIN = ("users", "groups", "roles")
FEDERATION = "/OS-FEDERATION"
PATHS = {
    "user": "/users",
    "group": "/groups",
    "role": "/roles",
    "project": "/projects",
    "domain": "/domains",
    "service": "/services",
    "region": "/regions",
}


class Directory:
    """Keystone of one cloud."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self._api = Single(session, "identity", clock=clock)
        self._requests_max = session.limits.per_item_requests_max

    def tables(self) -> tuple[dict[str, Rows], list[str]]:
        """Read every table whole; return them, and the names of those that this Keystone has not.

        One request for each plain table, three for each domain, one for each group, and one for
        each user who has a role.

        Raises:
            Denied: when the account may not see one of them.
            Unreachable, BadAnswer: when one ended before its end, or is cut by Keystone.

        """
        found = {name: self._list(name, path) for name, path in PLAIN}
        domains = [str(row.get("id", "")) for row in found["domains"]]
        for name in BY_DOMAIN:
            queries = [Query(domain_id=domain) for domain in domains]
            # Roles without a domain are in a list of their own.
            queries += [Query()] if name == "roles" else []
            found[name] = [row for query in queries for row in self._list(name, f"/{name}", query)]
        self._bounded("group memberships", len(found["groups"]))
        found["group_members"] = [
            {"group_id": group["id"], "user_id": row.get("id")}
            for group in found["groups"]
            for row in self._list("users", f"/groups/{part(str(group['id']))}/users")
        ]
        found["application_credentials"] = self._application_credentials(found)
        absent = self._federation(found)
        return found, absent

    def is_there(self, kind: str, one: str) -> bool:
        """Ask for one thing by its id: whether a list that did not have it was whole.

        Raises:
            Day2Error: when Keystone does not say.

        """
        what = f"{kind} {one}"
        answer = self._api.service.ask("GET", f"{PATHS[kind]}/{part(one)}", what=what)
        if answer.status == NOT_FOUND:
            return False
        answer.require_ok(what)
        return True

    def _application_credentials(self, found: dict[str, Rows]) -> Rows:
        """List those of every user who has a role: nobody else can have made one."""
        known = {str(row["id"]) for row in found["users"]}
        direct = {str((row.get("user") or {}).get("id")) for row in found["role_assignments"]}
        users = sorted(known & (direct | {str(row["user_id"]) for row in found["group_members"]}))
        self._bounded("application credentials", len(users))
        rows = []
        for user in users:
            listed = self._list(
                "application_credentials", f"/users/{part(user)}/application_credentials"
            )
            rows += [{**row, "user_id": user} for row in listed]
        return rows

    def _federation(self, found: dict[str, Rows]) -> list[str]:
        absent = []
        for name in ("identity_providers", "mappings"):
            try:
                found[name] = self._list(name, f"{FEDERATION}/{name}")
            except NotDeployed:
                absent.append(name)
        protocols = []
        for provider in found.get("identity_providers", []):
            path = f"{FEDERATION}/identity_providers/{part(str(provider['id']))}/protocols"
            named = {"identity_provider_id": provider["id"]}
            protocols += [{**row, **named} for row in self._list("protocols", path)]
        found["protocols"] = protocols
        return absent

    def _bounded(self, what: str, requests: int) -> None:
        if requests > self._requests_max:
            raise BadAnswer(
                f"{what} would take {requests:,} requests",
                hint="setting load.per_item_requests_max",
            )

    def _list(self, key: str, path: str, query: Query | None = None) -> Rows:
        collection = Collection(
            kind=key, service="identity", path=path, key=key, row=dict, query=query or {}
        )
        rows = self._api.list(collection)
        # A link tells where this Keystone was asked, which is no content of it.
        return [{name: row[name] for name in row if name != "links"} for row in rows]
