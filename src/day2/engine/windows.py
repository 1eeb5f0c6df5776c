# SPDX-License-Identifier: Apache-2.0
"""When changes are allowed: maintenance windows and freezes, as settings say. Pure."""

from datetime import UTC, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta

from day2.errors import BadSettings

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Freeze(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which nothing is changed."""

    begins: Annotated[str, Meta(description="First moment, ISO 8601; UTC unless it says so.")]
    ends: Annotated[str, Meta(description="First moment after it.")]
    reason: Annotated[str, Meta(description="Why, for whoever is refused.")] = ""


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """A weekly time in which changes are allowed; past midnight when it ends before it begins."""

    begins: Annotated[str, Meta(pattern="^[0-2][0-9]:[0-5][0-9]$", description="HH:MM")]
    ends: Annotated[str, Meta(pattern="^[0-2][0-9]:[0-5][0-9]$", description="HH:MM")]
    days: Annotated[
        list[str], Meta(description="mon tue wed thu fri sat sun, when it begins; empty: all.")
    ] = []
    zone: Annotated[str, Meta(description="Time zone (Europe/Madrid).")] = "UTC"


class Closed(msgspec.Struct, frozen=True, kw_only=True):
    """Changes are not allowed now; `until` None: no window is known."""

    why: str
    until: datetime | None = None


def closed(now: datetime, windows: list[Window], freezes: list[Freeze]) -> Closed | None:
    """Tell why nothing may be changed now; None when it may. A freeze is above every window.

    Raises:
        BadSettings: when a moment, a time or a zone in the settings is none.

    """
    for freeze in freezes:
        begins, ends = _moment(freeze.begins), _moment(freeze.ends)
        if begins <= now < ends:
            said = f": {freeze.reason}" if freeze.reason else ""
            return Closed(
                why=f"changes are frozen until {ends:%Y-%m-%d %H:%M} UTC{said}", until=ends
            )
    if not windows:
        return None
    spans = [span for window in windows for span in _spans(window, now)]
    if any(begins <= now < ends for begins, ends in spans):
        return None
    following = min((begins for begins, _ends in spans if begins > now), default=None)
    when = f"; the next one begins {following:%Y-%m-%d %H:%M} UTC" if following else ""
    return Closed(why=f"it is outside of the maintenance windows{when}", until=following)


def _spans(window: Window, now: datetime) -> list[tuple[datetime, datetime]]:
    """Return the window's times from yesterday to a week from now, in UTC."""
    try:
        zone = ZoneInfo(window.zone)
        opens, closes = time.fromisoformat(window.begins), time.fromisoformat(window.ends)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise BadSettings(f"setting changes.windows: {error}") from None
    unknown = set(window.days) - set(DAYS)
    if unknown:
        raise BadSettings(f"setting changes.windows: no day {', '.join(sorted(unknown))}")
    today = now.astimezone(zone).date()
    found = []
    for offset in range(-1, 9):
        day = today + timedelta(days=offset)
        if window.days and DAYS[day.weekday()] not in window.days:
            continue
        last = day if closes > opens else day + timedelta(days=1)
        begins = datetime.combine(day, opens, zone).astimezone(UTC)
        found.append((begins, datetime.combine(last, closes, zone).astimezone(UTC)))
    return found


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadSettings(f"setting changes.freezes: {text!r} is not a moment") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
