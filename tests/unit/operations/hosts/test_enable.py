# SPDX-License-Identifier: Apache-2.0
"""Enabling a host again: only what day2 disabled, and its servers back where asked."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pytest
from msgspec import structs

from day2.errors import Refused
from day2.model.finding import Subject
from day2.model.plan import Plan, Step
from day2.model.survey import Survey
from day2.model.tables.compute import Server, ServerGroup
from day2.model.tables.storage import VolumeService
from day2.operations.hosts.enable import Moved, enable
from day2.operations.hosts.policy import DrainPolicy
from day2.operations.hosts.preceded import preceded
from day2.operations.hosts.protections import Protection
from tests.unit import builders as make
from tests.unit.operations.hosts.racks import (
    ASKED,
    actions_of,
    cloud,
    guest,
    kinds_of,
    refusal_of,
    step_of,
)

OURS = "day2: drain to reboot, plan drain-cmp1-1, ana"


def drained(*servers: Server, reason: str | None = OURS, **fields: Any) -> Survey:
    state = {"status": "disabled", "disabled_reason": reason, **fields}
    services = [
        make.compute_service("cmp1", id="svc-cmp1", zone="nova", **state),
        make.compute_service("cmp2", zone="nova"),
        make.compute_service("cmp3", zone="nova"),
    ]
    return cloud(servers, compute_services=services)


def enabled(
    survey: Survey,
    back: Mapping[str, Moved] | None = None,
    protected: Sequence[Protection] = (),
) -> Plan:
    given = DrainPolicy()
    return enable(survey, "cmp1", policy=given, asked=ASKED, back=back, protected=protected)


def test_our_own_disable_is_lifted_by_its_reason() -> None:
    plan = enabled(drained())
    assert actions_of(plan) == ["compute.enable"]
    assert plan.steps[0].arguments == {"service_id": "svc-cmp1", "reason": OURS}
    assert plan.steps[0].fingerprint["disabled_reason"] == OURS


@pytest.mark.parametrize("reason", ["bad RAM, bob", None, "", "not day2: at all"])
def test_a_disable_of_somebody_else_is_refused(reason: str | None) -> None:
    with pytest.raises(Refused):
        enabled(drained(reason=reason))


def test_a_host_that_is_enabled_needs_nothing() -> None:
    plan = enabled(drained(status="enabled", reason=None))
    assert plan.steps == []
    assert "enabled already" in plan.summary


FORCED: dict[str, Any] = {"state": "down", "forced_down": True}


@pytest.mark.parametrize(
    "fields",
    [
        {"state": "down"},
        {**FORCED, "updated_at": make.ago(minutes=10)},
        {**FORCED, "updated_at": None},
    ],
)
def test_a_host_that_is_down_is_not_enabled(fields: dict[str, Any]) -> None:
    assert kinds_of(enabled(drained(**fields))) == ["service-down"]


@pytest.mark.parametrize("heard", [make.NOW, make.NOW.replace(tzinfo=None)])
def test_a_fenced_host_that_runs_again_comes_back_in_two_steps(heard: datetime) -> None:
    plan = enabled(drained(**FORCED, updated_at=heard))
    assert actions_of(plan) == ["compute.unforce-down", "compute.enable"]
    unforce, enable_step = plan.steps
    assert unforce.required
    assert unforce.stage < enable_step.stage
    # What the first step changes is not held against the second.
    assert set(enable_step.fingerprint) == {"status", "disabled_reason"}
    assert plan.blockers == []


def test_a_fenced_host_is_let_up_before_a_server_is_booted_on_it() -> None:
    smoke = Step(n=0, action="smoke.server", subject=Subject(type="host", id="cmp1"), why="try it")
    plan = preceded(enabled(drained(**FORCED)), smoke)
    assert actions_of(plan) == ["compute.unforce-down", "smoke.server", "compute.enable"]
    assert len({step.stage for step in plan.steps}) == 3
    assert plan.steps[1].required
    assert actions_of(preceded(enabled(drained()), smoke)) == ["smoke.server", "compute.enable"]


@pytest.mark.parametrize(
    ("status", "kind", "source", "blockers"),
    [
        ("done", "evacuation", "cmp1", ["stale-copies"]),
        ("completed", "evacuation", "cmp1", []),
        ("error", "evacuation", "cmp1", []),
        ("done", "evacuation", "cmp2", []),
        ("done", "migration", "cmp1", []),
    ],
)
def test_a_host_stays_fenced_until_its_old_copies_are_deleted(
    status: str, kind: str, source: str, blockers: list[str]
) -> None:
    services = drained(**FORCED).tables.compute_services
    moved = make.migration(status=status, migration_type=kind, source_compute=source)
    plan = enabled(cloud(compute_services=services, migrations=[moved]))
    assert kinds_of(plan) == blockers


def test_only_what_the_drain_set_is_taken_back() -> None:
    silences = {"a:9093": "id-1"}
    done = [
        Protection(
            action="alerts.silence",
            arguments={"names": ["cmp1"], "seconds": 3600.0},
            facts={"changed": True, "silences": silences},
        ),
        Protection(action="ceph.noout", arguments={"names": ["cmp1"]}, facts={"noout": True}),
        Protection(
            action="masakari.maintenance",
            arguments={"host": "cmp1", "on": True},
            facts={"changed": True},
        ),
    ]
    plan = enabled(drained(), protected=done)
    assert actions_of(plan) == ["compute.enable", "alerts.unsilence", "masakari.maintenance"]
    assert plan.steps[1].arguments["silences"] == silences
    assert plan.steps[2].arguments == {"host": "cmp1", "on": False}


def test_a_protection_that_was_not_proven_is_taken_back() -> None:
    """It was not there when the step looked, was ordered, and then the service went away."""
    facts = {"error": "Unreachable", "acted": True}
    refused = {"error": "Denied"}
    done = [
        Protection(action="ceph.noout", arguments={"names": ["cmp1"]}, facts=facts),
        Protection(
            action="masakari.maintenance", arguments={"host": "cmp1", "on": True}, facts=facts
        ),
        Protection(action="ceph.noout", arguments={"names": ["cmp1"]}, facts=refused),
    ]
    plan = enabled(drained(), protected=done)
    assert actions_of(plan) == ["compute.enable", "ceph.unset-noout", "masakari.maintenance"]


def test_volume_services_come_back_if_they_are_ours() -> None:
    services = [
        VolumeService(
            binary="cinder-volume", host="cmp1@a", status="disabled", disabled_reason=OURS
        ),
        VolumeService(
            binary="cinder-volume", host="cmp1@b", status="disabled", disabled_reason="bob"
        ),
    ]
    survey = cloud(compute_services=drained().tables.compute_services, volume_services=services)
    steps = [step for step in enabled(survey).steps if step.action == "volume-service.enable"]
    assert [step.arguments["host"] for step in steps] == ["cmp1@a"]


def test_servers_come_back_from_where_the_drain_put_them() -> None:
    servers = [
        guest("s1", host="cmp2"),
        guest("s2", host="cmp2", status="SHUTOFF", power_state=4),
    ]
    back = {"s1": Moved(host="cmp2"), "s2": Moved(host="cmp2", live=False)}
    plan = enabled(drained(*servers), back)
    live, cold = step_of(plan, "s1"), step_of(plan, "s2")
    assert live is not None
    assert live.action == "server.live-migrate"
    assert live.arguments["targets"] == ["cmp1"]
    assert live.arguments["source"] == "cmp2"
    assert cold is not None
    assert cold.action == "server.cold-migrate"
    assert cold.arguments["status"] == "SHUTOFF"


@pytest.mark.parametrize(
    ("server", "moved", "said"),
    [
        (guest(host="cmp3"), Moved(host="cmp2"), "on cmp3 now"),
        (guest(host="cmp2", task_state="migrating"), Moved(host="cmp2"), "busy"),
        (guest(host="cmp2", status="SHUTOFF"), Moved(host="cmp2"), "SHUTOFF now"),
        (guest(host="cmp2"), Moved(host="cmp2", live=False), "restart"),
    ],
)
def test_a_server_that_changed_since_stays(server: Server, moved: Moved, said: str) -> None:
    plan = enabled(drained(server), {"s1": moved})
    refusal = refusal_of(plan)
    assert step_of(plan) is None
    assert refusal is not None
    assert said in refusal.why
    assert not refusal.blocker


def test_servers_that_are_gone_or_back_already_are_not_spoken_of() -> None:
    plan = enabled(drained(guest("s1")), {"s1": Moved(host="cmp2"), "gone": Moved(host="cmp2")})
    assert actions_of(plan) == ["compute.enable"]
    assert plan.refused == []


def test_agents_that_are_off_are_told_and_left_alone() -> None:
    survey = cloud(
        compute_services=drained().tables.compute_services,
        agents=[make.agent("cmp1", admin_state_up=False)],
    )
    plan = enabled(survey)
    assert actions_of(plan) == ["compute.enable"]
    assert plan.refused[0].kind == "agent-disabled"


def test_members_of_one_group_come_back_one_after_the_other() -> None:
    """At the same time Nova checks neither against the other."""
    servers = [guest("db1", host="cmp2"), guest("db2", host="cmp3")]
    survey = drained(*servers)
    group = ServerGroup(id="g1", policy="anti-affinity", members=[s.id for s in servers])
    survey = structs.replace(survey, tables=structs.replace(survey.tables, server_groups=[group]))
    plan = enabled(survey, {s.id: Moved(host=s.host or "") for s in servers})
    moves = [step for step in plan.steps if step.action == "server.live-migrate"]
    assert [step.chain for step in moves] == ["group:g1", "group:g1"]
