# SPDX-License-Identifier: Apache-2.0
"""`day2 doctor`: try every connection and right that day2 needs; changes nothing."""

import argparse

from day2.cli.document import Document, Produced, envelope
from day2.cli.progress import Progress


class Doctor(Document):
    """Try each connection, prove each right, and name what is missing with its cure.

    Without --cloud every cloud of the settings is examined. Ends within 60 seconds, whatever
    hangs. Where several things failed, the exit code is 2 before 21 before 20: a missing right
    stays until it is granted, while what does not answer may only be down. Warnings end with 0.
    """

    codes = (0, 2, 20, 21)

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Examine."""
        del parsed
        from day2.report import doctor
        from day2.wiring import setup

        options = self.app.options
        with Progress("trying") as progress:
            found = setup.examine(
                getattr(options, "day2_config", None),
                getattr(options, "cloud", None) or None,
                progress,
            )
        clouds = sorted({item.cloud for item in found.items} - {""})
        return Produced(
            document=envelope(
                "doctor",
                cloud=clouds[0] if len(clouds) == 1 else "",
                at=found.at,
                clouds=clouds,
                items=found.items,
                seconds=found.seconds,
                exit_code=found.exit_code,
            ),
            text=doctor.render(found, colour=self.colour),
            columns=("state", "cloud", "item", "detail", "cure"),
            rows=[(i.state.value, i.cloud, i.id, i.detail, i.cure) for i in found.items],
            exit_code=found.exit_code,
        )
