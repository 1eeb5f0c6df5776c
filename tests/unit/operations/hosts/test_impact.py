# SPDX-License-Identifier: Apache-2.0
"""Who is affected, and what they feel."""

from day2.model.impact import Felt
from day2.model.tables.identity import User
from day2.model.tables.others import Amphora, LoadBalancer
from day2.operations.hosts.evacuate import evacuate
from day2.operations.hosts.impact import impact
from day2.operations.hosts.policy import DrainPolicy
from day2.report import impact as text
from tests.unit import builders as make
from tests.unit.operations.hosts.racks import ASKED, cloud, guest, planned, special


def test_each_server_is_told_once_with_what_is_felt_of_it() -> None:
    servers = [
        guest("live", user_id="u1"),
        guest("off", status="SHUTOFF", power_state=4),
        guest("cold", flavor=special(hw__tpm_version="2.0")),
        guest("vf"),
        guest("stay", tags=["day2:maintenance=leave"]),
        guest("ask", tags=["day2:maintenance=ask"]),
        guest("amphora", project_id="service"),
    ]
    survey = cloud(
        servers,
        projects=[make.project("p1"), make.project("p2")],
        users=[User(id="u1", name="eve")],
        ports=[make.port(device_id="vf", vnic_type="direct")],
        amphorae=[Amphora(id="a1", loadbalancer_id="lb1", compute_id="amphora")],
        load_balancers=[LoadBalancer(id="lb1", name="shop", project_id="p2")],
    )
    plan = planned(survey, allow=["restart", "packet-loss"])
    found = impact(plan, survey)
    felt = {server.id: server.felt for project in found for server in project.servers}
    assert felt == {
        "live": Felt.PAUSE,
        "off": Felt.NOTHING,
        "cold": Felt.RESTART,
        "vf": Felt.PACKETS,
        "stay": Felt.STOP,
        "ask": Felt.UNDECIDED,
        "lb1": Felt.SWITCH,
    }
    assert [(project.name, project.worst) for project in found] == [
        ("name-of-p1", Felt.UNDECIDED),
        ("name-of-p2", Felt.SWITCH),
    ]
    users = {server.id: server.user for project in found for server in project.servers}
    assert users["live"] == "eve"


def test_what_is_not_evacuated_stays_down() -> None:
    services = [
        make.compute_service("cmp1", state="down", forced_down=True),
        make.compute_service("cmp2"),
    ]
    survey = cloud([guest("local"), guest("safe", image="")], compute_services=services)
    plan = evacuate(survey, "cmp1", policy=DrainPolicy(), allow=["host-is-off"], asked=ASKED)
    felt = {s.id: s.felt for project in impact(plan, survey) for s in project.servers}
    assert felt == {"local": Felt.STOP, "safe": Felt.RESTART}


def test_the_text_has_eighty_columns_and_no_control_characters() -> None:
    survey = cloud([guest(name=make.HOSTILE * 5, user_id=make.HOSTILE)])
    said = text.render("drain of cmp1", impact(planned(survey), survey))
    assert all(len(line) <= 80 for line in said.splitlines())
    assert "\x1b" not in said


def test_nobody_is_affected_by_an_empty_host() -> None:
    survey = cloud()
    assert "Nobody" in text.render("drain of cmp1", impact(planned(survey), survey))
