# SPDX-License-Identifier: Apache-2.0
"""Every failure that day2 names, sorted by what the caller does next.

The exit code sits on the class; anything else that reaches the command line is a bug (exit 1).

    Day2Error                     1   (never raised itself)
    ├── BadPlan                   1   a plan that day2 made is not sound: a bug
    ├── BadUsage                  2   the command line asks for something that does not exist
    ├── BadSettings               2   a settings file, a clouds.yaml or a policy file is wrong
    ├── MemoryUnusable            2   day2's own memory cannot be opened or is newer than this day2
    ├── VaultFull                 3   there is no room for a backup set
    ├── Unreachable              20   nothing answers, or not in time
    │   └── BadAnswer            20   something answers, but not what this API promises
    ├── Denied                   21   credentials refused, or a right is missing
    ├── NotDeployed              22   the cloud does not have this service
    ├── Locked                   23   somebody else is at work
    ├── Refused                  24   day2 will not: stale, over a limit, protected, changed, frozen
    ├── JournalBroken            25   the journal's chain does not hold
    └── NotVerified              26   something that was done did not prove itself

"May I ask again?" is a question of type: `Unreachable` may be retried for reads, nothing else may.
"""

from typing import Self


class Day2Error(Exception):
    """The root of every named failure.

    Attributes:
        exit_code: what the process ends with when this reaches the command line.
        hint: what to do next, as a sentence or a command; empty when the message says it all.

    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    @property
    def kind(self) -> str:
        """Name the failure for machines: the class name."""
        return type(self).__name__

    def bare(self) -> Self:
        """Return the same failure without its past.

        A traceback keeps alive what its frames held, whole answers included; a failure that is
        kept to be told later must not.
        """
        return type(self)(str(self), hint=self.hint)


class BadPlan(Day2Error):
    """A plan that day2 made is not sound: nothing is done by it, and it is a bug."""


class BadUsage(Day2Error):
    """The command line names something that does not exist."""

    exit_code = 2


class BadSettings(Day2Error):
    """A file that people edit (settings, clouds.yaml, policy) is missing or wrong."""

    exit_code = 2


class MemoryUnusable(Day2Error):
    """day2's own memory cannot be opened, written, or was written by a newer day2."""

    exit_code = 2


class Unreachable(Day2Error):
    """Nothing answers there, or not in time. A read may be asked again."""

    exit_code = 20


class BadAnswer(Unreachable):
    """Something answers, but not what this API promises (HTML, truncated, wrong types)."""


class Denied(Day2Error):
    """The credentials were refused, or the account lacks the right for this call."""

    exit_code = 21


class NotDeployed(Day2Error):
    """The cloud does not offer this service, this call, or this version of it."""

    exit_code = 22


class Locked(Day2Error):
    """Another process holds what this one needs."""

    exit_code = 23


class Refused(Day2Error):
    """day2 will not do this: stale, over a limit, protected, changed, frozen."""

    exit_code = 24


class VaultFull(Day2Error):
    """There is no room for a backup set; what was written of it is gone, others are untouched."""

    exit_code = 3


class JournalBroken(Day2Error):
    """The journal was changed by something else than day2: its chain does not hold."""

    exit_code = 25


class NotVerified(Day2Error):
    """Something that was done did not prove itself."""

    exit_code = 26
