# SPDX-License-Identifier: Apache-2.0
"""The phases of one smoke run: each makes something, and proves that it works."""

from collections.abc import Mapping

from day2.adapters.openstack.own import Thing
from day2.engine.action import Doing
from day2.errors import Day2Error, NotVerified, Refused
from day2.model.plan import Step
from day2.operations.smoke.actions.cloud import (
    At,
    Cloud,
    Opening,
    Outcome,
    Phase,
    Word,
    arguments,
)
from day2.operations.smoke.actions.console import word
from day2.operations.smoke.plan import PREFIX

DISABLED_TRAIT = "COMPUTE_STATUS_DISABLED"
ACTIVE, ERROR, GONE = "ACTIVE", "ERROR", "gone"
NO_HOST = "No valid host"
BOOTS = 2
"""nova-compute puts the trait of a disabled host back about once a minute: then once more."""


class Trial:
    """One smoke run as far as it got. Every name in the cloud is `day2-smoke-RUN-STEP`."""

    def __init__(self, cloud: Cloud, step: Step, do: Doing) -> None:
        self.cloud = cloud
        self.do = do
        self.given = arguments(step)
        self.name = f"{PREFIX}{do.run}-{step.n}"
        self.phases: list[Phase] = []
        self.made: dict[str, str] = {}
        self.opened = False
        self.host = ""
        self._phase = "begin"
        self._address = ""
        self._since = self._now("begin")

    def go(self) -> None:
        """Go through the phases.

        Raises:
            NotVerified: when one did not prove itself.
            Day2Error: when the cloud could not be asked, or said no.

        """
        if not self.given.network:
            self._own_network()
        self._port()
        self._boot()
        if self.given.volume_gib:
            self._volume()
        if self.given.external:
            self._floating_ip()
        self._console()

    def fail(self, error: Day2Error) -> None:
        """Write down that the phase under way failed, and why."""
        self._ended("failed", self._now("failed"), str(error))

    def begins(self, phase: str, said: str) -> None:
        """Say what is under way now."""
        self._phase = phase
        self.do.say(said)

    def ended(self, name: str, outcome: Outcome, said: str = "") -> None:
        """Write down how the phase under way ended, now."""
        self._ended(outcome, self._now(name), said)

    def _ended(self, outcome: Outcome, at: float, said: str) -> None:
        seconds = round(max(0.0, at - self._since), 1)
        self.phases.append(Phase(name=self._phase, outcome=outcome, seconds=seconds, said=said))
        self._since = at

    def _now(self, name: str) -> float:
        return self.do.read(f"time-{name}", lambda: At(at=self.cloud.at()), At).at

    def _make(self, kind: str, wanted: Mapping[str, object], call: str = "") -> str:
        """Make one thing of our name, unless it is there; return its id."""
        own = self.cloud.own

        def make() -> Thing:
            found = own.named(kind, self.name)
            named = {"description" if kind == "floating-ip" else "name": self.name}
            return found[0] if found else own.make(kind, {**named, **wanted})

        thing = self.do.act(call or f"make-{kind}", make, Thing)
        self.made[kind] = thing.id
        return thing.id

    def _own_network(self) -> None:
        self.begins("network", "makes a network")
        given = self.given
        network = self._make("network", {})
        subnet = self._make(
            "subnet", {"network_id": network, "ip_version": 4, "cidr": given.network_cidr}
        )
        if given.external:
            router = self._make("router", {"external_gateway_info": {"network_id": given.external}})
            self.do.act("plug", lambda: self._plugged(router, subnet), At)
        self.ended("network", "done")

    def _plugged(self, router: str, subnet: str) -> At:
        self.cloud.own.plug(router, subnet)
        return At(at=self.cloud.at())

    def _port(self) -> None:
        self.begins("port", "makes a port")
        network = self.given.network or self.made["network"]
        port = self._make("port", {"network_id": network})
        found = self.do.read("port", lambda: self._seen("port", port), At)
        self._address = found.thing.address if found.thing else ""
        if not self._address:
            raise NotVerified(f"the port {port} got no address")
        self.ended("port", "done", self._address)

    def _boot(self) -> None:
        self.begins("boot", "boots a server")
        for number in range(1, BOOTS + 1):
            mark = f"-{number}" if number > 1 else ""
            opening = self._open(mark)
            server = self._make("server", self._wanted(opening), f"make-server{mark}")
            rest = self._rests(server, f"active{mark}")
            self.close(mark)
            if rest is not None and rest.status == ACTIVE:
                self._on_the_network(rest)
                return
            why = self._why(server, rest, mark)
            if number == BOOTS or not opening.disabled or NO_HOST not in why:
                raise NotVerified(why)
            self._away(server)

    def _open(self, mark: str) -> Opening:
        """See that the host can be booted on; a disabled one is opened for us alone."""
        host = self.given.host
        if not host:
            return Opening()
        found = self.do.read(f"host{mark}", lambda: self._opening(host), Opening)
        if found.disabled:
            if not self.given.disabled_hosts:
                raise Refused(f"{host} is disabled", hint="setting smoke.disabled_hosts")
            self.opened = True
            self.do.act(f"open{mark}", lambda: self._lift(found.node), At)
        return found

    def _opening(self, host: str) -> Opening:
        services = self.cloud.compute.services(host=host, binary="nova-compute")
        if not services:
            raise NotVerified(f"{host} has no nova-compute any more")
        service = services[0]
        if service.state != "up" or service.forced_down:
            forced = ", forced down" if service.forced_down else ""
            raise NotVerified(f"nova-compute on {host} is {service.state}{forced}")
        if service.status != "disabled":
            return Opening()
        node = self.cloud.compute.node_of(host)
        if not node:
            raise NotVerified(f"no hypervisor says that it is of {host}")
        return Opening(zone=service.zone, node=node, disabled=True)

    def _lift(self, node: str) -> At:
        """Take the trait away. The host stays disabled: the scheduler's ComputeFilter keeps others.

        Only a boot that an administrator forces there goes past that filter.
        """
        self.cloud.traits.take(node, DISABLED_TRAIT)
        return At(at=self.cloud.at())

    def close(self, mark: str) -> None:
        """Put the trait back, if we took it and the host is disabled still."""
        if self.opened:
            self.do.act(f"close{mark}", self._lower, At)
            self.opened = False

    def _lower(self) -> At:
        host = self.given.host
        services = self.cloud.compute.services(host=host, binary="nova-compute")
        node = self.cloud.compute.node_of(host)
        if services and services[0].status == "disabled" and node:
            self.cloud.traits.put(node, DISABLED_TRAIT)
        return At(at=self.cloud.at())

    def _wanted(self, opening: Opening) -> dict[str, object]:
        where: dict[str, object] = {}
        if opening.disabled:
            where = {"availability_zone": f"{opening.zone}:{self.given.host}"}
        elif self.given.host:
            where = {"host": self.given.host}
        return {
            "imageRef": self.given.image,
            "flavorRef": self.given.flavor,
            "networks": [{"port": self.made["port"]}],
            "metadata": {"day2-run": self.do.run},
            **where,
        }

    def _rests(self, server: str, call: str) -> Thing | None:
        """Wait until the server is ACTIVE, in ERROR, or gone."""

        def rests() -> Thing | None:
            now = self.cloud.own.get("server", server)
            if now is None:
                return Thing(kind="server", id=server, status=GONE)
            self.do.say(f"boots a server: {now.status} {now.task_state}".rstrip())
            rested = now.status == ERROR or (now.status == ACTIVE and not now.task_state)
            return now if rested else None

        return self.do.wait(call, rests, Thing, seconds_max=self.given.boot_seconds_max)

    def _why(self, server: str, rest: Thing | None, mark: str) -> str:
        """Say why the server is not ACTIVE."""
        if rest is not None:
            return f"the server is {rest.status}: {rest.fault or 'Nova does not say why'}"
        now = self.do.read(f"state{mark}", lambda: self._seen("server", server), At).thing
        state = f"{now.status}, {now.task_state or 'no task'}" if now else GONE
        return f"not ACTIVE within {self.given.boot_seconds_max:g} s ({state})"

    def _on_the_network(self, server: Thing) -> None:
        """See that the server is where it was wanted, and its port ACTIVE."""
        wanted = self.given.host
        self.host = server.host
        if wanted and server.host != wanted:
            raise NotVerified(f"it was wanted on {wanted} and is on {server.host}")
        port = self.made["port"]
        if not self._becomes("port", port, ACTIVE, self.given.network_seconds_max):
            raise NotVerified("the server is ACTIVE, and its port is not: no agent has bound it")
        self.ended("boot", "done", f"on {server.host}")

    def _away(self, server: str) -> None:
        """Delete a server that found no host, and wait for its end: the next has the same name."""

        def delete() -> At:
            self.cloud.own.delete("server", server)
            return At(at=self.cloud.at())

        self.do.act("delete-unplaced", delete, At)
        seconds = self.given.clean_seconds_max
        if not self._becomes("server", server, GONE, seconds):
            raise NotVerified(f"the server that found no host is not gone after {seconds:g} s")

    def _volume(self) -> None:
        self.begins("volume", "makes a volume")
        given = self.given
        kind = {"volume_type": given.volume_type} if given.volume_type else {}
        wanted = {"size": given.volume_gib, "metadata": {"day2-run": self.do.run}, **kind}
        volume = self._make("volume", wanted)
        if not self._becomes("volume", volume, "available", given.volume_seconds_max):
            raise NotVerified(f"the volume is not available after {given.volume_seconds_max:g} s")
        self.do.say("attaches the volume")
        server = self.made["server"]
        self.do.act("attach", lambda: self._attach(server, volume), At)
        if not self._becomes("volume", volume, "in-use", given.volume_seconds_max):
            raise NotVerified(f"the volume is not in use after {given.volume_seconds_max:g} s")
        attached = self.do.read("attached", lambda: self.cloud.own.attached(server), list[str])
        if volume not in attached:
            raise NotVerified("Cinder says that the volume is in use, and Nova does not have it")
        self.ended("volume", "done", f"{given.volume_gib} GiB attached")

    def _attach(self, server: str, volume: str) -> At:
        if volume not in self.cloud.own.attached(server):
            self.cloud.own.attach(server, volume)
        return At(at=self.cloud.at())

    def _floating_ip(self) -> None:
        self.begins("floating-ip", "takes a floating IP")
        port = self.made["port"]
        wanted = {"floating_network_id": self.given.external, "port_id": port}
        own = self._make("floating-ip", wanted)
        found = self.do.read("floating-ip", lambda: self._seen("floating-ip", own), At).thing
        if found is None or found.within != port:
            raise NotVerified("the floating IP does not point to the server's port")
        active = self._becomes("floating-ip", own, ACTIVE, self.given.network_seconds_max)
        if active:
            self.ended("address", "done", found.address)
        elif self.given.floating_ip_active:
            raise NotVerified(
                f"{found.address} points to the port, and no L3 agent has made it ACTIVE within "
                f"{self.given.network_seconds_max:g} s"
            )
        else:
            said = f"{found.address} points to the port; no L3 agent has made it ACTIVE"
            self.ended("address", "unproven", said)

    def _console(self) -> None:
        """Read what the guest says of DHCP and metadata: what it does not say stays unproven."""
        self.begins("guest", "waits for the guest's word on its console")
        server, address = self.made["server"], self._address

        def speaks() -> Word | None:
            said = word(self.cloud.own.console(server), address)
            decided = said.metadata is not None and said.dhcp is not None
            return said if decided or said.metadata is False else None

        seconds = self.given.console_seconds_max
        said = self.do.wait("guest", speaks, Word, seconds_max=seconds, every=2.0)
        if said is None:
            last = lambda: word(self.cloud.own.console(server), address)  # noqa: E731
            said = self.do.read("guest-last", last, Word)
        if said.dhcp is False:
            raise NotVerified("the guest says that DHCP gave it no lease")
        if said.metadata is False:
            raise NotVerified("the guest says that the metadata service did not answer")
        told = [name for name, seen in (("DHCP", said.dhcp), ("metadata", said.metadata)) if seen]
        silent = [name for name in ("DHCP", "metadata") if name not in told]
        if silent:
            more = f"; {told[0]} worked" if told else ""
            self.ended(
                "guest",
                "unproven",
                f"{' and '.join(silent)} not reachable here: the console has no word of the guest "
                f"about it{more}",
            )
        else:
            self.ended("guest", "done", "DHCP and metadata worked")

    def _seen(self, kind: str, own: str) -> At:
        return At(at=self.cloud.at(), thing=self.cloud.own.get(kind, own))

    def _becomes(self, kind: str, own: str, status: str, seconds: float) -> bool:
        """Wait for a status; an error on the way ends the wait, a thing that is gone too."""

        def there() -> At | None:
            now = self.cloud.own.get(kind, own)
            if now is None:
                return At(at=self.cloud.at(), there=status == GONE)
            if now.status == status:
                return At(at=self.cloud.at(), thing=now, there=True)
            broken = now.status.lower().startswith("error") and status != GONE
            return At(at=self.cloud.at(), thing=now) if broken else None

        found = self.do.wait(f"{kind}-{status}", there, At, seconds_max=seconds)
        return found is not None and found.there
