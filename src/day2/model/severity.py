# SPDX-License-Identifier: Apache-2.0
"""How bad a finding is, and how a round of findings ends the process."""

import enum
from collections.abc import Iterable


class Severity(enum.StrEnum):
    """How bad it is; `unknown` means that it could not be judged, which is not the same as well."""

    OK = "ok"
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"
    UNKNOWN = "unknown"

    @property
    def rank(self) -> int:
        """Order for lists, worst first: critical 0, unknown 1, warning 2, info 3, ok 4."""
        return _RANKS[self]

    @property
    def exit_code(self) -> int:
        """Return the exit code of a round whose worst finding this is (design: 11, 12, 10, 0)."""
        return _EXIT_CODES[self]

    @property
    def nagios(self) -> int:
        """Return the plugin code of the Nagios family: 0 ok, 1 warning, 2 critical, 3 unknown."""
        return _NAGIOS[self]


_RANKS = {
    Severity.CRITICAL: 0,
    Severity.UNKNOWN: 1,
    Severity.WARNING: 2,
    Severity.INFO: 3,
    Severity.OK: 4,
}
_EXIT_CODES = {
    Severity.CRITICAL: 11,
    Severity.UNKNOWN: 12,
    Severity.WARNING: 10,
    Severity.INFO: 0,
    Severity.OK: 0,
}
_NAGIOS = {
    Severity.CRITICAL: 2,
    Severity.UNKNOWN: 3,
    Severity.WARNING: 1,
    Severity.INFO: 0,
    Severity.OK: 0,
}


def worst(severities: Iterable[Severity]) -> Severity:
    """Return the worst of them by rank; `ok` when there is none."""
    return min(severities, key=lambda severity: severity.rank, default=Severity.OK)
