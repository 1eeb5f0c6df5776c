# SPDX-License-Identifier: Apache-2.0
"""A dead host: proofs first, and nothing is given up without a word."""

from typing import Any

import pytest

from day2.model.plan import Plan
from day2.model.survey import Survey
from day2.model.tables.compute import Server
from day2.model.tables.identity import CatalogService
from day2.model.tables.others import Amphora
from day2.operations.hosts.evacuate import evacuate
from day2.operations.hosts.fencing import Witnesses
from day2.operations.hosts.policy import DrainPolicy
from tests.unit import builders as make
from tests.unit.operations.hosts.racks import (
    ASKED,
    actions_of,
    cloud,
    flavor,
    guest,
    kinds_of,
    refusal_of,
    special,
    step_of,
    stock,
)

OFF = ("host-is-off",)
SEEN = Witnesses(confirming=True, address="10.0.0.1")
FENCE = ["host.prove-dead", "compute.disable", "compute.force-down"]


def dead(
    *servers: Server,
    fenced: bool = True,
    state: str = "down",
    status: str = "enabled",
    disabled_reason: str | None = None,
    **tables: Any,
) -> Survey:
    services = [
        make.compute_service(
            "cmp1",
            zone="nova",
            state=state,
            forced_down=fenced,
            status=status,
            disabled_reason=disabled_reason,
        ),
        make.compute_service("cmp2", zone="nova"),
        make.compute_service("cmp3", zone="nova"),
    ]
    return cloud(servers, compute_services=services, **tables)


def volume_backed(identifier: str = "s1", **fields: Any) -> Server:
    return guest(identifier, **{"image": "", **fields})


def evacuated(survey: Survey, *allow: str, seen: Witnesses = SEEN, **policy: Any) -> Plan:
    given = DrainPolicy(**policy)
    return evacuate(survey, "cmp1", policy=given, allow=allow, asked=ASKED, witnesses=seen)


@pytest.mark.parametrize(
    ("seen", "allow", "blockers", "other_person"),
    [
        (SEEN, (), [], False),
        (SEEN, OFF, [], True),
        (Witnesses(address="10.0.0.1"), (), ["host-is-off"], False),
        (Witnesses(address="10.0.0.1"), OFF, [], True),
        (Witnesses(confirming=True), (), ["no-address"], False),
        (Witnesses(confirming=True), OFF, [], True),
        (None, (), ["host-is-off", "no-address"], False),
    ],
)
def test_what_no_witness_tells_a_person_states_and_another_approves(
    seen: Witnesses | None, allow: tuple[str, ...], blockers: list[str], other_person: bool
) -> None:
    plan = evacuate(
        dead(volume_backed()),
        "cmp1",
        policy=DrainPolicy(),
        allow=allow,
        asked=ASKED,
        witnesses=seen,
    )
    assert kinds_of(plan) == blockers
    assert plan.other_person is other_person
    assert plan.steps[0].arguments["stated_by"] == (ASKED.by if allow else "")


def test_death_is_proven_and_the_host_fenced_before_anything_is_rebuilt() -> None:
    plan = evacuated(dead(volume_backed(), fenced=False))
    assert actions_of(plan) == [*FENCE, "server.evacuate"]
    prove, disable, force, _server = plan.steps
    assert prove.readonly
    assert [step.required for step in plan.steps] == [True, True, True, False]
    assert len({step.stage for step in plan.steps}) == 4
    assert prove.arguments == {"address": "10.0.0.1", "port": 22, "stated_by": ""}
    assert disable.arguments["reason"].startswith(f"day2: evacuated, plan {plan.id}, ana")
    assert force.fingerprint == {"forced_down": False}


def test_what_is_fenced_and_disabled_already_stays_as_it_is() -> None:
    survey = dead(volume_backed(), status="disabled", disabled_reason="bob: bad RAM")
    assert actions_of(evacuated(survey)) == ["host.prove-dead", "server.evacuate"]


def test_a_host_without_anything_to_rebuild_is_left_alone() -> None:
    assert evacuated(dead(guest("local"))).steps == []


def test_a_host_that_lives_is_never_evacuated() -> None:
    plan = evacuated(dead(fenced=False, state="up"), *OFF)
    assert kinds_of(plan) == ["alive"]
    assert plan.blockers[0].allow == ""


