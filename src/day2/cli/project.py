# SPDX-License-Identifier: Apache-2.0
"""`day2 project …`: what is done to a cloud, as its projects feel it."""

import argparse

from day2.cli.document import Document, Produced, envelope
from day2.cli.host import add_drain_arguments
from day2.cli.progress import Progress


class Impact(Document):
    """Tell which projects and users would feel the drain of a host, and what."""

    codes = (0, 2, 20, 21, 24)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        parser.add_argument("--host", required=True, help="the host that would be drained")
        parser.add_argument("--all", action="store_true", help="every server of long lists")
        add_drain_arguments(parser)

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Tell it."""
        from day2.report import impact as texts

        site = self.site(parsed)
        with Progress("reading") as progress:
            plan, projects = site.host_plans.impact(
                parsed.host, purpose=parsed.purpose, allow=parsed.allow, progress=progress
            )
        return Produced(
            document=envelope(
                "impact",
                cloud=site.cloud,
                at=site.clock.now(),
                host=parsed.host,
                summary=plan.summary,
                projects=projects,
            ),
            text=texts.render(f"the drain of {parsed.host}", projects, all_servers=parsed.all),
            columns=["project", "server", "felt", "user"],
            rows=[
                (project.name, server.name or server.id, server.felt, server.user)
                for project in projects
                for server in project.servers
            ],
        )
