# SPDX-License-Identifier: Apache-2.0
"""Plans of backups: which sets are meant now, and what is to happen to them."""

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import structs

from day2.errors import BadUsage
from day2.model.backup import Kind, Level, Method, State

if TYPE_CHECKING:
    from day2.adapters.vaults.vault import Draft
    from day2.model.backup import Found
    from day2.model.plan import Asked, Plan
    from day2.operations.backup.identity_missing import Lost
    from day2.operations.backup.plan import Volumes
    from day2.wiring.backup import Backups
    from day2.wiring.site import Site

RANDOM_BYTES = 2


class BackupPlans:
    """Makes every plan about the sets of one cloud."""

    def __init__(self, site: "Site", backups: "Backups") -> None:
        self._site = site
        self._backups = backups

    def draft(
        self, kind: Kind, method: Method, parent: "Found | None" = None, *, always: bool = False
    ) -> "Draft":
        """Name a set that is to be taken now."""
        from day2.adapters.people import who
        from day2.adapters.vaults.vault import Draft
        from day2.operations.backup.plan import set_id
        from day2.operations.backup.takers.taker import ALWAYS

        now = self._site.clock.now()
        return Draft(
            id=set_id(kind, now, secrets.token_hex(RANDOM_BYTES)),
            kind=kind,
            method=method,
            region=self._site.region,
            foundation=self._site.changes.foundation,
            by=who(self._site.environment),
            parent=parent.manifest.id if parent else "",
            parent_sha256=parent.sha256 if parent else "",
            about={ALWAYS: "yes"} if always else {},
        )

    def run(
        self,
        kinds: Sequence[Kind],
        *,
        method: Method | None,
        level: Level,
        ticket: str,
        always: bool = False,
    ) -> "Plan":
        """Plan to take sets of these kinds now; none: those of the policy.

        `method` is that of the databases: an increment stands on the newest physical set; full: of
        images as well. `always` takes what has not changed, too.

        Raises:
            BadUsage: when there is none to stand on.

        """
        from day2.operations.backup.chains import parent_for
        from day2.operations.backup.plan import TAKE, plan_run

        self._site.changes.require("propose")
        wanted = list(dict.fromkeys(kinds or self._backups.policy.kinds))
        for kind in wanted:
            self._backups.taker(kind)
        found = self._backups.vault.sets()
        usual = {one.manifest.kind: one.manifest.seconds for one in found}
        drafts = []
        rbd = self._backups.rbd.planned(full=method is Method.FULL) if Kind.RBD in wanted else None
        drafts += rbd.drafts if rbd else []
        for kind in wanted:
            if kind is Kind.RBD:
                continue
            how = method if method and kind is Kind.DATABASE else self._backups.taken[kind]
            parent = self._parent(found) if how is Method.INCREMENT else None
            if kind is Kind.IMAGES and method is not Method.FULL:
                parent = parent_for(found, kind, self._backups.policy.images_increments_max)
                how = Method.INCREMENT if parent else how
            drafts.append(self.draft(kind, how, parent, always=always))
        plan = plan_run(
            drafts,
            self.asked(TAKE, ticket),
            level=level,
            seconds=usual,
            copy_to=self._copied(),
            volumes=self._volumes() if Kind.VOLUMES in wanted else None,
            around=rbd.around if rbd else None,
            last=rbd.last if rbd else (),
        )
        more = rbd.refused if rbd else []
        return structs.replace(plan, refused=[*plan.refused, *more])

    def _copied(self) -> dict[Kind, str]:
        """Return where sets of each kind are copied; bulk ones are in another place already."""
        from day2.wiring import backup_bulk

        if not self._backups.has_third_copy:
            return {}
        bulk = backup_bulk.kinds(self._site)
        return {kind: self._backups.third_copy.name for kind in Kind if kind not in bulk}

    def _volumes(self) -> "Volumes":
        """Return the volumes that the policy selects."""
        from day2.operations.backup.plan import Volumes
        from day2.operations.backup.selecting import selected
        from day2.wiring import takers

        words = self._backups.policy.volumes_selector
        found = takers.volume_backups(self._site).volumes() if words else []
        return Volumes(
            wanted=selected(found, words), seconds_max=self._backups.policy.hours_max * 3600
        )

    def copy(self, found: "Sequence[Found]", *, ticket: str) -> "Plan":
        """Plan to copy these sets to the bucket."""
        from day2.operations.backup.plan import COPY
        from day2.wiring import backup_bulk

        self._site.changes.require("propose")
        where = self._backups.third_copy.name
        return backup_bulk.plan_copy(found, self.asked(COPY, ticket), where)

    @staticmethod
    def _parent(found: "Sequence[Found]") -> "Found":
        """Return the newest physical set that could be restored."""
        from day2.operations.backup.standing import usable

        physical = [
            one
            for one in usable(found)
            if one.manifest.kind is Kind.DATABASE
            and one.manifest.method in {Method.FULL, Method.INCREMENT}
        ]
        if not physical:
            raise BadUsage(
                "there is no physical set that an increment could stand on",
                hint="day2 backup run database --method full",
            )
        return physical[-1]

    def adopt(self, folder: Path, *, level: Level, ticket: str) -> "Plan":
        """Plan to examine the backups of others below a folder.

        Raises:
            BadUsage: when it cannot be read, or holds none.

        """
        from day2.adapters.adopting.recognise import listing, recognise
        from day2.adapters.people import who
        from day2.operations.backup.plan import ADOPT, plan_adopt

        self._site.changes.require("propose")
        if not folder.is_dir():
            raise BadUsage(f"there is no folder {folder}")
        try:
            found = recognise(listing(folder))
        except OSError as error:
            raise BadUsage(f"cannot read {folder}: {error.strerror}") from None
        if not found:
            raise BadUsage(
                f"{folder} holds no backup of a database that day2 knows",
                hint="it knows the files of Kolla's mariadb_backup, and *.sql, .sql.gz, .sql.zst",
            )
        known = [one.manifest.id for one in self._backups.vault.sets()]
        by = who(self._site.environment)
        return plan_adopt(found, known, self.asked(ADOPT, ticket), level=level, by=by)

    def verify(self, found: "Sequence[Found]", *, level: Level, ticket: str) -> "Plan":
        """Plan to prove these sets."""
        from day2.operations.backup.plan import VERIFY, plan_verify

        self._site.changes.require("propose")
        return plan_verify(found, self.asked(VERIFY, ticket), level=level)

    def prune(self, *, wide: bool, ticket: str) -> "Plan":
        """Plan what retention says of every set."""
        from day2.operations.backup.plan import PRUNE
        from day2.wiring import backup_pruning

        self._site.changes.require("propose")
        asked = self.asked(PRUNE, ticket)
        return backup_pruning.plan(self._site, asked, wide=wide)

    def restore(self, name: str, schema: str, *, allow: Sequence[str], ticket: str) -> "Plan":
        """Plan to put one schema of the databases back.

        Raises:
            Refused: when the set cannot give it.

        """
        from day2.operations.backup import restoring
        from day2.operations.backup.plan import RESTORE, plan_restore

        self._site.changes.require("propose")
        found = self._backups.vault.find(name)
        restoring.require_restorable(found, schema)
        asked = self.asked(RESTORE, ticket)
        server = self._backups.database
        revision = other_cloud = ""
        if "other-revision" not in allow:
            revision = restoring.revisions_differ(found, server, schema)
        if "other-cloud" not in allow and found.manifest.foundation != asked.foundation:
            other_cloud = found.manifest.foundation
        return plan_restore(
            found,
            schema,
            asked,
            aside=str(self._site.state.absolute() / "aside" / f"{asked.id}-{schema}.sql"),
            revision=revision,
            other_cloud=other_cloud,
            in_use=restoring.in_use(server, schema),
            refers=restoring.REFERS.get(schema, ""),
        )

    def image(self, name: str, image: str, new: str, *, ticket: str) -> "Plan":
        """Plan to make an image of a set again beside what is there; as `backup_restores.image`."""
        from day2.operations.backup.plan import RESTORE
        from day2.wiring import backup_restores

        self._site.changes.require("propose")
        found = self._backups.vault.find(name)
        return backup_restores.image(self._site, found, image, new, self.asked(RESTORE, ticket))

    def identity(self, found: "Found", lost: "Sequence[Lost]", *, ticket: str) -> "Plan":
        """Plan to make what Keystone has lost."""
        from day2.operations.backup.identity_plan import plan_identity
        from day2.operations.backup.plan import RESTORE

        self._site.changes.require("propose")
        return plan_identity(found, lost, self.asked(RESTORE, ticket))

    def chosen(
        self, names: Sequence[str], *, newest: Sequence[Kind], everything: bool
    ) -> "list[Found]":
        """Return the sets that were named, the newest usable ones of kinds, or all.

        Raises:
            BadUsage: when there is no such set.

        """
        from day2.operations.backup.standing import usable

        if everything:
            return [one for one in self._backups.vault.sets() if one.state is not State.CONDEMNED]
        chosen = [self._backups.vault.find(name) for name in names]
        good = usable(self._backups.vault.sets()) if newest else []
        for kind in newest:
            of_kind = [one for one in good if one.manifest.kind is kind]
            if not of_kind:
                raise BadUsage(
                    f"there is no set of kind {kind.value} that could be restored",
                    hint=f"day2 backup run {kind.value}",
                )
            chosen.append(of_kind[-1])
        return list({one.manifest.id: one for one in chosen}.values())

    def asked(self, kind: str, ticket: str) -> "Asked":
        """Say who asks for a plan of a kind, now."""
        return self._site.changes.asked(kind, ticket)
