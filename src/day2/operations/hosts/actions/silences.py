# SPDX-License-Identifier: Apache-2.0
"""Silence the alerts of a host while it is away, and let them speak again."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec

from day2.adapters.clock import Clock
from day2.adapters.silences import Held, Matcher, Silencer
from day2.engine.action import Doing, Result, Seen
from day2.errors import BadAnswer, Day2Error, NotDeployed, Unreachable
from day2.model.outcome import Ending
from day2.model.plan import Step
from day2.operations.hosts.actions.cloud import arguments

SPREAD_SECONDS = 30.0
"""How long the Alertmanagers of one cluster may take to tell each other."""
SOON_SECONDS_MAX = 900.0
Silencers = Callable[[], Sequence[Silencer]]


class SilenceArguments(msgspec.Struct, frozen=True, kw_only=True):
    """Every name and address of the host, and for how long."""

    names: list[str]
    seconds: float

    @property
    def soon_seconds(self) -> float:
        """How long before its end it is renewed while its run goes on."""
        return min(SOON_SECONDS_MAX, self.seconds / 2)


class UnsilenceArguments(msgspec.Struct, frozen=True, kw_only=True):
    """The silences by the address of their Alertmanager, and what made them."""

    silences: dict[str, str]
    names: list[str] = []
    seconds: float = 3600.0


class Silence:
    """Silence everything whose label `instance` is the host; one silence for each cluster."""

    name = "alerts.silence"

    def __init__(self, silencers: Silencers, clock: Clock) -> None:
        self._silencers = silencers
        self._clock = clock

    def look(self, step: Step) -> Seen:
        """See nothing: the silence is told by the run that makes it."""
        del step
        return Seen()

    def perform(self, step: Step, do: Doing) -> Result:
        """Add one at the first Alertmanager, and at each that does not hear of it."""
        given = arguments(step, SilenceArguments)
        first = do.act("silence", lambda: self._first(given, do), dict[str, str])
        do.wait("spread", lambda: self._spread(do), bool, seconds_max=SPREAD_SECONDS)
        rest = do.act("silence-rest", lambda: self._rest(given, do), dict[str, str])
        found = {**first, **rest}
        facts: dict[str, Any] = {"changed": bool(found), "silences": found}
        deaf = do.read("proof", lambda: self._deaf(do), list[str])
        if deaf or not found:
            said = f"not silenced at {', '.join(deaf) or 'any Alertmanager'}"
            return Result(ending=Ending.FAILED, detail=said, facts=facts)
        said = (
            f"silenced for {given.seconds / 60:.0f} min: {', '.join(sorted(set(found.values())))}"
        )
        return Result(ending=Ending.DONE, detail=said, facts=facts)

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Let them expire, if there are any."""
        if not facts.get("silences"):
            return None
        return msgspec.structs.replace(
            step,
            action=Unsilence.name,
            arguments={**step.arguments, "silences": facts["silences"]},
            why=f"takes back: {step.why}",
            fingerprint={},
            undo="silence it again",
        )

    def ends_soon(self, step: Step, facts: Mapping[str, Any], run: str) -> bool:
        """See whether a silence of this run holds, and not for long."""
        soon = arguments(step, SilenceArguments).soon_seconds
        before = self._clock.now() + timedelta(seconds=soon)
        return any(held.ends_at < before for _one, held in self._held(facts, run))

    def renew(self, step: Step, facts: Mapping[str, Any], run: str) -> str:
        """Let it last as long again; one that somebody has ended stays ended."""
        given = arguments(step, SilenceArguments)
        now = self._clock.now()
        renewed = []
        for silencer, held in self._held(facts, run):
            if held.ends_at < now + timedelta(seconds=given.soon_seconds):
                silencer.prolong(held, now + timedelta(seconds=given.seconds))
                renewed.append(held.id)
        names = ", ".join(sorted(set(renewed)))
        return f"silenced for {given.seconds / 60:.0f} min more: {names}" if renewed else ""

    def _held(self, facts: Mapping[str, Any], run: str) -> Iterator[tuple[Silencer, Held]]:
        """Yield what this run silenced and what still holds; nobody else's is touched."""
        known = facts.get("silences") or {}
        for silencer in self._silencers():
            own = str(known.get(silencer.address, ""))
            try:
                held = silencer.held(own) if own else None
            except BadAnswer:
                raise
            except Unreachable:
                # The others of its cluster tell it when it is back.
                continue
            if held is not None and held.comment.endswith(_mark(run)):
                yield silencer, held

    def _first(self, given: SilenceArguments, do: Doing) -> dict[str, str]:
        """Adopt the one of this run, or add it at the first that answers."""
        silencers = self._silencers()
        known = answers(silencers, lambda one: one.find(_mark(do.run)))
        for address, own in known.items():
            if own:
                return {address: own}
        first = next(one for one in silencers if one.address in known)
        return {first.address: self._add(first, given, do)}

    def _rest(self, given: SilenceArguments, do: Doing) -> dict[str, str]:
        """Name it everywhere; add it where the others are not heard."""
        return answers(
            self._silencers(), lambda one: one.find(_mark(do.run)) or self._add(one, given, do)
        )

    def _spread(self, do: Doing) -> bool | None:
        return None if self._deaf(do) else True

    def _deaf(self, do: Doing) -> list[str]:
        found = answers(self._silencers(), lambda one: one.find(_mark(do.run)))
        return [address for address, own in found.items() if not own]

    def _add(self, silencer: Silencer, given: SilenceArguments, do: Doing) -> str:
        now = self._clock.now()
        ticket = f" ({do.ticket})" if do.ticket else ""
        return silencer.add(
            [Matcher(name="instance", value=instances(given.names), is_regex=True)],
            starts_at=now,
            ends_at=now + timedelta(seconds=given.seconds),
            by=f"day2, {do.by}",
            comment=f"planned work on {given.names[0]}{ticket}, {_mark(do.run)}",
        )


