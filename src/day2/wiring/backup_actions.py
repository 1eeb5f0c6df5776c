# SPDX-License-Identifier: Apache-2.0
"""The actions of backups and restores: all that they need is opened when one of them runs."""

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from day2.adapters.vaults.vault import Vault
    from day2.engine.action import Action
    from day2.wiring.backup import Backups
    from day2.wiring.site import Site


def actions(site: "Site", backups: "Backups") -> "Mapping[str, Action]":
    """Return the actions of backups by name; those that change OpenStack need its own account."""
    from day2.operations.backup.actions import identity, rbd, rebuild, reimage
    from day2.operations.backup.actions.config import PutConfig, TakeConfigAway
    from day2.operations.backup.actions.copy import Copy
    from day2.operations.backup.actions.prune import Condemn, Remove, Spare, Sweep
    from day2.operations.backup.actions.restore import RestoreSchema, SwapBack
    from day2.operations.backup.actions.take import Take
    from day2.operations.backup.actions.verify import Verify
    from day2.operations.backup.actions.volume import BackUpVolume, DropBackup
    from day2.operations.backup.actions.worker import Worker
    from day2.wiring import takers
    from day2.wiring.backup_pruning import why_kept
    from day2.wiring.changes import child_environment

    worker = Worker(
        argv=[sys.executable, "-m", "day2.cli.app", *site.own_words, "backup", "work"],
        environment=child_environment(site.environment),
        seconds_max=backups.policy.hours_max * 3600,
    )

    def opened() -> "Vault":
        return backups.vault

    clock = site.clock
    made: list[Action] = [
        Take(opened, worker),
        Verify(opened, worker),
        Copy(opened, worker),
        RestoreSchema(opened, worker),
        SwapBack(worker),
        Condemn(opened, clock),
        Spare(opened, clock),
        Remove(opened, clock, lambda name: why_kept(site, name)),
        Sweep(opened, backups.policy.leftover_hours),
        BackUpVolume(lambda: takers.volume_orders(site)),
        DropBackup(lambda: takers.volume_orders(site), lambda name: why_kept(site, name)),
        rbd.Snapshot(lambda: backups.rbd.images),
        rbd.Release(lambda: backups.rbd.images, opened),
        rbd.EndImage(lambda: backups.rbd.images, opened, clock),
        rebuild.Rebuild(opened, worker),
        rebuild.DropImage(lambda: backups.rbd.images),
        reimage.Reimage(opened, worker),
        reimage.DropRestored(lambda: takers.image_writer(site)),
        identity.MakeLost(lambda: takers.identity_writer(site)),
        identity.UnmakeLost(lambda: takers.identity_writer(site)),
    ]
    made += [PutConfig(opened, worker), TakeConfigAway(worker)]
    made += backups.whole.actions(worker)
    return {action.name: action for action in made}
