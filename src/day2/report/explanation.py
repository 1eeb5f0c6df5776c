# SPDX-License-Identifier: Apache-2.0
"""The story of one subject as text: the answer first, then what it rests on."""

from collections.abc import Sequence

from day2.model.explanation import Candidate, Event, Explanation, Link
from day2.report.terminal import Text, plain

_BOLD = "\x1b[1m"
_DIM = "\x1b[2m"
HOSTS_MAX = 8
EVENTS_MAX = 8
LINES_MAX = 24
LINKS_MAX = 16
REQUEST = 12
"""So much of a request id is shown: enough to find it in a log."""


def render(found: Explanation, *, colour: bool = False, everything: bool = False) -> str:
    """Render it; `everything` cuts no list."""
    text = Text(colour=colour)
    subject = found.subject
    own = f" ({subject.id})" if subject.label != subject.id else ""
    text.add(f"{subject.type.replace('_', ' ')} {subject.label}{own}", style=_BOLD)
    text.add(found.state, indent=2)
    text.add()
    text.add(found.summary, style=_BOLD)
    for number, cause in enumerate(found.causes, start=1):
        text.add()
        text.add(f"{number}. {cause.text}", hanging=3)
        for line in cause.speaks_for:
            text.add(f"+ {line}", indent=3, hanging=5)
        for line in cause.speaks_against:
            text.add(f"- {line}", indent=3, hanging=5)
        if cause.advice:
            text.add(f"→ {cause.advice}", indent=3, hanging=5)
        if cause.plan:
            text.add(f"→ the plan: {cause.plan}", indent=3, hanging=5)
    if found.effects:
        text.add()
        text.add("If it goes", style=_BOLD)
        for line in found.effects:
            text.add(line, indent=2, hanging=4)
    _links(text, found.links, everything=everything)
    _hosts(text, found.candidates, found.nearest, everything=everything)
    _events(text, found.events, everything=everything)
    for title, lines in (
        ("Not known", found.unknown),
        ("Not read", [f"{gap.what}: {gap.message}" for gap in found.gaps]),
    ):
        if lines:
            text.add()
            text.add(title, style=_BOLD)
            for line in lines:
                text.add(line, indent=2, hanging=4)
    return text.render()


def _hosts(text: Text, candidates: Sequence[Candidate], nearest: str, *, everything: bool) -> None:
    if not candidates:
        return
    ranked = sorted(candidates, key=lambda c: (c.host != nearest, len(c.reasons), c.host))
    shown = ranked if everything else ranked[:HOSTS_MAX]
    text.add()
    text.add("Each host, the nearest first", style=_BOLD)
    for candidate in shown:
        said = "; ".join(reason.text for reason in candidate.reasons) or "could take it now"
        text.add(f"{plain(candidate.host)}: {said}", indent=2, hanging=4)
    if len(shown) < len(ranked):
        text.add(f"and {len(ranked) - len(shown)} more: --all", indent=2, style=_DIM)


def _links(text: Text, links: Sequence[Link], *, everything: bool) -> None:
    if not links:
        return
    ranked = links if everything else sorted(links, key=lambda link: not link.bad)[:LINKS_MAX]
    chosen = [link for link in links if link in ranked]
    text.add()
    text.add("What it hangs on, and what hangs on it", style=_BOLD)
    for link in chosen:
        mark = "!" if link.bad else " "
        state = "not known" if link.state is None else link.state
        own = f" ({link.subject.id})" if link.subject.name not in {"", link.subject.id} else ""
        where = f", {link.subject.host}" if link.subject.host not in {"", link.subject.id} else ""
        text.add(
            f"{mark} {link.relation}: {plain(link.subject.label)}{own}{where}: {state}",
            indent=1,
            hanging=5,
        )
    if len(chosen) < len(links):
        text.add(f"and {len(links) - len(chosen)} more: --all", indent=2, style=_DIM)


def _events(text: Text, events: Sequence[Event], *, everything: bool) -> None:
    if not events:
        return
    shown = events if everything else _chosen(events)
    text.add()
    text.add("What happened (UTC)", style=_BOLD)
    for event in shown:
        mark = "!" if event.failed else " "
        request = f"  {event.request_id[:REQUEST]}" if event.request_id else ""
        who = "@".join(part for part in (event.service, event.host) if part)
        detail = f" ({event.detail})" if event.detail else ""
        text.add(
            f"{mark} {event.at:%m-%d %H:%M:%S}  {f'{who}: ' if who else ''}{event.what}{detail}"
            f"{request}",
            indent=1,
            hanging=20,
        )
    if len(shown) < len(events):
        text.add(f"and {len(events) - len(shown)} more: --all", indent=2, style=_DIM)


def _chosen(events: Sequence[Event]) -> list[Event]:
    """Choose what fits: the newest, and of log lines those that tell of failures first."""
    logged = any(event.service and event.host for event in events)
    most = LINES_MAX if logged else EVENTS_MAX
    if len(events) <= most:
        return list(events)
    failed = [n for n, event in enumerate(events) if event.failed][: most // 2]
    newest = range(len(events) - 1, -1, -1)
    return [events[n] for n in sorted(list(dict.fromkeys([*failed, *newest]))[:most])]
