# SPDX-License-Identifier: Apache-2.0
"""`day2 backup …`: sets that are taken, proven, kept, and restored."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from day2.cli.document import Document, Produced, envelope

if TYPE_CHECKING:
    from day2.model.backup import Found, Kind
    from day2.wiring.site import Site

KINDS = ("database", "config", "identity", "images", "volumes", "rbd", "day2")
COLUMNS = ("id", "kind", "method", "taken_at", "stored_bytes", "level", "state")


class Run(Document):
    """Take a set of each kind, one after another, and prove it as far as asked."""

    codes = (0, 2, 3, 20, 21, 22, 23, 24, 26)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        from day2.cli.plan import add_making_arguments

        parser.add_argument(
            "kinds", nargs="*", choices=[*KINDS, []], metavar="KIND", help=f"{', '.join(KINDS)}"
        )
        parser.add_argument(
            "--level",
            type=int,
            default=1,
            choices=range(4),
            help="prove each set: 0 not at all, 1 hash, 2 decrypt and read, 3 restore (default 1)",
        )
        parser.add_argument(
            "--method",
            choices=("logical", "full", "increment"),
            help="of the databases: a dump (default), all files, or what changed since the newest; "
            "full: of images as well, all of them",
        )
        parser.add_argument(
            "--always", action="store_true", help="take what has not changed as well"
        )
        add_making_arguments(parser)

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Plan it, ask, run it."""
        from day2.cli import running
        from day2.model.backup import Level, Method

        site = self.site(parsed)
        plan = site.backups.plans.run(
            _kinds(parsed.kinds),
            method=Method(parsed.method) if parsed.method else None,
            level=Level(parsed.level),
            ticket=parsed.ticket,
            always=parsed.always,
        )
        return running.make(self, site, plan, parsed)


class Adopt(Document):
    """Look at backups that others took: would they restore? They are read, and never touched."""

    codes = (0, 2, 3, 20, 22, 23, 24, 26)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        from day2.cli.plan import add_making_arguments

        parser.add_argument(
            "folder",
            nargs="?",
            help="of dumps, or of the volume mariadb_backup that Kolla-Ansible fills",
        )
        parser.add_argument(
            "--rbd",
            action="append",
            default=[],
            metavar="POOL",
            help="only list the snapshots of RBD images in a pool that day2 has not made",
        )
        parser.add_argument(
            "--level",
            type=int,
            default=1,
            choices=(1, 3),
            help="1 read each to its end, 3 restore each into a scratch server (default 1)",
        )
        add_making_arguments(parser)

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Plan it, ask, run it; one that would not restore ends with 26."""
        from day2.cli import running
        from day2.errors import BadUsage
        from day2.model.backup import Level

        site = self.site(parsed)
        if bool(parsed.folder) == bool(parsed.rbd):
            raise BadUsage("name a folder, or pools of RBD with --rbd")
        if parsed.rbd:
            from day2.cli import backup_rbd

            return backup_rbd.listed(site, parsed.rbd)
        folder = Path(parsed.folder).absolute()
        plan = site.backups.plans.adopt(folder, level=Level(parsed.level), ticket=parsed.ticket)
        return running.make(self, site, plan, parsed)


class Verify(Document):
    """Prove sets: hash every file, decrypt and read, or restore into a scratch server."""

    codes = (0, 2, 3, 20, 21, 23, 24, 26)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        from day2.cli.plan import add_making_arguments

        _add_chosen(parser)
        parser.add_argument(
            "--level",
            type=int,
            default=1,
            choices=range(1, 4),
            help="1 hash, 2 decrypt and read, 3 restore (default 1)",
        )
        add_making_arguments(parser)

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Plan it, ask, run it; a set that does not hold ends with 26."""
        from day2.cli import running
        from day2.model.backup import Level

        site = self.site(parsed)
        found = _chosen(site, parsed)
        plan = site.backups.plans.verify(found, level=Level(parsed.level), ticket=parsed.ticket)
        return running.make(self, site, plan, parsed)


class Copy(Document):
    """Copy sets to a bucket where nobody of us can delete them; each is read back."""

    codes = (0, 2, 3, 20, 21, 23, 24, 26)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        from day2.cli.plan import add_making_arguments

        _add_chosen(parser)
        add_making_arguments(parser)

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Plan it, ask, run it."""
        from day2.cli import running

        site = self.site(parsed)
        plan = site.backups.plans.copy(_chosen(site, parsed), ticket=parsed.ticket)
        return running.make(self, site, plan, parsed)


class Pin(Document):
    """Keep a set whatever its age, or let it go again."""

    codes = (0, 2, 20, 24)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        parser.add_argument("set", help="the set's id, or the beginning of it")
        parser.add_argument("--reason", required=True, help="why")
        parser.add_argument("--remove", action="store_true", help="let it go again")

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Append the decision beside the set."""
        from day2.report import backup as texts
        from day2.wiring.backup import document

        site = self.site(parsed)
        one = site.backups.pin(parsed.set, reason=parsed.reason, remove=parsed.remove)
        now = site.clock.now()
        return Produced(
            document=envelope("backup-set", cloud=site.cloud, at=now, **document(one)),
            text=texts.shown(one, why_unusable="", now=now),
            columns=COLUMNS,
            rows=[row(one)],
        )


