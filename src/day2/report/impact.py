# SPDX-License-Identifier: Apache-2.0
"""Who is affected by a plan, as text: project by project, the most disturbed first."""

from collections import Counter
from collections.abc import Sequence

from day2.model.impact import AffectedProject, AffectedServer, Felt
from day2.report.terminal import Text, plain

_BOLD = "\x1b[1m"
_DIM = "\x1b[2m"
NAME = 28
SERVERS_MAX = 10
"""Of one project this many servers are shown, unless all are wanted."""
WORDS: dict[Felt, str] = {
    Felt.NOTHING: "nothing",
    Felt.PAUSE: "a brief pause (below 1 s)",
    Felt.SWITCH: "connections may be cut once",
    Felt.PACKETS: "some seconds without network",
    Felt.RESTART: "a restart",
    Felt.STOP: "down as long as the host is",
    Felt.UNDECIDED: "not decided yet",
}


def render(
    what: str,
    projects: Sequence[AffectedProject],
    *,
    colour: bool = False,
    all_servers: bool = False,
) -> str:
    """Render who feels what of `what`; without `all_servers` long lists are cut, and say so."""
    text = Text(colour=colour)
    text.add(f"Who is affected: {what}", style=_BOLD)
    if not projects:
        text.add("Nobody: no server is on it.")
        return text.render()
    counts = Counter(server.felt for project in projects for server in project.servers)
    for felt in reversed(Felt):
        if counts[felt]:
            text.line(f"  {counts[felt]:>4}  {WORDS[felt]}")
    for project in projects:
        text.add()
        text.line(f"{project.name} ({_count(project)})", style=_BOLD)
        shown = project.servers if all_servers else project.servers[:SERVERS_MAX]
        for server in shown:
            _server(text, server)
        if len(shown) < len(project.servers):
            text.add(f"and {len(project.servers) - len(shown)} more: --all", indent=4, style=_DIM)
    return text.render()


def _count(project: AffectedProject) -> str:
    count = len(project.servers)
    return f"{count} of theirs, worst: {WORDS[project.worst]}"


def _server(text: Text, server: AffectedServer) -> None:
    name = plain(server.name or server.id)
    cut = name if len(name) <= NAME else f"{name[: NAME - 1]}…"
    by = f" (by {plain(server.user)})" if server.user else ""
    text.line(f"    {cut:<{NAME}} {WORDS[server.felt]}{by}")
