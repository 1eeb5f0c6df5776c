# SPDX-License-Identifier: Apache-2.0
"""A host as a whole: nothing arrives on it any more, and nothing is left on it unaccounted for."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec

from day2.engine.action import Doing, Result, Seen
from day2.model.outcome import Ending
from day2.model.plan import Facts, Step
from day2.model.tables.compute import Server
from day2.operations.hosts.actions.cloud import Cloud, arguments
from day2.operations.hosts.actions.facts import ENDED, FINISHED, VERIFY_RESIZE, of_server

QUIET_SECONDS = 10.0
SHOWN = 5
RECENT = timedelta(days=1)
BUILDING = "BUILD"


class SettleArguments(msgspec.Struct, frozen=True, kw_only=True):
    """`quiet_seconds` is how long nothing must arrive: what was cast before comes within that."""

    seconds_max: float
    quiet_seconds: float = QUIET_SECONDS


class Quiet(msgspec.Struct, frozen=True, kw_only=True):
    """What is on a host, and what still arrives there."""

    servers: list[str]
    arriving: list[str]


class Settle:
    """Wait until nothing builds on a host or arrives there any more."""

    name = "host.settle"

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def look(self, step: Step) -> Seen:
        """See nothing: what matters is read while it waits."""
        del step
        return Seen()

    def perform(self, step: Step, do: Doing) -> Result:
        """Wait until the host has been quiet for a while."""
        given = arguments(step, SettleArguments)
        host = step.subject.id
        seen: list[tuple[float, list[str]]] = []

        def quiet() -> bool | None:
            """Compare with what the polls of this process saw before."""
            now, clock = self._quiet(host), self._cloud.clock.monotonic()
            if now.arriving or (seen and seen[0][1] != now.servers):
                seen.clear()
            if now.arriving:
                do.say(f"waits for {len(now.arriving)} to arrive: {_some(now.arriving)}")
                return None
            seen.append((clock, now.servers))
            return True if clock - seen[0][0] >= given.quiet_seconds else None

        done = do.wait("quiet", quiet, bool, seconds_max=given.seconds_max)
        now = do.read("proof", lambda: self._quiet(host), Quiet)
        facts = {"servers": len(now.servers), "arriving": now.arriving}
        if done and not now.arriving:
            said = f"nothing arrives any more; {len(now.servers)} servers are there"
            return Result(ending=Ending.DONE, detail=said, facts=facts)
        what = _some(now.arriving) or "the list of its servers changes again and again"
        said = f"not quiet after {given.seconds_max:g} s: {what}"
        return Result(ending=Ending.FAILED, detail=said, facts=facts)

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Return nothing: nothing was done."""
        del step, facts
        return None

    def _quiet(self, host: str) -> Quiet:
        servers = self._cloud.compute.servers_on(host)
        arriving = {row.id for row in servers if row.status == BUILDING}
        # A server on its way names its source as its host; only its move says where it goes.
        since = (self._cloud.clock.now() - RECENT).strftime("%Y-%m-%dT%H:%M:%SZ")
        for row in self._cloud.compute.moves(host=host, **{"changes-since": since}):
            # One that waits for its owner's word has arrived; stale records have no end.
            under_way = row.status not in ENDED and row.status != FINISHED
            if row.dest_compute == host and row.source_compute != host and under_way:
                server = self._cloud.compute.server(row.instance_uuid)
                if server is not None and server.task_state is not None:
                    arriving.add(row.instance_uuid)
        return Quiet(servers=sorted(row.id for row in servers), arriving=sorted(arriving))


class VerifyArguments(msgspec.Struct, frozen=True, kw_only=True):
    """`left` are the servers that stay by decision: id to why.

    `guests` may name all that were there when the plan was made: then each is told where it is.
    """

    left: dict[str, str] = {}
    guests: list[str] = []


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """A host as it is now: its guests, who else takes room there, and whose old copies it keeps.

    `unconfirmed` has the move (its uuid) by server: until it is confirmed the move itself takes the
    room of the old disk in Placement.
    """

    guests: dict[str, Facts] = {}
    names: dict[str, str] = {}
    elsewhere: dict[str, Facts] = {}
    consumers: list[str] = []
    provider: str = ""
    unconfirmed: dict[str, str] = {}


