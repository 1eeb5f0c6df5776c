# SPDX-License-Identifier: Apache-2.0
"""Network agents: what they serve goes to another one, and they are given nothing new."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from day2.adapters.openstack.single import Said
from day2.engine.action import Doing, Result, Seen
from day2.errors import Day2Error
from day2.model.outcome import Ending
from day2.model.plan import Step
from day2.model.tables.network import NetworkAgent
from day2.operations.hosts.actions.cloud import Cloud, arguments, named
from day2.operations.hosts.actions.facts import DELETED

AGENT_GONE = "the agent is not there any more"
ARRIVED, SO_ALREADY = "it has arrived", "so already"
TURNS = 3
FORSAKEN = "no agent serves it now: give it to one (openstack network agent add router)"


class MoveArguments(msgspec.Struct, frozen=True, kw_only=True):
    """The ids of the agent that serves it now, and of the one that is to."""

    from_agent: str
    to_agent: str


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one change: accepted (or so already), or why not."""

    ok: bool
    detail: str = ""
    gone: bool = False


class _Move:
    """Move something from one agent to another; the two kinds differ in order and requests."""

    name = ""
    one = ""
    any_other = False
    """Whether any agent but the old one is as good as the one that was chosen."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def look(self, step: Step) -> Seen:
        """Read which agents serve it."""
        given = arguments(step, MoveArguments)
        agents = self._hosting(step.subject.id)
        if agents is None:
            return Seen(gone=DELETED)
        ids = [agent.id for agent in agents]
        moved = given.to_agent in ids and given.from_agent not in ids
        already = f"is served by {_hosts(agents)} already" if moved else ""
        return Seen(facts={"agents": ",".join(sorted(ids))}, already=already)

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Move it back."""
        if not facts.get("moved"):
            return None
        given = arguments(step, MoveArguments)
        agents = facts.get("agents") or [given.to_agent]
        there = given.to_agent if given.to_agent in agents else str(agents[0])
        back = {"from_agent": there, "to_agent": given.from_agent}
        return msgspec.structs.replace(
            step,
            why="back to the agent from where it came",
            arguments=back,
            fingerprint={},
            undo="moves it again",
        )

    def perform(self, step: Step, do: Doing) -> Result:
        """Look that the other agent lives, move, and read who serves it."""
        given = arguments(step, MoveArguments)
        dead = do.read("target", lambda: self._unfit(given.to_agent), str)
        if dead:
            return Result(ending=Ending.FAILED, detail=f"nothing was changed: {dead}")
        failed = self._carry_over(step.subject.id, given, do)
        if failed is not None:
            return failed
        return self._proven(step.subject.id, given, do)

    def _carry_over(self, own: str, given: MoveArguments, do: Doing) -> Result | None:
        raise NotImplementedError

    def _hosting(self, own: str) -> list[NetworkAgent] | None:
        raise NotImplementedError

    def _unfit(self, own: str) -> str:
        agent = self._cloud.network.agent(own)
        if agent is None:
            return f"agent {own} is not there"
        if not agent.alive or not agent.admin_state_up:
            state = "disabled" if agent.alive else "not alive"
            return f"{agent.agent_type} on {agent.host} is {state}"
        return ""

    def _change(self, own: str, agent: str, *, to_serve: bool, send: Callable[[], Said]) -> Done:
        """Look whether an agent serves it as it should, and change that if not."""
        agents = self._hosting(own)
        if agents is None:
            return Done(ok=False, gone=True, detail=DELETED)
        if any(found.id == agent for found in agents) == to_serve:
            return Done(ok=True, detail=SO_ALREADY)
        said = send()
        return Done(ok=said.ok, detail="" if said.ok else f"Neutron refuses it: {said}")

    def _proven(self, own: str, given: MoveArguments, do: Doing) -> Result:
        def who() -> list[list[str]]:
            return [[agent.id, agent.host] for agent in self._hosting(own) or []]

        found = do.read("proof", who, list[list[str]])
        ids = [own for own, _host in found]
        hosts = ", ".join(sorted(host for _own, host in found)) or "no agent"
        facts = {"moved": True, "agents": ids}
        if given.from_agent not in ids and (given.to_agent in ids or (ids and self.any_other)):
            own_choice = "" if given.to_agent in ids else ", to which Neutron gave it by itself"
            said = f"now served by {hosts}{own_choice}"
            return Result(ending=Ending.DONE, detail=said, facts=facts)
        said = f"it was moved, and is served by {hosts}"
        return Result(ending=Ending.FAILED, detail=said, facts=facts)


