# SPDX-License-Identifier: Apache-2.0
"""Everything that one HTML report tells."""

from datetime import datetime

import msgspec

from day2.model.logs import LogReview
from day2.model.round import Report, Tally
from day2.model.usage import Usage


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """One round with what surrounds it.

    `tallies` are this round and those before it, `logs` the reviews up to it, both newest first;
    what is empty has no section in the file.
    """

    report: Report
    made_at: datetime
    version: str
    usage: list[Usage] = []
    tallies: list[Tally] = []
    logs: list[LogReview] = []
