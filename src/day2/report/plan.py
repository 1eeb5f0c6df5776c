# SPDX-License-Identifier: Apache-2.0
"""A plan as text in 80 columns: what is in its way, then what moves where, then the fine print.

Whatever the plan is for: a stage's steps of one action are one table, or one line each.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import groupby

from day2.model.plan import Plan, Refusal, Step
from day2.report.terminal import WIDTH, Text, plain

_BOLD = "\x1b[1m"
_DIM = "\x1b[2m"
_RED = "\x1b[1;31m"
_YELLOW = "\x1b[1;33m"
NAME_ALONE = 36
NAME = 24
NAMES_MAX = 5
"""So many names are told of what is alike."""
COST = "cost"
"""What a plan leaves alone of this kind is not saved by it: it is the price, and comes first."""
STEPS_MAX = 20
"""Of one action in one stage this many steps are shown, unless all are wanted."""
WORDS: dict[str, str] = {
    "compute.disable": "disable nova-compute",
    "compute.enable": "enable nova-compute",
    "compute.force-down": "force nova-compute down",
    "compute.unforce-down": "let nova-compute up again",
    "server.live-migrate": "live-migrate",
    "server.cold-migrate": "cold-migrate, confirm",
    "server.confirm-resize": "confirm the resize",
    "server.leave": "leave where it is",
    "server.evacuate": "evacuate",
    "amphora.failover": "fail over",
    "agent.move-router": "move the router",
    "agent.move-network": "move the DHCP",
    "agent.disable": "disable the agent",
    "agent.enable": "enable the agent",
    "volume-service.disable": "disable cinder-volume",
    "volume-service.enable": "enable cinder-volume",
    "alerts.silence": "silence its alerts",
    "alerts.unsilence": "let its alerts speak again",
    "ceph.noout": "set noout for its OSDs",
    "ceph.unset-noout": "unset noout for its OSDs",
    "masakari.maintenance": "tell Masakari of the maintenance",
    "host.prove-dead": "prove that it is dead",
    "host.settle": "wait until nothing arrives",
    "host.verify-drained": "account for every server",
    "smoke.server": "boot, try, delete",
    "backup.put-config": "put the configuration in place",
    "recovery.ready": "see whether all is at hand",
    "recovery.reconcile": "compare the stores",
    "recovery.smoke": "boot, try, delete",
    "recovery.record": "keep what each phase took",
    "backup.make-data": "make a new data folder",
    "backup.stop-services": "stop the services",
    "backup.start-services": "start the services",
    "backup.stop-node": "stop a database server",
    "backup.start-node": "start a database server",
    "backup.join-node": "let a server join",
    "backup.keep-data": "keep the data aside",
    "backup.place-data": "put the new data in place",
    "backup.prove-data": "hold it against the set",
    "backup.put-data-back": "put the kept data back",
    "backup.take-data-away": "take the new data away",
}
"""How actions read; one that is not here reads by its name."""


def render(plan: Plan, *, sha256: str = "", colour: bool = False, all_steps: bool = False) -> str:
    """Render one plan; without `all_steps` long tables are cut, and say so."""
    text = Text(colour=colour)
    _head(text, plan)
    _blockers(text, plan.blockers)
    _notes(text, "Lost, and returning", [r for r in plan.protected if r.kind == COST])
    _steps(text, plan.steps, all_steps=all_steps)
    _notes(text, "Accepted and known", [r for r in plan.refused if not r.blocker])
    _notes(text, "Protected", [r for r in plan.protected if r.kind != COST])
    _irreversible(text, plan.irreversible)
    _tail(text, plan, sha256)
    return text.render()


def span(seconds: float) -> str:
    """Say a time as people do; nothing more exact than it is known."""
    if seconds < 90:  # noqa: PLR2004 - a minute and a half
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:  # noqa: PLR2004 - an hour and a half
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02} min"


def _head(text: Text, plan: Plan) -> None:
    text.add(f"Plan {plan.id}", style=_BOLD)
    text.add(plan.summary)
    where = f"{plan.cloud}{f' ({plan.region})' if plan.region else ''}"
    ticket = f", {plan.ticket}" if plan.ticket else ""
    text.add(f"{where}, {plan.at:%Y-%m-%d %H:%M:%S} UTC, by {plan.by}{ticket}", style=_DIM)


def _blockers(text: Text, blockers: Sequence[Refusal]) -> None:
    if not blockers:
        return
    count = len(blockers)
    text.add()
    text.add(
        f"In the way ({count}): the plan does not run before "
        f"{'this is' if count == 1 else 'all of these are'} dealt with",
        style=_RED,
    )
    for alike in _alike(blockers):
        text.add(f"- {_names(alike)}: {alike[0].why}", indent=2, hanging=4)
        if alike[0].allow:
            word = alike[0].allow
            text.add(f"or accept it: --allow {word}", indent=4, hanging=8, style=_YELLOW)
    words = sorted({refusal.allow for refusal in blockers if refusal.allow})
    cure = sum(not refusal.allow for refusal in blockers)
    if len(words) > 1:
        said = " ".join(f"--allow {word}" for word in words)
        text.add(f"to accept all that can be: {said}", indent=2, hanging=4, style=_DIM)
    if words and cure:
        text.add(f"{cure} can only be cured", indent=2, style=_DIM)


def _steps(text: Text, steps: Sequence[Step], *, all_steps: bool) -> None:
    text.add()
    text.add("Steps" if steps else "No step: there is nothing to do", style=_BOLD)
    for number, (_stage, stage) in enumerate(groupby(steps, key=lambda s: s.stage), start=1):
        groups = _by_action(stage)
        for index, (action, group) in enumerate(groups):
            mark = f"{number:>2}. " if index == 0 else "    "
            _group(text, mark, action, group, all_steps=all_steps)


def _by_action(steps: Iterable[Step]) -> list[tuple[str, list[Step]]]:
    """Group the steps of a stage by action, in the order in which actions first come."""
    found: dict[str, list[Step]] = {}
    for step in steps:
        found.setdefault(step.action, []).append(step)
    return list(found.items())


def _group(text: Text, mark: str, action: str, steps: Sequence[Step], *, all_steps: bool) -> None:
    word = WORDS.get(action, action)
    if len(steps) == 1 and steps[0].subject.type == "host":
        step = steps[0]
        text.line(f"{mark}{word}", style=_BOLD)
        text.add(step.why, indent=6, hanging=6, style=_DIM)
        return
    count = f" ({len(steps)})" if len(steps) > 1 else ""
    text.line(f"{mark}{word}{count}{_spread(steps)}", style=_BOLD)
    shown = steps if all_steps else steps[:STEPS_MAX]
    widest = NAME if any(_where(step) for step in shown) else NAME_ALONE
    widths = (
        min(max(len(_name(step)) for step in shown), widest),
        max(len(_where(step)) for step in shown),
        max(len(_took(step)) for step in shown),
    )
    alike = len({step.why for step in shown}) == 1 and len(shown) > 1
    for step in shown:
        _step(text, step, widths, why=not alike)
    if len(steps) == 1:
        for touched in steps[0].radius:
            text.add(f"touches {touched}", indent=8, hanging=10)
    if alike:
        text.add(f"each: {shown[0].why}", indent=6, hanging=12, style=_DIM)
    if len(shown) < len(steps):
        text.add(f"and {len(steps) - len(shown)} more: --all", indent=6, style=_DIM)


def _spread(steps: Sequence[Step]) -> str:
    """Say how many are done at the same time, as their limits tell."""
    caps = [min(step.limits.values()) for step in steps if step.limits]
    if len(steps) < 2 or not caps:  # noqa: PLR2004 - one is alone
        return ""
    return f", {min(caps)} at a time" if min(caps) > 1 else ", one at a time"


def _step(text: Text, step: Step, widths: tuple[int, int, int], *, why: bool) -> None:
    name = _name(step)
    cut = name if len(name) <= widths[0] else f"{name[: widths[0] - 1]}…"
    cells = zip((cut, _where(step), _took(step)), widths, strict=True)
    line = "  ".join(f"{cell:<{width}}" for cell, width in cells if width)
    reason = step.why if why else ""
    if len(line) + len(reason) + 8 <= WIDTH:
        text.line(f"      {line}  {reason}".rstrip())
        return
    text.line(f"      {line}".rstrip())
    text.add(reason, indent=8, hanging=8, style=_DIM)


def _took(step: Step) -> str:
    return f"~{span(step.seconds_expected)}" if step.seconds_expected else ""


def _name(step: Step) -> str:
    return plain(step.subject.label)


def _where(step: Step) -> str:
    """Say where it goes: the first choice, and how many more there are."""
    targets = step.arguments.get("targets")
    if not isinstance(targets, list):
        return ""
    if not targets:
        return "-> as the scheduler chooses"
    more = f" (or {len(targets) - 1} more)" if len(targets) > 1 else ""
    return f"-> {targets[0]}{more}"


def _notes(text: Text, title: str, refusals: Sequence[Refusal]) -> None:
    if not refusals:
        return
    text.add()
    text.add(f"{title} ({len(refusals)})", style=_BOLD)
    for alike in _alike(refusals):
        first = alike[0]
        text.add(f"- {_names(alike)}: {first.why}", indent=2, hanging=4)
        if first.allow and "--allow" not in first.why:
            text.add(f"to include it: --allow {first.allow}", indent=4, style=_DIM)


def _alike(refusals: Iterable[Refusal]) -> list[list[Refusal]]:
    """Put together what is refused for the same reason, in the order in which reasons come."""
    found: dict[tuple[str, str, str], list[Refusal]] = {}
    for refusal in refusals:
        key = (refusal.subject.type, refusal.why, refusal.allow)
        found.setdefault(key, []).append(refusal)
    return list(found.values())


def _names(alike: Sequence[Refusal]) -> str:
    kind = alike[0].subject.type
    names = [refusal.subject.label for refusal in alike[:NAMES_MAX]]
    more = f" and {len(alike) - NAMES_MAX} more" if len(alike) > NAMES_MAX else ""
    said = f"{', '.join(names)}{more}"
    if kind == "host":
        return said
    return f"{kind} {said}" if len(alike) == 1 else f"{len(alike)} {kind}s: {said}"


def _irreversible(text: Text, steps: Sequence[Step]) -> None:
    if not steps:
        return
    text.add()
    text.add(f"Cannot be taken back ({len(steps)})", style=_YELLOW)
    reasons: dict[str, list[Step]] = {}
    for step in steps:
        reasons.setdefault(step.irreversible, []).append(step)
    for why, alike in reasons.items():
        names = [_name(step) for step in alike[:3]]
        more = f" and {len(alike) - 3} more" if len(alike) > 3 else ""  # noqa: PLR2004 - a few
        text.add(f"- {', '.join(names)}{more}: {why}", indent=2, hanging=4)


def _tail(text: Text, plan: Plan, sha256: str) -> None:
    text.add()
    changing = sum(not step.readonly for step in plan.steps)
    said = [f"{changing} change{'' if changing == 1 else 's'}"]
    if plan.seconds_expected:
        end = plan.at + timedelta(seconds=plan.seconds_expected)
        said.append(f"about {span(plan.seconds_expected)} (begun now: until {end:%H:%M} UTC)")
    said.append(
        f"stops by itself when more than {plan.bounds.failed_max} fail or "
        f"{plan.bounds.changed_ratio_max:.0%} changed meanwhile"
    )
    text.add("; ".join(said))
    text.add(f"good until {plan.expires_at:%Y-%m-%d %H:%M} UTC", style=_DIM)
    if sha256:
        text.add(f"sha256 {sha256}", style=_DIM)
