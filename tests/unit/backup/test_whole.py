# SPDX-License-Identifier: Apache-2.0
"""A whole restore as a plan: what is refused, what it costs, what comes after what."""

import pytest
from msgspec import structs

from day2.adapters.database.since import Since, Thing, counted
from day2.adapters.recovery import DatabaseNode, RecoverySettings
from day2.errors import Refused
from day2.model.backup import Level, Method
from day2.model.plan import Asked, Plan
from day2.operations.backup import whole
from day2.operations.backup.whole_plan import COST, WHOLE, Wanted, plan_whole
from tests.unit.backup import sets

NODES = [
    DatabaseNode(
        name=name,
        datadir=f"/data/{name}",
        stop=["stop", name],
        start=["start", name],
        bootstrap=["first", name],
    )
    for name in ("db1", "db2", "db3")
]
SETTINGS = RecoverySettings(
    nodes=NODES, stop_services=["close"], start_services=["open"], start_reading=["peep"]
)


@pytest.mark.parametrize(
    ("then", "now", "physical", "fits"),
    [
        ("10.11.6-MariaDB-log", "10.11.6-MariaDB", True, True),
        ("10.11.6-MariaDB", "10.11.18-MariaDB", True, True),
        ("10.11.18-MariaDB", "10.11.6-MariaDB", True, False),
        ("10.11.18-MariaDB", "10.11.6-MariaDB", False, False),
        ("10.6.1-MariaDB", "10.11.6-MariaDB", True, False),
        ("10.6.1-MariaDB", "10.11.6-MariaDB", False, True),
        ("11.4.2-MariaDB", "10.11.6-MariaDB", False, False),
        ("", "10.11.6-MariaDB", True, True),
        ("10.11.6-MariaDB", "", True, True),
    ],
)
def test_files_need_the_same_series_and_nothing_goes_into_an_older_server(
    then: str, now: str, *, physical: bool, fits: bool
) -> None:
    source = {"server": {"version": then}}
    if fits:
        whole.require_version(source, now, what="db1", physical=physical)
    else:
        with pytest.raises(Refused, match="the set is of MariaDB"):
            whole.require_version(source, now, what="db1", physical=physical)


def test_the_log_that_a_server_makes_at_its_start_needs_room_on_the_node() -> None:
    assert whole.log_bytes({"server": {"innodb_log_file_size": "2147483648"}}) == 2 << 30
    assert whole.log_bytes({"server": {}}) == whole.log_bytes({}) == 0


def planned(**changes: object) -> Plan:
    found = sets.made(1, days=1, method=Method.FULL)
    wanted = Wanted(
        chain=[found],
        settings=SETTINGS,
        holds={node.name: "data" for node in NODES},
        folder="/srv/restore",
        need_bytes=1000,
        since=Since(),
    )
    asked = Asked(
        id="plan-1",
        cloud="c",
        region="",
        foundation="f",
        by="ann",
        at=found.manifest.ended_at,
        expires_at=found.manifest.ended_at,
    )
    return plan_whole(structs.replace(wanted, **changes), asked)


def test_every_step_is_required_and_has_a_way_back_or_only_reads() -> None:
    plan = planned()
    assert plan.kind == WHOLE
    assert all(step.required for step in plan.steps)
    assert all(bool(step.undo) is not step.readonly for step in plan.steps)
    assert [step.stage for step in plan.steps] == list(range(len(plan.steps)))


def test_the_first_node_is_stopped_last_and_started_first_on_both_ways() -> None:
    plan = planned()
    stops = [step for step in plan.steps if step.action == "backup.stop-node"]
    assert [step.subject.id for step in stops] == ["db3", "db2", "db1"]
    assert [step.arguments["back"][0] for step in stops] == ["start", "start", "first"]
    starts = [s for s in plan.steps if s.action in {"backup.start-node", "backup.join-node"}]
    assert [step.arguments["words"] for step in starts] == [
        ["first", "db1"],
        ["start", "db2"],
        ["start", "db3"],
    ]
    order = [step.action for step in plan.steps]
    assert order.index("backup.prove-data") < order.index("backup.join-node")
    assert order[-1] == "backup.start-services"


def test_a_set_that_was_never_proven_is_restored_into_a_scratch_server_first() -> None:
    found = sets.made(1, days=1, method=Method.FULL)
    assert planned(chain=[found]).steps[0].arguments["level"] == Level.RESTORED
    proven = sets.proven(found)
    assert planned(chain=[proven]).steps[0].arguments["level"] == Level.READ


def test_what_is_lost_is_named_and_what_is_not_known_is_said() -> None:
    things = [Thing(type="server", id=f"s{n}", name=f"web{n}", at="today") for n in range(30)]
    told = [one.why for one in planned(since=Since(lost=things, returning=things[:1])).protected]
    assert told[0] == "30 servers made since the set: lost to the cloud"
    assert "and 10 more: `manifest` of the plan has them all" in told
    assert any(why.startswith("1 server deleted since the set") for why in told)
    plan = planned(since=None, unknown="nobody answers")
    assert "cannot be known: nobody answers" in plan.protected[0].why
    assert {one.kind for one in plan.protected} == {COST}


def test_words_that_nobody_gave_are_in_the_way() -> None:
    plan = planned(settings=structs.replace(SETTINGS, stop_services=[]))
    assert [one.why for one in plan.blockers] == [
        "recovery.stop_services is not set: nobody says how"
    ]


def test_things_are_counted_by_their_type() -> None:
    things = [Thing(type=kind, id="1") for kind in ("server", "server", "floating-ip")]
    assert counted(things) == "2 servers, 1 floating ip"
    assert counted([]) == ""
