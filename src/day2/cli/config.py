# SPDX-License-Identifier: Apache-2.0
"""`day2 config …`: the settings as they stand."""

import argparse

from day2.cli.document import Document, Produced, envelope


class Show(Document):
    """Show every setting, its value, and where the value came from."""

    codes = (0, 2)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        parser.add_argument(
            "--changed", action="store_true", help="only what differs from defaults"
        )

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Show them."""
        import msgspec

        site = self.site(parsed)
        rows = [
            row for row in site.settings.listing() if row.origin != "default" or not parsed.changed
        ]
        listed = [msgspec.to_builtins(row) for row in rows]
        where = f"settings file: {site.settings.file or 'none'}\n"
        lines = [f"{row['path']} = {row['value']!r}   [{row['origin']}]\n" for row in listed]
        return Produced(
            document=envelope(
                "settings",
                cloud=site.cloud,
                at=site.clock.now(),
                file=str(site.settings.file or ""),
                settings=listed,
            ),
            text=where + "".join(lines),
            columns=("path", "value", "origin"),
            rows=[(row["path"], row["value"], row["origin"]) for row in listed],
        )
