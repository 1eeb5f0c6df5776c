# SPDX-License-Identifier: Apache-2.0
"""The process that takes or proves one set: started by a step, adopted after a kill."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from day2 import errors
from day2.adapters.vaults.vault import Vault
from day2.engine.action import Doing, Ran, Seen
from day2.errors import BadAnswer, BadUsage, Day2Error
from day2.model.plan import Step

ATTEMPTS = 2
TAIL_BYTES = 16 << 10
BY_SIGNAL = 128

Open = Callable[[], Vault]


class Worker(msgspec.Struct, frozen=True, kw_only=True):
    """How a worker is started: the words before its own, and where things are; no secret."""

    argv: list[str]
    environment: dict[str, str]
    seconds_max: float


class OfSet:
    """What a step about one set in the vault begins with, when a worker does it."""

    def __init__(self, open_vault: Open, worker: Worker) -> None:
        self._open = open_vault
        self._worker = worker

    def look(self, step: Step) -> Seen:
        """See whether it is in the vault; one that was to be taken before may not be."""
        try:
            found = self._open().find(step.subject.id)
        except BadUsage:
            return Seen(gone=f"{step.subject.id} is not in the vault")
        return Seen(facts={"sha256": found.sha256})


class FromSet(OfSet):
    """What a step begins with that restores something else from the set of its argument `set`."""

    def look(self, step: Step) -> Seen:
        """See whether the set is the one that was planned with."""
        name = str(step.arguments["set"])
        try:
            found = self._open().find(name)
        except BadUsage:
            return Seen(gone=f"{name} is not in the vault any more")
        return Seen(facts={"sha256": found.sha256, "state": found.state.value})


def work(do: Doing, worker: Worker, words: Sequence[str]) -> Mapping[str, Any]:
    """Run a worker to its end, a second time when it was killed; return its last word.

    Raises:
        Day2Error: when it failed: its own error, in its own words.
        BadAnswer: when it did not end in time, or was killed twice.

    """
    ran: Ran | None = None
    for attempt in range(1, ATTEMPTS + 1):
        ran = do.child(
            "work" if attempt == 1 else f"work-{attempt}",
            [*worker.argv, *words],
            environment=worker.environment,
            seconds_max=worker.seconds_max,
            heard=True,
        )
        if not _killed(ran):
            break
    assert ran is not None  # noqa: S101 - for the type checker
    if ran.code is None or _killed(ran):
        raise BadAnswer(
            f"the worker {'was killed twice' if _killed(ran) else 'did not end in time'}",
            hint=f"what it wrote is swept by the next one; its words: {ran.log}",
        )
    word = last_word(Path(ran.log))
    if ran.code:
        said = word.get("message") or f"it ended with {ran.code}; its words: {ran.log}"
        kind: type[Day2Error] = getattr(errors, str(word.get("error", "")), BadAnswer)
        raise kind(str(said), hint=str(word.get("hint", "")))
    return word


def _killed(ran: Ran) -> bool:
    """Tell whether a signal ended it; the shell before it says so by its code, if it is left."""
    return ran.lost or (ran.code is not None and ran.code > BY_SIGNAL)


def last_word(log: Path) -> Mapping[str, Any]:
    """Return the last JSON line of a worker's output; empty when there is none."""
    try:
        with log.open("rb") as opened:
            opened.seek(max(log.stat().st_size - TAIL_BYTES, 0))
            lines = opened.read().splitlines()
    except OSError:
        return {}
    for line in reversed(lines):
        try:
            return msgspec.json.decode(line, type=dict[str, Any])
        except msgspec.MsgspecError:
            continue
    return {}
