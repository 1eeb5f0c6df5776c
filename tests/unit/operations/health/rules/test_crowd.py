# SPDX-License-Identifier: Apache-2.0
from datetime import timedelta

from day2.model.round import Before, Compared
from day2.model.tables.compute import ServerFault
from day2.operations.health.fold import fold
from day2.operations.health.judge import judge
from day2.operations.health.policy import HealthPolicy
from day2.operations.health.rules import crowd, server_places, servers
from tests.unit.builders import NOW, compute_service, facts, judged, project, server

FEW = HealthPolicy(findings_per_check_max=5)


def broken(identifier: str, project_id: str = "p1", message: str = "No valid host") -> object:
    fault = ServerFault(message=f"{message} req-{identifier}")
    return server(identifier, status="ERROR", project_id=project_id, fault=fault)


def test_at_the_bound_each_is_told_for_itself() -> None:
    given = facts(servers=[broken(f"s{n}") for n in range(5)], policy=FEW)
    assert len(judged(servers.CHECKS, given)) == 5


def test_beyond_the_bound_they_are_told_by_project() -> None:
    rows = [broken(f"s{n}") for n in range(5)] + [broken("t", "p2")]
    found = judged(servers.CHECKS, facts(servers=rows, projects=[project()], policy=FEW))
    assert [f.key for f in found] == ["server.error:project:p1", "server.error:project:p2"]
    assert found[0].summary == ("5 servers in ERROR in project name-of-p1: 5 x No valid host …")
    assert found[0].evidence["ids"] == ["s0", "s1", "s2", "s3", "s4"]
    assert "health.findings_per_check_max = 5" in found[0].why


def test_too_many_projects_are_told_as_one_cloud() -> None:
    rows = [broken(f"s{n}", f"p{n}") for n in range(6)]
    (found,) = judged(servers.CHECKS, facts(servers=rows, policy=FEW))
    assert found.key == "server.error:cloud:c1"
    assert found.evidence["count"] == 6


def test_the_ids_of_a_group_are_bounded() -> None:
    rows = [broken(f"s{n}") for n in range(crowd.IDS_MAX + 7)]
    (found,) = judged(servers.CHECKS, facts(servers=rows, policy=FEW))
    assert len(found.evidence["ids"]) == crowd.IDS_MAX
    assert found.evidence["left_out"] == 7
    assert crowd.covers(found, "server.error:server:s1006")


def test_a_row_that_is_listed_twice_counts_once() -> None:
    given = facts(servers=[broken("s1"), broken("s1")], policy=FEW)
    assert len(judged(servers.CHECKS, given)) == 1


def test_servers_of_dead_hosts_are_folded_under_each_host_however_many() -> None:
    hosts = [f"cmp{n}" for n in range(8)]
    given = facts(
        servers=[server(f"{host}-{n}", host=host) for host in hosts for n in range(3)],
        compute_services=[compute_service(host, state="down") for host in hosts],
        policy=FEW,
    )
    found = judged(server_places.CHECKS, given, "server.host.down")
    assert [f.subject.host for f in found] == hosts
    assert all(f.evidence["count"] == 3 for f in found)


def test_a_forced_down_host_explains_its_servers() -> None:
    from day2.operations.health.rules import services

    given = facts(
        servers=[server()], compute_services=[compute_service(state="down", forced_down=True)]
    )
    top, folded = fold(judged((*services.CHECKS, *server_places.CHECKS), given))
    assert [f.check for f in top] == ["compute.service.forced_down"]
    assert [f.check for f in folded] == ["server.host.down"]


def test_a_finding_that_a_group_speaks_for_is_not_gone() -> None:
    compared = Compared(id=1, at=NOW - timedelta(days=1))
    known = {f"server.error:server:s{n}": "server.error" for n in (0, 99)}
    given = facts(servers=[broken(f"s{n}") for n in range(6)], policy=FEW)
    report = judge(
        given, servers.CHECKS, Before(compared_with=compared, open_checks=known), kind="daily"
    )
    assert report.gone == ["server.error:server:s99"]
    assert report.new == ["server.error:project:p1"]


def test_a_finding_that_a_group_spoke_for_is_not_new() -> None:
    compared = Compared(id=1, at=NOW - timedelta(days=1))
    known = {"server.error:project:p1": "server.error"}
    given = facts(servers=[broken("s1"), broken("s2", "p2")], policy=FEW)
    report = judge(
        given, servers.CHECKS, Before(compared_with=compared, open_checks=known), kind="daily"
    )
    assert report.new == ["server.error:server:s2"]
    assert report.gone == ["server.error:project:p1"]
