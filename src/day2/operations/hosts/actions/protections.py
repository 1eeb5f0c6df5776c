# SPDX-License-Identifier: Apache-2.0
"""Hold off Ceph and Masakari while a host is away, and let them be as they were."""

from collections.abc import Mapping
from typing import Any

import msgspec

from day2.adapters.ceph import CephFlags
from day2.adapters.openstack.instance_ha import InstanceHa
from day2.engine.action import Doing, Result, Seen
from day2.model.outcome import Ending
from day2.model.plan import Step
from day2.operations.hosts.actions.cloud import arguments

NO_OSD = "Ceph has no host of this name: no OSD is on it"
UNWATCHED = "Masakari does not watch it"


class CephArguments(msgspec.Struct, frozen=True, kw_only=True):
    """The names that the host may have in Ceph's map."""

    names: list[str]


class Flagged(msgspec.Struct, frozen=True, kw_only=True):
    """A host in Ceph's map: `changed` when it was we who changed its flag."""

    bucket: str
    changed: bool


class _Noout:
    """`noout` of one host's OSDs, on or off."""

    name = ""
    on = True
    opposite = ""

    def __init__(self, ceph: CephFlags) -> None:
        self._ceph = ceph

    def look(self, step: Step) -> Seen:
        """Read the map; a host without OSDs needs nothing."""
        bucket = self._ceph.bucket(arguments(step, CephArguments).names)
        if not bucket:
            return Seen(already=NO_OSD)
        is_set = self._ceph.is_set(bucket)
        already = f"noout is {'set' if is_set else 'not set'} already" if is_set is self.on else ""
        return Seen(facts={"noout": is_set}, already=already)

    def perform(self, step: Step, do: Doing) -> Result:
        """Change the flag and read it again."""
        given = arguments(step, CephArguments)
        # What was so before is told by the first record alone: killed after the change, the act
        # itself finds it changed.
        before = do.read("before", lambda: self._now(given), Flagged)
        done = do.act("change", lambda: self._change(given), Flagged)
        now = do.read("proof", lambda: self._ceph.is_set(done.bucket), bool)
        facts = {"bucket": done.bucket, "changed": before.changed}
        if now is not self.on:
            said = f"Ceph accepted it, and shows noout {'set' if now else 'not set'}"
            return Result(ending=Ending.FAILED, detail=said, facts=facts)
        said = f"noout {'set' if self.on else 'unset'} for the OSDs of {done.bucket}"
        return Result(ending=Ending.DONE, detail=said, facts=facts)

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Take it back, if it was changed by this step, or may have been: it was not so before."""
        if not facts.get("changed") and not facts.get("acted"):
            return None
        return msgspec.structs.replace(
            step,
            action=self.opposite,
            why=f"takes back: {step.why}",
            fingerprint={},
            undo="do it again",
        )

    def _now(self, given: CephArguments) -> Flagged:
        bucket = self._ceph.bucket(given.names)
        changed = bool(bucket) and self._ceph.is_set(bucket) is not self.on
        return Flagged(bucket=bucket, changed=changed)

    def _change(self, given: CephArguments) -> Flagged:
        now = self._now(given)
        if now.changed:
            self._ceph.change(now.bucket, on=self.on)
        return now


class Noout(_Noout):
    """Let Ceph not rebuild what is on the host's OSDs."""

    name, on, opposite = "ceph.noout", True, "ceph.unset-noout"


class UnsetNoout(_Noout):
    """Let Ceph rebuild again."""

    name, on, opposite = "ceph.unset-noout", False, "ceph.noout"


class MaintenanceArguments(msgspec.Struct, frozen=True, kw_only=True):
    """The host as Nova names it, and whether it is to be under maintenance."""

    host: str
    on: bool


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """What Masakari said, empty when it took the change; `changed` when there was one."""

    changed: bool
    refused: str = ""


class Maintenance:
    """Tell Masakari that a host is under maintenance, or that it is not any more."""

    name = "masakari.maintenance"

    def __init__(self, masakari: InstanceHa) -> None:
        self._masakari = masakari

    def look(self, step: Step) -> Seen:
        """Read the host; one that is not watched needs nothing."""
        given = arguments(step, MaintenanceArguments)
        found = self._masakari.host(given.host)
        if found is None:
            return Seen(already=UNWATCHED)
        is_so = found.on_maintenance is given.on
        already = f"is {'' if given.on else 'not '}under maintenance already" if is_so else ""
        return Seen(facts={"on_maintenance": found.on_maintenance}, already=already)

    def perform(self, step: Step, do: Doing) -> Result:
        """Change it and read it again."""
        given = arguments(step, MaintenanceArguments)
        differs = do.read("before", lambda: self._is(given.host) is not given.on, bool)
        done = do.act("change", lambda: self._change(given), Changed)
        facts = {"changed": differs, "on": given.on}
        if done.refused:
            said = f"Masakari refuses it: {done.refused}"
            return Result(ending=Ending.FAILED, detail=said, facts={"changed": False})
        if do.read("proof", lambda: self._is(given.host), bool) is not given.on:
            said = "Masakari accepted it, and shows it otherwise"
            return Result(ending=Ending.FAILED, detail=said, facts=facts)
        said = f"Masakari {'leaves it alone' if given.on else 'watches it again'}"
        return Result(ending=Ending.DONE, detail=said, facts=facts)

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Take it back, if it was changed by this step, or may have been: it was not so before."""
        if not facts.get("changed") and not facts.get("acted"):
            return None
        given = {**step.arguments, "on": not step.arguments["on"]}
        return msgspec.structs.replace(
            step,
            arguments=given,
            why=f"takes back: {step.why}",
            fingerprint={},
            undo="do it again",
        )

    def _is(self, host: str) -> bool:
        found = self._masakari.host(host)
        return found is not None and found.on_maintenance

    def _change(self, given: MaintenanceArguments) -> Changed:
        found = self._masakari.host(given.host)
        if found is None or found.on_maintenance is given.on:
            return Changed(changed=False)
        answer = self._masakari.maintain(found, on=given.on)
        return Changed(changed=True, refused="" if answer.ok else str(answer))
