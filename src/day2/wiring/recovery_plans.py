# SPDX-License-Identifier: Apache-2.0
"""The recovery of one cloud on paper, drills of it, and what they measured."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from msgspec import structs

from day2.errors import BadUsage, Refused
from day2.model.backup import Kind, Level
from day2.operations.recovery.phases import INDISPENSABLE
from day2.operations.recovery.policy import RecoveryPolicy

if TYPE_CHECKING:
    from datetime import datetime

    from day2.engine.action import Action
    from day2.model.backup import Found
    from day2.model.plan import Plan, Step
    from day2.model.recovery import Drill, Procedure, SetInUse
    from day2.wiring.site import Site

RANDOM_BYTES = 2
COMPARED = 3
LATEST, RANDOM = "latest", "random"


def actions(site: "Site") -> "Mapping[str, Action]":
    """Return the actions of recoveries by name; what they look with is wired when it is used."""
    from day2.operations.recovery.actions.looking import Ready, Reconcile
    from day2.operations.recovery.actions.record import Record
    from day2.operations.recovery.actions.smoke import Smoke
    from day2.wiring.reconcile import reconcile
    from day2.wiring.recovery import preflight

    made: list[Action] = [
        Ready(lambda: preflight(site, identity="")),
        Reconcile(lambda: reconcile(site)),
        Smoke(lambda: _smoke_step(site), lambda: _smoke_action(site)),
        Record(lambda: site.memory, site.clock, lambda found: _drilled(site, found)),
    ]
    return {action.name: action for action in made}


def _drilled(site: "Site", found: "Drill") -> None:
    """Append beside each set that services were brought back from it; once for each drill."""
    from day2.model.backup import Record, Told

    vault = site.backups.vault
    said = f"drilled by {found.id}"
    for used in found.sets:
        one = vault.find(used.id)
        if any(record.detail == said for record in one.records):
            continue
        vault.record(
            Record(
                set=used.id,
                manifest_sha256=one.sha256,
                told=Told.VERIFIED,
                at=site.clock.now(),
                by=found.by,
                level=Level.DRILLED,
                seconds=found.rto_seconds,
                detail=said,
            )
        )


def _smoke_step(site: "Site") -> "Step":
    from day2.wiring import smoke

    return smoke.step(site, host="", why="the cloud was recovered")


def _smoke_action(site: "Site") -> "Action":
    from day2.operations.smoke.actions.server import SmokeServer
    from day2.wiring.smoke import smoke_cloud

    return SmokeServer(smoke_cloud(site))


def procedure(site: "Site") -> "Procedure":
    """Lay out how the cloud would be recovered now.

    Raises:
        BadSettings, Unreachable: when there is no vault, or it cannot be read.

    """
    from day2.operations.recovery.procedure import procedure as made

    taken = _sets(site, site.backups.vault.sets(), LATEST)
    return made(
        {kind: in_use(one) for kind, one in taken.items()},
        site.backups.policy.kinds,
        _policy(site),
        _kept(site, 3 * COMPARED),
        site.clock.now(),
    )


def drill(site: "Site", *, chosen: str, real: bool, ticket: str) -> "Plan":
    """Plan a drill with the newest sets, a random one of the databases, or a named one.

    Raises:
        BadUsage: when there is no such set.
        Refused: when this cloud may not be changed so.

    """
    from day2.operations.recovery import drill as room

    site.changes.require("propose")
    policy = _policy(site)
    taken = _sets(site, site.backups.vault.sets(), chosen)
    if Kind.DATABASE not in taken:
        raise BadUsage(
            "there is no set of the databases that could be restored",
            hint="day2 backup run database",
        )
    if real and not policy.test_cloud:
        raise Refused(
            f"{site.cloud} is no test cloud: a drill restores into scratch servers and folders",
            hint=f"clouds.{site.cloud}.recovery_plan.test_cloud: true lets it be taken down",
        )
    asked = site.changes.asked(room.KIND, ticket)
    if not real:
        used = [in_use(one) for one in taken.values()]
        return room.plan_drill(_scratch(site, taken), used, asked, policy, depth=room.SCRATCH)
    phases, whole = _for_real(site, taken, mark=asked.id, ticket=ticket)
    used = [in_use(taken[kind]) for kind in INDISPENSABLE if kind in taken]
    made = room.plan_drill(phases, used, asked, policy, depth=room.REAL)
    return structs.replace(made, refused=whole.refused, protected=whole.protected)


def _scratch(site: "Site", taken: "Mapping[Kind, Found]") -> "list[tuple[str, Sequence[Step]]]":
    """Return the steps by phase of a drill that touches nothing."""
    from day2.operations.recovery import drill as room
    from day2.operations.recovery.phases import PHASES

    made: list[tuple[str, Sequence[Step]]] = []
    for phase in PHASES:
        steps = [_proof(site, taken[kind]) for kind in phase.kinds if kind in taken]
        if phase.name == "prepare":
            steps = [room.ready_step(site.cloud), *steps]
        elif phase.name == "compute":
            steps = [*steps, room.reconcile_step(site.cloud, gate=False)]
        if steps:
            made.append((phase.name, steps))
    return made


def _for_real(
    site: "Site", taken: "Mapping[Kind, Found]", *, mark: str, ticket: str
) -> "tuple[list[tuple[str, Sequence[Step]]], Plan]":
    """Return the steps by phase of a drill on the cloud itself, and the plan of its databases.

    Raises:
        Refused, BadSettings: as a whole restore.

    """
    from day2.operations.backup.actions import config, outage
    from day2.operations.recovery import drill as room

    whole = site.backups.whole.plan(taken[Kind.DATABASE].manifest.id, ticket=ticket)
    later = {outage.JOIN_NODE, outage.START_SERVICES}
    phases: list[tuple[str, Sequence[Step]]] = [("prepare", [room.ready_step(site.cloud)])]
    if Kind.CONFIG in taken:
        one = taken[Kind.CONFIG]
        folder = str(site.state.absolute() / "aside" / mark)
        put = config.step(one.manifest.id, one.sha256, folder=folder, mark=mark)
        phases.append(("config", [put]))
    phases += [
        ("database", [step for step in whole.steps if step.action not in later]),
        ("control", [step for step in whole.steps if step.action in later]),
        ("compute", [room.reconcile_step(site.cloud, gate=True)]),
        ("smoke", [room.smoke_step(site.cloud)]),
    ]
    return phases, whole


def _proof(site: "Site", found: "Found") -> "Step":
    """Return the step that restores a set into scratch and compares it."""
    (step,) = site.backups.plans.verify([found], level=Level.RESTORED, ticket="").steps
    return structs.replace(step, chain=found.manifest.kind.value)


def drills(site: "Site", name: str) -> "tuple[Drill | None, list[Drill], list[str]]":
    """Return a drill (the newest without a name), the three before it, and what is wrong.

    Raises:
        BadUsage: when there is no such drill.

    """
    kept = _kept(site, 1000)
    found = [one for one in kept if one.id.startswith(name)]
    if name and not found:
        raise BadUsage(f"no drill {name!r}", hint="day2 recovery show lists the newest")
    if not found:
        return None, [], ["there was no drill yet: day2 recovery drill"]
    shown = found[0]
    before = [one for one in kept if one.at < shown.at and one.depth == shown.depth][:COMPARED]
    troubles = []
    if not shown.ok:
        troubles.append(f"{shown.id} did not recover everything")
    elif shown.is_late:
        troubles.append(f"{shown.id} passed a bound of the policy")
    days = (site.clock.now() - shown.at).days
    if not name and days > _policy(site).drill_days_max:
        bound = f"recovery_plan.drill_days_max = {_policy(site).drill_days_max}"
        troubles.append(f"the newest drill is {days} days old; {bound}")
    return shown, before, troubles


def was_kept(site: "Site", name: str) -> bool:
    """Tell whether a drill came as far as to be measured."""
    return any(one.id == name for one in _kept(site, COMPARED))


def in_use(found: "Found") -> "SetInUse":
    """Return what a recovery keeps of a set; `seconds` is what its last proof by restore took."""
    from day2.model.backup import Told
    from day2.model.recovery import SetInUse

    proofs = [
        record.seconds
        for record in found.records
        if record.told is Told.VERIFIED and record.ok and record.level is Level.RESTORED
    ]
    return SetInUse(
        kind=found.manifest.kind.value,
        id=found.manifest.id,
        sha256=found.sha256,
        holds_at=found.holds_at,
        level=found.level.value,
        bytes=found.manifest.bytes,
        seconds=proofs[-1] if proofs else 0.0,
    )


def _sets(site: "Site", found: "Sequence[Found]", chosen: str) -> "dict[Kind, Found]":
    """Return the set of each kind that is taken: all fit that of the databases.

    With the newest ones, one that was proven by a restore comes before a newer one that was not,
    unless it is older than policy allows.
    """
    from day2.operations.backup.standing import usable

    good = [one for one in usable(found) if one.manifest.method.value != "adopted"]
    rows: dict[Kind, list[Found]] = {}
    for one in good:
        rows.setdefault(one.manifest.kind, []).append(one)
    policy, now = site.backups.policy, site.clock.now()
    if chosen == LATEST:
        return {kind: _newest(of_kind, now - policy.rpo(kind)) for kind, of_kind in rows.items()}
    if chosen == RANDOM:
        since = now - timedelta(days=_policy(site).random_days)
        choice = [one for one in rows.get(Kind.DATABASE, []) if one.holds_at >= since]
        if not choice:
            raise BadUsage("no set of the databases is young enough to pick one at random")
        database = secrets.choice(choice)
    else:
        database = site.backups.vault.find(chosen)
        if database.manifest.kind is not Kind.DATABASE:
            raise BadUsage(f"{database.manifest.id} is no set of the databases")
    moment = database.manifest.taken_at
    fitting = {
        kind: ([o for o in of_kind if o.manifest.taken_at <= moment] or of_kind[:1])[-1]
        for kind, of_kind in rows.items()
    }
    return {**fitting, Kind.DATABASE: database}


def _newest(rows: "Sequence[Found]", since: "datetime") -> "Found":
    proven = [r for r in rows if r.level >= Level.RESTORED and r.holds_at >= since]
    return proven[-1] if proven else rows[-1]


def _policy(site: "Site") -> RecoveryPolicy:
    return site.section("recovery_plan", RecoveryPolicy)


def _kept(site: "Site", count: int) -> "list[Drill]":
    from day2.memory import drills as memory

    return memory.listed(site.memory, site.cloud, site.region, count=count)
