# SPDX-License-Identifier: Apache-2.0
"""Which hosts must not be away together, and what is said when one more would be."""

from typing import Any

import pytest

from day2.model.plan import Plan
from day2.model.tables.compute import ComputeService
from day2.operations.hosts.plan import drain
from day2.operations.hosts.policy import DrainPolicy
from day2.operations.hosts.together import Together, quorums_of
from tests.unit import builders as make
from tests.unit.operations.hosts.racks import ASKED, aggregate, cloud, kinds_of, planned

AWAY: dict[str, Any] = {"status": "disabled", "disabled_reason": "day2: drain"}


def services(**others: dict[str, Any]) -> list[ComputeService]:
    return [
        make.compute_service(host, **{"id": f"svc-{host}", "zone": "nova", **others.get(host, {})})
        for host in ("cmp1", "cmp2", "cmp3")
    ]


@pytest.mark.parametrize(
    "fields", [AWAY, {"state": "down"}, {"forced_down": True, "state": "down"}]
)
def test_a_host_that_is_down_is_away_like_one_that_is_drained(fields: dict[str, Any]) -> None:
    plan = planned(cloud(compute_services=services(cmp2=fields)))
    assert kinds_of(plan) == ["other-work"]
    assert plan.blockers[0].why == (
        "cmp2 is away, of the zone nova like this one: one at a time (drain.per_zone_max)"
    )


def test_as_many_hosts_of_a_zone_as_the_settings_allow() -> None:
    survey = cloud(compute_services=services(cmp2=AWAY))
    assert not planned(survey, per_zone_max=2).blockers
    both = cloud(compute_services=services(cmp2=AWAY, cmp3=AWAY))
    assert kinds_of(planned(both, per_zone_max=2, allow=["last-of-aggregate"])) == ["other-work"]


def test_an_aggregate_counts_for_itself_and_the_one_of_the_zone_does_not() -> None:
    away = services(cmp2=AWAY)
    own = cloud(compute_services=away, aggregates=[aggregate("cmp1", "cmp2", "cmp3")])
    plan = planned(own, per_zone_max=2)
    assert "of the aggregate agg" in plan.blockers[0].why
    assert not planned(own, per_zone_max=2, per_aggregate_max=2).blockers
    zone = aggregate("cmp1", "cmp2", "cmp3", availability_zone="nova")
    assert not planned(cloud(compute_services=away, aggregates=[zone]), per_zone_max=2).blockers


def quorate(members: list[str], *, allow: tuple[str, ...] = (), **policy: Any) -> Plan:
    return drain(
        cloud(compute_services=services(cmp2=AWAY)),
        "cmp1",
        policy=DrainPolicy(**policy),
        allow=allow,
        asked=ASKED,
        quorums={"Galera": members},
    )


def test_a_second_member_of_a_quorum_is_never_taken_out() -> None:
    plan = quorate(["cmp1.example.org", "cmp2.example.org", "ctl3"], per_zone_max=9)
    assert kinds_of(plan) == ["quorum"]
    assert plan.blockers[0].allow == ""
    accepted = quorate(["cmp1", "cmp2", "ctl3"], allow=("other-work",))
    assert kinds_of(accepted) == ["quorum"]
    assert not quorate(["cmp2", "ctl2", "ctl3"], per_zone_max=9).blockers


def test_what_was_looked_at_is_looked_at_again_when_the_host_is_taken_out() -> None:
    step = planned(cloud(aggregates=[aggregate("cmp1", "cmp2")])).steps[0]
    assert step.action == "compute.disable"
    assert step.limits == {"zone:nova": 1, "aggregate:agg": 1}
    assert [row["hosts"] for row in step.arguments["neighbours"]] == [
        ["cmp1", "cmp2", "cmp3"], ["cmp1", "cmp2"],
    ]  # fmt: skip
    accepted = planned(cloud(), allow=["other-work"]).steps[0]
    assert "neighbours" not in accepted.arguments


def test_quorums_are_read_from_the_groups_of_the_inventory() -> None:
    hosts = {
        "ctl1": ("control", "mariadb", "rabbitmq", "ovn-nb-db"),
        "ctl2": ("mariadb", "ovn-sb-db"),
        "cmp1": ("compute",),
    }
    assert quorums_of(hosts) == {"Galera": ["ctl1", "ctl2"], "OVN": ["ctl1", "ctl2"]}


def test_many_that_are_away_are_counted() -> None:
    hosts = [f"h{number}" for number in range(9)]
    rows = [make.compute_service(host, **AWAY) for host in hosts]
    said = Together(kind="zone", name="z", hosts=hosts, away_max=2).too_many("h0", rows)
    assert said == "h1, h2, h3, h4 and 4 more are away, of the zone z like this one: 2 at a time"


def test_a_neighbour_whose_cell_is_down_is_not_taken_for_present() -> None:
    """Nova tells its name then and nothing else: it may have been drained a moment before."""
    rows = [
        make.compute_service("h0"),
        ComputeService(host="h1", binary="nova-compute", status="UNKNOWN"),
    ]
    galera = Together(kind="quorum", name="Galera", hosts=["h0", "h1", "h2"])
    assert galera.too_many("h0", rows).startswith("h1 (its cell is down) is away, of the quorum")


def test_a_host_of_another_domain_is_another_host() -> None:
    zone = Together(kind="zone", name="z", hosts=["cmp1.rack1", "cmp1.rack2"])
    rows = [make.compute_service("cmp1.rack1"), make.compute_service("cmp1.rack2", **AWAY)]
    assert zone.too_many("cmp1.rack1", rows).startswith("cmp1.rack2 is away")
    short = Together(kind="quorum", name="Galera", hosts=["cmp1", "cmp2.rack2"])
    both = [make.compute_service("cmp1.rack1"), make.compute_service("cmp2", **AWAY)]
    assert short.too_many("cmp1.rack1", both).startswith("cmp2 is away")


def test_a_host_that_is_down_with_all_its_services_counts_once() -> None:
    rows = [
        make.compute_service("h1", state="down"),
        ComputeService(binary="nova-conductor", host="h1", status="enabled", state="down"),
        ComputeService(binary="nova-conductor", host="h2", status="enabled", state="down"),
    ]
    zone = Together(kind="zone", name="z", hosts=["h0", "h1", "h2"], away_max=2)
    assert zone.too_many("h0", rows) == ""
