# SPDX-License-Identifier: Apache-2.0
"""Plans of backups: which sets are taken, proven, condemned, removed; each step names its set."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from day2.adapters.adopting.recognise import Candidate
from day2.adapters.vaults.vault import Draft
from day2.model.backup import Found, Kind, Level, Method
from day2.model.finding import Subject
from day2.model.plan import Asked, Plan, Refusal, Step
from day2.model.tables.storage import Volume
from day2.operations.backup.actions import copy, restore, take, verify, volume
from day2.operations.backup.selecting import why_not

TAKE, VERIFY, PRUNE, ADOPT = "backup-run", "backup-verify", "backup-prune", "backup-adopt"
RESTORE, COPY = "backup-restore", "backup-copy"
# Database before storage: rows that point to missing data are worse than data without rows.
ORDER = (
    Kind.DATABASE,
    Kind.CONFIG,
    Kind.IDENTITY,
    Kind.VOLUMES,
    Kind.RBD,
    Kind.IMAGES,
    Kind.DAY2,
)
AT_ONCE = {"backup": 1}
# What a backup service of ordinary make brings away.
SECONDS_PER_GIB = 10.0


class Volumes(msgspec.Struct, frozen=True, kw_only=True):
    """Volumes that Cinder is to back up, and how long one may take."""

    wanted: list[Volume]
    seconds_max: float


class Around(msgspec.Struct, frozen=True, kw_only=True):
    """Steps before and behind those of one set; `plan_run` numbers them."""

    before: list[Step] = []
    behind: list[Step] = []


def set_id(kind: Kind, at: datetime, random: str) -> str:
    """Name a set: kind, moment, and four letters that keep two of one second apart."""
    return f"{kind.value}-{at:%Y%m%d-%H%M%S}-{random}"


def plan_run(
    drafts: Sequence[Draft],
    asked: Asked,
    *,
    level: Level,
    seconds: Mapping[Kind, float],
    copy_to: Mapping[Kind, str] | None = None,
    volumes: Volumes | None = None,
    around: Mapping[str, Around] | None = None,
    last: Sequence[Step] = (),
) -> Plan:
    """Plan to take these sets one after another, and to prove each to a level (0: not at all).

    `copy_to` names where sets of a kind are copied then; a kind that is not in it: nowhere. The
    backups of volumes are made by Cinder before the set that keeps their records. `around` has
    further steps by the set's id, and `last` those that have nothing to do with any.
    """
    steps: list[Step] = []

    def add(beside: Sequence[Step], stage: int, chain: str = "") -> None:
        for step in beside:
            n, own = len(steps) + 1, chain or step.chain
            steps.append(msgspec.structs.replace(step, n=n, stage=stage, chain=own))

    ordered = sorted(drafts, key=lambda draft: ORDER.index(draft.kind))
    for number, draft in enumerate(ordered):
        stage = 2 * number + 1
        if draft.kind is Kind.VOLUMES and volumes is not None:
            steps += _volumes(len(steps) + 1, volumes, draft, stage=stage - 1)
        subject = Subject(type="backup-set", id=draft.id, name=draft.id)
        usual = seconds.get(draft.kind, 60.0)
        beside = (around or {}).get(draft.id, Around())
        add(beside.before, stage, draft.id)
        base = f" on top of {draft.parent}" if draft.parent else ""
        why = f"{draft.kind.value}, {draft.method.value}{base}"
        taken = _take(len(steps) + 1, subject, draft, why=why, stage=stage)
        steps.append(msgspec.structs.replace(taken, seconds_expected=usual))
        if level > Level.COMMITTED:
            steps.append(proof(len(steps) + 1, subject, level, stage=stage, seconds=2 * usual))
        if where := (copy_to or {}).get(draft.kind):
            steps.append(_copy(len(steps) + 1, subject, where, stage=stage))
        add(beside.behind, stage, draft.id)
    add(last, 2 * len(ordered) + 1)
    counted = Counter(draft.kind.value for draft in ordered)
    kinds = ", ".join(f"{n} of {kind}" if n > 1 else kind for kind, n in counted.items())
    plan = sealed(
        TAKE,
        asked,
        steps,
        summary=f"back up {kinds or 'nothing'}"
        + (f", proven to level {level.value}" if level else ""),
    )
    return msgspec.structs.replace(plan, refused=_left_alone(volumes))


def _volumes(first: int, volumes: Volumes, draft: Draft, *, stage: int) -> list[Step]:
    return [
        Step(
            n=number,
            action=volume.NAME,
            subject=Subject(type="volume", id=one.id, name=one.name or "", project=one.project_id),
            why="backup.volumes_selector means it",
            stage=stage,
            chain=one.id,
            arguments={"name": f"day2-{draft.id}", "seconds_max": volumes.seconds_max},
            fingerprint={"size": one.size, "project": one.project_id},
            undo="delete the backup that was made",
            limits=AT_ONCE,
            seconds_expected=60.0 + SECONDS_PER_GIB * one.size,
        )
        for number, one in enumerate((v for v in volumes.wanted if not why_not(v)), start=first)
    ]


def _left_alone(volumes: Volumes | None) -> list[Refusal]:
    """Name the volumes that are meant, and that Cinder would not back up as they are."""
    wanted = volumes.wanted if volumes is not None else []
    return [
        Refusal(
            subject=Subject(type="volume", id=one.id, name=one.name or "", project=one.project_id),
            why=why_not(one),
        )
        for one in wanted
        if why_not(one)
    ]


def plan_adopt(
    candidates: Sequence[Candidate], known: Sequence[str], asked: Asked, *, level: Level, by: str
) -> Plan:
    """Plan to examine backups that others took, oldest first; those in the vault are left alone."""
    fulls = {one.epoch: one.id for one in candidates if one.method is Method.FULL}
    steps: list[Step] = []
    refused: list[Refusal] = []
    for one in candidates:
        subject = Subject(type="backup-set", id=one.id, name=one.path)
        if one.id in known:
            refused.append(Refusal(subject=subject, why="it was adopted before"))
            continue
        draft = Draft(
            id=one.id,
            kind=Kind.DATABASE,
            method=Method.ADOPTED,
            region=asked.region,
            foundation=asked.foundation,
            by=by,
            parent=fulls.get(one.base, "") if one.base else "",
            about={"candidate": msgspec.json.encode(one).decode()},
        )
        why = f"a {one.form.value} of {one.taken_at:%Y-%m-%d %H:%M}, by its {one.dated_by}"
        if one.base and one.base not in fulls:
            why += "; the full backup that it needs is not there"
        # One chain: what an increment stands on is in the vault before it.
        both = (
            _take(len(steps) + 1, subject, draft, why=why, stage=0),
            proof(len(steps) + 2, subject, level, stage=0, seconds=60),
        )
        steps += [msgspec.structs.replace(step, chain="adopt") for step in both]
    made = sealed(ADOPT, asked, steps, summary=f"look at {len(steps) // 2} backups of others")
    return msgspec.structs.replace(made, refused=refused)


def plan_verify(found: Sequence[Found], asked: Asked, *, level: Level) -> Plan:
    """Plan to prove these sets to a level, one after another."""
    steps = []
    for number, one in enumerate(found, start=1):
        subject = Subject(type="backup-set", id=one.manifest.id, name=one.manifest.id)
        made = proof(number, subject, level, stage=0, seconds=one.manifest.seconds)
        steps.append(msgspec.structs.replace(made, fingerprint={"sha256": one.sha256}))
    return sealed(VERIFY, asked, steps, summary=f"prove {len(steps)} sets to level {level.value}")


def plan_restore(
    found: Found,
    schema: str,
    asked: Asked,
    *,
    aside: str,
    revision: str,
    other_cloud: str,
    in_use: str,
    refers: str,
) -> Plan:
    """Plan to put one schema back: the set is restored into a scratch server first.

    `revision` says how the set's schema differs from that of now, `other_cloud` of which cloud the
    set is when it is not this one, `in_use` who is connected, and `refers` what else knows what is
    in it.
    """
    set_subject = Subject(type="backup-set", id=found.manifest.id, name=found.manifest.id)
    verify_step = proof(1, set_subject, Level.RESTORED, stage=0, seconds=found.manifest.seconds)
    verify_step = msgspec.structs.replace(
        verify_step, required=True, fingerprint={"sha256": found.sha256}
    )
    radius = [f"whatever was written to {schema} since {found.manifest.taken_at:%Y-%m-%d %H:%M}"]
    if in_use:
        radius.append(f"{in_use}; they must be stopped first, or the restore refuses")
    if refers:
        radius.append(f"others that know what is in it: {refers}")
    restore_step = Step(
        n=2,
        action=restore.RESTORE,
        subject=Subject(type="schema", id=schema, name=schema),
        why=f"{schema} becomes what it was at {found.manifest.taken_at:%Y-%m-%d %H:%M} UTC",
        stage=1,
        chain=schema,
        arguments={"set": found.manifest.id, "aside": aside},
        fingerprint={"sha256": found.sha256, "state": found.state.value},
        undo=f"what is there now is kept in {aside} and put back",
        radius=radius,
        limits=AT_ONCE,
        seconds_expected=2 * found.manifest.seconds,
    )
    schemas = (
        f"{revision}: an older one needs `db sync` of the service afterwards, a newer one cannot "
        "be used by the code that runs"
    )
    cloud = (
        f"the set is of another cloud: {other_cloud}, not {asked.foundation}; accept it only where "
        "this cloud has a new address"
    )
    refused = [
        Refusal(
            subject=restore_step.subject, why=why, kind=kind, blocker=True, allow=f"other-{kind}"
        )
        for said, kind, why in ((revision, "revision", schemas), (other_cloud, "cloud", cloud))
        if said
    ]
    made = sealed(
        RESTORE,
        asked,
        [verify_step, restore_step],
        summary=f"put {schema} back to {found.manifest.taken_at:%Y-%m-%d %H:%M} UTC",
    )
    return msgspec.structs.replace(made, refused=refused, subject=restore_step.subject)


def plan_copy(found: Sequence[Found], asked: Asked, *, where: str) -> Plan:
    """Plan to copy these sets, one after another."""
    steps = []
    for number, one in enumerate(found, start=1):
        subject = Subject(type="backup-set", id=one.manifest.id, name=one.manifest.id)
        made = _copy(number, subject, where, stage=0)
        steps.append(msgspec.structs.replace(made, fingerprint={"sha256": one.sha256}))
    return sealed(COPY, asked, steps, summary=f"copy {len(steps)} sets to {where}")


def _copy(number: int, subject: Subject, where: str, *, stage: int) -> Step:
    return Step(
        n=number,
        action=copy.NAME,
        subject=subject,
        why=f"to {where}, read back, and locked there",
        stage=stage,
        chain=subject.id,
        readonly=True,
        limits=AT_ONCE,
    )


def _take(number: int, subject: Subject, draft: Draft, *, why: str, stage: int) -> Step:
    told = msgspec.to_builtins(draft)
    return Step(
        n=number,
        action=take.NAME,
        subject=subject,
        why=why,
        stage=stage,
        chain=draft.id,
        arguments={name: value for name, value in told.items() if name not in {"by", "run"}},
        readonly=True,
        limits=AT_ONCE,
    )


def verify_step(name: str, level: Level, *, seconds: float) -> Step:
    """Return the step that proves a set to a level; who uses it numbers it."""
    return proof(0, Subject(type="backup-set", id=name, name=name), level, stage=0, seconds=seconds)


def proof(number: int, subject: Subject, level: Level, *, stage: int, seconds: float) -> Step:
    """Return the step that proves a set to a level."""
    return Step(
        n=number,
        action=verify.NAME,
        subject=subject,
        why={
            Level.HASHED: "every stored file is hashed",
            Level.READ: "it is decrypted and read to its end",
        }.get(level, "it is restored into a scratch server or folder, and compared"),
        stage=stage,
        chain=subject.id,
        arguments={"level": level.value},
        readonly=True,
        limits=AT_ONCE,
        seconds_expected=seconds,
    )


def sealed(kind: str, asked: Asked, steps: list[Step], *, summary: str) -> Plan:
    """Return the plan that these steps are, of whoever asked."""
    cloud = Subject(type="cloud", id=asked.cloud, name=asked.cloud)
    totals = {"sets": len({step.subject.id for step in steps})}
    return asked.plan(kind, cloud, summary, steps, totals=totals)
