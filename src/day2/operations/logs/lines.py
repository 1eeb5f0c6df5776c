# SPDX-License-Identifier: Apache-2.0
"""Lines that name a request, read one by one: when, who, how grave, in which words."""

from collections.abc import Sequence
from datetime import UTC, datetime

from day2.model.logs import Followed, LogGroup, LogLine, LogReading
from day2.operations.logs import formats, parse

LATE = datetime.max.replace(tzinfo=UTC)


def followed(reading: LogReading, requests: Sequence[str]) -> Followed:
    """Put what was read of all hosts into one order of time; a line that says no time comes last.

    The times are the hosts' own: clocks that differ put lines into a wrong order.
    """
    found = [_line(group, requests) for group in reading.groups]
    found.sort(key=lambda line: line.at or LATE)
    return Followed(
        found=found, hosts=sorted(set(reading.hosts)), lines=reading.lines, gaps=reading.gaps
    )


def _line(group: LogGroup, requests: Sequence[str]) -> LogLine:
    first = group.text.partition("\n")[0]
    head = formats.head(first)
    oslo = formats.OSLO.match(first)
    named = [one for one in requests if one.removeprefix("req-") in first]
    return LogLine(
        host=group.host,
        service=parse.service_of(group.file),
        at=group.first_at,
        level=oslo[1] if oslo else head.level,
        module=head.module,
        # The one that is asked for: a line may name the request that caused its own as well.
        request_id=named[0] if named else head.request_id,
        text=head.message.strip() or first.strip(),
    )
