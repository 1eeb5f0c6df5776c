# SPDX-License-Identifier: Apache-2.0
"""Plans about hosts: the tables that decide are read, and the room's pure functions judge them."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from day2.errors import BadUsage, Refused
from day2.model.outcome import Ending
from day2.model.run import State
from day2.operations.hosts.policy import DrainPolicy

if TYPE_CHECKING:
    from day2.model.impact import AffectedProject
    from day2.model.plan import Plan
    from day2.model.run import Run
    from day2.model.survey import Survey
    from day2.operations.hosts.enable import Moved
    from day2.operations.hosts.fencing import Witnesses
    from day2.operations.hosts.plan import Asked
    from day2.operations.hosts.protections import Protection
    from day2.wiring.site import Site

Progress = Callable[[str, int, int], None]


class HostPlans:
    """Makes plans about the hosts of one cloud; changes nothing."""

    def __init__(self, site: "Site") -> None:
        self._site = site

    def drain(
        self,
        host: str,
        *,
        purpose: str,
        allow: Sequence[str],
        ticket: str,
        progress: Progress | None = None,
    ) -> "Plan":
        """Plan how every server leaves a host."""
        from day2.operations.hosts.plan import drain

        return drain(
            self._survey(progress),
            host,
            policy=self._policy,
            purpose=purpose,
            allow=allow,
            asked=self._asked(ticket),
            addresses=self._addresses(host),
            quorums=self._quorums(),
        )

    def enable(
        self,
        host: str,
        *,
        back: str,
        smoke: bool,
        ticket: str,
        progress: Progress | None = None,
    ) -> "Plan":
        """Plan to enable a host again; `back` is the drain whose servers come back, empty: none.

        With `smoke` a server is booted on the host before it is enabled, and deleted again.

        Raises:
            Refused: while a run that takes the host out has not ended: its disable is ours, too.

        """
        from day2.operations.hosts.enable import enable
        from day2.operations.hosts.preceded import preceded
        from day2.wiring.smoke import step as smoke_step

        self._require_idle(host)
        moved = self._moved(host, back) if back else {}
        plan = enable(
            self._survey(progress),
            host,
            policy=self._policy,
            asked=self._asked(ticket),
            back=moved,
            protected=self._protected(host),
        )
        enables = any(step.action == "compute.enable" for step in plan.steps)
        if not smoke or not enables or plan.blockers:
            return plan
        return preceded(plan, smoke_step(self._site, host=host, why="it must serve before it may"))

    def evacuate(
        self, host: str, *, allow: Sequence[str], ticket: str, progress: Progress | None = None
    ) -> "Plan":
        """Plan how the servers of a dead host are rebuilt elsewhere."""
        from day2.operations.hosts.evacuate import evacuate

        return evacuate(
            self._survey(progress),
            host,
            policy=self._policy,
            allow=allow,
            asked=self._asked(ticket),
            witnesses=self._witnesses(host),
        )

    def impact(
        self, host: str, *, purpose: str, allow: Sequence[str], progress: Progress | None = None
    ) -> "tuple[Plan, list[AffectedProject]]":
        """Tell who would feel a drain of a host, and what."""
        from day2.operations.hosts.impact import impact
        from day2.operations.hosts.plan import drain

        survey = self._survey(progress)
        plan = drain(
            survey,
            host,
            policy=self._policy,
            purpose=purpose,
            allow=allow,
            asked=self._asked(""),
            quorums=self._quorums(),
        )
        return plan, impact(plan, survey)

    @property
    def _policy(self) -> DrainPolicy:
        return self._site.section("drain", DrainPolicy)

    def _survey(self, progress: Progress | None) -> "Survey":
        from day2.operations.hosts.kinds import DRAIN_KINDS

        return self._site.survey(DRAIN_KINDS, progress)

    def _asked(self, ticket: str) -> "Asked":
        from day2.adapters.people import who
        from day2.operations.hosts.plan import Asked

        return Asked(
            now=self._site.clock.now(),
            by=who(self._site.environment),
            ticket=ticket,
            foundation=self._site.changes.foundation,
        )

    def _require_idle(self, host: str) -> None:
        for run in self._site.changes.every_run("host-drain", "host-evacuate"):
            if run.state.ended or self._site.changes.load(run.plan).plan.subject.id != host:
                continue
            raise Refused(
                f"{run.id} is at work on {host}, by {run.by}: {run.state.value}",
                hint=f"let it end, or end it: day2 run cancel {run.id}",
            )

    def _moved(self, host: str, name: str) -> "dict[str, Moved]":
        """Return where the drain of this host put its servers.

        Raises:
            BadUsage: when there is no drain of this host, or that is none.

        """
        from day2.operations.hosts.enable import Moved

        run = self._drain_of(host) if name == "last" else self._site.changes.run(name)
        plan = self._site.changes.load(run.plan).plan
        if plan.kind != "host-drain" or plan.subject.id != host:
            raise BadUsage(f"{run.id} is no drain of {host}", hint="see them with: day2 run list")
        moves = {s.n: s for s in plan.steps if s.action.endswith("-migrate")}
        return {
            did.subject.id: Moved(
                host=str(did.facts["to"]), live=moves[did.n].action == "server.live-migrate"
            )
            for did in run.steps
            if did.n in moves and did.outcome is Ending.DONE and did.facts.get("to")
        }

    def _protected(self, host: str) -> "list[Protection]":
        """Return what the run that took this host out did to protect it.

        Nothing once the host was enabled by a later run, which took it back.
        """
        from day2.operations.hosts.protections import PROTECTIONS, Protection

        for run in self._site.changes.every_run("host-drain", "host-enable"):
            if not run.state.ended:
                continue
            plan = self._site.changes.load(run.plan).plan
            if plan.subject.id != host or run.state is State.UNDONE:
                continue
            if run.kind == "host-enable":
                if run.state is State.DONE:
                    return []
                continue
            given = {step.n: step.arguments for step in plan.steps}
            return [
                Protection(action=did.action, arguments=given[did.n], facts=did.facts)
                for did in self._site.changes.run(run.id).steps
                if did.action in PROTECTIONS and did.n in given
            ]
        return []

    def _witnesses(self, host: str) -> "Witnesses":
        from day2.adapters.fencing import FencingSettings
        from day2.operations.hosts.fencing import Witnesses

        given = self._site.section("fencing", FencingSettings)
        return Witnesses(
            confirming=bool(given.power_command or given.blocklist_command),
            address=next(iter(self._addresses(host)), host),
            port=given.management_port,
        )

    def _quorums(self) -> dict[str, list[str]]:
        """Return the hosts of each quorum; nothing when no inventory is set."""
        from day2.adapters.kolla.settings import KollaSettings
        from day2.operations.hosts.together import quorums_of

        if not self._site.section("kolla", KollaSettings).inventory:
            return {}
        return quorums_of({one.name: one.groups for one in self._site.inventory.hosts})

    def _addresses(self, host: str) -> list[str]:
        """Return where Ansible reaches a host; nothing when the inventory has none of its name."""
        from day2.adapters.kolla.settings import KollaSettings

        if not self._site.section("kolla", KollaSettings).inventory:
            return []
        hosts = self._site.inventory.hosts
        alike = [one for one in hosts if one.name == host]
        # One of both may carry a domain; two domains that differ are two hosts.
        alike = alike or [
            one
            for one in hosts
            if one.name.partition(".")[0] == host.partition(".")[0]
            and ("." not in one.name or "." not in host)
        ]
        return [one.address or one.name for one in alike] if len(alike) == 1 else []

    def _drain_of(self, host: str) -> "Run":
        for run in self._site.changes.every_run("host-drain"):
            if run.state.ended:
                found = self._site.changes.run(run.id)
                if self._site.changes.load(run.plan).plan.subject.id == host:
                    return found
        raise BadUsage(f"no drain of {host} is known", hint="see the runs with: day2 run list")
