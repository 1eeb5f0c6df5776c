# SPDX-License-Identifier: Apache-2.0
"""A sandbox of hosts and guests for the actions, whose clock jumps where they would wait."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from day2.adapters.clock import SystemClock
from day2.adapters.openstack import clouds
from day2.adapters.openstack.clouds import OpenStackSettings
from day2.adapters.openstack.limits import LoadSettings
from day2.adapters.openstack.listing import find_service
from day2.adapters.openstack.session import Session
from day2.engine.action import Action, Result, Seen
from day2.model.finding import Subject
from day2.model.plan import Step, changed
from day2.settings import Settings
from day2.wiring.actions import actions, host_cloud
from day2.wiring.sections import SCHEMA
from day2.wiring.site import Site
from tests.scenarios.hosts.direct import Direct, Hooks
from tests.scenarios.sandboxes import Home

SOURCE, TARGETS = "compute01", ["compute02", "compute03"]
SCRIPTS = ("fail", "hang", "deaf", "stay", "error", "stray")
EACH, PLAIN = 6, 70


def scenario() -> dict[str, Any]:
    """Describe four hosts, all guests on the first; scripted ones by name: `hang-01`, ..."""
    hosts: list[dict[str, Any]] = [
        {"name": name, "roles": ["control", "network", "storage"]}
        for name in ("control01", "control02")
    ]
    hosts.append({"name": "network01", "roles": ["network"]})
    hosts += [
        {"name": name, "roles": ["compute"], "vcpus": 256, "memory_mib": 1 << 20}
        for name in (SOURCE, *TARGETS, "compute04")
    ]
    hosts.append({"name": "dead01", "roles": ["compute"], "vcpus": 64, "dead": "1h"})
    guest = {"project": "acme", "flavor": "m1.small", "image": "debian", "network": "acme-net"}
    here: dict[str, Any] = {**guest, "host": [SOURCE]}
    servers: list[dict[str, Any]] = [
        {**here, "name": "plain", "count": PLAIN},
        {**here, "name": "off", "count": PLAIN // 2, "status": "SHUTOFF"},
        {**here, "name": "paused", "status": "PAUSED"},
        {**here, "name": "data"},
        {**guest, "name": "lost", "count": 40, "host": ["dead01"]},
        {**guest, "name": "lost-off", "host": ["dead01"], "status": "SHUTOFF"},
        {**here, "name": "amphora", "project": "service"},
    ]
    servers += [{**here, "name": s, "count": EACH, "script": s} for s in SCRIPTS]
    servers += [
        {**here, "name": f"off-{s}", "count": 2, "script": s, "status": "SHUTOFF"}
        for s in ("fail", "hang")
    ]
    return {
        "description": "Guests to be moved",
        "hosts": hosts,
        "projects": [{"name": "acme", "quotas": {"compute": {"instances": 1000}}}],
        "users": [{"name": "acme-operator", "project": "acme"}],
        "flavors": [
            {"name": "m1.small", "vcpus": 1, "ram_mib": 512, "disk_gib": 1},
            {"name": "m1.medium", "vcpus": 2, "ram_mib": 1024, "disk_gib": 1},
        ],
        "images": [{"name": "debian"}],
        "networks": [
            {"name": "public", "cidr": "203.0.113.0/24", "external": True},
            {"name": "acme-net", "project": "acme", "cidr": "10.10.0.0/16", "router": "acme-r"},
        ],
        "pools": [{"name": "rbd-1", "host": "control01"}],
        "servers": servers,
        "volumes": [{"name": "data-vol", "project": "acme", "server": "data"}],
        "load_balancers": [
            {"name": "lb", "project": "acme", "network": "acme-net", "amphorae": ["amphora"]}
        ],
    }


class JumpingClock:
    """The machine's clock, ahead by what was slept; the sandbox sleeps along."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._real = SystemClock()
        self._ahead = 0.0

    def now(self) -> datetime:
        return self._real.now() + timedelta(seconds=self._ahead)

    def monotonic(self) -> float:
        return self._real.monotonic() + self._ahead

    def sleep(self, seconds: float) -> None:
        self._home.control("POST", "clock", {"advance_seconds": seconds})
        self._ahead += seconds


