# SPDX-License-Identifier: Apache-2.0
"""The plan that puts one image of Glance back."""

from day2.model.backup import Found
from day2.model.finding import Subject
from day2.model.plan import Asked, Plan, Step
from day2.operations.backup import plan
from day2.operations.backup.actions.reimage import REIMAGE
from day2.operations.backup.takers.images import Entry


def plan_image(found: Found, entry: Entry, asked: Asked, *, own: str, name: str) -> Plan:
    """Plan to make the image `own` of the data that a set has; `name` is empty for that of then."""
    moment = f"{found.manifest.taken_at:%Y-%m-%d %H:%M} UTC"
    step = Step(
        n=1,
        action=REIMAGE,
        subject=Subject(type="image", id=own, name=name or own),
        why=f"image {entry.id} as it was at {moment}, hidden and private",
        chain=own,
        arguments={"set": found.manifest.id, "image": entry.id, "name": name},
        fingerprint={"sha256": found.sha256, "state": found.state.value},
        undo="the image that was made is deleted",
        limits=plan.AT_ONCE,
        seconds_expected=30.0 + entry.bytes / 50e6,
    )
    return plan.sealed(plan.RESTORE, asked, [step], summary=f"put image {entry.id} back as {own}")
