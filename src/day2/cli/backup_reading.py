# SPDX-License-Identifier: Apache-2.0
"""`day2 backup list|show|diff|key`: what is in the vault, and who can open it."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from day2.cli.backup import COLUMNS, KINDS, row, say
from day2.cli.document import Document, Produced, envelope

if TYPE_CHECKING:
    pass


class List(Document):
    """List the sets, and how each kind stands: how old, how proven, what is wrong."""

    codes = (0, 2, 10, 11, 20)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        parser.add_argument("--kind", choices=KINDS, help="only sets of this kind")

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Read every manifest."""
        from day2.model.severity import Severity
        from day2.operations.backup.standing import newest_recoverable
        from day2.report import backup as texts
        from day2.wiring.backup import document

        site = self.site(parsed)
        now = site.clock.now()
        found = site.backups.vault.sets()
        standings = site.backups.standings(found)
        if parsed.kind:
            found = [one for one in found if one.manifest.kind.value == parsed.kind]
            standings = [one for one in standings if one.kind.value == parsed.kind]
        worst = [trouble.severity for one in standings for trouble in one.troubles]
        return Produced(
            document=envelope(
                "backup-sets",
                cloud=site.cloud,
                at=now,
                sets=[document(one) for one in found],
                kinds=standings,
                newest_recoverable_at=newest_recoverable(found),
            ),
            text=texts.listed(found, standings, now=now, colour=self.colour),
            columns=COLUMNS,
            rows=[row(one) for one in reversed(found)],
            exit_code=min(worst, key=lambda s: s.rank, default=Severity.OK).exit_code,
        )


class Show(Document):
    """Show one set: its files, what was read for it, and every proof of it."""

    codes = (0, 2, 20)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        parser.add_argument("set", help="the set's id, or the beginning of it")

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Show it."""
        from day2.operations.backup.standing import why_unusable
        from day2.report import backup as texts
        from day2.wiring.backup import document

        site = self.site(parsed)
        found = site.backups.vault.sets()
        one = site.backups.vault.find(parsed.set)
        why = why_unusable(one, {other.manifest.id: other for other in found})
        now = site.clock.now()
        whole = {
            **document(one),
            "manifest": one.manifest,
            "records": one.records,
            "unusable": why or None,
        }
        return Produced(
            document=envelope("backup-set", cloud=site.cloud, at=now, **whole),
            text=texts.shown(one, why_unusable=why, now=now),
            columns=("of", "name", "bytes", "stored_bytes", "stored_sha256"),
            rows=[
                (a.of, a.name, a.bytes, a.stored_bytes, a.stored_sha256)
                for a in one.manifest.artefacts
            ],
        )


class Key(Document):
    """Say which keys open the sets, and prove with a canary which of them this host has."""

    codes = (0, 2, 24)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        parser.add_argument(
            "--new", metavar="FILE", help="write a new identity (0600) and print its public key"
        )

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Prove each key, or make one."""
        from day2.report import backup as texts

        site = self.site(parsed)
        now = site.clock.now()
        if parsed.new:
            from day2.adapters.vaults import keys

            made = keys.generate(Path(parsed.new).absolute(), now)
            return Produced(
                document=envelope("backup-key", cloud=site.cloud, at=now, public=made),
                text=f"{made}\n",
                columns=("public",),
                rows=[(made,)],
            )
        from day2.wiring import backup_keys

        found = backup_keys.prove(site)
        public, opened, why = found.public, found.opened, found.why
        rows = [(key, key in opened) for key in public]
        return Produced(
            document=envelope(
                "backup-keys",
                cloud=site.cloud,
                at=now,
                keys=[{"public": key, "opened": key in opened} for key in public],
                why=why or None,
            ),
            text=texts.keys(rows, why),
            columns=("public", "opened"),
            rows=rows,
        )


class Diff(Document):
    """Compare two sets of files: which files, which keys of YAML files, and never a secret."""

    codes = (0, 2, 20, 24, 26)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        parser.add_argument("before", help="the earlier set's id, or the beginning of it")
        parser.add_argument("after", help="the later one's")

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Read both, and compare."""
        from day2.report import backup_diff

        site = self.site(parsed)
        before, after, changes = site.backups.work.diff(parsed.before, parsed.after, say=say)
        return Produced(
            document=envelope(
                "backup-diff",
                cloud=site.cloud,
                at=site.clock.now(),
                before=before.manifest.id,
                after=after.manifest.id,
                changes=changes,
            ),
            text=backup_diff.compared(before, after, changes),
            columns=("path", "verb", "what"),
            rows=[(one.path, one.verb, ", ".join(one.what)) for one in changes],
        )
