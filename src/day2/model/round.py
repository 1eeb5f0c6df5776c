# SPDX-License-Identifier: Apache-2.0
"""The graded result of one round: what a person reads and what the next round is held against."""

from datetime import datetime

import msgspec

from day2.errors import Denied
from day2.model.finding import Finding
from day2.model.problem import Suspect
from day2.model.severity import Severity
from day2.model.survey import Gap
from day2.model.usage import Usage


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """The earlier round that this one was held against."""

    id: int
    at: datetime


class Before(msgspec.Struct, frozen=True, kw_only=True):
    """What was known before a round: the earlier one, its open findings, and people's words.

    `open_checks` maps the key of each open finding to the name of its check; `muted` and
    `acknowledged` are keys with a word that still holds. `said_of` is how bad the finding was when
    the word was said, where that is known: the word is not on what has grown worse since.
    """

    compared_with: Compared | None = None
    open_checks: dict[str, str] = {}
    muted: frozenset[str] = frozenset()
    acknowledged: frozenset[str] = frozenset()
    said_of: dict[str, Severity] = {}

    def mutes(self, finding: Finding) -> bool:
        """Tell whether somebody's word hides it."""
        return finding.key in self.muted and not self._worse(finding)

    def acknowledges(self, finding: Finding) -> bool:
        """Tell whether somebody's word says that it is known."""
        return finding.key in self.acknowledged and not self._worse(finding)

    def _worse(self, finding: Finding) -> bool:
        said_of = self.said_of.get(finding.key)
        return said_of is not None and finding.severity.rank < said_of.rank


class NotKept(msgspec.Struct, frozen=True, kw_only=True):
    """Why a round could not be kept: the failure of the memory, with its exit code."""

    message: str
    hint: str
    exit_code: int


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One round or check, judged.

    `findings` are the top-level ones, worst first; `folded` are those that another one explains,
    named in its `consequences`. `new` and `gone` are keys; `unjudged` are keys of the earlier round
    that could be neither confirmed nor cleared because of a gap. `muted` counts findings that are
    not shown; `acknowledged` names those that are shown and known. `refused` says that the account
    was refused and nothing else could be read either: the cloud was not judged at all. `suspects`
    are known problems of which the findings, the logs and what OpenStack says are signs. `usage` is
    part of weekly rounds, `usage_notes` what its reader must know. `not_kept` says that the memory
    failed: no later round can be held against this one, and perhaps this one against no earlier.
    """

    kind: str
    cloud: str
    region: str
    at: datetime
    severity: Severity
    findings: list[Finding] = []
    folded: list[Finding] = []
    muted: int = 0
    acknowledged: list[str] = []
    gaps: list[Gap] = []
    compared_with: Compared | None = None
    new: list[str] = []
    gone: list[str] = []
    unjudged: list[str] = []
    refused: bool = False
    suspects: list[Suspect] = []
    usage: list[Usage] = []
    usage_notes: list[str] = []
    checks: int = 0
    objects: int = 0
    requests: int = 0
    seconds: float = 0.0
    id: int | None = None
    not_kept: NotKept | None = None

    @property
    def exit_code(self) -> int:
        """Return 11 for critical, 12 for something unread, 10 for warning, 21 when refused.

        The memory's own failure (2 or 23) comes before all of them.
        """
        if self.not_kept:
            return self.not_kept.exit_code
        if self.refused:
            return Denied.exit_code
        unknown = bool(self.gaps) or self.severity is Severity.UNKNOWN
        if unknown and self.severity is not Severity.CRITICAL:
            return Severity.UNKNOWN.exit_code
        return self.severity.exit_code


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """One kept round in numbers: how many findings it had of each severity."""

    id: int
    kind: str
    at: datetime
    severity: Severity
    counts: dict[Severity, int] = {}
    gaps: int = 0
