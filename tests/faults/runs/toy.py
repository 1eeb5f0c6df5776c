# SPDX-License-Identifier: Apache-2.0
"""A cloud of files: every effect leaves a line, so that nothing can happen twice unseen.

A move takes its time and goes on whatever becomes of the engine, as a migration does. It is counted
in the file that says it is under way: one rename, so that no kill comes between the two.
"""

import json
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from day2.engine.action import Doing, Result, Seen
from day2.errors import BadAnswer, Denied
from day2.model.finding import Subject
from day2.model.outcome import Ending
from day2.model.plan import Bounds, Plan, Step

MOVE_SECONDS = 0.15


class Toy:
    """Servers with hosts, in a folder; `log` has one line for each effect."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "effects.log"

    def fill(self, count: int) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "host").write_text("enabled")
        for number in range(1, count + 1):
            self.write(number, {"host": "a", "status": "ACTIVE"})

    def write(self, number: int, facts: Mapping[str, Any]) -> None:
        beside = self.folder / f".{number}.{os.getpid()}.{time.monotonic_ns()}"
        beside.write_text(json.dumps(facts))
        beside.replace(self.folder / f"server-{number}")

    def read(self, number: int) -> dict[str, Any]:
        file = self.folder / f"server-{number}"
        if not file.exists():
            return {}
        found: dict[str, Any] = json.loads(file.read_text())
        moving = found.get("moving")
        if moving and time.time() >= moving["until"]:
            found["host"] = moving["to"]
            del found["moving"]
            self.write(number, found)
        return found

    def moves(self) -> list[str]:
        """Return each move that was ever started."""
        return [
            f"move {file.name.removeprefix('server-')} {to}"
            for file in sorted(self.folder.glob("server-*"))
            for to in json.loads(file.read_text()).get("moves", ())
        ]

    def effect(self, text: str) -> None:
        handle = os.open(self.log, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        os.write(handle, f"{text}\n".encode())
        os.close(handle)

    def effects(self) -> list[str]:
        """Return every move that was ever started, then what else was done, in its order."""
        return [*self.moves(), *(self.log.read_text().splitlines() if self.log.exists() else ())]

    def start(self, number: int, to: str) -> None:
        now = self.read(number)
        until = time.time() + MOVE_SECONDS
        moves = [*now.get("moves", ()), to]
        self.write(number, {**now, "moves": moves, "moving": {"to": to, "until": until}})


class Switch:
    """Disable or enable the host."""

    def __init__(self, toy: Toy, name: str, wanted: str) -> None:
        self.name = name
        self._toy = toy
        self._wanted = wanted

    def look(self, _step: Step) -> Seen:
        status = (self._toy.folder / "host").read_text()
        return Seen(facts={"status": status}, already="it is" if status == self._wanted else "")

    def perform(self, _step: Step, do: Doing) -> Result:
        def act() -> str:
            if (self._toy.folder / "host").read_text() != self._wanted:
                self._toy.effect(self._wanted)
                (self._toy.folder / "host").write_text(self._wanted)
            return self._wanted

        do.act("switch", act, str)
        return Result(ending=Ending.DONE, detail=f"host {self._wanted}", facts={"was": "enabled"})

    def undo(self, step: Step, _facts: Mapping[str, Any]) -> Step | None:
        return Step(n=0, action="enable", subject=step.subject, why="undo", undo="disable it")


class Move:
    """Move a server: look, act, wait, prove."""

    name = "move"

    def __init__(self, toy: Toy) -> None:
        self._toy = toy

    def look(self, step: Step) -> Seen:
        now = self._toy.read(int(step.subject.id))
        if not now:
            return Seen(gone="deleted by its owner")
        at = now["host"]
        there = "it is there" if at == step.arguments["to"] else ""
        return Seen(facts={"host": at, "status": now["status"]}, already=there)

    def perform(self, step: Step, do: Doing) -> Result:
        number, to = int(step.subject.id), step.arguments["to"]

        def start() -> str:
            now = self._toy.read(number)
            if now["host"] != to and "moving" not in now:
                self._toy.start(number, to)
            return f"move-{number}"

        def arrived() -> str | None:
            host = self._toy.read(number)["host"]
            return host if host == to else None

        do.say("moving")
        handle = do.act("start", start, str)
        host = do.wait("arrive", arrived, str, seconds_max=20, every=0.02)
        if host is None:
            return Result(ending=Ending.FAILED, detail="it did not arrive")
        proof = do.read("proof", lambda: self._toy.read(number)["host"], str)
        return Result(
            ending=Ending.DONE if proof == to else Ending.FAILED,
            detail=f"on {proof}",
            facts={"handle": handle, "from": "a"},
        )

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        return Step(
            n=0,
            action="move",
            subject=step.subject,
            why="undo",
            arguments={"to": facts["from"]},
            undo="move it again",
        )


class Ask:
    """A gate."""

    name = "ask"

    def look(self, _step: Step) -> Seen:
        return Seen()

    def perform(self, _step: Step, do: Doing) -> Result:
        said = do.gate("go", "Shall it go on?", ["reject", "approve"])
        ending = Ending.DONE if said == "approve" else Ending.FAILED
        return Result(ending=ending, detail=f"answered: {said}")

    def undo(self, _step: Step, _facts: Mapping[str, Any]) -> Step | None:
        return None


class Breaks:
    """Change something, and lose the cloud before it is proven; `refused`: before it is changed."""

    name = "breaks"

    def __init__(self, toy: Toy) -> None:
        self._toy = toy

    def look(self, _step: Step) -> Seen:
        return Seen()

    def perform(self, step: Step, do: Doing) -> Result:
        refused = step.arguments.get("refused")

        def act() -> bool:
            if refused:
                raise Denied("the cloud says no")
            self._toy.effect("broken")
            return True

        def proof() -> bool:
            raise BadAnswer("the cloud answers nonsense")

        do.act("change", act, bool)
        do.read("proof", proof, bool)
        raise AssertionError

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        return step if facts.get("changed") else None


class Mad:
    """An action with a bug in its look."""

    name = "mad"

    def look(self, step: Step) -> Seen:
        nothing: dict[str, str] = {}
        return Seen(facts={"host": nothing[step.subject.id]})

    def perform(self, _step: Step, _do: Doing) -> Result:
        raise AssertionError

    def undo(self, _step: Step, _facts: Mapping[str, Any]) -> Step | None:
        return None


class Light:
    """Light a candle that burns down."""

    name = "light"

    def look(self, _step: Step) -> Seen:
        return Seen()

    def perform(self, _step: Step, _do: Doing) -> Result:
        return Result(ending=Ending.DONE, detail="it burns")

    def undo(self, _step: Step, _facts: Mapping[str, Any]) -> Step | None:
        return None

    def ends_soon(self, _step: Step, _facts: Mapping[str, Any], _run: str) -> bool:
        return False

    def renew(self, _step: Step, _facts: Mapping[str, Any], _run: str) -> str:
        return ""


class Program:
    """A program that takes its time and ends with 3, as kolla-ansible might."""

    name = "program"

    def __init__(self, toy: Toy) -> None:
        self._toy = toy

    def look(self, _step: Step) -> Seen:
        return Seen()

    def perform(self, step: Step, do: Doing) -> Result:
        script = f"echo begun >> {self._toy.log}; sleep 2; echo ended >> {self._toy.log}; exit 3"
        ran = do.child(
            "run",
            ["/bin/sh", "-c", script],
            environment={"PATH": "/usr/bin:/bin"},
            seconds_max=30,
            alone_on=step.arguments.get("inventory", ""),
        )
        said = f"ended with {ran.code}, adopted: {ran.adopted}"
        return Result(ending=Ending.DONE if ran.code == 3 else Ending.FAILED, detail=said)

    def undo(self, _step: Step, _facts: Mapping[str, Any]) -> Step | None:
        return None


def actions(toy: Toy) -> dict[str, Any]:
    return {
        "disable": Switch(toy, "disable", "disabled"),
        "enable": Switch(toy, "enable", "enabled"),
        "move": Move(toy),
        "ask": Ask(),
        "light": Light(),
        "program": Program(toy),
        "breaks": Breaks(toy),
        "mad": Mad(),
    }


def plan(
    name: str, count: int, *, gate: bool = False, at: datetime | None = None, **more: Any
) -> Plan:
    """Disable the host, move every server of it to b, and ask before the end if wanted."""
    now = at or datetime.now(UTC)
    host = Subject(type="host", id="a")
    steps = [
        Step(
            n=1,
            action="disable",
            subject=host,
            why="drain",
            undo="enable it",
            fingerprint={"status": "enabled"},
        )
    ]
    steps += [
        Step(
            n=number + 1,
            stage=1,
            action="move",
            subject=Subject(type="server", id=str(number), name=f"web{number}"),
            why="it is on a",
            arguments={"to": "b"},
            fingerprint={"host": "a", "status": "ACTIVE"},
            undo="move it back",
            limits={"source:a": 4},
        )
        for number in range(1, count + 1)
    ]
    if gate:
        steps.append(
            Step(n=count + 2, stage=2, action="ask", subject=host, why="asked", readonly=True)
        )
    values: dict[str, Any] = {
        "id": name,
        "kind": "toy",
        "cloud": "toy",
        "region": "",
        "foundation": "toy",
        "subject": host,
        "summary": f"drain a of {count} servers",
        "at": now,
        "expires_at": now + timedelta(hours=24),
        "by": "planner",
        "steps": steps,
        "bounds": Bounds(),
    }
    return Plan(**(values | more))
