# SPDX-License-Identifier: Apache-2.0
"""Make what Keystone has lost, one thing at a time and by name; take back what was made."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from day2.adapters.openstack.identity_writing import IdentityWriter
from day2.adapters.openstack.single import part
from day2.engine.action import Doing, Result, Seen
from day2.errors import NotVerified
from day2.model.outcome import Ending
from day2.model.plan import Step
from day2.operations.backup.identity_missing import Lost, Name, Thing

MAKE, UNMAKE = "backup.identity-make", "backup.identity-unmake"
GIVEN = frozenset({Thing.MEMBER, Thing.ASSIGNMENT})


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What undo needs: the id of a thing, or the page of what was given; neither: it was there."""

    thing: str = ""
    id: str = ""
    path: str = ""


class MakeLost:
    """Make one thing that a set has, unless one of its name is there."""

    name = MAKE

    def __init__(self, open_identity: Callable[[], IdentityWriter]) -> None:
        self._open = open_identity

    def look(self, step: Step) -> Seen:
        """See whether it is there; what it needs may be made by a step before."""
        lost = msgspec.convert(step.arguments, Lost)
        return Seen(already=f"{lost.label} is there" if self._there(lost) else "")

    def perform(self, step: Step, do: Doing) -> Result:
        """Make it, and see that it is there."""
        lost = msgspec.convert(step.arguments, Lost)
        made = do.act("make", lambda: self._make(lost), Made)
        if not do.read("proof", lambda: self._there(lost), bool):
            return Result(ending=Ending.FAILED, detail=f"{lost.label} is not there")
        disabled = " (disabled, without a password)" if lost.thing is Thing.USER else ""
        return Result(
            ending=Ending.DONE,
            detail=f"{lost.label} is made{disabled}",
            facts=msgspec.to_builtins(made),
        )

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Take away what was made."""
        if not facts.get("id") and not facts.get("path"):
            return None
        return step.way_back(
            UNMAKE,
            "it was made by the run that is taken back",
            arguments=dict(facts),
            irreversible="whatever was put into it since is gone with it",
        )

    def _there(self, lost: Lost) -> bool:
        api = self._open()
        if lost.thing not in GIVEN:
            return bool(self._id(api, lost.thing.value, lost.name))
        try:
            path = self._page(api, lost)
        except NotVerified:
            return False
        return api.has(path, lost.label)

    def _make(self, lost: Lost) -> Made:
        if self._there(lost):
            return Made()
        api = self._open()
        if lost.thing in GIVEN:
            path = self._page(api, lost)
            said = api.put(path, lost.label)
            if not said.ok:
                raise NotVerified(f"{lost.label}: Keystone refuses it: {said}")
            return Made(path=path)
        return Made(thing=lost.thing.value, id=api.make(lost.thing.value, self._fields(api, lost)))

    def _fields(self, api: IdentityWriter, lost: Lost) -> dict[str, Any]:
        """Return what is said of a new thing; nobody can log in as a user that is made so."""
        fields: dict[str, Any] = {"name": lost.name.name}
        if lost.description:
            fields["description"] = lost.description
        if lost.name.domain:
            fields["domain_id"] = self._need(api, "domain", Name("", lost.name.domain))
        if lost.thing in {Thing.DOMAIN, Thing.PROJECT}:
            fields["enabled"] = lost.enabled
        if lost.thing is Thing.USER:
            fields["enabled"] = False
        if lost.thing is Thing.PROJECT and lost.parent is not None:
            fields["parent_id"] = self._need(api, "project", lost.parent)
        return fields

    def _page(self, api: IdentityWriter, lost: Lost) -> str:
        """Return the page of what is given.

        Raises:
            NotVerified: when something that it names is not there.

        """
        assert lost.actor is not None  # noqa: S101 - for the type checker
        if lost.thing is Thing.MEMBER:
            group = self._need(api, "group", lost.name)
            return f"/groups/{part(group)}/users/{part(self._need(api, 'user', lost.actor))}"
        actor = self._need(api, lost.actor_kind, lost.actor)
        role = self._need(api, "role", lost.name)
        tail = f"{lost.actor_kind}s/{part(actor)}/roles/{part(role)}"
        if lost.where is None:
            return f"/system/{tail}"
        place = f"{lost.scope}s/{part(self._need(api, lost.scope, lost.where))}/{tail}"
        return f"/OS-INHERIT/{place}/inherited_to_projects" if lost.inherited else f"/{place}"

    def _need(self, api: IdentityWriter, kind: str, name: Name) -> str:
        found = self._id(api, kind, name)
        if not found:
            raise NotVerified(f"there is no {kind} {name}", hint="make it first")
        return found

    def _id(self, api: IdentityWriter, kind: str, name: Name) -> str:
        if not name.domain:
            return api.find(kind, name.name)
        domain = api.find("domain", name.domain)
        return api.find(kind, name.name, domain) if domain else ""


class UnmakeLost:
    """Take away what a run has made: by its id, or by the page of what was given."""

    name = UNMAKE

    def __init__(self, open_identity: Callable[[], IdentityWriter]) -> None:
        self._open = open_identity

    def look(self, step: Step) -> Seen:
        """See nothing: Keystone says whether it was there."""
        del step
        return Seen()

    def perform(self, step: Step, do: Doing) -> Result:
        """Take it away."""
        made = msgspec.convert(step.arguments, Made)

        def take() -> str:
            api = self._open()
            said = (
                api.take(made.path, step.subject.label)
                if made.path
                else api.remove(made.thing, made.id)
            )
            return "" if said.ok or said.status == GONE else str(said)

        refused = do.act("take", take, str)
        if refused:
            return Result(ending=Ending.FAILED, detail=f"Keystone refuses it: {refused}")
        return Result(ending=Ending.DONE, detail=f"{step.subject.label} is gone")

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Return nothing: restore it again from the set."""
        del step, facts
        return None


GONE = 404
