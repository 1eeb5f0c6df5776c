# SPDX-License-Identifier: Apache-2.0
"""A plan as people read it."""

from datetime import timedelta
from typing import Any

import pytest

from day2.model.finding import Subject
from day2.model.plan import Plan, Refusal, Step
from day2.report import plan as text
from tests.unit import builders as make
from tests.unit.operations.hosts.racks import cloud, flavor, guest, planned

SERVER = Subject(type="server", id="s1", name="web-01", host="cmp1")


def plan(**fields: Any) -> Plan:
    given = {
        "id": "drain-cmp1-1",
        "kind": "host-drain",
        "cloud": "c1",
        "region": "r1",
        "foundation": "http://identity",
        "subject": Subject(type="host", id="cmp1"),
        "summary": "drain cmp1 to reboot it: 1 server: 1 live",
        "at": make.NOW,
        "expires_at": make.NOW + timedelta(hours=4),
        "by": "ana",
    }
    return Plan(**{**given, **fields})


def step(n: int = 1, **fields: Any) -> Step:
    given = {
        "n": n,
        "action": "server.live-migrate",
        "subject": SERVER,
        "why": "memory only",
        "undo": "back",
        "arguments": {"targets": ["cmp2", "cmp3"]},
        "seconds_expected": 131.0,
    }
    return Step(**{**given, **fields})


def test_a_drain_reads_from_what_is_in_the_way_to_the_fine_print() -> None:
    servers = [
        guest("s1", name="shop", image="", flavor=flavor(ram=16384)),
        guest("s2", name="web", image=""),
        guest("s3", name="old", status="SHUTOFF", power_state=4),
        guest("s4", name="broken", status="ERROR"),
        guest("s5", name="moody", tags=["day2:maintenance=ask"]),
    ]
    found = planned(cloud(servers))
    said = text.render(found, sha256="f00d")
    assert said == (
        f"Plan {found.id}\n"
        "drain cmp1 to reboot it: 5 servers: 2 live, 1 left in place, 2 in the way\n"
        "c1 (r1), 2026-05-04 09:00:00 UTC, by ana, CHG-7\n"
        "\n"
        "In the way (2): the plan does not run before all of these are dealt with\n"
        "  - server broken: it is in ERROR: see whether it runs on the host (virsh list),\n"
        "    then openstack server set --state active, or delete it\n"
        "    or accept it: --allow stop-guests\n"
        "  - server moody: its owner wants to be asked: its tag day2:maintenance=ask asks\n"
        "    so\n"
        "    or accept it: --allow owner-asked\n"
        "  to accept all that can be: --allow owner-asked --allow stop-guests\n"
        "\n"
        "Steps\n"
        " 1. disable nova-compute\n"
        "      no new server may arrive\n"
        " 2. wait until nothing arrives\n"
        "      what was scheduled before still arrives\n"
        " 3. live-migrate\n"
        "      web  -> cmp3 (or 1 more)  ~29 s  memory only\n"
        " 4. live-migrate\n"
        "      shop  -> cmp2 (or 1 more)  ~70 s  memory only\n"
        "    leave where it is\n"
        "      old  it is stopped and loses nothing by a reboot\n"
        " 5. account for every server\n"
        "      read anew: what is elsewhere, what stays, and that nothing else is here\n"
        "\n"
        "3 changes; about 2 min (begun now: until 09:01 UTC); stops by itself when more\n"
        "than 2 fail or 25% changed meanwhile\n"
        "good until 2026-05-04 13:00 UTC\n"
        "sha256 f00d\n"
    )


def test_nothing_is_wider_than_the_terminal_or_steers_it() -> None:
    subject = Subject(type="server", id="s1", name=make.HOSTILE * 9, host="cmp1")
    blocker = Refusal(subject=subject, why=make.HOSTILE, kind="x", blocker=True, allow="y")
    said = text.render(
        plan(
            steps=[step(subject=subject, why=make.HOSTILE * 9), step(2, subject=subject)],
            refused=[blocker, Refusal(subject=subject, why=make.HOSTILE)],
        )
    )
    assert "\x1b" not in said
    assert "\r" not in said
    words = {len(word) for word in make.HOSTILE.split()}
    assert all(len(line) <= 80 + max(words) for line in said.splitlines())


def test_many_of_one_kind_are_one_table_that_is_cut_and_says_so() -> None:
    steps = [
        step(n, subject=Subject(type="server", id=f"s{n}", name=f"web-{n:02}"), limits={"cloud": 2})
        for n in range(1, 31)
    ]
    said = text.render(plan(steps=steps))
    assert "live-migrate (30), 2 at a time" in said
    assert "each: memory only" in said
    assert "and 10 more: --all" in said
    assert "web-30" not in said
    assert "web-30" in text.render(plan(steps=steps), all_steps=True)


def test_many_blockers_of_one_reason_are_one_line() -> None:
    refused = [
        Refusal(
            subject=Subject(type="server", id=f"s{n}", name=f"web-{n}"),
            why="its owner wants to be asked",
            blocker=True,
            allow="owner-asked",
        )
        for n in range(8)
    ]
    said = text.render(plan(refused=refused))
    assert "In the way (8)" in said
    assert "8 servers: web-0, web-1, web-2, web-3, web-4 and 3 more: its owner wants" in said
    assert said.count("--allow owner-asked") == 1


def test_what_cannot_be_taken_back_is_said() -> None:
    said = text.render(plan(steps=[step(undo="", irreversible="the old disk is given up")]))
    assert "Cannot be taken back (1)" in said
    assert "web-01: the old disk is given up" in said


def test_an_action_that_nobody_named_reads_by_its_name() -> None:
    said = text.render(plan(steps=[step(action="image.hide", arguments={})]))
    assert " 1. image.hide" in said


def test_what_was_left_out_says_how_to_include_it() -> None:
    refusal = Refusal(subject=SERVER, why="its local disk would be lost", allow="lose-local-disks")
    said = text.render(plan(refused=[refusal]))
    assert "to include it: --allow lose-local-disks" in said
    assert "No step: there is nothing to do" in said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (3600, "60 min"), (5430, "1 h 30 min")],
)
def test_times_read_as_people_say_them(seconds: float, said: str) -> None:
    assert text.span(seconds) == said
