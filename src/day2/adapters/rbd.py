# SPDX-License-Identifier: Apache-2.0
"""RBD images by the command that the settings name: what is there, snapshots, streams in and out.

As with `ceph`, the settings hold the words (`rbd --id day2`, `ssh mon1 sudo rbd`, `docker exec -i
ceph rbd`), and the version of the client is that of the cluster. Names come from tenants and may
pass a shell on their way (`ssh`): what is not plain is refused, never quoted.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from day2.adapters import commands, pipes
from day2.adapters.rbd_diff import DiffFacts, DiffReader
from day2.adapters.rbd_names import plain, spec, spec_of_snapshot
from day2.adapters.reasons import one_line
from day2.adapters.vaults.vault import Sink
from day2.errors import BadAnswer, NotDeployed, NotVerified, Unreachable

SETTING = "clouds.NAME.backup_rbd.command"
# As RBD itself says it. Without the number it is a shell, `env` or `nsenter` that has no `rbd`.
ABSENT = "(2) No such file or directory"
T = TypeVar("T")


class RbdSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Section `clouds.NAME.backup_rbd`: how RBD images are read for backups, and made again."""

    command: Annotated[
        list[str],
        Meta(
            description="The words that run RBD's client with an account of profile rbd on the "
            "pools: [rbd, --id, day2-backup], [ssh, mon1, sudo, rbd], [docker, exec, -i, ceph, "
            "rbd]. Empty: no RBD."
        ),
    ] = []
    seconds_max: Annotated[float, Meta(gt=0, description="Seconds that a question may take.")] = (
        60.0
    )
    silent_seconds_max: Annotated[
        float,
        Meta(
            gt=0,
            description="Seconds that a stream may be silent. An image without the features "
            "object-map and fast-diff is read whole before a difference is found.",
        ),
    ] = 900.0
    scratch_pool: Annotated[
        str,
        Meta(
            description="Pool in which a set is made again to prove it (level 3), and removed. "
            "Empty: the image's own pool."
        ),
    ] = ""
    scratch_folder: Annotated[
        str,
        Meta(
            description="Private folder with room for one chain of an image, decrypted, while it "
            "is proven or restored. Empty: the system's temporary folder."
        ),
    ] = ""


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """One image: `id` stays when it is renamed, and changes when one of its name is made anew."""

    pool: str
    name: str
    id: str
    size_bytes: int
    object_bytes: int
    features: list[str] = []
    flags: list[str] = []
    parent: str = ""


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One snapshot of an image; a protected one may have clones and cannot be removed."""

    id: int
    name: str
    size_bytes: int
    protected: bool


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """A stream that came to its end: SHA-256 and bytes of the whole."""

    bytes: int
    sha256: str


class _Parent(msgspec.Struct):
    pool: str
    image: str
    snapshot: str = ""


class _Info(msgspec.Struct):
    name: str
    id: str
    size: int
    object_size: int
    features: list[str] = []
    flags: list[str] = []
    parent: _Parent | None = None


class _Snapshot(msgspec.Struct):
    id: int
    name: str
    size: int
    protected: str | bool = "false"


class _Watcher(msgspec.Struct):
    address: str


class _Status(msgspec.Struct):
    watchers: list[_Watcher] = []


class _Child(msgspec.Struct):
    pool: str
    image: str


class Rbd:
    """The images of one cluster, as they are: nothing here changes any."""

    def __init__(self, settings: RbdSettings, environment: Mapping[str, str]) -> None:
        self._settings = settings
        self._environment = environment

    def images(self, pool: str) -> list[str]:
        """List the names of a pool's images: as they are, also those that `image` would refuse.

        Raises:
            NotDeployed: when the settings name no command, or there is no such pool.
            BadSettings, Unreachable, BadAnswer: when the command is wrong, fails, or says nonsense.

        """
        words = ["ls", f"--pool={plain(pool, 'pool')}", "--format=json"]
        return self.ask(words, list[str], f"pool {pool}")

    def image(self, pool: str, name: str) -> Image:
        """Return one image.

        Raises:
            NotDeployed: when there is none of this name.
            Refused: when a name is not plain.
            BadSettings, Unreachable, BadAnswer: as `images`.

        """
        found = self.ask(["info", *spec(pool, name), "--format=json"], _Info, f"{pool}/{name}")
        parent = found.parent
        return Image(
            pool=pool,
            name=name,
            id=found.id,
            size_bytes=found.size,
            object_bytes=found.object_size,
            features=found.features,
            flags=found.flags,
            parent=one_line(f"{parent.pool}/{parent.image}@{parent.snapshot}") if parent else "",
        )

    def snapshots(self, pool: str, name: str) -> list[Snapshot]:
        """List the snapshots of an image, oldest first.

        Raises:
            NotDeployed, Refused, BadSettings, Unreachable, BadAnswer: as `image`.

        """
        words = ["snap", "ls", *spec(pool, name), "--format=json"]
        rows = self.ask(words, list[_Snapshot], f"{pool}/{name}")
        return [
            Snapshot(
                id=row.id,
                name=row.name,
                size_bytes=row.size,
                # Older clients print a word, newer ones a truth value.
                protected=row.protected in {"true", True},
            )
            for row in sorted(rows, key=lambda row: row.id)
        ]

    def watchers(self, pool: str, name: str) -> list[str]:
        """List who has the image open: a guest, another client, a crashed one for 30 s.

        Raises:
            NotDeployed, Refused, BadSettings, Unreachable, BadAnswer: as `image`.

        """
        words = ["status", *spec(pool, name), "--format=json"]
        found = self.ask(words, _Status, f"{pool}/{name}")
        return [one_line(watcher.address) for watcher in found.watchers]

    def children(self, pool: str, name: str, snapshot: str) -> list[str]:
        """List the clones of a snapshot, as `pool/image`.

        Raises:
            NotDeployed, Refused, BadSettings, Unreachable, BadAnswer: as `image`.

        """
        words = ["children", *spec_of_snapshot(pool, name, snapshot), "--format=json"]
        rows = self.ask(words, list[_Child], f"{pool}/{name}@{snapshot}", empty=b"[]")
        return [one_line(f"{row.pool}/{row.image}") for row in rows]

    def export(self, pool: str, name: str, snapshot: str, sink: Sink) -> Exported:
        """Give the whole content of a snapshot, as a disk has it: as many bytes as the image has.

        Raises:
            NotDeployed, Refused, BadSettings, Unreachable: as `image`; what the sink raises.

        """
        digest, words = hashlib.sha256(), ["export", *spec_of_snapshot(pool, name, snapshot)]

        def take(part: bytes) -> None:
            digest.update(part)
            sink.write(part)

        return Exported(bytes=self._give(words, take), sha256=digest.hexdigest())

    def export_diff(
        self, pool: str, name: str, snapshot: str, sink: Sink, *, since: str = ""
    ) -> tuple[Exported, DiffFacts]:
        """Give what changed between two snapshots; without `since` all that is not zero.

        The stream is read along: it says itself of which snapshots it is, and that it is whole.

        Raises:
            BadAnswer: when the stream is cut, or is not between these snapshots.
            NotDeployed, Refused, BadSettings, Unreachable: as `image`; what the sink raises.

        """
        words = ["export-diff", *spec_of_snapshot(pool, name, snapshot)]
        if since:
            words.append(f"--from-snap={plain(since, 'snapshot')}")
        digest, reader = hashlib.sha256(), DiffReader()

        def take(part: bytes) -> None:
            digest.update(part)
            reader.write(part)
            sink.write(part)

        count = self._give(words, take)
        facts = reader.finish()
        if (facts.since, facts.snapshot) != (since, snapshot):
            told = one_line(f"{facts.since or 'nothing'} to {facts.snapshot or 'a moving head'}")
            raise BadAnswer(f"rbd export-diff of {pool}/{name}@{snapshot} gave {told} instead")
        return Exported(bytes=count, sha256=digest.hexdigest()), facts

    def sha256(self, pool: str, name: str, snapshot: str) -> str:
        """Read a whole snapshot and return its SHA-256: what a restored image is held against.

        Raises:
            NotDeployed, Refused, BadSettings, Unreachable: as `image`.

        """
        return self.export(pool, name, snapshot, _Nowhere()).sha256

    def require_content(self, pool: str, name: str, snapshot: str, sha256: str) -> None:
        """See that a snapshot holds exactly this.

        Raises:
            NotVerified: when it does not.
            NotDeployed, Refused, BadSettings, Unreachable: as `image`.

        """
        found = self.sha256(pool, name, snapshot)
        if found != sha256:
            raise NotVerified(
                f"{pool}/{name}@{snapshot} has SHA-256 {found[:16]}…, not {sha256[:16]}…"
            )

    def _give(self, words: Sequence[str], take: pipes.Take) -> int:
        argv = [*self._command(), *words, "--path=-", "--no-progress"]
        return pipes.give(self._pipe(argv, words[0]), self._environment, take)

    def _pipe(self, argv: Sequence[str], verb: str) -> pipes.Pipe:
        return pipes.Pipe(
            argv=argv,
            what=f"rbd {verb}",
            setting=SETTING,
            silent_seconds=self._settings.silent_seconds_max,
        )

    def ask(self, words: Sequence[str], kind: type[T], what: str, *, empty: bytes = b"") -> T:
        """Ask one question and read the answer as `kind`; `empty` stands for no answer at all.

        Raises:
            NotDeployed, BadSettings, Unreachable, BadAnswer: as `images`.

        """
        try:
            body = self._run(words, self._settings.seconds_max)
        except NotDeployed as error:
            raise NotDeployed(f"{what}: {error}", hint=error.hint) from None
        try:
            return msgspec.json.decode(body.strip() or empty, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BadAnswer(
                f"rbd {words[0]} {what}: the answer is not what RBD promises "
                f"({one_line(str(error))})",
                hint=f"setting {SETTING}: its words must end where `ls` may follow",
            ) from None

    def _run(self, words: Sequence[str], seconds: float) -> bytes:
        verb = " ".join(word for word in words[:2] if not word.startswith("-"))
        try:
            return commands.run(
                [*self._command(), *words],
                self._environment,
                what=f"rbd {verb}",
                setting=SETTING,
                seconds=seconds,
            )
        except Unreachable as error:
            if ABSENT in str(error):
                raise NotDeployed(str(error), hint="rbd ls POOL, rbd snap ls POOL/IMAGE") from None
            raise

    def _command(self) -> list[str]:
        if not self._settings.command:
            raise NotDeployed("the settings name no RBD", hint=f"setting {SETTING}")
        return self._settings.command


class _Nowhere:
    def write(self, part: bytes) -> None:
        """Let it go: only its hash is wanted."""
