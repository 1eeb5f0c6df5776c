# SPDX-License-Identifier: Apache-2.0
"""What Keystone has lost, by names: ids differ once a thing was made anew."""

from typing import Any

import pytest

from day2.cli import backup, backup_identity
from day2.operations.backup.identity_missing import Lost, Name, Thing, missing

Tables = dict[str, list[dict[str, Any]]]


def tables(prefix: str) -> Tables:
    """Build a small Keystone; its ids begin so."""
    p = prefix

    def given(actor: str, own: str, **scope: Any) -> dict[str, Any]:
        return {actor: {"id": f"{p}{own}"}, "role": {"id": f"{p}r"}, "scope": scope}

    return {
        "domains": [{"id": f"{p}d", "name": "Default"}],
        "projects": [
            {"id": f"{p}p2", "name": "child", "domain_id": f"{p}d", "parent_id": f"{p}p"},
            {"id": f"{p}p", "name": "acme", "domain_id": f"{p}d", "parent_id": f"{p}d"},
        ],
        "users": [{"id": f"{p}u", "name": "ann", "domain_id": f"{p}d"}],
        "groups": [{"id": f"{p}g", "name": "ops", "domain_id": f"{p}d"}],
        "roles": [{"id": f"{p}r", "name": "member", "domain_id": None}],
        "group_members": [{"group_id": f"{p}g", "user_id": f"{p}u"}],
        "role_assignments": [
            given("user", "u", project={"id": f"{p}p"}),
            given("group", "g", domain={"id": f"{p}d"}, **{"OS-INHERIT:inherited_to": "projects"}),
            given("user", "u", system={"all": True}),
        ],
    }


def test_the_same_under_other_ids_is_nothing_missing() -> None:
    assert missing(tables("a"), tables("b")) == []


def test_everything_is_missing_in_the_order_in_which_it_can_be_made() -> None:
    lost = missing(tables("a"), {})
    assert [one.label for one in lost] == [
        "domain Default",
        "project Default/acme",
        "project Default/child",
        "role member",
        "group Default/ops",
        "user Default/ann",
        "user Default/ann in group Default/ops",
        "role member of group Default/ops on domain Default, and all projects below",
        "role member of user Default/ann on project Default/acme",
        "role member of user Default/ann on system",
    ]
    child = lost[2]
    assert child.parent == Name("Default", "acme")
    assert lost[1].parent is None, "its domain is no project above it"


def test_only_what_is_missing_is_told_and_what_is_new_is_left_alone() -> None:
    now = tables("b")
    now["projects"] = [row for row in now["projects"] if row["name"] != "acme"]
    now["projects"].append({"id": "n", "name": "new", "domain_id": "bd", "parent_id": "bd"})
    now["role_assignments"].pop(2)
    lost = missing(tables("a"), now)
    assert [(one.thing, one.label) for one in lost] == [
        (Thing.PROJECT, "project Default/acme"),
        (Thing.ASSIGNMENT, "role member of user Default/ann on project Default/acme"),
        (Thing.ASSIGNMENT, "role member of user Default/ann on system"),
    ]


def test_an_assignment_that_names_nothing_known_is_left_out() -> None:
    before = tables("a")
    before["role_assignments"].append(
        {"user": {"id": "x"}, "role": {"id": "ar"}, "scope": {"project": {"id": "ap"}}}
    )
    before["group_members"].append({"group_id": "ag", "user_id": "x"})
    assert missing(before, tables("b")) == []


def test_what_a_host_or_a_service_said_steers_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    backup.say("missing: etcd of ctl1: \x1b]0;evil\x07\rno")
    assert capsys.readouterr().err == "missing: etcd of ctl1: ?]0;evil??no\n"


def test_a_name_of_keystone_steers_no_terminal() -> None:
    lost = [Lost(thing=Thing.USER, name=Name("d", "\x1b[2Jann\nbob"))]
    assert backup_identity.text(lost) == (
        "- user d/?[2Jann?bob\n\n1 things are missing: 1 of user\n"
    )
