# SPDX-License-Identifier: Apache-2.0
"""What backups add to a round: the vault is read while the cloud is, and judged after it."""

import queue
import threading
from typing import TYPE_CHECKING

from day2.errors import Day2Error, Unreachable
from day2.model.backup import Found, Kind
from day2.model.finding import Finding
from day2.model.survey import Gap

if TYPE_CHECKING:
    from day2.model.round import Before
    from day2.operations.rounds.procedure import Addition
    from day2.wiring.site import Site

SECONDS_MAX = 120.0
Read = tuple[list[Finding], list[Gap]]


class Pending:
    """A reading of the vault, the bucket and the keys that goes on while the survey is read."""

    def __init__(self, site: "Site") -> None:
        self._site = site
        self._until = site.clock.monotonic() + SECONDS_MAX
        self._done: queue.SimpleQueue[Read | BaseException] = queue.SimpleQueue()
        threading.Thread(target=self._work, daemon=True).start()

    def addition(self, before: "Before") -> "Addition":
        """Wait for it, not for long, and say what is wrong and what is not any more."""
        from day2.operations.backup import findings
        from day2.operations.rounds.procedure import Addition

        late = Unreachable(f"the vault of backups was not read within {SECONDS_MAX:g} s")
        read: Read | BaseException
        try:
            left = max(self._until - self._site.clock.monotonic(), 0.01)
            read = self._done.get(timeout=left)
        except queue.Empty:
            read = [], [_gap("vault", late)]
        if isinstance(read, BaseException):
            raise read
        found, gaps = read
        missed = findings.gone(found, before.open_checks)
        return Addition(
            checks=findings.CHECKS,
            findings=found,
            gaps=gaps,
            gone=[] if gaps else missed,
            unjudged=missed if gaps else [],
        )

    def _work(self) -> None:
        try:
            self._done.put(_read(self._site))
        except BaseException as error:  # noqa: BLE001 - handed to the main thread, which raises it
            self._done.put(error)


def begin(site: "Site") -> Pending | None:
    """Begin to read; None: the cloud has no vault."""
    if site.settings.value(f"clouds.{site.cloud}.backup_vault") is None:
        return None
    return Pending(site)


def _read(site: "Site") -> Read:
    from day2.operations.backup import findings

    backups, policy = site.backups, site.backups.policy
    found: list[Finding] = []
    gaps: list[Gap] = []
    sets: list[Found] = []
    try:
        sets = backups.vault.sets()
        found += findings.of_standings(backups.standings(sets), policy)
    except Day2Error as error:
        gaps.append(_gap("vault", error))
    try:
        found += _copies(site, sets)
    except Day2Error as error:
        gaps.append(_gap("third copy", error))
    try:
        found += _keys(site)
    except Day2Error as error:
        gaps.append(_gap("keys", error))
    return found, gaps


def _copies(site: "Site", sets: list[Found]) -> list[Finding]:
    from day2.operations.backup import findings
    from day2.wiring import backup_bulk

    if not site.backups.has_third_copy or not sets:
        return []
    held = site.backups.third_copy.held()
    kinds = frozenset(Kind) - backup_bulk.kinds(site)
    return findings.of_copies(sets, held, kinds, site.backups.policy, site.clock.now())


def _keys(site: "Site") -> list[Finding]:
    from day2.operations.backup import findings
    from day2.wiring import backup_keys

    public = backup_keys.prove(site).public
    known = backup_keys.proven(site)
    return findings.of_keys(public, known, site.backups.policy, site.clock.now())


def _gap(what: str, error: Day2Error) -> Gap:
    return Gap(
        kind="backups",
        what=f"backups: {what}",
        error=error.kind,
        message=str(error),
        hint=error.hint,
    )
