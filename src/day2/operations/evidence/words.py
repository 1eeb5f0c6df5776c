# SPDX-License-Identifier: Apache-2.0
"""Moments and spans as people say them; pure."""

from datetime import UTC, datetime, timedelta


def moment(at: datetime | None) -> str:
    """Say a moment to the minute, in UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M") if at is not None else "?"


def clock(at: datetime, now: datetime) -> str:
    """Say the time of day, with the day when it was not within the last twenty hours."""
    near = timedelta(0) <= now - at < timedelta(hours=20)
    return at.astimezone(UTC).strftime("%H:%M" if near else "%Y-%m-%d %H:%M")


def ago(age: timedelta) -> str:
    """Say an age in the largest unit of which there are two."""
    seconds = max(int(age.total_seconds()), 0)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def several(names: list[str], most: int = 4) -> str:
    """List names, and say how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"