class VerifyDrained:
    """Read the truth again and account for every guest: gone from here, or here by decision."""

    name = "host.verify-drained"

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def look(self, step: Step) -> Seen:
        """See nothing: it only reads."""
        del step
        return Seen()

    def perform(self, step: Step, do: Doing) -> Result:
        """Read and account."""
        given = arguments(step, VerifyArguments)
        host = step.subject.id
        truth = do.read("truth", lambda: self._truth(host, given), Truth)
        problems = _unaccounted(truth, given)
        accounts = {own: _account(own, truth) for own in sorted({*given.guests, *given.left})}
        facts = {
            "guests": truth.guests,
            "elsewhere": truth.elsewhere,
            "left": {
                own: why
                for own, why in given.left.items()
                if own in truth.guests or own in truth.unconfirmed
            },
            "accounts": accounts,
            "provider": truth.provider,
            "consumers": truth.consumers,
            "unconfirmed": sorted(truth.unconfirmed),
        }
        if problems:
            return Result(ending=Ending.FAILED, detail="; ".join(problems), facts=facts)
        stay = f", {len(truth.guests)} stay by decision" if truth.guests else ""
        said = f"{host} is drained{stay}"
        return Result(ending=Ending.DONE, detail=said, facts=facts)

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Return nothing: nothing was done."""
        del step, facts
        return None

    def _truth(self, host: str, given: VerifyArguments) -> Truth:
        compute = self._cloud.compute
        servers = compute.servers_on(host)
        there = {row.id for row in servers}
        elsewhere: dict[str, Facts] = {}
        for own in sorted({*given.guests, *given.left} - there):
            server = compute.server(own)
            elsewhere[own] = {"gone": True} if server is None else of_server(server)
        provider = _node(servers) or compute.node_of(host)
        consumers = self._cloud.placement.consumers_of(provider) if provider else None
        waiting = {
            row.instance_uuid: row.uuid
            for row in compute.moves(source_compute=host, status=FINISHED)
            if self._waits(row.instance_uuid)
        }
        return Truth(
            guests={row.id: of_server(row) for row in servers},
            names={row.id: row.name for row in servers},
            elsewhere=elsewhere,
            consumers=consumers or [],
            # One that Placement does not know says nothing about who is there.
            provider="" if consumers is None else provider,
            unconfirmed=waiting,
        )

    def _waits(self, own: str) -> bool:
        server = self._cloud.compute.server(own)
        return server is not None and server.status == VERIFY_RESIZE


def _node(servers: list[Server]) -> str:
    return next((row.hypervisor_hostname for row in servers if row.hypervisor_hostname), "")


def _unaccounted(truth: Truth, given: VerifyArguments) -> list[str]:
    problems = []
    others = sorted(set(truth.guests) - set(given.left))
    if others:
        names = [truth.names.get(own) or own for own in others]
        problems.append(f"{len(others)} still there: {_some(names)}")
    kept = {truth.unconfirmed[own] for own in truth.unconfirmed if own in given.left}
    strangers = sorted(set(truth.consumers) - set(truth.guests) - kept)
    if strangers:
        problems.append(
            f"Placement counts {len(strangers)} that Nova does not list there: {_some(strangers)}"
        )
    if not truth.provider:
        problems.append("its resource provider was not found: Placement could not be asked")
    waiting = sorted(set(truth.unconfirmed) - set(given.left))
    if waiting:
        problems.append(
            f"{len(waiting)} moved away wait for confirm or revert, their old disks are here: "
            f"{_some(waiting)}"
        )
    return problems


def _account(own: str, truth: Truth) -> str:
    if own in truth.guests:
        return "here"
    facts = truth.elsewhere.get(own, {})
    return "deleted" if facts.get("gone") else f"on {facts.get('host')}"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}"
