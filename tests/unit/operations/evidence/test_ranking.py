# SPDX-License-Identifier: Apache-2.0
"""Which cause comes first, and what the sentence of scope says."""

from datetime import UTC, datetime, timedelta
from typing import Any

from day2.model.evidence import HostEvidence, OddContainer
from day2.model.finding import Finding, Subject, finding_key
from day2.model.problem import Suspect
from day2.model.severity import Severity
from day2.model.survey import Survey, Tables
from day2.model.tables.infrastructure import Host
from day2.operations.evidence import judge, ranking, scope, since
from day2.operations.evidence.told import Told

NOW = datetime(2026, 11, 26, 3, 40, tzinfo=UTC)


def finding(check: str, subject: str = "x", **more: Any) -> Finding:
    told = Subject(type=more.pop("type", "service"), id=subject, host=more.pop("host", ""))
    return Finding(
        key=finding_key(check, told),
        check=check,
        severity=more.pop("severity", Severity.CRITICAL),
        subject=told,
        summary=f"{check} of {subject}",
        why="the rule",
        **more,
    )


def suspect(name: str, score: int, **more: Any) -> Suspect:
    return Suspect(id=name, title=name, planes=["bus"], score=score, **more)


def order(*findings: Finding, suspects: tuple[Suspect, ...] = (), **more: Any) -> list[str]:
    return [one.id for one in ranking.ranked(suspects, findings, **more)]


def test_what_carries_more_comes_first() -> None:
    assert order(
        finding("server.error"),
        finding("api.down", "compute"),
        finding("network.agent.down"),
        finding("bus.down"),
        finding("host.disk.full"),
    ) == ["bus.down", "host.disk.full", "network.agent.down", "api.down", "server.error"]


def test_what_explains_much_comes_before_what_explains_nothing() -> None:
    many = finding("network.agent.down", consequences=[str(n) for n in range(15)])
    assert order(finding("host.disk.full"), many)[0] == "network.agent.down"


def test_what_is_new_comes_before_what_was_there_in_the_good_round() -> None:
    old, new = finding("host.disk.full", "a"), finding("volume.service.down", "b")
    assert order(old, new) == ["host.disk.full", "volume.service.down"]
    assert order(old, new, new={new.key})[0] == "volume.service.down"


def test_info_and_noise_are_no_causes() -> None:
    quiet = finding("host.reboot.required", severity=Severity.INFO)
    assert order(quiet, finding("bus.down", noise="hum")) == []


def test_known_problems_come_first_and_cover_their_findings() -> None:
    bus = finding("bus.down")
    firm = suspect("bus-down", 55, speaks_for=[bus.summary])
    assert order(bus, finding("api.down"), suspects=(firm,)) == ["bus-down", "api.down"]


def test_a_known_problem_that_only_a_log_line_speaks_for_is_a_suspicion() -> None:
    weak = suspect("bus-unreachable", 30)
    assert order(finding("host.down"), suspects=(weak,)) == ["host.down", "bus-unreachable"]


def test_what_hosts_prove_stands_among_known_problems_by_its_weight() -> None:
    fact = finding("vip.held.none", severity=Severity.CRITICAL)
    weak, strong = suspect("a", 50), suspect("z", 120)
    assert order(fact, suspects=(strong, weak), facts={fact.key}) == ["z", "vip.held.none", "a"]
    assert order(fact, suspects=(strong, weak)) == ["z", "a", "vip.held.none"]


def test_a_container_that_ails_on_three_hosts_is_told_once() -> None:
    some = [
        finding("container.stopped", f"ctl{n}/mariadb", type="container", host=f"ctl{n}")
        for n in (1, 2, 3)
    ]
    other = finding("container.stopped", "ctl1/keystone", type="container", host="ctl1")
    found = ranking.ranked([], [*some, other])
    assert [one.id for one in found] == ["container.stopped"] * 2
    assert any(one.title.startswith("mariadb on 3 hosts (ctl1, ctl2, ctl3)") for one in found)


def told(**hosts: dict[str, Any]) -> Told:
    return Told(
        hosts=[HostEvidence(host=name, **more) for name, more in hosts.items()],
        vips={"10.0.0.9": "internal"},
    )


