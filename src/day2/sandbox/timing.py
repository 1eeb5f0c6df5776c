# SPDX-License-Identifier: Apache-2.0
"""Times as services write them, spans as scenarios write them, and heartbeats."""

import re
from datetime import datetime, timedelta
from typing import Any

_SPAN = re.compile(r"^(\d+(?:\.\d+)?)(s|m|h|d|w)$")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
NOVA_DOWN_SECONDS, NEUTRON_DOWN_SECONDS, CINDER_DOWN_SECONDS = 60, 75, 60
REPORT_SECONDS = 10


def span(text: str) -> timedelta:
    """Read a span: `40d`, `3h`, `10m`, `20s`.

    Raises:
        ValueError: when it is not one.

    """
    found = _SPAN.match(text)
    if not found:
        raise ValueError(f"{text!r} is not a span such as 40d, 3h, 10m, 20s")
    return timedelta(**{_UNITS[found[2]]: float(found[1])})


def zulu(moment: datetime | None) -> str | None:
    """Write whole seconds with a Z: Nova's servers, Neutron, Glance, Heat."""
    return None if moment is None else f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def micro(moment: datetime | None) -> str | None:
    """Write microseconds without a zone: Nova's services and migrations, Cinder."""
    return None if moment is None else f"{moment:%Y-%m-%dT%H:%M:%S}.000000"


def spaced(moment: datetime | None) -> str | None:
    """Write whole seconds with a space: Neutron's agents."""
    return None if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"


def heartbeat(row: dict[str, Any], now: datetime) -> datetime:
    """Return when a service or agent last reported: moments ago, unless it is dead."""
    dead: datetime | None = row.get("dead_since")
    if dead is not None:
        return dead
    return now - timedelta(seconds=(now.timestamp() + hash_seconds(row["id"])) % REPORT_SECONDS)


def hash_seconds(key: str) -> int:
    """Spread the heartbeats: not everybody reports in the same second."""
    return sum(str(key).encode()) % REPORT_SECONDS


def is_up(row: dict[str, Any], now: datetime, seconds: int) -> bool:
    """Tell whether the last report is young enough."""
    return bool((now - heartbeat(row, now)).total_seconds() <= seconds)
