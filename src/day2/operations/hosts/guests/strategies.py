# SPDX-License-Identifier: Apache-2.0
"""Which way each server goes: by its status, its hardware, its group, and its owner's word."""

from collections.abc import Callable
from datetime import datetime, timedelta

from day2.model.impact import Felt
from day2.operations.hosts.guests.consent import Consent, consent
from day2.operations.hosts.guests.restraints import Restraint, first, notes, restraints
from day2.operations.hosts.guests.ways import Choice, Intent, Purpose, Way, ask
from day2.operations.hosts.picture import Guest, Picture

RUNNING = 1
"""Nova's `power_state` of a server that runs."""
ALIVE = frozenset({RUNNING, 3})
"""Those that lose something when their host stops: a paused one (3) has its memory only there."""
_BUSY = {
    "BUILD": "it is being built",
    "REBUILD": "it is being rebuilt",
    "MIGRATING": "it is on its way to another host already",
    "RESIZE": "it is being resized",
    "REVERT_RESIZE": "its resize is being reverted",
    "REBOOT": "it is rebooting",
    "HARD_REBOOT": "it is rebooting",
    "PASSWORD": "its password is being set",
}


def choose(guest: Guest, picture: Picture, intent: Intent) -> Choice:
    """Choose the way of one server; what has to be asked is a choice as well."""
    server = guest.server
    if server.task_state or server.status in _BUSY:
        doing = _BUSY.get(server.status) or f"it is busy ({server.task_state})"
        return ask("busy", f"{doing}: wait until that has ended, and plan again")
    if guest.amphora is not None and guest.amphora.loadbalancer_id:
        return _amphora(guest, picture)
    if server.status == "VERIFY_RESIZE":
        return _resized(guest, picture, intent)
    by_status = _BY_STATUS.get(server.status, _unknown)
    return by_status(guest, picture, intent)


def _amphora(guest: Guest, picture: Picture) -> Choice:
    amphora = guest.amphora
    balancer = picture.balancers.get(amphora.loadbalancer_id or "") if amphora else None
    if balancer is not None and balancer.provisioning_status.startswith("PENDING"):
        return ask(
            "busy",
            f"its load balancer {balancer.name or balancer.id} is {balancer.provisioning_status} "
            "and takes no orders: wait, and plan again",
        )
    return Choice(
        way=Way.FAILOVER,
        why="it carries a load balancer: Octavia makes a new one elsewhere, which is faster and "
        "safer than moving it",
        felt=Felt.SWITCH,
    )


def _resized(guest: Guest, picture: Picture, intent: Intent) -> Choice:
    """A resize that waits for its owner; confirmed only by a person's word, or by policy."""
    server = guest.server
    migration = next(
        (
            m.id
            for m in picture.tables.migrations
            if m.instance_uuid == server.id and m.status == "finished"
        ),
        None,
    )
    runs = server.power_state == RUNNING
    after = (_active if runs else _stopped)(guest, picture, intent)
    if after.way is Way.LEAVE:
        return after
    hours = intent.policy.confirm_resize_hours
    old = hours is not None and _older(server.updated, intent.now, hours)
    if migration is None or not (old or "confirm-resize" in intent.allow):
        return ask(
            "unconfirmed-resize",
            "its resize waits for its owner: openstack server resize confirm (or revert)",
            "" if migration is None else "confirm-resize",
        )
    return _with(after, confirm=migration, status="ACTIVE" if runs else "SHUTOFF")


def _active(guest: Guest, picture: Picture, intent: Intent) -> Choice:
    """Everything that runs, or is paused: live, unless something is in the way."""
    word = consent(guest.server.tags)
    asked = "owner-asked" in intent.allow
    if word.consent is Consent.ASK and not asked:
        return ask("consent", f"its owner wants to be asked: {word.why}", "owner-asked")
    if word.consent is Consent.LEAVE:
        if intent.purpose is Purpose.REBOOT:
            return _stays(guest, "its owner lets it stop with its host (day2:maintenance=leave)")
        if not asked:
            return ask("consent", "its owner wants it left where it is", "owner-asked")
    stuck = _held_by_group(guest, picture)
    if stuck:
        return _stuck(guest, intent, "affinity", stuck)
    found = restraints(guest)
    no_live = first(found, live=True)
    if no_live is not None:
        return _not_live(guest, intent, no_live, found, word.consent)
    paused = guest.server.status == "PAUSED"
    if word.consent is Consent.COLD and not paused and first(found, live=False) is None:
        return Choice(
            way=Way.COLD,
            why="its owner asks for a cold move (day2:maintenance=cold)",
            felt=Felt.RESTART,
            risks=["restart"],
        )
    return _live(guest, intent, found, word.consent)


