# SPDX-License-Identifier: Apache-2.0
"""The proof that a host is dead: every witness is asked, and a live one always wins."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from day2.adapters.fencing import Fence, Told
from day2.engine.action import Doing, Result, Seen
from day2.model.outcome import Ending
from day2.model.plan import Step
from day2.model.tables import utc
from day2.model.tables.compute import ComputeService
from day2.operations.hosts.actions.cloud import OUTAGE_SECONDS, Cloud, arguments

UP, DOWN = "up", "down"


class DeathArguments(msgspec.Struct, frozen=True, kw_only=True):
    """`address` may be empty: not known. `stated_by` is who says that the host is off, or nobody.

    A statement stands in for a witness that cannot tell; it never outweighs one that can.
    """

    address: str = ""
    port: int = 22
    stated_by: str = ""


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """The host's nova-compute: its state, whether that is forced, and its last sign of life."""

    there: bool = True
    state: str = ""
    forced_down: bool = False
    heard: str = ""


class ProveDead:
    """Prove that a host is dead before anything of it is rebuilt; reads only."""

    name = "host.prove-dead"

    def __init__(self, cloud: Cloud, fence: Fence) -> None:
        self._cloud = cloud
        self._fence = fence

    def look(self, step: Step) -> Seen:
        """See nothing: it only reads."""
        del step
        return Seen()

    def perform(self, step: Step, do: Doing) -> Result:
        """Ask every witness; all of them are asked, so that all that is missing is told."""
        given = arguments(step, DeathArguments)
        host = step.subject.id
        told = {"service": self._service(host, do)}
        told["address"] = do.read("address", lambda: self._address(given), Told)
        told["power"] = do.read("power", lambda: self._fence.is_off(host), Told)
        told["blocklist"] = do.read("blocklist", lambda: self._fence.is_blocklisted(host), Told)
        missing = [*_missing(told, stated=bool(given.stated_by))]
        facts: dict[str, Any] = {
            "proofs": {name: msgspec.to_builtins(one) for name, one in told.items()},
            "missing": missing,
            "stated_by": given.stated_by,
        }
        if missing:
            said = f"{host} is not proven dead: {'; '.join(missing)}"
            return Result(ending=Ending.FAILED, detail=said, facts=facts)
        proofs = [one.said for one in told.values() if one.is_so]
        if not (told["power"].is_so or told["blocklist"].is_so):
            proofs.append(f"{given.stated_by} says that it is off")
        return Result(
            ending=Ending.DONE, detail=f"{host} is dead: {'; '.join(proofs)}", facts=facts
        )

    def undo(self, step: Step, facts: Mapping[str, Any]) -> Step | None:
        """Return nothing: nothing was done."""
        del step, facts
        return None

    def _service(self, host: str, do: Doing) -> Told:
        """Say whether Nova has lost the host; what somebody forced down is watched for life."""
        first = do.read("service", lambda: self._seen(host), Service)
        if not first.there:
            return Told(is_so=None, said=f"{host} has no nova-compute service")
        heard = f"nova-compute was last heard {first.heard or 'never'}"
        if not first.forced_down:
            return Told(is_so=first.state == DOWN, said=f"nova-compute is {first.state}, {heard}")
        seconds = self._fence.settings.down_seconds
        do.say(f"nova-compute is forced down: watching {seconds:g} s for a sign of life")
        alive = do.wait(
            "heartbeat",
            self._moved(host, first.heard, seconds),
            bool,
            seconds_max=seconds + OUTAGE_SECONDS,
            every=2.0,
        )
        if alive is None:
            said = "nova-compute is forced down, and Nova did not tell whether it reports"
            return Told(is_so=None, said=said)
        if alive:
            return Told(is_so=False, said="nova-compute is forced down, and reports all the time")
        return Told(is_so=True, said=f"nova-compute is forced down and silent for {seconds:g} s")

    def _moved(self, host: str, heard: str, seconds: float) -> Callable[[], bool | None]:
        clock = self._cloud.clock
        until = clock.monotonic() + seconds

        def moved() -> bool | None:
            """Tell whether it reports; that it does not by an answer at the end, never by none."""
            now = self._seen(host)
            if now.there and now.heard != heard:
                return True
            return False if clock.monotonic() >= until else None

        return moved

    def _seen(self, host: str) -> Service:
        rows = self._cloud.compute.services(host=host, binary="nova-compute")
        return _of(rows[0]) if rows else Service(there=False)

    def _address(self, given: DeathArguments) -> Told:
        if not given.address:
            return Told(is_so=None, said="its management address is not known")
        return self._fence.is_silent(given.address, given.port)


def _of(row: ComputeService) -> Service:
    at = utc(row.updated_at)
    heard = f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else ""
    return Service(state=row.state, forced_down=row.forced_down, heard=heard)


def _missing(told: Mapping[str, Told], *, stated: bool) -> list[str]:
    """List what keeps a host from counting as dead."""
    service, address = told["service"], told["address"]
    power, blocklist = told["power"], told["blocklist"]
    missing = []
    if not service.is_so:
        missing.append(service.said)
    if address.is_so is False or (address.is_so is None and not stated):
        missing.append(address.said)
    if not power.is_so and not blocklist.is_so:
        if power.is_so is False:
            missing.append(f"its power is not off ({power.said})")
        elif not stated:
            missing.append(f"nothing confirms that it is off ({power.said}; {blocklist.said})")
    return missing
