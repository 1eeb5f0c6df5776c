# SPDX-License-Identifier: Apache-2.0
"""Sets of files: configuration with its keys and certificates, and day2's own memory."""

import hashlib
import io
import os
import shutil
import stat
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path, PurePath
from typing import Any

import msgspec
from msgspec import structs

from day2.adapters.files import flush, flush_tree
from day2.adapters.reasons import one_line
from day2.adapters.vaults import disk
from day2.adapters.vaults.vault import Draft, Sink, Vault, Writer
from day2.errors import BadSettings, NotVerified, Refused
from day2.model.backup import Found, Kind
from day2.operations.backup.takers.taker import Say, Taken

TREE, INDEX = "tree", "index"
CHUNK = 1 << 20
SHOWN_MAX = 5
SAID_EACH = 500
TAKEN = frozenset({stat.S_IFREG, stat.S_IFLNK, stat.S_IFDIR})


class Root(msgspec.Struct, frozen=True, kw_only=True):
    """A file or folder that is taken, and the name that it has in the set."""

    path: Path
    name: str


Roots = Callable[[], AbstractContextManager[Sequence[Root]]]


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A file that exists in memory only; `live`: it changes by itself, so it is no news."""

    name: str
    content: bytes = b""
    mode: int = 0o600
    owner: int = 0
    group: int = 0
    target: str = ""
    live: bool = False


class Beside(msgspec.Struct, frozen=True, kw_only=True):
    """What is taken beside the files of this machine, and what is known of it."""

    held: list[Held] = []
    source: dict[str, Any] = {}


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a tree: `sha256` of a regular one, `target` of a symbolic link."""

    path: str
    mode: int
    owner: int
    group: int
    bytes: int = 0
    sha256: str = ""
    target: str = ""


class TreeTaker:
    """Takes a few files and folders of this machine as one tar, with an index of hashes.

    `roots` opens what is taken: a context, so that it may be a copy made for the purpose. `beside`
    fetches what is not on this machine; then a set that holds what the newest one holds is none.
    """

    def __init__(
        self, kind: Kind, roots: Roots, beside: Callable[[Say], Beside] | None = None
    ) -> None:
        self.kind = kind
        self._roots = roots
        self._beside = beside

    def take(self, writer: Writer, draft: Draft, parent: Found | None, say: Say) -> Taken:
        """Read every file once: what is hashed is what is written.

        Raises:
            BadSettings: when a path is missing or may not be read.
            Refused: when a file changed while it was read.
            Day2Error: when what lies elsewhere cannot be had.

        """
        del draft, parent
        entries: list[Entry] = []
        beside = self._beside(say) if self._beside else Beside()
        with self._roots() as roots:
            require_readable(roots)
            with (
                writer.sink(TREE, "tree.tar") as sink,
                tarfile.open(
                    fileobj=_Out(sink), mode="w|", format=tarfile.PAX_FORMAT, bufsize=CHUNK
                ) as archive,
            ):
                for path, name in _files(roots):
                    entries.append(_add(archive, path, name))
                    if len(entries) % SAID_EACH == 0:
                        say(f"{len(entries)} files")
                held = sorted(beside.held, key=lambda one: one.name)
                entries += [_hold(archive, one) for one in held]
        live = {one.name for one in held if one.live}
        settled = content([entry for entry in entries if entry.path not in live])
        with writer.sink(INDEX, "index.json") as sink:
            sink.write(msgspec.json.encode(entries))
        return Taken(
            source={
                "roots": [root.name for root in roots],
                "files": len(entries),
                "content_sha256": settled,
                **beside.source,
            },
            content=settled if self._beside else "",
        )

    def check(self, vault: Vault, found: Found, say: Say) -> str:
        """Let the vault hash its files."""
        say("hashing")
        return vault.check(found)

    def prove(self, vault: Vault, found: Found, folder: Path, say: Say) -> dict[str, Any]:
        """Unpack it into a folder and compare each file with the index.

        Raises:
            NotVerified: naming the first files that differ, are missing, or are too many.

        """
        index = index_of(vault, found, folder)
        say("unpacking")
        (artefact,) = [a for a in found.manifest.artefacts if a.of == TREE]
        plain = vault.fetch(found, artefact, folder)
        unpacked = folder / "unpacked"
        links = unpack(plain, unpacked)
        wrong = [why for entry in index if (why := _differs(unpacked, links, entry))]
        known = {entry.path.lstrip("/") for entry in index}
        there = {str(p.relative_to(unpacked)) for p in unpacked.rglob("*") if not p.is_dir()}
        wrong += [f"{path} is not in the index" for path in sorted((there | set(links)) - known)]
        if wrong:
            more = f" and {len(wrong) - SHOWN_MAX} more" if len(wrong) > SHOWN_MAX else ""
            raise NotVerified(f"{found.manifest.id}: {'; '.join(wrong[:SHOWN_MAX])}{more}")
        return {"files": len(index), "bytes": sum(entry.bytes for entry in index)}