def test_masakari_and_day2_never_do_it_both() -> None:
    catalog = [CatalogService(id="c", type="instance-ha")]
    survey = dead(catalog_services=catalog)
    assert kinds_of(evacuated(survey, *OFF)) == ["masakari"]


@pytest.mark.parametrize("status", ["ACTIVE", "SHUTOFF", "ERROR"])
def test_what_nova_evacuates_is_rebuilt_elsewhere(status: str) -> None:
    step = step_of(evacuated(dead(volume_backed(status=status)), *OFF))
    assert step is not None
    assert step.action == "server.evacuate"
    assert step.arguments["was"] == status
    assert step.arguments["source"] == "cmp1"
    assert "cmp1" not in step.arguments["targets"]
    assert step.irreversible


@pytest.mark.parametrize("status", ["PAUSED", "SUSPENDED", "RESCUE", "SHELVED", "VERIFY_RESIZE"])
def test_what_nova_does_not_evacuate_stays(status: str) -> None:
    plan = evacuated(dead(volume_backed(status=status)), *OFF)
    refusal = refusal_of(plan)
    assert step_of(plan) is None
    assert refusal is not None
    assert (refusal.kind, refusal.blocker) == ("status", False)


def test_local_disks_are_not_given_up_without_a_word() -> None:
    survey = dead(
        guest("local"),
        volume_backed("safe"),
        guest("scratch", image="", flavor=flavor(ephemeral=5)),
    )
    plan = evacuated(survey, *OFF)
    assert plan.totals["evacuate"] == 1
    assert plan.totals["local-disk"] == 2
    lost = refusal_of(plan, "local")
    assert lost is not None
    assert lost.allow == "lose-local-disks"
    assert "20 GiB" in lost.why
    given_up = step_of(evacuated(survey, *OFF, "lose-local-disks"), "local")
    assert given_up is not None
    assert "LOST" in given_up.why
    assert "lost" in given_up.irreversible


def test_shared_disks_outlive_the_host() -> None:
    assert evacuated(dead(guest()), *OFF, disks="shared").totals["evacuate"] == 1


def test_a_virtual_tpm_and_an_amphora_are_not_evacuated() -> None:
    vtpm = evacuated(dead(volume_backed(flavor=special(hw__tpm_version="2.0"))), *OFF)
    assert step_of(vtpm) is None
    amphorae = [Amphora(id="a1", loadbalancer_id="lb1", compute_id="s1")]
    refusal = refusal_of(evacuated(dead(volume_backed(), amphorae=amphorae), *OFF))
    assert refusal is not None
    assert refusal.kind == "amphora"


def test_what_has_no_room_is_told_and_the_others_go() -> None:
    survey = dead(
        volume_backed("small"),
        volume_backed("large", flavor=flavor(ram=65536)),
        inventories=[make.inventories("cmp2", **stock(memory=8192))],
    )
    plan = evacuated(survey, *OFF)
    assert step_of(plan, "small") is not None
    refusal = refusal_of(plan, "large")
    assert refusal is not None
    assert (refusal.kind, refusal.blocker) == ("no-room", False)


def test_what_ran_is_back_first() -> None:
    survey = dead(volume_backed("off", status="SHUTOFF"), volume_backed("on"), guest("local"))
    plan = evacuated(survey, *OFF)
    rebuilt = [step.subject.id for step in plan.steps if step.action == "server.evacuate"]
    assert rebuilt == ["on", "off"]


def test_a_root_disk_of_its_images_size_is_a_local_disk_too() -> None:
    """A flavor of 0 GiB is no server without a disk: Nova makes it as large as the image is."""
    survey = dead(guest("local", flavor=flavor(disk=0)), volume_backed("safe"))
    plan = evacuated(survey, *OFF)
    assert (plan.totals["evacuate"], plan.totals["local-disk"]) == (1, 1)
    lost = refusal_of(plan, "local")
    assert lost is not None
    assert "a local disk as large as its image" in lost.why
    given_up = step_of(evacuated(survey, *OFF, "lose-local-disks"), "local")
    assert given_up is not None
    assert "LOST" in given_up.why