def checks(found: Told) -> list[str]:
    return [one.check for one in judge.judge(found)]


def test_a_virtual_address_on_two_hosts_and_on_none_are_facts() -> None:
    has, lacks = [("eth0", "10.0.0.9")], [("eth0", "10.0.0.1")]
    assert checks(told(a={"addresses": has}, b={"addresses": has})) == ["vip.held.several"]
    assert checks(told(a={"addresses": lacks}, b={"addresses": lacks})) == ["vip.held.none"]
    assert checks(told(a={"addresses": has}, b={"addresses": lacks})) == []


def test_a_virtual_address_of_ipv6_is_found_however_it_is_written() -> None:
    for written in ("2001:DB8:0:0::9", "[2001:db8::9]", "2001:db8::0009/64"):
        both = Told(
            hosts=[HostEvidence(host="a", addresses=[("eth0", "2001:db8::9")])],
            vips={written: "internal"},
        )
        assert checks(both) == []


def test_a_host_that_was_not_asked_proves_nothing() -> None:
    lacks = [("eth0", "10.0.0.1")]
    assert checks(told(a={"addresses": lacks}, b={"error": "no answer"})) == []
    assert checks(told(a={"addresses": lacks}, b={"addresses": None})) == []
    assert checks(told()) == []


def test_keys_that_differ_name_the_odd_host() -> None:
    same = {"addresses": [("e", "10.0.0.9")], "keys": {"0": "aa", "1": "bb"}}
    (found,) = judge.judge(
        told(a=same, b={"addresses": [], "keys": {"0": "xx"}}, c=dict(same, addresses=[]))
    )
    assert (found.check, found.subject.host) == ("identity.fernet.differ", "b")


def sentence(*findings: Finding, read: int = 14, **more: Any) -> str:
    groups = {"control": [f"ctl{n}" for n in (1, 2, 3)], "compute": ["cmp1", "cmp2"]}
    hosts = [
        Host(name=name, groups=[group], reachable=True)
        for group, names in groups.items()
        for name in names
    ]
    seen = scope.Seen(findings=findings, hosts=hosts, **more)
    return scope.sentence(seen, now=NOW, sections=(read, 16))


def test_the_scope_says_planes_hosts_and_since_when() -> None:
    agents = [finding("network.agent.down", f"l3@ctl{n}", host=f"ctl{n}") for n in (1, 2)]
    assert sentence(*agents, moments=[NOW - timedelta(minutes=28)]) == (
        "Network plane, 2 of 3 controllers, since 03:12 UTC; 14 of 16 sections read whole."
    )


def test_the_scope_counts_planes_and_says_what_is_not_known() -> None:
    found = [
        finding("bus.down"),
        finding("database.down"),
        finding("host.down", "cmp1", type="host"),
    ]
    assert sentence(*found, good_at=NOW - timedelta(hours=2)) == (
        "Message bus, database and hosts planes, 1 of 2 compute hosts, after 01:40 UTC, when the "
        "last good round was well; 14 of 16 sections read whole."
    )
    assert "since when is not known" in sentence(*found)


def test_well_is_said_first_only_where_everything_was_read() -> None:
    assert sentence(read=16) == "Nothing at warning or worse; 16 of 16 sections read whole."
    assert sentence(read=4) == (
        "Only 4 of 16 sections read whole; nothing at warning or worse in what was read."
    )


def test_it_began_when_the_container_ended_not_when_day2_saw_it() -> None:
    ended = NOW - timedelta(minutes=28)
    one = OddContainer(name="rabbitmq", state="exited", finished_at=ended)
    survey = Survey(cloud="c", region="", started_at=NOW, ended_at=NOW, tables=Tables())
    stopped = finding("container.stopped", "ctl1/rabbitmq", type="container", host="ctl1")
    down = finding("bus.down", consequences=[stopped.key])
    found = told(ctl1={"containers": [one], "addresses": []})
    seen = {down.key: NOW}
    assert since.moments([down], [stopped], survey, found, seen) == [ended]
    assert since.moments([down], [], survey, told(), seen) == [NOW]