def unpack(archive: Path, folder: Path) -> dict[str, str]:
    """Unpack files into a new private folder, for its owner alone; return where links point to.

    No link is made: a file could be written through it.

    Raises:
        NotVerified: when it is no archive, or one that leads out of the folder.
        VaultFull, Unreachable: when the disk does not take it.

    """
    links: dict[str, str] = {}
    with disk.told(f"cannot unpack {archive.name}", folder.parent):
        folder.mkdir(mode=0o700)
        try:
            with tarfile.open(archive, "r:") as opened:
                for member in opened:
                    if member.issym():
                        links[member.name] = member.linkname
                    elif member.isreg() or member.isdir():
                        opened.extract(member, folder, filter=_private)
        except tarfile.TarError as error:
            why = one_line(str(error))
            raise NotVerified(f"{archive.name} cannot be unpacked: {why}") from None
    return links


def index_of(vault: Vault, found: Found, folder: Path) -> list[Entry]:
    """Read the index of a set of files.

    Raises:
        NotVerified: when it is none, or a path in it leads out of the tree: whoever can write a
            vault could otherwise choose what is given away, or where a link is made.

    """
    (artefact,) = [a for a in found.manifest.artefacts if a.of == INDEX]
    file = vault.fetch(found, artefact, folder)
    try:
        entries = msgspec.json.decode(file.read_bytes(), type=list[Entry])
    except msgspec.MsgspecError as error:
        raise NotVerified(f"{found.manifest.id}: {artefact.name}: {error}") from None
    for entry in entries:
        if ".." in PurePath(entry.path).parts or "\0" in entry.path:
            said = one_line(entry.path)
            raise NotVerified(f"{found.manifest.id}: {said} in its index leads out of its tree")
    return entries


def content(entries: Sequence[Entry]) -> str:
    """Hash what the files are, so that two sets can be told apart without opening either."""
    return hashlib.sha256(msgspec.json.encode(sorted(entries, key=lambda e: e.path))).hexdigest()


def require_readable(roots: Sequence[Root]) -> None:
    """See that each is there.

    Raises:
        BadSettings: naming the first that is not.

    """
    for root in roots:
        if not root.path.exists():
            raise BadSettings(
                f"{root.path} does not exist", hint="settings kolla.config_dir, backup.config_paths"
            )


