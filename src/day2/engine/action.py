# SPDX-License-Identifier: Apache-2.0
"""What a room gives to the engine: actions. An action changes one subject, and proves that it did.

An action never holds state of its own: it may be stopped between any two calls of `Doing` and be
begun again in another process, where the calls that ended before return what they returned then.
So what it does between those calls must depend on their results alone: no clock, no read.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

import msgspec

from day2.model.outcome import Ending
from day2.model.plan import Facts, Step

T = TypeVar("T")


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What is true of a subject now.

    `facts` has at least the names of the step's fingerprint. `already` says in one sentence that
    the goal is reached and nothing is left to do; `gone` that the subject is proven not to be there
    any more (a 404 on its id, with a scope that may see it).
    """

    facts: Facts = {}
    already: str = ""
    gone: str = ""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """How an action ended: `detail` is one sentence for people, `facts` what its undo needs."""

    ending: Ending
    detail: str
    facts: dict[str, Any] = {}


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    """How a program ended: `code` None when it did not end in time, or ended without a word.

    `log` is the file with its output; `adopted` that an engine before this one had begun it.
    """

    code: int | None
    log: str
    adopted: bool = False
    lost: bool = False


class Doing(Protocol):
    """The durable calls of one step; each name is used once in a step (`start`, `start-2`, ...).

    A function that is handed in runs at least once: killed between its effect and its record, it
    runs again. What it returns is recorded and must be JSON (`kind` says how it is read back). A
    `Day2Error` that it raises is recorded as well, and raised again here on every replay.
    """

    run: str
    by: str
    ticket: str

    def read(self, name: str, function: Callable[[], T], kind: type[T]) -> T:
        """Look at something; changes nothing."""

    def act(self, name: str, function: Callable[[], T], kind: type[T]) -> T:
        """Change something: the function looks whether it is done already, then acts.

        It has an intent and an outcome in the journal. It does not wait for what it started: the
        handle that it returns is recorded first. It is not begun while everything is stopped
        (`run stop-all`); pause, cancel, windows and freezes are looked at between steps only.
        Time-outs and 5xx answers of the function are asked again (it looks first).
        """

    def wait(
        self,
        name: str,
        poll: Callable[[], T | None],
        kind: type[T],
        *,
        seconds_max: float,
        every: float = 1.0,
    ) -> T | None:
        """Poll until it returns something, and return that; None when the time is up.

        The time counts from the first poll of this process. A poll that cannot be answered
        (`Unreachable`) counts as not yet.
        """

    def gate(self, name: str, question: str, choices: Sequence[str]) -> str:
        """Ask people and wait, hours or days; return the choice that was answered."""

    def child(
        self,
        name: str,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str],
        seconds_max: float,
        alone_on: str = "",
        heard: bool = False,
    ) -> Ran:
        """Run a program that outlives the engine, and wait for its end.

        It is kept before it begins. A resumed step adopts one that still runs, and takes the exit
        code of one that has ended. `alone_on` is an inventory: while another playbook of this
        machine works on it, a colleague's included, the program is not begun; after
        `changes.outage_seconds` the step ends with `Locked`. `heard` shows its last line to those
        who watch: only for a program of ours, which prints no secret. Secrets belong neither in
        `argv` nor in `environment`.
        """

    def say(self, text: str) -> None:
        """Say what is under way, for those who watch; not recorded."""

    def holding(self, limits: Mapping[str, int]) -> AbstractContextManager[None]:
        """Hold one place in each of these scopes while the block runs; waits until there is one.

        Scopes hold over all runs: `{"target:compute03": 1}`.
        """

    def release(self) -> None:
        """Give back the places of the step's own `limits`: what is left to do only looks."""


class Action(Protocol):
    """One kind of change; registered by name in wiring."""

    name: str

    def look(self, step: Step) -> Seen:
        """Read the subject: compared with the step's fingerprint just before the act.

        Raises:
            Day2Error: when it cannot be read; the step then fails and nothing was changed.

        """

    def perform(self, step: Step, do: Doing) -> Result:
        """Do it, wait for it, and prove it."""

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Return the step that takes it back, given what `perform` returned; None: nothing to do.

        Pure; `n`, `stage` and `chain` are set by who collects the steps.
        """
