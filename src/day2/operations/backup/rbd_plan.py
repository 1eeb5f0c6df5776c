# SPDX-License-Identifier: Apache-2.0
"""Steps about RBD images: the snapshot before a set, the release after it, images that ended."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from day2.model.backup import Found, Level
from day2.model.finding import Subject
from day2.model.plan import Asked, Plan, Refusal, Step
from day2.operations.backup import plan, rbd_chains
from day2.operations.backup.actions import rbd, rebuild
from day2.operations.backup.rbd_round import WHY, End, Present, Save

REMOVAL_SECONDS = 10.0


def around(save: Save, set_id: str) -> plan.Around:
    """Return what stands before and behind the steps that take and prove a set of an image."""
    image = save.image
    subject = Subject(type="backup-set", id=set_id, name=set_id)
    arguments = {"pool": image.pool, "image": image.name, "image_id": image.id}
    before = Step(
        action=rbd.SNAPSHOT,
        subject=subject,
        why=f"{image.pool}/{image.name}: {save.next.why}",
        arguments=arguments,
        fingerprint={"image_id": image.id},
        undo="the snapshot is removed",
        limits=plan.AT_ONCE,
    )
    if not save.release:
        return plan.Around(before=[before])
    behind = _release(subject, {**arguments, "snapshots": save.release})
    return plan.Around(before=[before], behind=[behind])


def ended(ends: Sequence[End]) -> list[Step]:
    """Return a step for each image that no newer set will come of."""
    return [_end(one) for one in ends]


def strange(found: Sequence[tuple[Present, str]]) -> list[Refusal]:
    """Name the snapshots with our name that no record of ours knows."""
    return [
        Refusal(
            subject=Subject(type="rbd-snapshot", id=f"{one.pool}/{one.id}@{name}", name=name),
            why=f"on {one.pool}/{one.name}: no set and no run here knows it; another day2's, or of "
            "a memory that was lost",
            kind="strange",
        )
        for one, name in found
    ]


def plan_rebuild(
    found: Found, links: Sequence[Found], asked: Asked, *, pool: str, name: str
) -> Plan:
    """Plan to make an image of a set under a new name, its whole chain being hashed first."""
    steps: list[Step] = []
    for link in links:
        subject = Subject(type="backup-set", id=link.manifest.id, name=link.manifest.id)
        check = plan.proof(
            len(steps) + 1, subject, Level.HASHED, stage=0, seconds=link.manifest.seconds
        )
        steps.append(
            msgspec.structs.replace(check, required=True, fingerprint={"sha256": link.sha256})
        )
    of = rbd_chains.link_of(found)
    moment = f"{found.manifest.taken_at:%Y-%m-%d %H:%M} UTC"
    made = Step(
        n=len(steps) + 1,
        action=rebuild.REBUILD,
        subject=Subject(type="rbd-image", id=f"{pool}/{name}", name=name),
        why=f"{of.pool}/{of.image} as it was at {moment}, of {len(links)} links",
        stage=1,
        chain=name,
        arguments={"set": found.manifest.id, "pool": pool, "image": name},
        fingerprint={"sha256": found.sha256, "state": found.state.value},
        undo="the image that was made is removed, unless somebody uses it",
        limits=plan.AT_ONCE,
        seconds_expected=2 * sum(link.manifest.seconds for link in links),
    )
    return plan.sealed(
        plan.RESTORE,
        asked,
        [*steps, made],
        summary=f"make {pool}/{name} of {of.pool}/{of.image} at {moment}",
    )


def _release(subject: Subject, arguments: Mapping[str, Any]) -> Step:
    count = len(arguments["snapshots"])
    return Step(
        action=rbd.RELEASE,
        subject=subject,
        why=f"{count} older snapshots, as far as no next difference begins at one",
        arguments=dict(arguments),
        undo=rbd.NOTHING_LOST,
        limits=plan.AT_ONCE,
        seconds_expected=REMOVAL_SECONDS * count,
    )


def _end(one: End) -> Step:
    spec = f"{one.pool}/{one.name}"
    image = Subject(type="rbd-image", id=f"{one.pool}/id/{one.id}", name=spec)
    last = one.last.manifest.id if one.last else ""
    return Step(
        action=rbd.END,
        subject=Subject(type="backup-set", id=last, name=last) if last else image,
        why=f"{spec}: {WHY[one.where]}",
        chain=image.id,
        arguments={
            "pool": one.pool,
            "image": one.name,
            "image_id": one.id,
            "snapshots": one.release,
        },
        fingerprint={"where": one.where},
        undo=rbd.NOTHING_LOST,
        limits=plan.AT_ONCE,
        seconds_expected=REMOVAL_SECONDS * len(one.release),
    )
