# SPDX-License-Identifier: Apache-2.0
"""The hosts in 80 columns; `?` is what is not known, `-` what a host does not have."""

from collections.abc import Sequence
from datetime import datetime

from day2.model.hosts import HostLine
from day2.report.terminal import Text

_BOLD = "\x1b[1m"
_DIM = "\x1b[2m"
NAME_MAX = 16
COLUMNS = (
    *("host", "state", "reason", "servers", "vcpus_used", "vcpus_usable", "memory_mib_used"),
    *("memory_mib_usable", "agents_up", "agents", "containers", "containers_bad"),
    *("reboot_required", "packages_changed_at", "reachable"),
)
"""The columns of table, csv and value."""


def render(
    cloud: str, at: datetime, lines: Sequence[HostLine], *, notes: Sequence[str], colour: bool
) -> str:
    """Render the list: a line for each host, and what is out of order below it."""
    text = Text(colour=colour)
    text.add(f"hosts of {cloud}, {at:%Y-%m-%d %H:%M:%S} UTC")
    text.add()
    width = min(NAME_MAX, max((len(line.name) for line in lines), default=4))
    text.line(
        f"{'HOST':<{width}} {'STATE':<8} {'SRV':>3} {'vCPU':>8} {'RAM GiB':>9} {'AGENTS':>6} "
        f"{'CONTAIN.':>8} {'REBOOT':>6} {'PATCHED':>8}",
        style=_BOLD,
    )
    for line in lines:
        name = line.name if len(line.name) <= width else f"{line.name[: width - 1]}…"
        text.line(
            f"{name:<{width}} {_state(line):<8} {_number(line, line.servers):>3} "
            f"{_pair(line, line.vcpus_used, line.vcpus_usable):>8} "
            f"{_pair(line, _gib(line.memory_mib_used), _gib(line.memory_mib_usable)):>9} "
            f"{_agents(line):>6} {_containers(line):>8} {_word(line.reboot_required):>6} "
            f"{_age(line.packages_changed_at, at):>8}"
        )
        for said in _below(line):
            text.add(said, indent=4, hanging=6, style=_DIM)
    if not lines:
        text.add("No host is known.")
    for note in notes:
        text.add()
        text.add(f"- {note}", hanging=2)
    return text.render()


def row(line: HostLine) -> tuple[object, ...]:
    """Return the values of `COLUMNS`."""
    bad = ",".join(line.containers_bad)
    return (
        *(line.name, line.state, line.reason, line.servers, line.vcpus_used, line.vcpus_usable),
        *(line.memory_mib_used, line.memory_mib_usable, line.agents_up, line.agents),
        *(line.containers, bad, line.reboot_required, line.packages_changed_at, line.reachable),
    )


def _below(line: HostLine) -> list[str]:
    said = []
    if line.reason or (line.state or "").startswith(("disabled", "forced")):
        said.append(f"{line.state}: {line.reason or 'no reason is written down'}")
    if line.agents_down:
        said.append(f"down: {', '.join(line.agents_down)}")
    if line.containers_bad:
        said.append(f"not well: {', '.join(line.containers_bad)}")
    return said + [f"not read: {one}" for one in line.unread]


def _state(line: HostLine) -> str:
    words = {None: "?", "": "-", "forced down": "forced", "disabled, down": "disabled"}
    return words.get(line.state, str(line.state))[:8]


def _number(line: HostLine, value: int | None) -> str:
    if value is None:
        return "-" if line.state == "" else "?"
    return str(value)


def _pair(line: HostLine, used: int | None, usable: int | None) -> str:
    if used is None or usable is None:
        return "-" if line.state == "" else "?"
    return f"{used}/{usable}"


def _gib(mib: int | None) -> int | None:
    return None if mib is None else round(mib / 1024)


def _agents(line: HostLine) -> str:
    """Say how many of Neutron's agents and Cinder's services report."""
    counted = (line.agents, line.agents_up, line.volume_services, line.volume_services_up)
    if None in counted:
        # Neutron or Cinder was not read, or is not there: count the other.
        if line.agents is not None and line.agents_up is not None:
            return f"{line.agents_up}/{line.agents}?"
        return "?"
    total = (line.agents or 0) + (line.volume_services or 0)
    up = (line.agents_up or 0) + (line.volume_services_up or 0)
    return f"{up}/{total}" if total else "-"


def _containers(line: HostLine) -> str:
    if line.containers is None:
        return "?"
    bad = len(line.containers_bad)
    return f"{line.containers}, {bad}✗" if bad else str(line.containers)


def _word(value: bool | None) -> str:  # noqa: FBT001 - what it says
    return "?" if value is None else "yes" if value else "no"


def _age(moment: datetime | None, at: datetime) -> str:
    if moment is None:
        return "?"
    days = (at - moment).days
    return "today" if days < 1 else f"{days} d"
