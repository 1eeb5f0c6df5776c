# SPDX-License-Identifier: Apache-2.0
"""`day2` and `day2 today`: the cloud in ten lines, from memory; asks the cloud nothing."""

import argparse

from day2.cli.document import Document, Produced, envelope


class Today(Document):
    """Say in ten lines how the cloud was last seen, what is new, and what is due."""

    codes = (0, 2)

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Say it."""
        from day2.report import today

        site = self.site(parsed)
        seen = site.today()
        return Produced(
            document=envelope("today", cloud=site.cloud, at=site.clock.now(), **seen.document()),
            text=today.render(seen, colour=self.colour),
            columns=("severity", "summary", "key"),
            rows=[(f.severity.value, f.summary, f.key) for f in seen.worst],
        )
