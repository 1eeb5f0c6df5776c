# SPDX-License-Identifier: Apache-2.0
"""A plan: data, saved and hashed, of exactly what will be done; what is approved is what runs."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from day2.model.finding import Subject

Fact = str | int | float | bool | None
Facts = dict[str, Fact]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that will be done to one subject.

    Steps of one `stage` may run at the same time, those of one `chain` in order; a stage begins
    when the one before it has ended. A step is skipped when an earlier one of its chain about the
    same subject was not done; where a `required` one was not done, nothing more is changed at all.
    `fingerprint` is what was true of the subject when the plan was made: it is read again just
    before the act, and a subject that changed is skipped. `arguments` are what the action needs
    beside the subject: explicit ids, never a filter. Exactly one of `undo` (the sentence that says
    how it is taken back), `irreversible` (why not) and `readonly` is given. `limits` are the scopes
    it counts against while it runs (`source:compute01`), each with its capacity. `radius` names
    what else is touched; `seconds_expected` is a guess for people. `n` is its number in the plan,
    from 1: who collects the steps gives it.
    """

    n: int = 0
    action: str
    subject: Subject
    why: str
    stage: int = 0
    chain: str = ""
    arguments: dict[str, Any] = {}
    fingerprint: Facts = {}
    undo: str = ""
    irreversible: str = ""
    readonly: bool = False
    required: bool = False
    limits: dict[str, int] = {}
    radius: list[str] = []
    seconds_expected: float = 0.0

    def way_back(
        self,
        action: str,
        why: str,
        *,
        arguments: dict[str, Any] | None = None,
        undo: str = "",
        irreversible: str = "",
        required: bool = False,
    ) -> "Step":
        """Return the step that takes this one back: about its subject; None: with its arguments."""
        return Step(
            action=action,
            subject=self.subject,
            why=why,
            arguments=self.arguments if arguments is None else arguments,
            undo=undo,
            irreversible=irreversible,
            required=required,
        )


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A subject that the plan leaves alone, and why.

    A `blocker` must be dealt with before the plan may run at all, unless it is allowed by name:
    `allow` is the word to give to `--allow`, empty when nothing but a cure helps.
    """

    subject: Subject
    why: str
    kind: str = ""
    blocker: bool = False
    allow: str = ""


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """When a run of the plan stops by itself.

    `changed_ratio_max` (0-1) is the share of its subjects that may have changed since;
    `failed_max` how many steps may fail before no other begins.
    """

    changed_ratio_max: float = 0.05
    failed_max: int = 3


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What will be done, to what, why, and how it is taken back.

    `kind` names what it is for (`host-drain`). `foundation` identifies the cloud it was made for
    (the identity service's address), so that a plan of another cloud is refused whatever its name.
    `manifest` is what was true of everything concerned: the basis of proofs and of the way back.
    """

    id: str
    kind: str
    cloud: str
    region: str
    foundation: str
    subject: Subject
    summary: str
    at: datetime
    expires_at: datetime
    by: str
    ticket: str = ""
    steps: list[Step] = []
    refused: list[Refusal] = []
    protected: list[Refusal] = []
    totals: dict[str, int] = {}
    bounds: Bounds = Bounds()
    other_person: bool = False
    seconds_expected: float = 0.0
    manifest: dict[str, Any] = {}

    @property
    def blockers(self) -> list[Refusal]:
        """List what must be dealt with before it may run."""
        return [refusal for refusal in self.refused if refusal.blocker]

    @property
    def changes(self) -> bool:
        """Tell whether it changes anything at all."""
        return any(not step.readonly for step in self.steps)

    @property
    def irreversible(self) -> list[Step]:
        """List the steps that cannot be taken back."""
        return [step for step in self.steps if step.irreversible]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks for a plan, when, on which cloud; the plan's own name is drawn already."""

    id: str
    cloud: str
    region: str
    foundation: str
    by: str
    at: datetime
    expires_at: datetime
    ticket: str = ""

    def plan(
        self,
        kind: str,
        subject: Subject,
        summary: str,
        steps: Sequence[Step],
        *,
        totals: dict[str, int],
        manifest: dict[str, Any] | None = None,
    ) -> Plan:
        """Return the plan that these steps are; it is expected to take as long as all of them."""
        return Plan(
            id=self.id,
            kind=kind,
            cloud=self.cloud,
            region=self.region,
            foundation=self.foundation,
            subject=subject,
            summary=summary,
            at=self.at,
            expires_at=self.expires_at,
            by=self.by,
            ticket=self.ticket,
            steps=list(steps),
            totals=totals,
            seconds_expected=sum(step.seconds_expected for step in steps),
            manifest=manifest or {},
        )


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """A plan as it is kept: the very bytes that were hashed."""

    plan: Plan
    sha256: str
    document: bytes


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """A person's word on one plan, or on one gate of one run; bound to the plan's hash."""

    sha256: str
    by: str
    at: datetime
    gate: str = ""
    run: str = ""
    answer: str = "approve"
    reason: str = ""


def encode(plan: Plan) -> bytes:
    """Return the one way in which a plan is written: JSON with sorted keys."""
    return msgspec.json.encode(plan, order="sorted")


def seal(plan: Plan) -> Saved:
    """Write a plan and hash what was written."""
    document = encode(plan)
    return Saved(plan=plan, sha256=hashlib.sha256(document).hexdigest(), document=document)


def changed(seen: Mapping[str, Fact], now: Mapping[str, Fact]) -> dict[str, tuple[Fact, Fact]]:
    """Compare a fingerprint with what is true now: old and new by fact; only what it names."""
    return {
        name: (before, now.get(name)) for name, before in seen.items() if now.get(name) != before
    }
