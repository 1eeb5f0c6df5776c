# SPDX-License-Identifier: Apache-2.0
"""Stop and start services and the servers of the database: the words are those of the plan."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from day2.engine.action import Doing, Ran, Result, Seen
from day2.errors import BadAnswer, NotVerified, Refused, Unreachable
from day2.model.outcome import Ending
from day2.model.plan import Step

STOP_SERVICES, START_SERVICES = "backup.stop-services", "backup.start-services"
STOP_NODE, START_NODE, JOIN_NODE = "backup.stop-node", "backup.start-node", "backup.join-node"
EVERY_SECONDS = 1.0
UNUSED_SECONDS = 60.0
GO_ON, STAY = "open", "stay-closed"


class Programs(msgspec.Struct, frozen=True, kw_only=True):
    """How the operators' own programs are run: no secret; `inventory` is that of Kolla-Ansible."""

    environment: dict[str, str]
    inventory: str = ""


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """What a step runs; `reading` are words for what can be asked while all else is closed."""

    words: list[str]
    back: list[str] = []
    reading: list[str] = []
    seconds_max: float
    answers_seconds_max: float = 0.0


class Servers(Protocol):
    """The servers of the database by the names of their nodes."""

    def users(self, node: str) -> str:
        """Say who is connected to a schema of a service; empty: nobody, or it does not answer.

        Raises:
            Denied: when it answers, and shows nothing to our account.

        """

    def answers(self, node: str) -> str | None:
        """Return the state of a node that answers (`Synced`, or `alone`); None: not yet."""

    def busy(self, node: str) -> str:
        """Say which server still works in the node's folder, or answers for it; empty: none."""


class Reconciled(msgspec.Struct, frozen=True, kw_only=True):
    """What the stores say of each other; `grave`: guests that exist twice or nowhere."""

    summary: str
    grave: list[str] = []


Reconcile = Callable[[], Reconciled]
Answers = Callable[[], dict[str, int]]


def run(do: Doing, programs: Programs, words: Sequence[str], *, seconds: float, name: str) -> Ran:
    """Run a program of the operators to its end, a second time when it was killed.

    Raises:
        BadAnswer: when it failed, or did not end in time.

    """
    given = Words(words=list(words), seconds_max=seconds)
    ran = _child(do, programs, given, name)
    if ran.lost:
        ran = _child(do, programs, given, f"{name}-again")
    if ran.code != 0:
        how = "did not end in time" if ran.code is None else f"ended with {ran.code}"
        raise BadAnswer(f"{words[0]} {how}", hint=f"its words: {ran.log}")
    return ran


def _child(do: Doing, programs: Programs, given: Words, name: str) -> Ran:
    alone = programs.inventory if programs.inventory in given.words else ""
    return do.child(
        name,
        given.words,
        environment=programs.environment,
        seconds_max=given.seconds_max,
        alone_on=alone,
    )


def _turned(step: Step) -> dict[str, Any]:
    """Return the arguments of the way back: what starts stops, what stops starts."""
    given = msgspec.convert(step.arguments, Words)
    return {**step.arguments, "words": given.back, "back": given.words}


class StopServices:
    """Stop whatever uses the database."""

    name = STOP_SERVICES

    def __init__(self, programs: Programs) -> None:
        self._programs = programs

    def look(self, step: Step) -> Seen:
        """See nothing: stopping what is stopped changes nothing."""
        del step
        return Seen()

    def perform(self, step: Step, do: Doing) -> Result:
        """Run the words."""
        given = msgspec.convert(step.arguments, Words)
        run(do, self._programs, given.words, seconds=given.seconds_max, name="stop")
        return Result(ending=Ending.DONE, detail="nothing of the cloud uses the database")

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Start them again."""
        del facts
        return step.way_back(
            START_SERVICES,
            "start the services again",
            arguments=_turned(step),
            undo="stop them",
        )


class StartServices:
    """Start the services, once nothing speaks against it, and see that they answer."""

    name = START_SERVICES

    def __init__(self, programs: Programs, answers: Answers, reconcile: Reconcile | None) -> None:
        self._programs = programs
        self._answers = answers
        self._reconcile = reconcile

    def look(self, step: Step) -> Seen:
        """See nothing: starting what runs changes nothing."""
        del step
        return Seen()

    def perform(self, step: Step, do: Doing) -> Result:
        """Reconcile while tenants are shut out, where that can be; then open, and ask."""
        given = msgspec.convert(step.arguments, Words)
        facts: dict[str, Any] = {}
        if given.reading and self._reconcile is not None:
            do.say("starting what can be asked")
            run(do, self._programs, given.reading, seconds=given.seconds_max, name="reading")
            found = self._reconciled(do, self._reconcile, given)
            facts["reconciled"] = msgspec.to_builtins(found)
            if found.grave and not self._opened(do, found):
                said = "; ".join(found.grave[:3])
                return Result(
                    ending=Ending.FAILED, detail=f"services stay closed: {said}", facts=facts
                )
        do.say("starting the services")
        run(do, self._programs, given.words, seconds=given.seconds_max, name="start")
        if not given.answers_seconds_max:
            return Result(ending=Ending.DONE, detail="started; nobody was asked", facts=facts)
        do.say("waiting for Keystone and Nova")
        told = do.wait(
            "answers",
            self._answers,
            dict[str, int],
            seconds_max=given.answers_seconds_max,
            every=EVERY_SECONDS,
        )
        if told is None:
            raise NotVerified(
                f"the services do not answer within {given.answers_seconds_max:g} s",
                hint="day2 health check; day2 run undo puts back what was there before",
            )
        counts = ", ".join(f"{number} {name}" for name, number in told.items())
        return Result(
            ending=Ending.DONE,
            detail=f"Keystone gives a token, and Nova lists {counts}",
            facts={**facts, **told},
        )

    @staticmethod
    def _reconciled(do: Doing, reconcile: Reconcile, given: Words) -> Reconciled:
        found = do.wait(
            "reconcile", reconcile, Reconciled, seconds_max=max(given.answers_seconds_max, 1.0)
        )
        return found or Reconciled(
            summary="the stores could not be asked",
            grave=["the stores could not be compared: nobody answers"],
        )

    @staticmethod
    def _opened(do: Doing, found: Reconciled) -> bool:
        said = "; ".join(found.grave[:5])
        question = f"{found.summary}: {said}. Open the cloud to its tenants all the same?"
        return do.gate("open", question, [STAY, GO_ON]) == GO_ON

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Stop them again."""
        del facts
        return step.way_back(
            STOP_SERVICES,
            "stop the services again",
            arguments=_turned(step),
            undo="start them",
            required=True,
        )


