# SPDX-License-Identifier: Apache-2.0
"""`day2 evidence …`: gather what can be had of a bad night, and read it again."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from day2.cli.document import Document, Produced, envelope
from day2.cli.progress import Progress
from day2.errors import BadUsage

if TYPE_CHECKING:
    from day2.model.evidence import Evidence

COLUMNS = ("section", "state", "why")


class Collect(Document):
    """Gather evidence of all that carries the cloud into one file, with probable causes ranked.

    Whatever is dead does not stop the rest: containers, logs and what was last known carry it.
    Every part says whether it was read, in part or not, and why. Secrets are masked. Nothing is
    changed, and nothing is kept but the pack.
    """

    codes = (0, 2, 12)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        parser.add_argument(
            "--since",
            metavar="AGE",
            default="24h",
            help="how far to look back: 90m, 24h (the default), 7d",
        )
        parser.add_argument(
            "--output",
            metavar="FOLDER",
            default="",
            help="where the file and the folder go (default: `evidence` in the state folder)",
        )

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Gather it."""
        from day2.cli.log import age
        from day2.report import evidence as texts
        from day2.wiring import evidence

        since = age(parsed.since)
        site = self.site(parsed)
        with Progress("gathering") as progress:
            made = evidence.collect(site, since, progress)
        file, sha256 = evidence.write(site, made, parsed.output)
        clean = site.logs.cleaner
        shown = _cleaned(made, clean.tree)
        produced = _produced(shown, file=str(file), sha256=sha256)
        produced.text = texts.render(shown, colour=self.colour) + texts.written(
            str(file), sha256, colour=self.colour
        )
        return produced


class Show(Document):
    """Show a pack of evidence, once every file in it is proven to be what was collected."""

    codes = (0, 2, 26)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        parser.add_argument("file", help="the pack: its .tar.gz, or its folder")
        parser.add_argument(
            "--brief", action="store_true", help="the causes and what was read, as `collect` says"
        )

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Prove and show it; neither the settings nor the cloud are needed."""
        import msgspec

        from day2.adapters import packs
        from day2.report import evidence as texts
        from day2.report import evidence_pack

        manifest, found = packs.read(Path(parsed.file))
        try:
            made = evidence_pack.evidence_of(found)
        except (KeyError, TypeError, msgspec.MsgspecError):
            raise BadUsage(f"{parsed.file} is no pack of evidence") from None
        produced = _produced(made, file=str(parsed.file), sha256="")
        produced.exit_code = 0
        produced.text = texts.verified(len(manifest.members), colour=self.colour) + texts.render(
            made, colour=self.colour, everything=not parsed.brief
        )
        return produced


def _cleaned(made: "Evidence", clean: object) -> "Evidence":
    import msgspec

    from day2.model.evidence import Evidence

    return msgspec.convert(clean(msgspec.to_builtins(made)), Evidence)  # type: ignore[operator]


def _produced(made: "Evidence", *, file: str, sha256: str) -> Produced:
    import msgspec

    told = msgspec.to_builtins(made)
    told.pop("cloud")
    told.pop("at")
    return Produced(
        document=envelope(
            "evidence", cloud=made.cloud, at=made.at, **told, file=file, sha256=sha256
        ),
        text="",
        columns=COLUMNS,
        rows=[
            (
                one.name,
                one.state.value if one.configured else "not set",
                "; ".join(one.why) or (one.lines[0] if one.lines else ""),
            )
            for one in made.sections
        ],
        exit_code=0 if made.complete else 12,
    )