class Unsilence:
    """Let the silences of a drain expire."""

    name = "alerts.unsilence"

    def __init__(self, silencers: Silencers) -> None:
        self._silencers = silencers

    def look(self, step: Step) -> Seen:
        """See whether any of them still holds."""
        held = self._held(arguments(step, UnsilenceArguments))
        return Seen(already="" if held else "no silence of it holds any more")

    def perform(self, step: Step, do: Doing) -> Result:
        """Expire what holds; in a cluster the first word is enough."""
        given = arguments(step, UnsilenceArguments)
        done = do.act("expire", lambda: self._expire(given), list[str])
        ended = do.wait(
            "spread",
            lambda: None if self._held(given) else True,
            bool,
            seconds_max=SPREAD_SECONDS,
        )
        facts = {"changed": bool(done)}
        if not ended:
            said = "Alertmanager accepted it, and a silence still holds"
            return Result(ending=Ending.FAILED, detail=said, facts=facts)
        return Result(ending=Ending.DONE, detail="its alerts speak again", facts=facts)

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Silence it again, if it was us who let it speak."""
        given = arguments(step, UnsilenceArguments)
        if not facts.get("changed") or not given.names:
            return None
        return msgspec.structs.replace(
            step,
            action=Silence.name,
            arguments={"names": given.names, "seconds": given.seconds},
            why=f"takes back: {step.why}",
            fingerprint={},
            undo="let the silence expire",
        )

    def _expire(self, given: UnsilenceArguments) -> list[str]:
        def expired(silencer: Silencer) -> str:
            own = given.silences.get(silencer.address, "")
            if not own or not silencer.holds(own):
                return ""
            silencer.expire(own)
            return own

        return [own for own in answers(self._silencers(), expired).values() if own]

    def _held(self, given: UnsilenceArguments) -> list[str]:
        """List the silences that still hold."""

        def held(silencer: Silencer) -> str:
            own = given.silences.get(silencer.address, "")
            return own if own and silencer.holds(own) else ""

        return [own for own in answers(self._silencers(), held).values() if own]


def answers(silencers: Sequence[Silencer], ask: Callable[[Silencer], str]) -> dict[str, str]:
    """Ask each Alertmanager; one that is down sends no alerts, and needs no silence.

    Raises:
        NotDeployed: when there is none.
        Unreachable: when none answers.
        Denied, BadAnswer: as they come: what answers so is not down.

    """
    found: dict[str, str] = {}
    failure: Day2Error = NotDeployed(
        "the settings name no Alertmanager",
        hint="setting clouds.NAME.monitoring.alertmanager, or drain.silence_alerts: false",
    )
    for silencer in silencers:
        try:
            found[silencer.address] = ask(silencer)
        except BadAnswer:
            raise
        except Unreachable as error:
            failure = error
    if not found:
        raise failure.bare()
    return found


def instances(names: Sequence[str]) -> str:
    """Write the regular expression of the label `instance`: a name, with or without a port."""
    return f"({'|'.join(re.escape(name) for name in names)})(:[0-9]+)?"


def _mark(run: str) -> str:
    """Return how the comment of a run's silence ends."""
    return f"run {run}"
