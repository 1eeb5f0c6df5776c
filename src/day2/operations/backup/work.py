# SPDX-License-Identifier: Apache-2.0
"""What a worker does: take one set, or prove one to a level; the vault holds what became of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec import structs

from day2.adapters import private_folders
from day2.adapters.clock import Clock
from day2.adapters.vaults.vault import Draft, Vault
from day2.errors import BadUsage, Day2Error, NotVerified, Refused
from day2.model.backup import Found, Kind, Level, Method, Record, State, Told
from day2.operations.backup.takers.taker import ALWAYS, Say, Taker


def take(vault: Vault, taker: Taker, draft: Draft, clock: Clock, say: Say) -> Found:
    """Take a set; one that is committed under this id already is returned as it is.

    When it would hold what the newest one of its kind holds, that one is returned, with a record
    beside it that says so.

    Raises:
        Locked, VaultFull, Unreachable, Refused: nothing of the set remains.

    """
    for found in vault.sets():
        if found.manifest.id == draft.id:
            return found
    parent = vault.find(draft.parent) if draft.parent else None
    if parent is not None and draft.method is Method.ADOPTED:
        # Both were found in one look: what others took before is what it is.
        draft = structs.replace(draft, parent_sha256=parent.sha256)
    require_parent(parent, draft)
    with vault.write(draft) as writer:
        taken = taker.take(writer, draft, parent, say)
        same = None
        if not draft.about.get(ALWAYS):
            same = _same(vault.sets(), draft.kind, taken.content, writer.recipients)
        if same is None:
            return writer.commit(source=taken.source, exits=taken.exits)
    say(f"nothing changed since {same.manifest.id}")
    vault.record(
        Record(
            set=same.manifest.id,
            manifest_sha256=same.sha256,
            told=Told.UNCHANGED,
            at=clock.now(),
            by=draft.by,
            detail=f"{draft.id} would have held the same",
        )
    )
    return vault.find(same.manifest.id)


def _same(
    found: Sequence[Found], kind: Kind, content: str, recipients: Sequence[str]
) -> Found | None:
    """Return the newest set of a kind, when it holds this, sealed to these, and could be restored.

    One that is sealed to keys of before is no stand-in: they were replaced for a reason.
    """
    newest = next((one for one in reversed(found) if one.manifest.kind is kind), None)
    if not content or newest is None or newest.state is not State.GOOD:
        return None
    if set(newest.manifest.recipients) != set(recipients):
        return None
    return newest if newest.manifest.source.get("content_sha256") == content else None


def require_parent(parent: Found | None, draft: Draft) -> None:
    """See that an increment stands on something sound.

    Raises:
        BadUsage: when it has no parent.
        Refused: when the parent is bad, condemned, or another than was planned.

    """
    if parent is None:
        if draft.method is Method.INCREMENT:
            raise BadUsage("an increment needs the set that it is taken from")
        return
    if parent.state is not State.GOOD and draft.method is not Method.ADOPTED:
        raise Refused(
            f"{parent.manifest.id} is {parent.state.value}: nothing may be based on it",
            hint="take a full set: day2 backup run database --method full",
        )
    if parent.sha256 != draft.parent_sha256:
        raise Refused(f"{parent.manifest.id} is not the set that was planned with")


def verify(
    vault: Vault,
    taker: Taker,
    name: str,
    level: Level,
    *,
    by: str,
    clock: Clock,
    scratch: Path | None,
    say: Say,
) -> Record:
    """Prove a set from level 1 up to this one, and append what was found beside it.

    A set that does not hold gets a record that says so. What keeps it from being looked at (no key,
    no room, no server) is raised, and says nothing about the set. `scratch` is where plain files
    may lie meanwhile, private and removed afterwards; None: the system's temporary folder.

    Raises:
        Refused: when no key at hand opens it.
        BadUsage: when there is no such set.

    """
    found = vault.find(name)
    began = clock.monotonic()
    reached, wrong = Level.COMMITTED, found.broken
    facts: dict[str, Any] = {}
    try:
        if not wrong:
            wrong = taker.check(vault, found, say)
        if not wrong:
            reached = Level.HASHED
            if level >= Level.READ:
                reached, facts = _opened(vault, taker, found, level, scratch, say)
    except NotVerified as error:
        wrong = str(error)
    record = Record(
        set=found.manifest.id,
        manifest_sha256=found.sha256,
        told=Told.VERIFIED,
        at=clock.now(),
        by=by,
        # What it failed at: what was not tried any more says nothing.
        level=reached if not wrong else Level.HASHED if reached is Level.COMMITTED else level,
        ok=not wrong,
        seconds=round(clock.monotonic() - began, 3),
        detail=wrong or f"held at level {reached.value}",
        facts=facts,
    )
    vault.record(record)
    return record


def _opened(
    vault: Vault, taker: Taker, found: Found, level: Level, scratch: Path | None, say: Say
) -> tuple[Level, dict[str, Any]]:
    with private_folders.folder(scratch) as folder:
        if level >= Level.RESTORED:
            say("restoring")
            return Level.RESTORED, taker.prove(vault, found, folder, say)
        for artefact in found.manifest.artefacts:
            say(f"reading {artefact.name}")
            vault.fetch(found, artefact, folder).unlink()
    return Level.READ, {}


def told(error: Day2Error) -> dict[str, Any]:
    """Return a failure as a worker prints it: its last line, for whoever adopts it."""
    return {"error": error.kind, "message": str(error), "hint": error.hint}


def kinds(wanted: list[str], known: list[Kind]) -> list[Kind]:
    """Return the kinds that were asked for, else those of the policy."""
    return [Kind(name) for name in wanted] or known
