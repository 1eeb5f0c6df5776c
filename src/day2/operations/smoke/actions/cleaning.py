# SPDX-License-Identifier: Apache-2.0
"""Delete what a smoke run made, in the reverse order, and prove of each that it is gone.

It is found by name as well as by what was recorded: what was made in the moment before a kill is in
no record. One thing that does not go never keeps the others.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

from day2.adapters.openstack.own import KINDS, Thing
from day2.engine.action import Doing
from day2.errors import Day2Error
from day2.operations.smoke.actions.cloud import At, Cloud, Removed
from day2.operations.smoke.actions.trial import Trial
from day2.operations.smoke.plan import PREFIX, Leftover, SmokeArguments

NOT_FOUND = 404
FREE = frozenset({"available", "error", "error_attaching", "error_detaching", "error_restoring"})
ORDER = ("floating-ip", "server", "volume", "port", "router", "subnet", "network")
"""A server lets go of its volume when it ends, and nothing else makes sure that it does."""


class Cleaning:
    """Deletes things of ours, by durable calls."""

    def __init__(self, cloud: Cloud, do: Doing, given: SmokeArguments) -> None:
        self._cloud = cloud
        self._do = do
        self._seconds = given.clean_seconds_max
        self._hours = given.leftover_hours
        self.left: list[str] = []

    def leftovers(self, found: Sequence[Leftover]) -> None:
        """Delete what runs before this one left, as far as it is theirs and old enough still."""
        for kind in ORDER:
            ids = [leftover.id for leftover in found if leftover.kind == kind]
            if ids:
                self._remove(f"old-{kind}", kind, partial(self._old, kind, ids))

    def own(self, trial: Trial) -> None:
        """Delete everything of a run's name, and what it recorded to have made."""
        if trial.opened:
            self._guarded("trait", lambda: trial.close("-last"))
        if {"server", "volume"} <= trial.made.keys():
            self._guarded("volume", lambda: self._detach(trial))
        for kind in self._kinds(trial.given):
            known = trial.made.get(kind, "")
            self._remove(kind, kind, partial(self._ours, kind, trial.name, known))
        self._guarded("things", lambda: self._look_again(trial))

    @staticmethod
    def _kinds(given: SmokeArguments) -> list[str]:
        wanted = {"server", "port"}
        wanted |= {"volume"} if given.volume_gib else set()
        wanted |= {"floating-ip"} if given.external else set()
        if not given.network:
            wanted |= {"router", "subnet", "network"} if given.external else {"subnet", "network"}
        return [kind for kind in ORDER if kind in wanted]

    def _detach(self, trial: Trial) -> None:
        """Detach the volume, as its owner would; should that fail, the server's end does it."""
        server, volume = trial.made["server"], trial.made["volume"]
        own = self._cloud.own

        def detach() -> At:
            said = own.detach(server, volume) if volume in own.attached(server) else None
            return At(at=self._cloud.at(), said=str(said) if said and not said.ok else "")

        self._do.say("detaches the volume")
        self._do.act("detach", detach, At)
        self._do.wait("detached", lambda: self._is_free(volume), bool, seconds_max=self._seconds)

    def _is_free(self, volume: str) -> bool | None:
        now = self._cloud.own.get("volume", volume)
        return True if now is None or now.status in FREE else None

    def _ours(self, kind: str, name: str, known: str) -> Removed:
        found = {thing.id for thing in self._cloud.own.named(kind, name)}
        return self._delete(kind, sorted(found | ({known} if known else set())))

    def _old(self, kind: str, ids: Sequence[str]) -> Removed:
        """Delete those that are ours by name and project, and older than leftovers must be."""
        young = self._cloud.clock.now() - timedelta(hours=self._hours)
        found = [self._cloud.own.get(kind, own) for own in ids]
        old = [
            thing.id
            for thing in found
            if thing is not None and thing.name.startswith(PREFIX) and _older(thing, young)
        ]
        return self._delete(kind, old)

    def _delete(self, kind: str, ids: Sequence[str]) -> Removed:
        refused = []
        for own in ids:
            if kind == "router" and self._cloud.own.get(kind, own) is not None:
                self._cloud.own.unplug(own)
            said = self._cloud.own.delete(kind, own)
            if not said.ok and said.status != NOT_FOUND:
                refused.append(f"{kind} {own}: {said}")
        return Removed(ids=list(ids), refused=refused)

    def _remove(self, call: str, kind: str, delete: Callable[[], Removed]) -> None:
        self._guarded(kind, lambda: self._removed(call, kind, delete))

    def _removed(self, call: str, kind: str, delete: Callable[[], Removed]) -> None:
        self._do.say(f"deletes its {kind}")
        if kind == "volume":
            # Cinder refuses to delete what a server that is just ending still holds.
            seconds = self._seconds
            self._do.wait(f"free-{call}", self._all_free, bool, seconds_max=seconds)
        removed = self._do.act(f"delete-{call}", delete, Removed)
        if not removed.ids:
            return
        gone = self._do.wait(
            f"gone-{call}",
            lambda: self._are_gone(kind, removed.ids),
            bool,
            seconds_max=self._seconds,
        )
        if not gone:
            why = f" ({'; '.join(removed.refused)})" if removed.refused else ""
            self.left.append(f"{kind} {', '.join(removed.ids)}: there after all{why}")

    def _all_free(self) -> bool | None:
        found = self._cloud.own.beginning("volume", f"{PREFIX}{self._do.run}-")
        return True if all(thing.status in FREE for thing in found) else None

    def _are_gone(self, kind: str, ids: Sequence[str]) -> bool | None:
        """Tell whether each is proven to be gone: a 404 on its id."""
        return True if all(self._cloud.own.get(kind, own) is None for own in ids) else None

    def _look_again(self, trial: Trial) -> None:
        """List once more: nothing of the run's name may be there."""

        def still() -> list[str]:
            return [
                f"{kind} {thing.id}"
                for kind in KINDS
                if kind in self._kinds(trial.given)
                for thing in self._cloud.own.named(kind, trial.name)
            ]

        for found in self._do.read("still-there", still, list[str]):
            if not any(found.split(" ")[1] in known for known in self.left):
                self.left.append(f"{found}: there after all")

    def _guarded(self, what: str, function: Callable[[], None]) -> None:
        """Do it; a failure is written down and does not keep what follows."""
        try:
            function()
        except Day2Error as error:
            self.left.append(f"{what}: not known to be gone: {error}")


def _older(thing: Thing, than: datetime) -> bool:
    """Tell whether a thing is older; subnets have no date of their own and go with the network."""
    return thing.created_at is None or thing.created_at < than
