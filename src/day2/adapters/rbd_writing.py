# SPDX-License-Identifier: Apache-2.0
"""Change RBD images: snapshots of those that are saved, and images that are made anew."""

from collections.abc import Sequence
from typing import BinaryIO

from day2.adapters import pipes
from day2.adapters.rbd import Rbd
from day2.adapters.rbd_names import destination, plain, spec, spec_of_snapshot
from day2.errors import NotDeployed


class RbdWriter(Rbd):
    """The images of one cluster, with the calls that change them."""

    def create_snapshot(self, pool: str, name: str, snapshot: str) -> None:
        """Freeze the present content under a name.

        Raises:
            NotDeployed, Refused, BadSettings, Unreachable: as `image`; also when it exists already.

        """
        self._do(["snap", "create", *spec_of_snapshot(pool, name, snapshot), "--no-progress"])

    def remove_snapshot(self, pool: str, name: str, snapshot: str) -> None:
        """Remove a snapshot; Ceph itself refuses one that is protected.

        Raises:
            NotDeployed, Refused, BadSettings, Unreachable: as `image`.

        """
        self._do(["snap", "rm", *spec_of_snapshot(pool, name, snapshot), "--no-progress"])

    def remove_snapshot_by_id(self, pool: str, image_id: str, snapshot: str) -> None:
        """Remove a snapshot of the image with this id, whatever its name: in the trash, too.

        Raises:
            NotDeployed, Refused, BadSettings, Unreachable: as `image`.

        """
        where = [f"--pool={plain(pool, 'pool')}", f"--image-id={plain(image_id, 'image id')}"]
        self._do(["snap", "rm", *where, f"--snap={plain(snapshot, 'snapshot')}", "--no-progress"])

    def mark(self, pool: str, name: str, key: str, value: str) -> None:
        """Write a word of ours beside an image; it stays when the image is renamed.

        Raises:
            NotDeployed, Refused, BadSettings, Unreachable: as `image`.

        """
        self._do(["image-meta", "set", *spec(pool, name), plain(key, "key"), plain(value, "word")])

    def marked(self, pool: str, name: str, key: str) -> str:
        """Return a word that `mark` wrote; empty when there is none, or no such image.

        Raises:
            Refused, BadSettings, Unreachable: as `image`.

        """
        try:
            words = ["image-meta", "list", *spec(pool, name), "--format=json"]
            found = self.ask(words, dict[str, str], f"{pool}/{name}", empty=b"{}")
        except NotDeployed:
            return ""
        return found.get(key, "")

    def protect(self, pool: str, name: str, snapshot: str, *, on: bool) -> None:
        """Protect a snapshot from removal, or let go of it; one with clones stays protected.

        Raises:
            NotDeployed, Refused, BadSettings, Unreachable: as `image`.

        """
        self._do(
            ["snap", "protect" if on else "unprotect", *spec_of_snapshot(pool, name, snapshot)]
        )

    def create(self, pool: str, name: str, *, size_bytes: int, object_bytes: int) -> None:
        """Make an empty image, for differences to be laid upon.

        Raises:
            Unreachable: also when there is one of this name: nothing is ever written over.
            NotDeployed, Refused, BadSettings: as `image`.

        """
        size = f"--size={size_bytes}B"
        self._do(["create", *spec(pool, name), size, f"--object-size={object_bytes}B"])

    def remove(self, pool: str, name: str) -> None:
        """Remove an image without snapshots that nobody has open.

        Raises:
            NotDeployed, Refused, BadSettings, Unreachable: as `image`.

        """
        self._do(["rm", *spec(pool, name), "--no-progress"], streams=True)

    def remove_snapshots(self, pool: str, name: str) -> None:
        """Remove all snapshots of an image that day2 made for itself; never one of a tenant's.

        Raises:
            NotDeployed, Refused, BadSettings, Unreachable: as `image`.

        """
        self._do(["snap", "purge", *spec(pool, name), "--no-progress"], streams=True)

    def rename(self, pool: str, name: str, new: str) -> None:
        """Give an image another name in its pool.

        Raises:
            Unreachable: also when that name is taken.
            NotDeployed, Refused, BadSettings: as `image`.

        """
        self._do(["rename", *spec(pool, name), *destination(pool, new)])

    def import_diff(self, pool: str, name: str, source: BinaryIO) -> None:
        """Lay a difference upon an image, from an open file that was proven before.

        RBD refuses one whose first snapshot the image does not have; of a damaged one it takes what
        it can. So the image must be one that was made for it.

        Raises:
            NotDeployed, Refused, BadSettings, Unreachable: as `image`.

        """
        self._feed(["import-diff", "--path=-", *spec(pool, name), "--no-progress"], source)

    def import_image(self, pool: str, name: str, source: BinaryIO) -> None:
        """Make a new image of what `export` gave.

        Raises:
            Unreachable: also when there is one of this name.
            NotDeployed, Refused, BadSettings: as `image`.

        """
        words = ["import", "--path=-", *destination(pool, name), "--no-progress"]
        self._feed(words, source)

    def _feed(self, words: Sequence[str], source: BinaryIO) -> None:
        pipes.feed(self._pipe([*self._command(), *words], words[0]), self._environment, source)

    def _do(self, words: Sequence[str], *, streams: bool = False) -> None:
        settings = self._settings
        self._run(words, settings.silent_seconds_max if streams else settings.seconds_max)
