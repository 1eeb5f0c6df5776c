# SPDX-License-Identifier: Apache-2.0
"""A dead host by whole commands: refused while it may live, evacuated, and let back."""

import contextlib
import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from day2.adapters.clock import SystemClock
from day2.adapters.openstack import clouds
from day2.adapters.openstack.clouds import OpenStackSettings
from day2.adapters.openstack.limits import LoadSettings
from day2.adapters.openstack.listing import find_service
from day2.adapters.openstack.session import Session
from day2.sandbox.hosts import kolla
from tests.scenarios.sandboxes import Ended, Home

# Whole runs, one after the other; a machine may have more to do.
pytestmark = pytest.mark.timeout(400)
DEAD, LOCAL, SAFE = "compute01", 2, 3
HOSTS: list[dict[str, Any]] = [
    {"name": "control01", "roles": ["control", "network", "storage"]},
    {"name": DEAD, "roles": ["compute"], "vcpus": 64, "memory_mib": 1 << 18, "dead": "1h"},
    {"name": "compute02", "roles": ["compute"], "vcpus": 64, "memory_mib": 1 << 18},
]
ALLOWED = ("--allow", "last-of-aggregate", "--allow", "unhealthy-cloud")
ADDRESS = kolla.addresses(host["name"] for host in HOSTS)[DEAD]


def scenario() -> dict[str, Any]:
    guest = {"project": "acme", "flavor": "m1.small", "network": "acme-net", "host": [DEAD]}
    safe = [
        {**guest, "name": f"safe{n}", "image": None, "boot_volume": f"root{n}"} for n in range(SAFE)
    ]
    safe[0]["status"] = "SHUTOFF"
    return {
        "description": "A dead host",
        "hosts": HOSTS,
        "projects": [{"name": "acme"}],
        "flavors": [{"name": "m1.small", "vcpus": 1, "ram_mib": 512, "disk_gib": 1}],
        "images": [{"name": "debian"}],
        "networks": [
            {"name": "public", "cidr": "203.0.113.0/24", "external": True},
            {"name": "acme-net", "project": "acme", "cidr": "10.10.0.0/16", "router": "acme-r"},
        ],
        "pools": [{"name": "rbd-1", "host": "control01"}],
        "servers": [*safe, {**guest, "name": "local", "image": "debian", "count": LOCAL}],
        "volumes": [{"name": f"root{n}", "project": "acme"} for n in range(SAFE)],
    }


class Operator:
    """Somebody at a shell, in front of a sandbox with a dead host."""

    def __init__(self, folder: Path) -> None:
        # Two people, on a machine where one may have logged in.
        with contextlib.suppress(OSError):
            Path("/proc/self/loginuid").write_text("4294967295")
        self.home = Home(folder)
        self.folder = folder
        file = folder / "dead.yaml"
        file.write_text(json.dumps(scenario()))
        started = self.home.run("sandbox", "up", "--scenario", str(file))
        assert started.code == 0, started.err
        self.given = json.loads((self.home.place() / "day2.yaml").read_text())
        self.fencing: dict[str, Any] = dict(self.given["clouds"]["sandbox"]["fencing"])
        self.settings()

    def settings(self, **fencing: Any) -> None:
        """Write the settings: those of the sandbox, with another way of fencing."""
        own = {**self.given["clouds"]["sandbox"], "fencing": {**self.fencing, **fencing}}
        (self.folder / "day2.yaml").write_text(json.dumps({"clouds": {"sandbox": own}}))

    def day2(self, *words: str, by: str = "ana") -> Ended:
        self.home.more = {"SUDO_USER": by}
        return self.home.run("--config", str(self.folder / "day2.yaml"), *words)

    def plan(self, *words: str, code: int = 0) -> dict[str, Any]:
        ended = self.day2("host", *words, "--plan-only", "-f", "json")
        assert ended.code == code, ended.err
        return ended.document

    def evacuate(self, *words: str, approver: str = "ana") -> dict[str, Any]:
        """Plan, approve and run; return the run."""
        plan = self.plan("evacuate", DEAD, *words)
        return self.go(plan["id"], approver=approver)

    def go(self, name: str, *, approver: str = "ana") -> dict[str, Any]:
        approved = self.day2("plan", "approve", name, by=approver)
        assert approved.code == 0, approved.err
        ended = self.day2("plan", "apply", name, "-f", "json")
        assert ended.out, ended.err
        return ended.document

    def ask(self, path: str) -> Any:
        account = OpenStackSettings(
            cloud="sandbox", clouds_file=str(self.home.place() / "clouds.yaml")
        )
        session = Session(clouds.find(account, {}), limits=LoadSettings(), clock=SystemClock())
        answer = find_service(session, "compute").ask("GET", path, what=path)
        return msgspec.json.decode(answer.require_ok(path))

    @property
    def service(self) -> dict[str, Any]:
        path = f"/os-services?binary=nova-compute&host={DEAD}"
        found: dict[str, Any] = self.ask(path)["services"][0]
        return found

    def where(self) -> dict[str, tuple[str, str]]:
        rows = self.ask("/servers/detail?all_tenants=1")["servers"]
        return {row["name"]: (row["OS-EXT-SRV-ATTR:host"], row["status"]) for row in rows}

    def untouched(self) -> bool:
        service = self.service
        moved = self.ask("/os-migrations")["migrations"]
        return not moved and service["status"] == "enabled" and not service["forced_down"]

    def says(self, words: str) -> list[str]:
        program = self.folder / "power"
        program.write_text(f"#!/bin/sh\n{words}\n")
        program.chmod(0o755)
        return [str(program), "{host}"]

    def close(self) -> None:
        try:
            who = json.loads((self.home.state / "engine.json").read_text())
            os.kill(who["pid"], signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError):
            pass
        self.home.run("sandbox", "down")


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    made = Operator(tmp_path)
    yield made
    made.close()