class _Out(io.RawIOBase):
    """A sink as tarfile wants one."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def writable(self) -> bool:
        return True

    def write(self, part: Any) -> int:  # noqa: ANN401 - any buffer
        self._sink.write(bytes(part))
        return len(part)


def _files(roots: Sequence[Root]) -> Iterator[tuple[Path, str]]:
    """Walk in a fixed order; links are taken as links, sockets and the like are left out."""
    for root in sorted(roots, key=lambda root: root.name):
        yield root.path, root.name
        if root.path.is_symlink() or not root.path.is_dir():
            continue
        for folder, names, files in os.walk(root.path, onerror=_denied):
            names.sort()
            for path in (Path(folder) / name for name in [*names, *sorted(files)]):
                if stat.S_IFMT(path.lstat().st_mode) in TAKEN:
                    yield path, f"{root.name}/{path.relative_to(root.path)}"


def _denied(error: OSError) -> None:
    raise BadSettings(
        f"cannot read {error.filename}: {error.strerror}",
        hint="run as a user who may read all of it",
    )


def _add(archive: tarfile.TarFile, path: Path, name: str) -> Entry:
    try:
        told = archive.gettarinfo(str(path), arcname=name.lstrip("/"))
        entry = Entry(path=name, mode=told.mode, owner=told.uid, group=told.gid)
        try:
            f"{name}{told.linkname}".encode()
        except UnicodeEncodeError:
            shown = name.encode(errors="replace").decode()
            raise BadSettings(f"the name of {shown} is not UTF-8", hint="rename it") from None
        if told.islnk():
            # A second name of a file that is in the archive: its content is written again.
            told.type, told.linkname, told.size = tarfile.REGTYPE, "", path.lstat().st_size
        if told.issym():
            archive.addfile(told)
            return structs.replace(entry, target=told.linkname)
        if not told.isreg():
            archive.addfile(told)
            return entry
        with path.open("rb") as opened:
            hashing = _Hashing(opened, told.size)
            archive.addfile(told, hashing)  # type: ignore[arg-type]
            grew = opened.read(1)
    except OSError as error:
        raise BadSettings(
            f"cannot read {path}: {error.strerror or error}", hint="run as a user who may"
        ) from None
    if hashing.short or grew:
        raise Refused(f"{path} changed while it was read", hint="take it again")
    return structs.replace(entry, bytes=told.size, sha256=hashing.digest.hexdigest())


def _hold(archive: tarfile.TarFile, held: Held) -> Entry:
    told = tarfile.TarInfo(held.name)
    told.mode, told.uid, told.gid = held.mode, held.owner, held.group
    entry = Entry(path=held.name, mode=held.mode, owner=held.owner, group=held.group)
    if held.target:
        told.type, told.linkname = tarfile.SYMTYPE, held.target
        archive.addfile(told)
        return structs.replace(entry, target=held.target)
    told.size = len(held.content)
    archive.addfile(told, io.BytesIO(held.content))
    digest = hashlib.sha256(held.content).hexdigest()
    return structs.replace(entry, bytes=told.size, sha256=digest)


class _Hashing:
    """Hashes what tarfile reads, and fills up what a file lost meanwhile."""

    def __init__(self, opened: Any, size: int) -> None:  # noqa: ANN401 - a binary file
        self._opened = opened
        self._left = size
        self.digest = hashlib.sha256()
        self.short = False

    def read(self, size: int) -> bytes:
        part: bytes = self._opened.read(min(size, self._left))
        if not part and self._left:
            self.short = True
            part = bytes(min(size, self._left))
        self._left -= len(part)
        self.digest.update(part)
        return part


def _private(member: tarfile.TarInfo, path: str) -> tarfile.TarInfo | None:
    """Let nothing out of the folder, and nobody else in."""
    checked = tarfile.data_filter(member, path)
    return checked.replace(mode=0o700 if member.isdir() else 0o600, deep=False)


def _differs(unpacked: Path, links: Mapping[str, str], entry: Entry) -> str:
    name = entry.path.lstrip("/")
    path = unpacked / name
    if entry.target:
        return "" if links.get(name) == entry.target else f"{entry.path} is another link"
    if not entry.sha256:
        return "" if path.is_dir() else f"{entry.path} is missing"
    if not path.is_file():
        return f"{entry.path} is missing"
    with path.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    return "" if digest == entry.sha256 else f"{entry.path} differs"


def restore(vault: Vault, found: Found, into: Path, scratch: Path, say: Say) -> dict[str, Any]:
    """Unpack a proven set into a folder that is new or empty; return what was done.

    Files get their modes, and their owners where this user may give them. No link is made: where
    each pointed to is returned, for whoever wants them back.

    Raises:
        Refused: when the folder holds anything, or there is none that it could be made in.
        NotVerified: when the set does not hold; nothing is in the folder then.

    """
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise Refused(f"{into} is not empty", hint="name a folder that is new or empty")
    if not into.parent.is_dir():
        raise Refused(f"there is no folder {into.parent}", hint=f"mkdir -p {into.parent}")
    index = index_of(vault, found, scratch)
    (artefact,) = [a for a in found.manifest.artefacts if a.of == TREE]
    say(f"reading {artefact.name}")
    plain = vault.fetch(found, artefact, scratch)
    beside = into.parent / f".{into.name}.day2-restoring"
    # What a restore left that was killed: ours by its name, and nobody's any more.
    shutil.rmtree(beside, ignore_errors=True)
    try:
        links = unpack(plain, beside)
        wrong = [why for entry in index if (why := _differs(beside, links, entry))]
        if wrong:
            raise NotVerified(f"{found.manifest.id}: {'; '.join(wrong[:SHOWN_MAX])}")
        # What the modes let nobody read is flushed before it gets them.
        flush_tree(beside)
        given = [give(beside / entry.path.lstrip("/"), entry) for entry in reversed(index)]
        if into.exists():
            into.rmdir()
        beside.rename(into)
        flush(into.parent)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return {
        "files": sum(bool(entry.sha256) for entry in index),
        "bytes": sum(entry.bytes for entry in index),
        "links": {f"/{name}": target for name, target in links.items()},
        "owners": all(given),
    }


def give(path: Path, entry: Entry) -> bool:
    """Give a file its owner and mode; False when its owner cannot be given by this user."""
    if entry.target:
        return True
    try:
        os.chown(path, entry.owner, entry.group)
        owned = True
    except PermissionError:
        owned = False
    # A set-id bit on a restored file would be a gift to whoever owns it.
    path.chmod(entry.mode & 0o777)
    return owned
