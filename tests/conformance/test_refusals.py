# SPDX-License-Identifier: Apache-2.0
"""What the lab refuses, the sandbox refuses: with the same status and the same kind of document."""

from typing import Any

import pytest

from day2.adapters.openstack.pages import Collection
from tests.conformance.compare import agree
from tests.conformance.places import UNKNOWN, Place
from tests.conformance.refusals import (
    BAD_TOKEN,
    NOT_THERE,
    OWN_AND_OTHERS,
    TOO_HIGH,
    again,
    asked,
    lost,
    refused,
    sight,
    unknown,
)
from tests.conformance.test_reads import MEASURED, name

PAGED = [
    c
    for c in MEASURED
    if c.paged or c.kind in {"servers", "flavors", "volumes", "volume_snapshots", "volume_backups"}
    or c.kind in {"volume_attachments", "hypervisors", "volume_types"}
]  # fmt: skip


def differ(where: str, lab: Any, sandbox: Any) -> list[str]:
    return [] if lab == sandbox else [f"{where}: lab says {lab}, sandbox says {sandbox}"]


@pytest.mark.parametrize("token", ["", BAD_TOKEN], ids=["no token", "a bad token"])
def test_without_a_good_token_nothing_is_told(lab: Place, sandbox: Place, token: str) -> None:
    there, here = asked(lab), asked(sandbox)
    lines: list[str] = []
    for what in sorted(there):
        one, two = (
            refused(again(place, calls[what], "admin", token=token))
            for place, calls in ((lab, there), (sandbox, here))
        )
        assert one.startswith("HTTP 401"), what
        lines += differ(what, one, two)
    agree(lines)


@pytest.mark.parametrize("account", ["reader", "member"])
def test_lists_are_denied_and_cut_for_the_same_accounts(
    lab: Place, sandbox: Place, account: str
) -> None:
    there, here = asked(lab), asked(sandbox)
    lines: list[str] = []
    for what in sorted(there):
        # Whether one thing is seen depends on whose it is: `test_ones_own_and_what_is_others`.
        if any(f" of {one} ID" in what for one in ("project", "user")) or what.startswith(
            "fault of"
        ):
            continue
        seen = []
        for place, calls in ((lab, there), (sandbox, here)):
            mine = again(place, calls[what], account)
            whole = again(place, calls[what], "admin")
            project = place.account(account).project
            owners = {row.id: row.project_id for row in place.survey()[0].tables.servers}
            seen.append((sight(mine, whole, project, owners), lost(mine, whole)))
        (one, gone), (two, missed) = seen
        if not one & two:
            lines += differ(f"{what} as {account}", sorted(one), sorted(two))
        if gone and missed:
            lines += differ(f"{what} as {account}, without", sorted(gone), sorted(missed))
    agree(lines)


@pytest.mark.parametrize("account", ["admin", "reader", "member"])
def test_ones_own_and_what_is_others(lab: Place, sandbox: Place, account: str) -> None:
    lines: list[str] = []
    for service, path in OWN_AND_OTHERS:
        one, two = (
            refused(place.ask(service, "GET", place.fill(path, account), account=account))
            for place in (lab, sandbox)
        )
        lines += differ(f"{service} GET {path} as {account}", one, two)
    agree(lines)


@pytest.mark.parametrize("account", ["admin", "member"])
@pytest.mark.parametrize("asks", NOT_THERE, ids=lambda a: f"{a[0]} {a[1]} {a[2]}")
def test_what_is_not_there_is_said_the_same(
    lab: Place, sandbox: Place, asks: tuple[str, str, str, Any], account: str
) -> None:
    service, method, path, body = asks
    one, two = (
        refused(place.ask(service, method, path, account=account, body=body))
        for place in (lab, sandbox)
    )
    agree(differ(f"{service} {method} {path} as {account}", one, two))


def test_an_unknown_item_of_a_list_is_said_the_same(lab: Place, sandbox: Place) -> None:
    there, here = asked(lab), asked(sandbox)
    for what in sorted(there):
        if not unknown(there[what]):
            continue
        one, two = (
            refused(
                place.send(
                    "GET",
                    unknown(calls[what]),
                    token=place.account("admin").token,
                    headers=calls[what].headers,
                )
            )
            for place, calls in ((lab, there), (sandbox, here))
        )
        agree(differ(what, one, two))


@pytest.mark.parametrize("collection", PAGED, ids=name)
def test_pages_of_two_are_the_whole_list(there: Place, collection: Collection) -> None:
    call = there.pages(collection)[0]
    everything = again(there, call, "admin", limit=None).body[collection.key]
    seen: list[str] = []
    marker: str | None = None
    for _page in range(len(everything) + 2):
        page = again(there, call, "admin", limit="2", marker=marker)
        assert page.status == 200, page.body
        rows = page.body[collection.key]
        assert len(rows) <= 2
        if not rows:
            break
        marker = str(rows[-1].get("uuid") or rows[-1]["id"])
        seen += [str(row.get("uuid") or row["id"]) for row in rows]
    assert seen == [str(row.get("uuid") or row["id"]) for row in everything]


@pytest.mark.parametrize("collection", PAGED, ids=name)
@pytest.mark.parametrize("query", [{"marker": UNKNOWN}, {"limit": "x"}], ids=["marker", "limit"])
def test_a_wrong_page_is_refused_the_same(
    lab: Place, sandbox: Place, collection: Collection, query: dict[str, str]
) -> None:
    one, two = (
        refused(again(place, place.pages(collection)[0], "admin", **{"limit": "2", **query}))
        for place in (lab, sandbox)
    )
    agree(differ(f"{name(collection)} {query}", one, two))


@pytest.mark.parametrize("path", sorted({(c.service, c.path) for c in MEASURED}))
def test_a_query_that_is_not_known_is_answered_the_same(
    lab: Place, sandbox: Place, path: tuple[str, str]
) -> None:
    service, where = path
    lower = {"OpenStack-API-Version": "compute 2.87"} if "hypervisors" in where else {}
    one, two = (
        refused(place.ask(service, "GET", f"{where}?day2=1", headers=lower))
        for place in (lab, sandbox)
    )
    agree(differ(f"{service} {where}?day2=1", one, two))


@pytest.mark.parametrize("version", ["volume 3.0", "volume 3.26", "volume 3.27"])
def test_a_list_of_a_later_version_is_not_there(lab: Place, sandbox: Place, version: str) -> None:
    headers = {"OpenStack-API-Version": version}
    one, two = (
        refused(place.ask("block-storage", "GET", "/attachments", headers=headers))
        for place in (lab, sandbox)
    )
    agree(differ(f"block-storage /attachments at {version}", one, two))


@pytest.mark.parametrize("version", TOO_HIGH, ids=lambda v: f"{v[0]} {v[2]}")
def test_a_version_beyond_is_refused_the_same(
    lab: Place, sandbox: Place, version: tuple[str, str, str]
) -> None:
    service, path, value = version
    one, two = (
        refused(place.ask(service, "GET", path, headers={"OpenStack-API-Version": value}))
        for place in (lab, sandbox)
    )
    assert one.startswith("HTTP 4")
    agree(differ(f"{service} {value}", one, two))
