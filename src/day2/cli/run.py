# SPDX-License-Identifier: Apache-2.0
"""`day2 run …`: what runs, what it waits for, and people's say in it."""

import argparse
from typing import TYPE_CHECKING, ClassVar

from day2.cli.document import Document, Produced, envelope
from day2.model.run import Wanted

if TYPE_CHECKING:
    from day2.wiring.site import Site


class List(Document):
    """List the newest runs of this cloud: where each is, and what it waits for."""

    codes = (0, 2)

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """List them."""
        from day2.report import changes as texts

        site = self.site(parsed)
        found = site.changes.list_runs()
        held = site.changes.engine_runs()
        return Produced(
            document=envelope("runs", cloud=site.cloud, at=site.clock.now(), runs=found),
            text=texts.runs(found, held=held) or "no run\n",
            columns=["id", "state", "at", "by", "summary"],
            rows=[(r.id, r.state.value, r.at, r.by, r.summary) for r in found],
        )


class _OfRun(Document):
    """A command about one run."""

    codes: ClassVar[tuple[int, ...]] = (0, 2, 3, 24)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        parser.add_argument("run", help="the run's id, or the beginning of it")


class Show(_OfRun):
    """Show a run: each step and what became of it."""

    codes = (0, 2, 3, 24, 26)

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Show it."""
        from day2.cli import running

        site = self.site(parsed)
        return running.told(site, site.changes.run(parsed.run))


class Watch(_OfRun):
    """Follow a run until it has ended or waits for people; Ctrl-C leaves it going."""

    codes = (0, 2, 3, 24, 26)

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Follow it."""
        from day2.cli import running

        site = self.site(parsed)
        return running.follow(self, site, site.changes.run(parsed.run).id, parsed)


class _Answer(_OfRun):
    """Answer the gate that a run waits at."""

    choice = ""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        super().add_arguments(parser)
        parser.add_argument("--gate", default="", help="which one, when it waits at several")
        parser.add_argument(
            "--answer", default=self.choice, help=f"one of the gate's choices ({self.choice})"
        )
        parser.add_argument("--reason", default="", help="for your colleagues and the journal")

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Answer it."""
        site = self.site(parsed)
        run, gate = site.changes.answer(
            parsed.run, parsed.gate, parsed.answer, reason=parsed.reason
        )
        return Produced(
            document=envelope(
                "answer",
                cloud=site.cloud,
                at=site.clock.now(),
                run=run.id,
                gate=gate,
                answer=parsed.answer,
            ),
            text=f"{run.id}\n  {gate}: {parsed.answer}; follow it with: day2 run watch {run.id}\n",
        )


class Approve(_Answer):
    """Say yes at the gate that a run waits at."""

    choice = "approve"


class Reject(_Answer):
    """Say no at the gate that a run waits at."""

    choice = "reject"


class _Want(_OfRun):
    """Say what you want of a run."""

    wanted = Wanted.RUN
    said = ""

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Say it."""
        site = self.site(parsed)
        run = site.changes.want(parsed.run, self.wanted)
        return Produced(
            document=envelope(
                "run-wanted", cloud=site.cloud, at=site.clock.now(), run=run.id, wanted=self.wanted
            ),
            text=f"{run.id}\n  {self.said.format(run=run.id)}\n",
        )


class Pause(_Want):
    """Let no further step of a run begin; what is under way ends first."""

    wanted = Wanted.PAUSE
    said = "begins no further step; go on with: day2 run resume {run}"


class Resume(_Want):
    """Carry on a run that was paused, or whose engine ended."""

    said = "goes on; follow it with: day2 run watch {run}"


class Cancel(_Want):
    """End a run after the steps in hand; what is done stays until it is undone."""

    wanted = Wanted.CANCEL
    said = "ends after the steps in hand; take back what it did with: day2 run undo {run}"


class Undo(_OfRun):
    """Plan the way back of an ended run, and run it: step by step in reverse."""

    codes = (0, 2, 3, 20, 21, 23, 24, 26)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        from day2.cli.plan import add_making_arguments

        super().add_arguments(parser)
        add_making_arguments(parser)

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Plan it, and run it when somebody says so."""
        from day2.cli import running

        site = self.site(parsed)
        return running.make(self, site, site.changes.undo(parsed.run), parsed)


class StopAll(Document):
    """Emergency stop: no run of this installation begins another act; --clear lets them go on."""

    codes = (0, 2)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        parser.add_argument("--clear", action="store_true", help="let them go on")

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Stop them, or let them go on."""
        site = self.site(parsed)
        return _stopped(site, stop=not parsed.clear)


def _stopped(site: "Site", *, stop: bool) -> Produced:
    found = site.changes.halt(stop=stop)
    said = (
        "STOPPED: no run begins another act; let them go on with: day2 run stop-all --clear"
        if stop
        else "runs may go on; those without an engine: day2 run resume RUN"
    )
    lines = "".join(f"  {run.id}  {run.state.value}\n" for run in found)
    return Produced(
        document=envelope(
            "stop-all",
            cloud=site.cloud,
            at=site.clock.now(),
            stopped=stop,
            runs=[run.id for run in found],
        ),
        text=f"{said}\n{lines}",
    )
