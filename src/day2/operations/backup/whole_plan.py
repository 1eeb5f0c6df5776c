# SPDX-License-Identifier: Apache-2.0
"""The plan of a whole restore: every step in words, what is lost, and how it is taken back."""

from collections.abc import Sequence

import msgspec

from day2.adapters.database.since import UNTOLD, Since, counted
from day2.adapters.recovery import DatabaseNode, RecoverySettings
from day2.model.backup import Found, Level
from day2.model.finding import Subject
from day2.model.plan import Asked, Plan, Refusal, Step
from day2.operations.backup.actions import outage, whole
from day2.operations.backup.plan import AT_ONCE, sealed, verify_step

WHOLE = "backup-restore-whole"
SHOWN_MAX = 20
COST = "cost"


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be restored, where, and what is known of what is there now.

    `chain` ends with the set itself. `since` is None when the living database does not answer, and
    `unknown` says why. `holds` is what each node's data folder holds now. `folder` is where the new
    one is made, and `need_bytes` the room that it takes beside the old one.
    """

    chain: list[Found]
    settings: RecoverySettings
    holds: dict[str, str]
    folder: str
    need_bytes: int
    since: Since | None
    unknown: str = ""

    @property
    def found(self) -> Found:
        """The set."""
        return self.chain[-1]


def plan_whole(wanted: Wanted, asked: Asked) -> Plan:
    """Plan to put the whole database back to what a set holds; pure."""
    manifest = wanted.found.manifest
    moment = f"{manifest.taken_at:%Y-%m-%d %H:%M} UTC"
    made = sealed(
        WHOLE,
        asked,
        _Steps(wanted, asked.id).steps,
        summary=f"put the whole database back to {moment} ({manifest.id})",
    )
    return msgspec.structs.replace(
        made,
        refused=_blockers(wanted),
        protected=_lost(wanted),
        totals={
            "lost": len(wanted.since.lost) if wanted.since else 0,
            "returning": len(wanted.since.returning) if wanted.since else 0,
            "nodes": len(wanted.settings.nodes),
        },
        manifest={
            "set": manifest.id,
            "taken_at": manifest.taken_at.isoformat(),
            "since": msgspec.to_builtins(wanted.since),
            "unknown": wanted.unknown,
        },
    )


class _Steps:
    """Collects the steps; each stage begins when the one before has ended."""

    def __init__(self, wanted: Wanted, mark: str) -> None:
        self.steps: list[Step] = []
        self._wanted = wanted
        self._mark = mark
        self._stage = 0
        self._check()
        self._close()
        self._swap()
        self._open()

    def _add(self, step: Step) -> None:
        number = len(self.steps) + 1
        chain = step.chain or f"step-{number}"
        self.steps.append(
            msgspec.structs.replace(
                step, n=number, stage=self._stage, chain=chain, required=True, limits=AT_ONCE
            )
        )
        self._stage += 1

    def _check(self) -> None:
        found = self._wanted.found
        for link in self._wanted.chain:
            never = link is found and link.level < Level.RESTORED
            level = Level.RESTORED if never else Level.READ
            seconds = link.manifest.seconds * (2 if never else 1)
            step = verify_step(link.manifest.id, level, seconds=seconds)
            self._add(msgspec.structs.replace(step, fingerprint={"sha256": link.sha256}))
        self._add(
            Step(
                action=whole.MAKE,
                subject=Subject(type="backup-set", id=found.manifest.id, name=found.manifest.id),
                why="a new data folder is made of it on this machine; the cloud is not touched",
                arguments={"folder": self._wanted.folder},
                fingerprint={"sha256": found.sha256},
                readonly=True,
                seconds_expected=2 * found.manifest.seconds,
            )
        )

    def _close(self) -> None:
        settings = self._wanted.settings
        self._add(
            Step(
                action=outage.STOP_SERVICES,
                subject=Subject(type="services", id="all", name="services"),
                why="nobody may write meanwhile: " + _shown(settings.stop_services),
                arguments=_words(
                    settings.stop_services, settings.start_services, settings.stop_seconds_max
                ),
                undo="they are started again",
                radius=["the control plane: no API answers until the last step; guests run on"],
            )
        )
        # The first is stopped last, so that it may be the first to start, also on the way back.
        for node in reversed(settings.nodes):
            back = node.bootstrap if node is settings.nodes[0] and node.bootstrap else node.start
            self._add(
                Step(
                    action=outage.STOP_NODE,
                    subject=_subject(node),
                    why=f"{_shown(node.stop)}; refused while a service is connected",
                    arguments=_words(node.stop, back, settings.stop_seconds_max),
                    undo="it is started again, if it ran",
                )
            )

    def _swap(self) -> None:
        wanted = self._wanted
        settings, name = wanted.settings, wanted.found.manifest.id
        first, *others = settings.nodes
        for node in settings.nodes:
            self._add(self._keep(node, need_bytes=wanted.need_bytes if node is first else 0))
        given = {"set": name, "folder": wanted.folder, "mark": self._mark}
        self._add(
            Step(
                action=whole.PLACE,
                subject=_subject(first),
                why=f"{first.datadir} becomes what {name} holds",
                arguments=given,
                undo="it is renamed again, and kept",
                seconds_expected=10,
            )
        )
        start = first.bootstrap or first.start
        self._add(
            Step(
                action=outage.START_NODE,
                subject=_subject(first),
                why=_shown(start) + ("; the first of its cluster" if others else ""),
                arguments=_words(start, first.stop, settings.start_seconds_max),
                undo="it is stopped again",
            )
        )
        self._add(
            Step(
                action=whole.PROVE,
                subject=Subject(type="backup-set", id=name, name=name),
                why="the server is held against the set before anybody may write into it",
                arguments=given,
                readonly=True,
                seconds_expected=wanted.found.manifest.seconds,
            )
        )
        for node in others:
            arguments = _words(node.start, node.stop, settings.start_seconds_max)
            self._add(
                Step(
                    action=outage.JOIN_NODE,
                    subject=_subject(node),
                    why=f"{_shown(node.start)}; it takes everything from the others, until Synced",
                    arguments={**arguments, "answers_seconds_max": settings.join_seconds_max},
                    undo="it is stopped again",
                    seconds_expected=60,
                )
            )

    def _keep(self, node: DatabaseNode, *, need_bytes: int) -> Step:
        since = f"{self._wanted.found.manifest.taken_at:%Y-%m-%d %H:%M} UTC"
        radius = [f"whatever was written since {since}: it is kept, and not in the new data"]
        return Step(
            action=whole.KEEP,
            subject=_subject(node),
            why=f"{node.datadir} is renamed, never deleted",
            arguments={"mark": self._mark, "need_bytes": need_bytes},
            fingerprint={"holds": self._wanted.holds[node.name]},
            undo="it gets its name back; what was restored is kept beside it",
            radius=radius if node is self._wanted.settings.nodes[0] else [],
        )

    def _open(self) -> None:
        settings = self._wanted.settings
        arguments = _words(
            settings.start_services, settings.stop_services, settings.start_seconds_max
        )
        reading = "; before, the stores are reconciled" if settings.start_reading else ""
        self._add(
            Step(
                action=outage.START_SERVICES,
                subject=Subject(type="services", id="all", name="services"),
                why=f"{_shown(settings.start_services)}; Keystone and Nova are asked{reading}",
                arguments={
                    **arguments,
                    "reading": settings.start_reading,
                    "answers_seconds_max": settings.answers_seconds_max,
                },
                undo="they are stopped again",
            )
        )


def _words(words: Sequence[str], back: Sequence[str], seconds: float) -> dict[str, object]:
    return {"words": list(words), "back": list(back), "seconds_max": seconds}


def _shown(words: Sequence[str]) -> str:
    return " ".join(words)


def _subject(node: DatabaseNode) -> Subject:
    return Subject(type="database-node", id=node.name, name=node.name)


def _lost(wanted: Wanted) -> list[Refusal]:
    """List what tenants made since the set, which is lost, and what they deleted, which returns.

    A plan's text begins with them, so that nobody approves without them.
    """
    since = wanted.since
    if since is None:
        why = (
            f"what was made since the set cannot be known: {wanted.unknown}; all of it is lost, "
            "and what was deleted since returns"
        )
        return [_told("unknown", why)]
    told = []
    if since.lost:
        told.append(_told("lost", f"{counted(since.lost)} made since the set: lost to the cloud"))
    for thing in since.lost[:SHOWN_MAX]:
        project = f" of {thing.project}" if thing.project else ""
        subject = Subject(type=thing.type, id=thing.id, name=thing.name, project=thing.project)
        told.append(Refusal(subject=subject, why=f"lost: made {thing.at}{project}", kind=COST))
    more = len(since.lost) - SHOWN_MAX
    if more > 0:
        told.append(_told("more", f"and {more} more: `manifest` of the plan has them all"))
    if since.returning:
        said = f"{counted(since.returning)} deleted since the set return as rows without content"
        told.append(_told("returning", said))
    told += [_told("gap", f"could not be asked: {gap}") for gap in since.gaps]
    told.append(_told("untold", f"no row tells when it was made or deleted: {UNTOLD}"))
    return told


def _told(name: str, why: str) -> Refusal:
    return Refusal(subject=Subject(type="database", id=name, name=name), why=why, kind=COST)


def _blockers(wanted: Wanted) -> list[Refusal]:
    settings = wanted.settings
    missing = [name for name in ("stop_services", "start_services") if not getattr(settings, name)]
    return [
        Refusal(
            subject=Subject(type="setting", id=name, name=name),
            why=f"recovery.{name} is not set: nobody says how",
            kind="setting",
            blocker=True,
        )
        for name in missing
    ]