class Guests:
    """One sandbox, the actions wired to it, and hands that do what others do meanwhile."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder)
        file = folder / "guests.yaml"
        file.write_text(json.dumps(scenario()))
        started = self.home.run("sandbox", "up", "--scenario", str(file))
        assert started.code == 0, started.err
        self.clock = JumpingClock(self.home)
        config = str(self.home.place() / "day2.yaml")
        settings = Settings.load(schema=SCHEMA, given=config, environment={})
        self.site = Site(settings, cloud="sandbox", environment={}, clock=self.clock)
        self.actions: Mapping[str, Action] = actions(self.site)
        self.cloud = host_cloud(self.site)
        account = OpenStackSettings(
            cloud="sandbox", clouds_file=str(self.home.place() / "clouds.yaml")
        )
        self._session = Session(clouds.find(account, {}), limits=LoadSettings(), clock=self.clock)
        listed = self.ask("compute", "GET", "/servers/detail?all_tenants=1")["servers"]
        self.ids: dict[str, str] = {row["name"]: row["id"] for row in listed}
        self._unused = dict.fromkeys(("plain", "off", "lost", *SCRIPTS), 0)

    def close(self) -> None:
        assert self.home.run("sandbox", "down").code == 0

    def fresh(self, kind: str) -> str:
        """Return the id of a guest that no test has touched."""
        self._unused[kind] += 1
        return self.ids[f"{kind}-{self._unused[kind]:02d}"]

    def ask(self, service: str, method: str, path: str, body: Any = None) -> Any:
        """Do something by hand, as the administrator."""
        answer = find_service(self._session, service).ask(method, path, what=path, body=body)
        raw = answer.require_ok(path)
        return msgspec.json.decode(raw) if raw else None

    def acts(self, own: str, action: str, given: Any = None, *, seconds: float = 0) -> None:
        said = self.cloud.compute.act(own, action, given)
        assert said.ok, said
        if seconds:
            self.clock.sleep(seconds)

    def delete(self, own: str) -> None:
        self.ask("compute", "DELETE", f"/servers/{own}")
        self.clock.sleep(2)

    def faults(self, *rules: Mapping[str, Any]) -> None:
        self.home.control("PUT", "faults", {"rules": rules})

    def server(self, own: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("compute", "GET", f"/servers/{own}")["server"]
        return found

    def host(self, own: str) -> str:
        return str(self.server(own)["OS-EXT-SRV-ATTR:host"])

    def moves(self, own: str) -> list[tuple[str, str]]:
        """List the moves of a guest, oldest first: type and status."""
        rows = self.ask("compute", "GET", f"/os-migrations?instance_uuid={own}")["migrations"]
        return [(row["migration_type"], row["status"]) for row in reversed(rows)]

    def service(self, host: str) -> dict[str, Any]:
        path = f"/os-services?binary=nova-compute&host={host}"
        found: dict[str, Any] = self.ask("compute", "GET", path)["services"][0]
        return found

    def step(
        self, action: str, own: str, *, fingerprint: Mapping[str, Any] | None = None, **given: Any
    ) -> Step:
        """Make a step as a planner would: with what is true now as its fingerprint."""
        step = Step(
            n=1,
            action=action,
            subject=Subject(type="server", id=own, name=own[:8]),
            why="a test",
            arguments=given,
            limits={f"source:{given['source']}": 1} if "source" in given else {},
        )
        seen = self.actions[action].look(step)
        facts = dict(seen.facts) if fingerprint is None else dict(fingerprint)
        return msgspec.structs.replace(step, fingerprint=facts)

    def live(self, own: str, **more: Any) -> Step:
        given: dict[str, Any] = {"source": SOURCE, "targets": TARGETS, "seconds_max": 30}
        given |= {"memory_mib": 512, "tries": 2}
        return self.step("server.live-migrate", own, **given | more)

    def cold(self, own: str, status: str, **more: Any) -> Step:
        given: dict[str, Any] = {"source": SOURCE, "targets": TARGETS, "seconds_max": 30}
        given |= {"status": status, "confirm": True, "tries": 2}
        return self.step("server.cold-migrate", own, **given | more)

    def perform(
        self, step: Step, *, meanwhile: Hooks | None = None, answers: Sequence[str] = ()
    ) -> tuple[Result, Direct]:
        do = Direct(self.clock, meanwhile=meanwhile, answers=answers)
        return self.actions[step.action].perform(step, do), do

    def look(self, step: Step) -> Seen:
        seen = self.actions[step.action].look(step)
        assert not changed(step.fingerprint, seen.facts), seen
        return seen

    def back(self, step: Step, result: Result) -> Step:
        found = self.actions[step.action].undo(step, result.facts)
        assert found is not None
        return found


Event = Callable[[Guests, str], None]
