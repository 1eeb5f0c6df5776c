# SPDX-License-Identifier: Apache-2.0
"""RBD images of one cloud: which are saved now, who reads them, and what is made of their sets."""

import secrets
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from day2.adapters import private_folders
from day2.adapters.rbd import RbdSettings
from day2.adapters.reasons import one_line
from day2.errors import BadUsage, NotDeployed, Refused
from day2.model.backup import Kind

if TYPE_CHECKING:
    from day2.adapters.rbd_writing import RbdWriter
    from day2.adapters.vaults.vault import Draft
    from day2.model.backup import Found
    from day2.model.plan import Asked, Plan, Refusal, Step
    from day2.operations.backup.plan import Around
    from day2.operations.backup.rbd_foreign import Foreign
    from day2.operations.backup.rbd_round import Known, Present, Round
    from day2.operations.backup.takers.taker import Say, Taker
    from day2.wiring.backup import Backups
    from day2.wiring.site import Site

RANDOM_BYTES = 4
"""More than other kinds have: hundreds of sets may begin in one second."""


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a plan that is about RBD images."""

    drafts: "list[Draft]" = []
    around: "dict[str, Around]" = {}
    last: "list[Step]" = []
    refused: "list[Refusal]" = []


class BackupRbd:
    """Everything about RBD images; the cluster is asked when it is used."""

    def __init__(self, site: "Site", backups: "Backups") -> None:
        self._site = site
        self._backups = backups

    @cached_property
    def settings(self) -> RbdSettings:
        """How the cluster is reached."""
        return self._site.section("backup_rbd", RbdSettings)

    @property
    def images(self) -> "RbdWriter":
        """The images of the cluster."""
        from day2.adapters.rbd_writing import RbdWriter

        return RbdWriter(self.settings, self._site.environment)

    @property
    def scratch(self) -> Path | None:
        """Where links lie decrypted for a while; None: the system's temporary folder."""
        given = self.settings.scratch_folder
        return Path(given).expanduser().absolute() if given else None

    def taker(self) -> "Taker":
        """Return who takes and proves sets of single images."""
        from day2.operations.backup.takers.rbd import RbdTaker

        return RbdTaker(
            lambda: self.images,
            hashing=self._backups.policy.rbd_hash_content,
            scratch_pool=self.settings.scratch_pool,
        )

    def planned(self, *, full: bool) -> Planned:
        """Decide which images are saved now, each by a set of its own, and what is released.

        Raises:
            NotDeployed, BadSettings, Unreachable, BadAnswer: when the cluster cannot be read.

        """
        from day2.operations.backup import rbd_plan

        sets = [one for one in self._backups.vault.sets() if one.manifest.kind is Kind.RBD]
        found, refused = self._round(sets, full=full)
        made: list[Draft] = []
        around: dict[str, Around] = {}
        for save in found.saves:
            image = save.image
            draft = self._backups.plans.draft(Kind.RBD, save.next.method, save.next.parent)
            about = {"pool": image.pool, "image": image.name, "image_id": image.id}
            name = f"{draft.id}{secrets.token_hex(RANDOM_BYTES - 2)}"
            made.append(
                msgspec.structs.replace(draft, id=name, about={**about, "why": save.next.why})
            )
            around[name] = rbd_plan.around(save, name)
        return Planned(
            drafts=made,
            around=around,
            last=rbd_plan.ended(found.ends),
            refused=[*refused, *rbd_plan.strange(found.strange)],
        )

    def plan_rebuild(self, found: "Found", image: str, new: str, asked: "Asked") -> "Plan":
        """Plan to make an image of a set; `image` is what it is of, `new` its name or POOL/NAME.

        Raises:
            BadUsage: when the set is of another image, or there is no new name.
            Refused: when its chain is broken, or the name is taken.

        """
        from day2.adapters.rbd_names import spec
        from day2.operations.backup import rbd_chains
        from day2.operations.backup.rbd_plan import plan_rebuild

        link = rbd_chains.link_of(found)
        of = f"{link.pool}/{link.image}"
        if image != of:
            raise BadUsage(f"{found.manifest.id} is of {of}, not of {image}")
        if not new:
            raise BadUsage("the image needs a new name", hint="--as NAME, or --as POOL/NAME")
        pool, _slash, name = new.rpartition("/")
        pool = pool or link.pool
        spec(pool, name)
        links = rbd_chains.path(found, self._backups.vault.sets())
        try:
            self.images.image(pool, name)
        except NotDeployed:
            return plan_rebuild(found, links, asked, pool=pool, name=name)
        raise Refused(
            f"there is an image {pool}/{name}: day2 writes over none", hint="another name for --as"
        )

    def rebuild(self, name: str, into: str, *, say: "Say") -> dict[str, Any]:
        """Make an image of a set in this very process: what a worker does."""
        from day2.operations.backup.rebuilding import rebuild

        pool, _slash, image = into.partition("/")
        found = self._backups.vault.find(name)
        with private_folders.folder(self.scratch) as folder:
            return rebuild(self._backups.vault, found, self.images, pool, image, folder, say)

    def foreign(self, pools: Sequence[str]) -> "list[Foreign]":
        """List the snapshots that day2 has not made, of every image of these pools.

        One question more for each image that has such a one.
        """
        from day2.adapters.rbd_listing import details
        from day2.operations.backup.rbd_foreign import Foreign, maker

        sets = [one for one in self._backups.vault.sets() if one.manifest.kind is Kind.RBD]
        known = {f"day2-{name}" for name in self._known(sets).ids}
        found = []
        for image in self._present(pools):
            if not set(image.snapshots) - known:
                continue
            found += [
                Foreign(
                    pool=image.pool,
                    image=one_line(image.name),
                    snapshot=one_line(one.name),
                    of=maker(one.name),
                    size_bytes=one.size_bytes,
                    taken_at=one.taken_at,
                    protected=one.protected,
                    trashed=image.trashed,
                )
                for one in details(self.images, image.pool, image.id)
                if one.name not in known
            ]
        return found

    def _round(self, sets: "Sequence[Found]", *, full: bool) -> "tuple[Round, list[Refusal]]":
        from day2.operations.backup import rbd_round

        policy = self._backups.policy
        volumes = self._volumes()
        pools = [one.partition("/")[0] for one in policy.rbd_images]
        pools += [policy.rbd_volumes_pool] if policy.rbd_volumes else []
        pools += [str(one.manifest.source.get("pool", "")) for one in sets if not one.broken]
        present = self._present(sorted({pool for pool in pools if pool}))
        names = [f"{policy.rbd_volumes_pool}/volume-{own}" for own in volumes]
        chosen = rbd_round.wanted(present, [*policy.rbd_images, *names])
        chosen, refused = self._fit(chosen, names)
        flags = {one.id: self.images.image(one.pool, one.name).flags for one in chosen}
        return (
            rbd_round.round_of(
                present,
                chosen,
                flags,
                sets,
                self._known(sets),
                increments_max=policy.rbd_increments_max,
                full=full,
            ),
            refused,
        )

    def _fit(
        self, chosen: "Sequence[Present]", names: Sequence[str]
    ) -> "tuple[list[Present], list[Refusal]]":
        """Leave out the images whose names no command is given, and name what is not there."""
        from day2.adapters.rbd_names import PLAIN
        from day2.model.finding import Subject
        from day2.model.plan import Refusal

        def refusal(spec: str, why: str) -> "Refusal":
            said = one_line(spec)
            return Refusal(subject=Subject(type="rbd-image", id=said, name=said), why=why)

        fit = [one for one in chosen if PLAIN.fullmatch(one.name)]
        there = {f"{one.pool}/{one.name}" for one in fit}
        refused = [
            refusal(f"{one.pool}/{one.name}", "day2 gives RBD plain names only")
            for one in chosen
            if one not in fit
        ]
        refused += [
            refusal(name, "backup.rbd_volumes means it, and its pool has no such image")
            for name in names
            if name not in there
        ]
        return fit, refused

    def _volumes(self) -> list[str]:
        """Return the ids of the volumes whose images the policy means."""
        words = self._backups.policy.rbd_volumes
        if not words:
            return []
        from day2.operations.backup.selecting import selected
        from day2.wiring import takers

        return [one.id for one in selected(takers.volume_backups(self._site).volumes(), words)]

    def _present(self, pools: Sequence[str]) -> "list[Present]":
        from day2.adapters.rbd_listing import in_pool
        from day2.operations.backup.rbd_round import Present

        rbd = self.images
        return [
            msgspec.convert(msgspec.to_builtins(image), Present)
            for pool in pools
            for image in in_pool(rbd, pool)
        ]

    def _known(self, sets: "Sequence[Found]") -> "Known":
        from day2.memory import runs
        from day2.operations.backup.actions.rbd import SNAPSHOT
        from day2.operations.backup.plan import TAKE
        from day2.operations.backup.rbd_round import Known

        found: Mapping[str, bool] = runs.subjects(
            self._site.memory, self._site.cloud, kind=TAKE, action=SNAPSHOT
        )
        ids = {one.manifest.id for one in sets or self._backups.vault.sets()}
        return Known(
            ids=frozenset(ids | set(found)),
            under_way=frozenset(name for name, ended in found.items() if not ended),
        )