class StopNode:
    """Stop one server of the database, once no service uses it."""

    name = STOP_NODE

    def __init__(self, programs: Programs, servers: Servers) -> None:
        self._programs = programs
        self._servers = servers

    def look(self, step: Step) -> Seen:
        """See nothing: it may be dead already, and is made sure of."""
        del step
        return Seen()

    def perform(self, step: Step, do: Doing) -> Result:
        """Wait until it is unused, run the words, and see that no server works there."""
        given = msgspec.convert(step.arguments, Words)
        node = step.subject.id
        unused = do.wait(
            "unused",
            lambda: None if self._servers.users(node) else "unused",
            str,
            seconds_max=UNUSED_SECONDS,
            every=EVERY_SECONDS,
        )
        if unused is None:
            who = do.read("users", lambda: self._servers.users(node), str)
            raise Refused(
                f"{node} is still in use: {who or 'somebody was connected a moment ago'}",
                hint="recovery.stop_services must stop everything that uses the database",
            )
        ran = do.read("ran", lambda: self._servers.answers(node) or "", str)
        run(do, self._programs, given.words, seconds=given.seconds_max, name="stop")
        ended = do.wait(
            "idle",
            lambda: None if self._servers.busy(node) else "idle",
            str,
            seconds_max=given.seconds_max,
            every=EVERY_SECONDS,
        )
        if ended is None:
            still = do.read("busy", lambda: self._servers.busy(node), str)
            raise Refused(
                f"{node} was told to stop, and still runs: {still}",
                hint="do the words of `stop` really stop it, and does nobody start it again?",
            )
        was = "stopped" if ran else "stopped; it did not answer before"
        return Result(ending=Ending.DONE, detail=f"{node} is {was}", facts={"ran": bool(ran)})

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Start it again, if it ran before."""
        if not facts.get("ran", True):
            return None
        return step.way_back(
            START_NODE,
            f"start {step.subject.id} again",
            arguments=_turned(step),
            undo="stop it",
            required=True,
        )


class StartNode:
    """Start one server of the database and see that it answers: alone, or Synced."""

    name = START_NODE

    def __init__(self, programs: Programs, servers: Servers) -> None:
        self._programs = programs
        self._servers = servers

    def look(self, step: Step) -> Seen:
        """See nothing: starting what runs changes nothing."""
        del step
        return Seen()

    def perform(self, step: Step, do: Doing) -> Result:
        """Run the words and wait."""
        given = msgspec.convert(step.arguments, Words)
        node = step.subject.id
        run(do, self._programs, given.words, seconds=given.seconds_max, name="start")
        do.say("waiting until it answers")
        state = do.wait(
            "answers",
            lambda: self._servers.answers(node),
            str,
            seconds_max=given.answers_seconds_max or given.seconds_max,
            every=EVERY_SECONDS / 2,
        )
        if state is None:
            raise Unreachable(
                f"{node} was started, and does not answer as it must",
                hint="its own log says why; day2 run undo puts back what was there before",
            )
        return Result(ending=Ending.DONE, detail=f"{node} answers: {state}", facts={"state": state})

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Stop it again."""
        del facts
        return step.way_back(
            STOP_NODE,
            f"stop {step.subject.id} again",
            arguments=_turned(step),
            undo="start it",
            required=True,
        )


class JoinNode(StartNode):
    """Start a node with an empty folder: it takes everything from those that run."""

    name = JOIN_NODE