class Prune(Document):
    """Condemn sets that retention does not need, and remove those that were condemned days ago."""

    codes = (0, 2, 3, 20, 23, 24)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        from day2.cli.plan import add_making_arguments

        parser.add_argument(
            "--wide", action="store_true", help="lift the bound on how many may go at a time"
        )
        add_making_arguments(parser)

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Plan it, ask, run it; what is kept is listed with its reason."""
        from day2.cli import running

        site = self.site(parsed)
        plan = site.backups.plans.prune(wide=parsed.wide, ticket=parsed.ticket)
        return running.make(self, site, plan, parsed)


class Restore(Document):
    """Restore files into a new folder; put databases, images, or what Keystone lost back."""

    codes = (0, 2, 3, 20, 21, 22, 23, 24, 26)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        from day2.cli.plan import add_making_arguments

        parser.add_argument("set", help="the set's id, or the beginning of it")
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--into", help="a folder that is new or empty: files go there")
        what.add_argument("--schema", help="the schema that becomes what it was")
        what.add_argument(
            "--whole",
            action="store_true",
            help="the whole database: services stop, what is there is kept, services start",
        )
        what.add_argument(
            "--image",
            metavar="IMAGE",
            help="the image that is made again beside what is there: POOL/NAME of RBD, or an id of "
            "Glance",
        )
        what.add_argument(
            "--diff", action="store_true", help="only list what of a set Keystone has not any more"
        )
        what.add_argument(
            "--missing",
            action="store_true",
            help="make what of a set Keystone has not any more: users disabled, without password",
        )
        parser.add_argument(
            "--as", dest="new", default="", metavar="NAME", help="the name of that image"
        )
        parser.add_argument(
            "--allow",
            action="append",
            default=[],
            metavar="WORD",
            help="let it run in spite of a blocker: other-revision, other-cloud",
        )
        add_making_arguments(parser)

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Restore files at once; databases by a plan."""
        from day2.cli import running

        site = self.site(parsed)
        if parsed.into:
            return _files(site, parsed.set, parsed.into)
        if parsed.whole:
            whole = site.backups.whole.plan(parsed.set, ticket=parsed.ticket)
            return running.make(self, site, whole, parsed)
        if parsed.image:
            plan = site.backups.plans.image(
                parsed.set, parsed.image, parsed.new, ticket=parsed.ticket
            )
            return running.make(self, site, plan, parsed)
        if parsed.diff or parsed.missing:
            from day2.cli import backup_identity

            found, lost, produced = backup_identity.listed(site, parsed.set, say=say)
            if parsed.diff:
                return produced
            plan = site.backups.plans.identity(found, lost, ticket=parsed.ticket)
            return running.make(self, site, plan, parsed)
        plan = site.backups.plans.restore(
            parsed.set, parsed.schema, allow=parsed.allow, ticket=parsed.ticket
        )
        return running.make(self, site, plan, parsed)


def _files(site: "Site", name: str, into: str) -> Produced:
    from day2.report.terminal import plain

    folder = Path(into).absolute()
    facts = site.backups.work.restore_files(name, folder, say=say)
    links = facts["links"]
    text = f"{facts['files']} files, {facts['bytes']} bytes in {folder}\n"
    if not facts["owners"]:
        text += "Their owners were not given back: this user may not. As root it would.\n"
    # Their names are those of the set, which may be anybody's.
    made = (f"not made: link {name} -> {links[name]}" for name in sorted(links))
    text += "".join(f"{plain(line)}\n" for line in made)
    return Produced(
        document=envelope(
            "backup-restored", cloud=site.cloud, at=site.clock.now(), into=str(folder), **facts
        ),
        text=text,
        columns=("files", "bytes", "into"),
        rows=[(facts["files"], facts["bytes"], str(folder))],
    )


def _add_chosen(parser: argparse.ArgumentParser) -> None:
    """Add what says which sets are meant."""
    parser.add_argument("sets", nargs="*", metavar="SET", help="ids, or beginnings of them")
    parser.add_argument(
        "--newest",
        action="append",
        default=[],
        choices=KINDS,
        help="the newest set of this kind; may be given several times",
    )
    parser.add_argument("--all", action="store_true", help="every set that is not condemned")


def _chosen(site: "Site", parsed: argparse.Namespace) -> "list[Found]":
    from day2.errors import BadUsage

    found = site.backups.plans.chosen(
        parsed.sets, newest=_kinds(parsed.newest), everything=parsed.all
    )
    if not found:
        raise BadUsage("say which sets", hint="name them, or --newest KIND, or --all")
    return found


def say(text: str) -> None:
    """Say what is under way: for the log of the run, and for those who watch it."""
    from day2.report.terminal import plain

    sys.stderr.write(f"{plain(text)}\n")
    sys.stderr.flush()


def _kinds(names: list[str]) -> "list[Kind]":
    from day2.model.backup import Kind

    return [Kind(name) for name in names]


def row(found: "Found") -> tuple[object, ...]:
    """Return the values of `COLUMNS`."""
    from day2.wiring.backup import document

    made = document(found)
    return tuple(made[name] for name in COLUMNS)
