# SPDX-License-Identifier: Apache-2.0
"""The rows of a survey, one file per service: only the fields that day2 reads.

A field that an API may leave out, or send as null, has a default; everything else in an answer is
dropped when it is decoded, so that nothing secret (user data, passwords) can enter a survey.
"""

from datetime import UTC, datetime

import msgspec


class Row(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One row of one table of a survey."""


def utc(moment: datetime | None) -> datetime | None:
    """Make a moment aware: OpenStack services send UTC, with or without saying so."""
    if moment is None or moment.tzinfo is not None:
        return moment
    return moment.replace(tzinfo=UTC)