def outcomes(run: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(step["action"], step["outcome"]) for step in run["steps"]]


def test_a_host_that_may_live_is_not_touched(operator: Operator) -> None:
    with socket.create_server((ADDRESS, 0)) as listening:
        operator.settings(management_port=listening.getsockname()[1])
        run = operator.evacuate()
    assert run["state"] == "failed"
    assert " answers" in run["steps"][0]["detail"]
    assert run["steps"][0]["facts"]["proofs"]["power"]["is_so"] is True
    operator.settings(power_command=operator.says("echo Chassis Power is on"))
    run = operator.evacuate("--allow", "host-is-off", approver="bob")
    assert run["state"] == "failed"
    assert "its power is not off (Chassis Power is on)" in run["steps"][0]["detail"]
    assert {outcome for _action, outcome in outcomes(run)[1:]} == {"skipped"}
    assert operator.untouched()


def test_a_word_wants_a_second_person(operator: Operator) -> None:
    operator.settings(power_command=[])
    plan = operator.plan("evacuate", DEAD)
    blockers = [one["allow"] for one in plan["refused"] if one["blocker"]]
    assert blockers == ["host-is-off"]
    assert operator.day2("plan", "approve", plan["id"]).code == 24
    plan = operator.plan("evacuate", DEAD, "--allow", "host-is-off")
    assert plan["other_person"] is True
    own = operator.day2("plan", "approve", plan["id"])
    assert (own.code, "another person" in own.err) == (24, True)
    run = operator.go(plan["id"], approver="bob")
    assert run["state"] == "done", "\n".join(step["detail"] for step in run["steps"])
    assert run["steps"][0]["detail"].endswith("ana says that it is off")


def test_a_dead_host_is_evacuated_and_comes_back(operator: Operator) -> None:
    plan = operator.plan("evacuate", DEAD)
    assert [one["kind"] for one in plan["refused"]] == ["local-disk"] * LOCAL
    run = operator.go(plan["id"])
    assert run["state"] == "done", run
    fenced = ["host.prove-dead", "compute.disable", "compute.force-down"]
    assert outcomes(run) == [(name, "done") for name in [*fenced, *["server.evacuate"] * SAFE]]
    now = operator.where()
    left = [found for name, found in now.items() if name.startswith("local")]
    assert left == [(DEAD, "ACTIVE")] * LOCAL
    assert [now[f"safe{n}"][1] for n in range(SAFE)] == ["SHUTOFF", "ACTIVE", "ACTIVE"]
    assert {now[f"safe{n}"][0] for n in range(SAFE)} == {"compute02"}
    assert operator.service["forced_down"]
    assert operator.service["disabled_reason"].startswith(f"day2: evacuated, plan {plan['id']}")

    operator.settings(down_seconds=2.0)
    run = operator.evacuate("--allow", "lose-local-disks")
    assert outcomes(run) == [
        ("host.prove-dead", "done"),
        *[("server.evacuate", "done")] * LOCAL,
    ]
    assert {host for host, _status in operator.where().values()} == {"compute02"}

    refused = operator.plan("enable", DEAD)
    kinds = [one["kind"] for one in refused["refused"] if one["blocker"]]
    assert kinds == ["stale-copies", "service-down"]
    assert operator.day2("plan", "approve", refused["id"]).code == 24
    operator.home.control("POST", "revive", {"host": DEAD})
    run = operator.go(operator.plan("enable", DEAD)["id"])
    back = ["compute.unforce-down", "smoke.server", "compute.enable"]
    assert outcomes(run) == [(name, "done") for name in back]
    service = operator.service
    assert (service["state"], service["status"], service["forced_down"]) == ("up", "enabled", False)
    assert operator.day2("journal", "verify").code == 0


def test_a_drain_holds_alerts_off_and_enable_lets_them_speak(operator: Operator) -> None:
    operator.given["clouds"]["sandbox"]["drain"] = {"silence_alerts": True}
    operator.settings()
    run = operator.go(operator.plan("drain", "compute02", *ALLOWED, "--allow", "other-work")["id"])
    assert run["state"] == "done", run
    assert run["steps"][0]["action"] == "alerts.silence"
    held = run["steps"][0]["facts"]["silences"]
    plan = operator.plan("enable", "compute02")
    unsilence = next(one for one in plan["steps"] if one["action"] == "alerts.unsilence")
    assert unsilence["arguments"]["silences"] == held
    run = operator.go(plan["id"])
    back = ["smoke.server", "compute.enable", "alerts.unsilence"]
    assert outcomes(run) == [(name, "done") for name in back]
    assert operator.plan("enable", "compute02")["steps"] == []
