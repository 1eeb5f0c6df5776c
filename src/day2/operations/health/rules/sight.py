# SPDX-License-Identifier: Apache-2.0
"""What one survey lets a rule conclude, and how its rows are called in a finding."""

import math
import shlex
from collections.abc import Iterable
from datetime import datetime, timedelta

from day2.model.finding import Subject
from day2.model.survey import Tables
from day2.model.tables import utc
from day2.model.tables.compute import MIGRATION_UNFINISHED, ComputeService, Server
from day2.operations.health.check import Facts, short_host

UNKNOWN = "UNKNOWN"
# No list of all servers has those that were deleted and can still be restored.
RESTORABLE = (
    "nor may it be deleted and restorable: "
    "openstack server list --all-projects --status SOFT_DELETED"
)


def cells_answer(facts: Facts) -> bool:
    """Tell whether every Nova cell was asked: only then may a server or host be called missing."""
    tables = facts.tables
    return (
        facts.survey.is_complete("compute_services")
        and all(service.status != UNKNOWN for service in tables.compute_services)
        and all(server.status != UNKNOWN for server in tables.servers)
    )


def complete(facts: Facts, *kinds: str) -> bool:
    """Tell whether all of these tables are whole."""
    return all(facts.survey.is_complete(kind) for kind in kinds)


def settled(facts: Facts, moment: datetime | None) -> bool:
    """Tell whether it changed long enough ago to be held against tables read at other moments."""
    return facts.older(moment, timedelta(minutes=facts.policy.settle_minutes))


def down_computes(tables: Tables) -> dict[str, ComputeService]:
    """Return the nova-compute services that do not report, by host; not those of a lost cell."""
    rows = [s for s in tables.compute_services if s.binary == "nova-compute"]
    up = {s.host for s in rows if s.state == "up" and not s.forced_down}
    return {s.host: s for s in rows if s.host not in up and s.status != UNKNOWN}


def on_purpose(service: ComputeService) -> bool:
    """Tell whether people switched it off and said why (Nova's own `AUTO:` is nobody's purpose)."""
    reason = (service.disabled_reason or "").strip()
    return service.status == "disabled" and bool(reason) and not reason.startswith("AUTO:")


def moving(tables: Tables) -> set[str]:
    """Return the ids of the servers that are on their way."""
    return {m.instance_uuid for m in tables.migrations if m.status in MIGRATION_UNFINISHED}


def project_names(tables: Tables) -> dict[str, str]:
    """Return the names of the projects by id."""
    return {project.id: project.name for project in tables.projects}


def owner(names: dict[str, str], project: str | None) -> str:
    """Say whose it is: `project NAME`, by its id where the name is not known."""
    return f"project {names.get(project) or project}" if project else "no project"


def server_subject(server: Server) -> Subject:
    """Make the subject of a server; its host is what folds it under a dead one."""
    return Subject(
        type="server",
        id=server.id,
        name=server.name,
        project=server.project_id,
        host=short_host(server.host),
    )


def server_said(server: Server, names: dict[str, str]) -> str:
    """Say which server: its name, its project, its host."""
    where = f", on {server.host}" if server.host else ", on no host"
    return f"server {server.name or server.id} ({owner(names, server.project_id)}{where})"


def command(words: str, *ids: str) -> str:
    """Write a command to type; what the cloud calls a thing is quoted for the shell."""
    return " ".join([words, *(shlex.quote(identifier) for identifier in ids)])


def iso(moment: datetime | None) -> str | None:
    """Write a moment for the evidence."""
    aware = utc(moment)
    return None if aware is None else aware.isoformat()


def number(value: float | str | None) -> float | None:
    """Return a finite number; None for the words and the absurd that APIs send instead of one."""
    try:
        found = float(value) if value is not None else math.nan
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def few(names: Iterable[str], most: int = 3) -> str:
    """List some names and count the rest."""
    known = list(names)
    shown = ", ".join(known[:most])
    return shown if len(known) <= most else f"{shown} and {len(known) - most} more"
