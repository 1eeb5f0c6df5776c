# SPDX-License-Identifier: Apache-2.0
"""`day2 journal …`: who did what, and the proof that nobody changed the record."""

import argparse

from day2.cli.document import Document, Produced, envelope
from day2.errors import BadUsage


class List(Document):
    """List the journal of this cloud, oldest first; the newest 100 rows unless told."""

    codes = (0, 2)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        parser.add_argument("--run", default="", help="only the rows of this run or plan")
        parser.add_argument("--count", type=int, default=100, help="how many rows (100)")

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """List it."""
        from day2.memory import journal
        from day2.report import changes as texts

        site = self.site(parsed)
        found = journal.entries(
            site.memory, site.cloud, site.region, run=parsed.run, count=max(parsed.count, 1)
        )
        return Produced(
            document=envelope("journal", cloud=site.cloud, at=site.clock.now(), entries=found),
            text=texts.journal(found) or "the journal is empty\n",
            columns=["n", "at", "run", "step", "kind", "by"],
            rows=[(e.n, e.at, e.run, e.step, e.kind, e.by) for e in found],
        )


class Verify(Document):
    """Prove the journal's chain, and hold it against heads that were copied elsewhere."""

    codes = (0, 2, 25)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        parser.add_argument(
            "--head",
            action="append",
            default=[],
            metavar="N:HASH",
            help="a head that you copied; may be given several times",
        )
        parser.add_argument(
            "--heads", default="", metavar="FILE", help="a file of heads (journal.head_file)"
        )

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Prove it."""
        from day2.memory.journal import read_head

        site = self.site(parsed)
        given = []
        for text in parsed.head:
            head = read_head(text)
            if head is None:
                raise BadUsage(f"--head {text!r} is not N:HASH")
            given.append(head)
        end, held = site.changes.verify_journal(given=given, file=parsed.heads)
        against = f"held against {held} copied heads" if held else "no copied head to hold it to"
        return Produced(
            document=envelope(
                "journal-verify",
                cloud=site.cloud,
                at=site.clock.now(),
                rows=end.n,
                head=end.text,
                heads=held,
            ),
            text=f"the journal holds: {end.n} rows, {against}\nhead {end.text}\n",
        )
