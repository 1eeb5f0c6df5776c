# SPDX-License-Identifier: Apache-2.0
"""Which sets may go: retention over the vault, the policy, and two looks at the clock."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from day2.errors import Day2Error
from day2.model.backup import Kind
from day2.operations.backup.policy import BackupPolicy

if TYPE_CHECKING:
    from day2.model.backup import Found
    from day2.model.plan import Asked, Plan
    from day2.operations.backup.retention import Judgement, Keep, Limits, Tick
    from day2.operations.backup.volume_pruning import Ordered
    from day2.wiring.site import Site

LOOK = "backup-clock.json"
BOOT = Path("/proc/sys/kernel/random/boot_id")
ON_CHANGE = frozenset({Kind.CONFIG})
"""Kinds that are taken when something changed: that no new set came says nothing."""


def plan(site: "Site", asked: "Asked", *, wide: bool) -> "Plan":
    """Plan what retention says of every set; the look at the clock is kept for the next time."""
    from day2.adapters.files import write_private
    from day2.operations.backup.prune_plan import plan_prune

    found = site.backups.vault.sets()
    now = _tick(site)
    judged = _judged(site, found, now, wide=wide)
    site.memory  # noqa: B018 - makes the folder
    write_private(site.state / LOOK, msgspec.json.encode(now))
    left = site.backups.vault.left(hours=site.backups.policy.leftover_hours)
    return plan_prune(found, judged, asked, left, lambda: _ordered(site))


def _ordered(site: "Site") -> "Ordered":
    """Ask Cinder; when it cannot be asked, the sets that depend on it stay."""
    from day2.operations.backup.volume_pruning import Ordered, ours
    from day2.wiring import takers

    try:
        api = takers.volume_backups(site)
        backups = ours(api.rows(), api.project)
        return Ordered(backups=backups, volumes=frozenset(one.id for one in api.volumes()))
    except Day2Error as error:
        return Ordered(unknown=str(error))


def why_kept(site: "Site", name: str) -> str:
    """Say why a set must not be removed now, whatever was planned; empty: it may be.

    Since the plan was made, the sets that made this one needless may have turned bad.
    """
    from day2.operations.backup.retention import Verdict

    judged = _judged(site, site.backups.vault.sets(), _tick(site), wide=True)
    words = [word for word in judged.words if word.set == name]
    if not words or words[0].verdict is Verdict.REMOVE:
        return ""
    return words[0].why


def _judged(site: "Site", found: "Sequence[Found]", now: "Tick", *, wide: bool) -> "Judgement":
    from day2.operations.backup.retention import judge

    policy = site.backups.policy
    last = _last(site.state / LOOK)
    return judge(
        found,
        _rules(policy),
        _limits(policy),
        now,
        last=last,
        wide=wide,
        misdated=policy.misdated_sets,
    )


def _rules(policy: BackupPolicy) -> "dict[Kind, Keep]":
    from day2.operations.backup.retention import Keep

    return {
        kind: Keep(
            days=policy.days(kind),
            count_min=policy.newest_min,
            rpo_hours=None if kind in ON_CHANGE else policy.rpo(kind).total_seconds() / 3600,
        )
        for kind in Kind
    }


def _limits(policy: BackupPolicy) -> "Limits":
    from day2.operations.backup.retention import Limits

    return Limits(
        young_days=policy.young_days,
        grace_days=policy.grace_days,
        removed_max=policy.removed_max,
    )


def _tick(site: "Site") -> "Tick":
    from day2.operations.backup.retention import Tick

    boot = BOOT.read_text(encoding="ascii").strip() if BOOT.exists() else ""
    return Tick(at=site.clock.now(), boot=boot, monotonic=site.clock.monotonic())


def _last(file: Path) -> "Tick | None":
    from day2.operations.backup.retention import Tick

    try:
        return msgspec.json.decode(file.read_bytes(), type=Tick)
    except (OSError, msgspec.MsgspecError):
        return None
