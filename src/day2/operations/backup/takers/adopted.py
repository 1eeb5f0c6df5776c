# SPDX-License-Identifier: Apache-2.0
"""Backups that others took: what was found of each is the set; the data stays where it lies."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from day2.adapters.adopting.examine import Examined, examine
from day2.adapters.adopting.recognise import Candidate
from day2.adapters.vaults.vault import Draft, Vault, Writer
from day2.errors import BadUsage, NotVerified, Refused
from day2.model.backup import Found, Kind
from day2.operations.backup.takers.taker import Say, Taken

ABOUT, FOUND = "candidate", "adopted"
CHAIN_MAX = 200
Load = Callable[[list[Candidate], Path, Say], dict[str, Any]]


class Adopted(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of an adopted set: where a backup lies, and what was in it."""

    candidate: Candidate
    examined: Examined


class AdoptedTaker:
    """Examines a backup of others where it lies; never writes there.

    `load` restores one, with those that it stands on before it, into a scratch server (level 3).
    """

    kind = Kind.DATABASE

    def __init__(self, load: Load) -> None:
        self._load = load

    def take(self, writer: Writer, draft: Draft, parent: Found | None, say: Say) -> Taken:
        """Read it once, and keep what was found."""
        del parent
        candidate = msgspec.json.decode(draft.about[ABOUT], type=Candidate)
        examined = _examined(candidate, say)
        if examined.facts.get("increment") and not draft.parent and not examined.wrong:
            why = "an increment, and what it stands on is not there"
            examined = msgspec.structs.replace(examined, wrong=why)
        adopted = Adopted(candidate=candidate, examined=examined)
        with writer.sink(FOUND, "adopted.json") as sink:
            sink.write(msgspec.json.encode(adopted))
        return Taken(
            source={
                "path": candidate.path,
                "form": candidate.form.value,
                "taken_at": candidate.taken_at.isoformat(),
                "dated_by": candidate.dated_by,
                "file_bytes": examined.stored_bytes,
                "file_sha256": examined.sha256,
                "plain_bytes": examined.bytes,
                "wrong": examined.wrong,
                "lacks": examined.lacks,
                **examined.facts,
            }
        )

    def check(self, vault: Vault, found: Found, say: Say) -> str:
        """Read the file again: it must be the one that was adopted, and good for something.

        Raises:
            Refused: when it cannot be read, which says nothing about it.

        """
        wrong = vault.check(found)
        source = found.manifest.source
        if wrong or source["wrong"]:
            return wrong or f"{source['path']}: {source['wrong']}"
        say(f"hashing {source['path']}")
        file = Path(source["path"])
        if _is_gone(file):
            return f"{file} is not there any more"
        if _hash(file) != source["file_sha256"]:
            return f"{source['path']} is not the file that was adopted any more"
        return ""

    def prove(self, vault: Vault, found: Found, folder: Path, say: Say) -> dict[str, Any]:
        """Restore it into a scratch server."""
        return self._load(self._chain(vault, found, folder), folder, say)

    def _chain(self, vault: Vault, found: Found, folder: Path) -> list[Candidate]:
        """Return the backup with everything that it stands on, the full one first."""
        chain: list[Candidate] = []
        link = found
        while True:
            (artefact,) = link.manifest.artefacts
            file = vault.fetch(link, artefact, folder)
            adopted = msgspec.json.decode(file.read_bytes(), type=Adopted)
            file.unlink()
            if adopted.examined.wrong:
                raise NotVerified(f"{adopted.candidate.path}: {adopted.examined.wrong}")
            chain.insert(0, adopted.candidate)
            if not link.manifest.parent or len(chain) > CHAIN_MAX:
                return chain
            link = vault.find(link.manifest.parent)


def _examined(candidate: Candidate, say: Say) -> Examined:
    try:
        return examine(candidate, say)
    except OSError as error:
        raise BadUsage(
            f"cannot read {candidate.path}: {error.strerror or error}",
            hint="run as a user who may read it",
        ) from None


def _is_gone(path: Path) -> bool:
    """Tell whether it was removed: an empty folder, or none, may be a share that is not mounted."""
    try:
        return not path.exists() and any(path.parent.iterdir())
    except OSError:
        return False


def _hash(path: Path) -> str:
    try:
        with path.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise Refused(
            f"cannot read {path}: {error.strerror or error}",
            hint="is its share mounted, and may this user read it?",
        ) from None
