# SPDX-License-Identifier: Apache-2.0
"""`day2 backup work`: the process that takes, proves, copies or restores one set; runs start it."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from day2.cli.backup import say
from day2.cli.document import Document, Produced, envelope

if TYPE_CHECKING:
    from day2.wiring.site import Site


DATABASE = ("take", "verify", "copy", "restore", "swap-back")
IMAGES = ("rebuild", "reimage")
CONFIG = ("put-config", "take-config-away")
WHOLE = ("make-data", "place-data", "prove-data")


class Work(Document):
    """Take or prove one set in this process (runs start it)."""

    codes = (0, 2, 3, 20, 21, 23, 24, 26)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        parser.add_argument(
            "what",
            choices=(*DATABASE, *IMAGES, *WHOLE, *CONFIG),
            help="what is done",
        )
        parser.add_argument("set", nargs="?", default="", help="the set that is proven")
        parser.add_argument("--draft", default="", help="the set that is taken, as JSON")
        parser.add_argument(
            "--level", type=int, default=1, choices=range(1, 4), help="how far it is proven"
        )
        parser.add_argument("--by", default="", help="who wants it")
        parser.add_argument("--schema", default="", help="the schema that is put back")
        parser.add_argument(
            "--into", default="", help="the image that is made: POOL/NAME, or an id"
        )
        parser.add_argument("--image", default="", help="the image that the set has data of")
        parser.add_argument("--name", default="", help="the name of the image that is made")
        parser.add_argument("--aside", default="", help="the file that keeps what was there")
        parser.add_argument("--folder", default="", help="where a new data folder is made")
        parser.add_argument("--node", default="", help="the node that gets it")
        parser.add_argument("--mark", default="", help="what is in the names of its folders")

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Do it; the last line of the output is one JSON object, also for a failure."""
        import msgspec

        from day2.errors import Day2Error
        from day2.operations.backup.work import told

        site = self.site(parsed)
        try:
            word = _work(site, parsed)
        except Day2Error as error:
            print(msgspec.json.encode(told(error)).decode(), flush=True)  # noqa: T201 - its word
            raise
        return Produced(
            document=envelope("backup-work", cloud=site.cloud, at=site.clock.now(), **word),
            text=f"{msgspec.json.encode(word).decode()}\n",
        )


def _work(site: "Site", parsed: argparse.Namespace) -> dict[str, Any]:
    import msgspec

    from day2.adapters import private_folders
    from day2.adapters.vaults.vault import Draft
    from day2.model.backup import Level
    from day2.wiring.backup import document

    private_folders.sweep(site.state / "aside")
    backups = site.backups.work
    if parsed.what == "take":
        draft = msgspec.json.decode(parsed.draft, type=Draft)
        return {"set": document(backups.take(draft, say))}
    if parsed.what == "verify":
        record = backups.verify(parsed.set, Level(parsed.level), by=parsed.by, say=say)
        return {"record": record}
    if parsed.what == "copy":
        return {"copied": backups.copy(parsed.set, say)}
    if parsed.what in CONFIG:
        return _config(site, parsed)
    if parsed.what in WHOLE:
        return _whole(site, parsed)
    if parsed.what in IMAGES:
        return _image(site, parsed)
    aside = Path(parsed.aside)
    if parsed.what == "restore":
        return {"restored": backups.restore_schema(parsed.set, parsed.schema, aside, say=say)}
    return {"restored": backups.swap_back(parsed.schema, aside)}


def _config(site: "Site", parsed: argparse.Namespace) -> dict[str, Any]:
    folder = Path(parsed.folder)
    if parsed.what == "put-config":
        put = site.backups.work.put_config(parsed.set, folder, mark=parsed.mark, say=say)
        return {"put": put}
    return {"taken": site.backups.work.take_config_away(folder, mark=parsed.mark)}


def _whole(site: "Site", parsed: argparse.Namespace) -> dict[str, Any]:
    whole = site.backups.whole
    folder = Path(parsed.folder)
    if parsed.what == "make-data":
        return {"made": whole.make(parsed.set, folder, say=say)}
    if parsed.what == "place-data":
        whole.place(parsed.node, folder, mark=parsed.mark)
        return {"placed": parsed.node}
    return {"proven": whole.prove(parsed.set, folder)}


def _image(site: "Site", parsed: argparse.Namespace) -> dict[str, Any]:
    if parsed.what == "rebuild":
        return {"restored": site.backups.rbd.rebuild(parsed.set, parsed.into, say=say)}
    from day2.wiring import backup_restores

    words = (parsed.set, parsed.image, parsed.into, parsed.name)
    return {"restored": backup_restores.reimage(site, *words, say=say)}