class MoveRouter(_Move):
    """Move a router to another L3 agent: its traffic stops for the seconds in between.

    Neutron lets a router that is not highly available be with one agent only, so it must leave
    before it can arrive; where it cannot arrive, it goes back. In between Neutron may give it to
    whichever agent asks for its routers: to the old one, from which it is taken again, or to a
    third, with which it stays.
    """

    name = "agent.move-router"
    one = "router"
    any_other = True

    def _hosting(self, own: str) -> list[NetworkAgent] | None:
        return self._cloud.network.hosting_router(own)

    def _carry_over(self, own: str, given: MoveArguments, do: Doing) -> Result | None:
        for turn in range(1, TURNS):
            failed, again = self._turn(own, given, do, turn)
            if not again:
                return failed
        return self._turn(own, given, do, TURNS)[0]

    def _turn(
        self, own: str, given: MoveArguments, do: Doing, turn: int
    ) -> tuple[Result | None, bool]:
        """Try once; say why it failed, and whether another turn may be better."""
        left = do.act(named("leave", turn), lambda: self._leave(own, given.from_agent), Done)
        if not left.ok:
            return _not_moved(left), False
        joined = _tried(do, named("join", turn), lambda: self._join(own, given.to_agent))
        if joined.ok:
            return None, False
        if joined.gone:
            return _not_moved(joined), False

        def home() -> Done:
            # One whose arrival was not answered may have arrived: it is not without an agent then.
            served = self._hosting(own) or []
            if any(agent.id != given.from_agent for agent in served):
                return Done(ok=True, detail=ARRIVED)
            return self._join(own, given.from_agent)

        back = _tried(do, named("return", turn), home)
        if back.gone:
            return _not_moved(back), False
        if not back.ok:
            said = f"{joined.detail}; and not back either: {back.detail}; {FORSAKEN}"
            return Result(ending=Ending.FAILED, detail=said, facts={"moved": True}), False
        if back.detail == ARRIVED:
            return None, False
        said = f"{joined.detail}; it is back where it was"
        # The old agent had asked for its routers in between, and Neutron gave it the free one.
        return Result(ending=Ending.FAILED, detail=said), back.detail == SO_ALREADY

    def _leave(self, own: str, agent: str) -> Done:
        network = self._cloud.network
        return self._change(
            own, agent, to_serve=False, send=lambda: network.remove_router(agent, own)
        )

    def _join(self, own: str, agent: str) -> Done:
        network = self._cloud.network
        return self._change(own, agent, to_serve=True, send=lambda: network.add_router(agent, own))


class MoveNetwork(_Move):
    """Move a network's DHCP to another agent: that one serves before the old one stops."""

    name = "agent.move-network"
    one = "network"

    def _hosting(self, own: str) -> list[NetworkAgent] | None:
        return self._cloud.network.hosting_network(own)

    def _carry_over(self, own: str, given: MoveArguments, do: Doing) -> Result | None:
        network = self._cloud.network

        def join() -> Done:
            agent = given.to_agent
            return self._change(
                own, agent, to_serve=True, send=lambda: network.add_network(agent, own)
            )

        def leave() -> Done:
            agent = given.from_agent
            return self._change(
                own, agent, to_serve=False, send=lambda: network.remove_network(agent, own)
            )

        joined = do.act("join", join, Done)
        if not joined.ok:
            return _not_moved(joined)
        left = do.act("leave", leave, Done)
        return None if left.ok else _not_moved(left)


def _tried(do: Doing, name: str, function: Callable[[], Done]) -> Done:
    """Say why there was no answer, in place of ending the step: its router is with nobody now."""
    try:
        return do.act(name, function, Done)
    except Day2Error as error:
        return Done(ok=False, detail=str(error))


def _not_moved(done: Done) -> Result:
    return Result(ending=Ending.SKIPPED if done.gone else Ending.FAILED, detail=done.detail)


def _hosts(agents: Sequence[NetworkAgent]) -> str:
    return ", ".join(sorted(agent.host for agent in agents))


class _Set:
    """Enable or disable an agent."""

    name = ""
    up = True

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def look(self, step: Step) -> Seen:
        """Read the agent."""
        agent = self._cloud.network.agent(step.subject.id)
        if agent is None:
            return Seen(gone=AGENT_GONE)
        facts = {"admin_state_up": agent.admin_state_up, "alive": agent.alive}
        same = agent.admin_state_up == self.up
        already = f"is {'enabled' if self.up else 'disabled'} already" if same else ""
        return Seen(facts=dict(facts), already=already)

    def perform(self, step: Step, do: Doing) -> Result:
        """Set it, and read it again."""
        own = step.subject.id
        done = do.act("set", lambda: self._send(own), Done)
        if not done.ok:
            return _not_moved(done)
        now = do.read("proof", lambda: self._is_up(own), str)
        wanted = "enabled" if self.up else "disabled"
        ending = Ending.DONE if now == wanted else Ending.FAILED
        return Result(ending=ending, detail=f"the agent is {now}", facts={"changed": True})

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Set it back."""
        if not facts.get("changed"):
            return None
        other = EnableAgent.name if self.name == DisableAgent.name else DisableAgent.name
        return msgspec.structs.replace(
            step,
            action=other,
            why=f"takes back: {step.why}",
            fingerprint={"admin_state_up": self.up},
            undo="sets it again",
        )

    def _send(self, own: str) -> Done:
        agent = self._cloud.network.agent(own)
        if agent is None:
            return Done(ok=False, gone=True, detail=AGENT_GONE)
        if agent.admin_state_up == self.up:
            return Done(ok=True, detail=SO_ALREADY)
        said = self._cloud.network.set_agent(own, up=self.up)
        return Done(ok=said.ok, detail="" if said.ok else f"Neutron refuses it: {said}")

    def _is_up(self, own: str) -> str:
        agent = self._cloud.network.agent(own)
        if agent is None:
            return "gone"
        return "enabled" if agent.admin_state_up else "disabled"


class DisableAgent(_Set):
    """Give an agent nothing new."""

    name = "agent.disable"
    undone_first = True
    """An agent that is disabled takes nothing back."""
    up = False


class EnableAgent(_Set):
    """Let an agent be given work again."""

    name = "agent.enable"
    up = True
