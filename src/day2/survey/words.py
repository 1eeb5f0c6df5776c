# SPDX-License-Identifier: Apache-2.0
"""What services and people wrote into a survey in words: it may quote a secret, and is cleaned.

Everything else of a survey is names, states and numbers.
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from day2.model.survey import Gap

Clean = Callable[[str], str]
WORDS: dict[str, tuple[str, ...]] = {
    "servers": ("fault", "locked_reason"),
    "server_faults": ("fault",),
    "compute_services": ("disabled_reason",),
    "volume_services": ("disabled_reason",),
    "volume_backups": ("fail_reason",),
    "ceph_health": ("summary",),
    "stacks": ("stack_status_reason",),
    "baremetal_nodes": ("maintenance_reason", "last_error"),
    "hosts": ("error",),
    "api_probes": ("error",),
    "certificates": ("error",),
    "database_nodes": ("error",),
    "proxy_endpoints": ("error",),
    "bus_endpoints": ("error",),
    "cache_nodes": ("error",),
    "monitoring_servers": ("error",),
    "alertmanagers": ("error",),
    "scrape_targets": ("last_error",),
    "alert_rules": ("last_error",),
    "alerts": ("summary",),
    "silences": ("comment",),
}
OF_FAULT = ("message",)


def cleaned(kind: str, rows: Iterable[Any], clean: Clean) -> list[Any]:
    """Return the rows of one table with their words cleaned."""
    names = WORDS.get(kind, ())
    return [_row(row, names, clean) for row in rows] if names else list(rows)


def cleaned_gaps(gaps: Iterable[Gap], clean: Clean) -> list[Gap]:
    """Return the gaps with their sentences cleaned: these quote what servers answered."""
    return [_row(gap, ("message",), clean) for gap in gaps]


def _row(row: Any, names: tuple[str, ...], clean: Clean) -> Any:  # noqa: ANN401 - any row
    changed = {}
    for name in names:
        value = getattr(row, name)
        if not value:
            continue
        said = clean(value) if isinstance(value, str) else _row(value, OF_FAULT, clean)
        if said != value:
            changed[name] = said
    return msgspec.structs.replace(row, **changed) if changed else row
