# SPDX-License-Identifier: Apache-2.0
"""`smoke.server`: make a server with all that a user gives it, try it, and delete it again."""

from collections.abc import Mapping
from typing import Any

import msgspec

from day2.engine.action import Doing, Result, Seen
from day2.errors import Day2Error
from day2.model.outcome import Ending
from day2.model.plan import Step
from day2.operations.smoke.actions.cleaning import Cleaning
from day2.operations.smoke.actions.cloud import Cloud, Phase, arguments
from day2.operations.smoke.actions.trial import Trial
from day2.operations.smoke.plan import ACTION


class SmokeServer:
    """Boots a server, tries it, and leaves nothing behind."""

    name = ACTION

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def look(self, step: Step) -> Seen:
        """Read the compute service of the host, if one is named."""
        host = arguments(step).host
        if not host:
            return Seen()
        services = self._cloud.compute.services(host=host, binary="nova-compute")
        if not services:
            return Seen(gone=f"{host} has no compute service any more")
        found = services[0]
        return Seen(facts={"status": found.status, "state": found.state})

    def perform(self, step: Step, do: Doing) -> Result:
        """Go through the phases, and clean up whatever came of them."""
        trial = Trial(self._cloud, step, do)
        cleaning = Cleaning(self._cloud, do, trial.given)
        if trial.given.leftovers:
            trial.begins("leftovers", "deletes what earlier smoke runs left")
            cleaning.leftovers(trial.given.leftovers)
            said = f"not deleted: {'; '.join(cleaning.left)}" if cleaning.left else ""
            trial.ended("leftovers", "unproven" if said else "done", said)
            cleaning.left.clear()
        try:
            trial.go()
        except Day2Error as error:
            trial.fail(error)
        finally:
            # Whatever ended it, a bug of ours included: nothing stays.
            trial.begins("clean", "deletes everything again")
            cleaning.own(trial)
        trial.ended("clean", "failed" if cleaning.left else "done", "; ".join(cleaning.left))
        return _result(trial, cleaning.left)

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Return nothing: everything was deleted; what could not be, the next smoke run finds."""
        del step, facts
        return None


def _result(trial: Trial, left: list[str]) -> Result:
    failed = [phase for phase in trial.phases if phase.outcome == "failed"]
    facts = {
        "phases": msgspec.to_builtins(trial.phases),
        "host": trial.host,
        "name": trial.name,
        "made": trial.made,
        "left": left,
    }
    if failed:
        first = failed[0]
        more = "" if left else "; everything it made is deleted"
        return Result(ending=Ending.FAILED, detail=f"{first.name}: {first.said}{more}", facts=facts)
    seconds = sum(phase.seconds for phase in trial.phases)
    unproven = [phase.name for phase in trial.phases if phase.outcome == "unproven"]
    more = f"; not proven here: {', '.join(unproven)}" if unproven else ""
    said = f"well on {trial.host} in {seconds:.0f} s, and everything is deleted{more}"
    return Result(ending=Ending.DONE, detail=said, facts=facts)


def phases_of(facts: Mapping[str, Any]) -> list[Phase]:
    """Read the phases of a step's facts; none where it did not come so far."""
    return msgspec.convert(facts.get("phases", []), list[Phase])
