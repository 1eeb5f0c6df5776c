# SPDX-License-Identifier: Apache-2.0
"""`day2 engine`: the process that carries runs on; others start it."""

import argparse

from day2.cli.document import Document, Produced, envelope


class Engine(Document):
    """Carry on the runs that were filed, and leave when none is left (other commands start it)."""

    codes = (0, 2, 23)

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Carry them on."""
        from day2.wiring.changes import engine
        from day2.wiring.site import Site

        site = self.site(parsed)
        engine(site, Site, self.app.options.day2_config).run()
        return Produced(document=envelope("engine", cloud=site.cloud, at=site.clock.now()), text="")