def _live(guest: Guest, intent: Intent, found: list[Restraint], word: Consent) -> Choice:
    risky = [r for r in found if r.allow]
    agreed = word in {Consent.LIVE, Consent.COLD}
    for restraint in risky:
        if restraint.allow not in intent.allow and not agreed:
            return ask(restraint.kind, restraint.why, restraint.allow)
    copies = intent.policy.disks == "local" and guest.has_local_disk
    disk = f"memory and {guest.local_disk}" if copies else "memory only"
    said = [disk, *(r.why for r in risky), *notes(guest)]
    if guest.server.status == "PAUSED":
        said.append("it stays paused")
    if guest.server.locked:
        said.append("it stays locked")
    kinds = {r.kind for r in risky}
    return Choice(
        way=Way.BLOCK_LIVE if copies else Way.LIVE,
        why="; ".join(said),
        felt=Felt.PACKETS if "sriov" in kinds else Felt.PAUSE,
        risks=[r.allow for r in risky],
        forcible=not kinds,
    )


def _not_live(
    guest: Guest, intent: Intent, no_live: Restraint, found: list[Restraint], word: Consent
) -> Choice:
    """What runs and cannot move live: restarted by a cold move, or it has to stay."""
    no_cold = first(found, live=False)
    if no_cold is not None or guest.server.status == "PAUSED":
        why = (no_cold or no_live).why
        more = "" if no_cold else " (and a paused one cannot move cold)"
        return _stuck(guest, intent, no_live.kind, f"{why}: it cannot move{more}")
    if word is Consent.LIVE and "owner-asked" not in intent.allow:
        return ask(
            no_live.kind,
            f"{no_live.why}: it cannot move live, and its owner wants no restart",
            "owner-asked" if "restart" in intent.allow else "",
        )
    if word is Consent.COLD or "restart" in intent.allow:
        return Choice(
            way=Way.COLD,
            why=f"{no_live.why}: it cannot move live",
            felt=Felt.RESTART,
            risks=["restart"],
        )
    return ask(no_live.kind, f"{no_live.why}: it cannot move live, only with a restart", "restart")


def _stopped(guest: Guest, picture: Picture, intent: Intent) -> Choice:
    word = consent(guest.server.tags)
    asked = "owner-asked" in intent.allow
    if intent.purpose is Purpose.REBOOT:
        moves = word.consent is Consent.COLD or intent.policy.shutoff_on_reboot == "move"
        if not moves or word.consent is Consent.LEAVE or _no_cold(guest, picture):
            return Choice(way=Way.LEAVE, why="it is stopped and loses nothing by a reboot")
        if word.consent is Consent.ASK and not asked:
            return Choice(way=Way.LEAVE, why=f"it is stopped and stays: {word.why}")
    elif word.consent in {Consent.ASK, Consent.LEAVE} and not asked:
        why = word.why or "its owner wants it left where it is"
        return ask("consent", f"it is stopped and has to move: {why}", "owner-asked")
    stuck = _no_cold(guest, picture)
    if stuck:
        return ask("pinned", stuck)
    return Choice(way=Way.COLD, why="it is stopped, moves with its disk and stays stopped")


def _suspended(_guest: Guest, _picture: Picture, intent: Intent) -> Choice:
    if intent.purpose is Purpose.REBOOT:
        return Choice(
            way=Way.LEAVE,
            why="it is suspended: its state is on the host's disk and outlives a reboot",
        )
    return ask(
        "suspended",
        "a suspended server moves neither live nor cold: let its owner resume or shelve it",
    )


def _shelved(_guest: Guest, _picture: Picture, intent: Intent) -> Choice:
    if intent.purpose is Purpose.REBOOT:
        return Choice(way=Way.LEAVE, why="it is shelved and loses nothing by a reboot")
    return ask(
        "shelved",
        "it is shelved with its disk still here: openstack server shelve --offload frees the host",
    )


def _deleted(_guest: Guest, _picture: Picture, intent: Intent) -> Choice:
    if intent.purpose is Purpose.REBOOT:
        return Choice(
            way=Way.LEAVE, why="it is deleted softly and waits to be restored or reclaimed"
        )
    return ask(
        "soft-deleted",
        "it is deleted softly: openstack server restore, or server delete --force, decides",
    )


def _rescued(guest: Guest, _picture: Picture, intent: Intent) -> Choice:
    return _stuck(
        guest, intent, "rescued", "it is in rescue and cannot move: let its owner unrescue it"
    )


def _failed(guest: Guest, _picture: Picture, intent: Intent) -> Choice:
    return _stuck(
        guest,
        intent,
        "error",
        "it is in ERROR: see whether it runs on the host (virsh list), then openstack server set "
        "--state active, or delete it",
    )


def _unknown(guest: Guest, _picture: Picture, _intent: Intent) -> Choice:
    return ask("status", f"its status {guest.server.status} is none that day2 knows how to move")


_BY_STATUS: dict[str, Callable[[Guest, Picture, Intent], Choice]] = {
    "ACTIVE": _active,
    "PAUSED": _active,
    "SHUTOFF": _stopped,
    "SUSPENDED": _suspended,
    "SHELVED": _shelved,
    "SHELVED_OFFLOADED": _shelved,
    "SOFT_DELETED": _deleted,
    "RESCUE": _rescued,
    "ERROR": _failed,
}


def _stuck(guest: Guest, intent: Intent, kind: str, why: str) -> Choice:
    """What cannot move: before a reboot it may stay, if somebody accepts that it stops."""
    if intent.purpose is Purpose.DECOMMISSION:
        return ask(kind, why)
    if "stop-guests" not in intent.allow:
        return ask(kind, why, "stop-guests")
    word = consent(guest.server.tags).consent
    if word is Consent.LIVE and "owner-asked" not in intent.allow:
        return ask(kind, f"{why}, and its owner wants no restart", "owner-asked")
    return _stays(guest, why)


def homeless(guest: Guest, choice: Choice, why: str, intent: Intent) -> Choice:
    """Choose anew for a server that has no place elsewhere."""
    if choice.way is Way.FAILOVER:
        return ask("no-room", why)
    if intent.purpose is Purpose.REBOOT and guest.server.power_state not in ALIVE:
        return Choice(way=Way.LEAVE, why=f"it does not run, and has no place elsewhere: {why}")
    return _stuck(guest, intent, "no-room", why)


def _stays(guest: Guest, why: str) -> Choice:
    runs = guest.server.power_state in ALIVE
    risks = ["stop-guests"] if runs else []
    return Choice(way=Way.LEAVE, why=why, felt=Felt.STOP if runs else Felt.NOTHING, risks=risks)


def _held_by_group(guest: Guest, picture: Picture) -> str:
    here = {other.id for other in picture.guests} - {guest.id}
    for group in guest.groups:
        mates = here & set(group.members)
        if group.policy == "affinity" and mates:
            return (
                f"its group {group.name or group.id} must be on one host (affinity), and "
                f"{len(mates)} more of it {'is' if len(mates) == 1 else 'are'} here: none can leave"
            )
    return ""


def _no_cold(guest: Guest, picture: Picture) -> str:
    found = first(restraints(guest), live=False)
    return f"{found.why}: it cannot move" if found else _held_by_group(guest, picture)


def _older(updated: datetime | None, now: datetime, hours: float) -> bool:
    return updated is not None and now - updated >= timedelta(hours=hours)


def _with(choice: Choice, *, confirm: int, status: str) -> Choice:
    if choice.way is Way.ASK:
        return choice
    return Choice(
        way=choice.way,
        why=f"{choice.why}; its resize is confirmed first",
        felt=choice.felt,
        confirm=confirm,
        status=status,
        risks=[*choice.risks, "confirm-resize"],
        forcible=choice.forcible,
    )
