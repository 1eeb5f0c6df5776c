# SPDX-License-Identifier: Apache-2.0
"""Whatever day2 reads has the same fields, types, nulls and formats on the lab and the sandbox."""

import pytest

from day2.adapters.openstack.pages import Collection
from day2.survey.lists import COLLECTIONS
from tests.conformance.compare import agree, differences, skeletons
from tests.conformance.places import Call, Place
from tests.conformance.shapes import keys_of, profile, skeleton

CONFIGURED = {
    # Nova lists the faults of that one cell whose database its API is given: cell0 on Kolla
    # clouds, cell1 on the lab. A server's own page tells its fault on both.
    ("compute /servers/detail", "fault"): "which cell's faults are listed",
    ("compute /servers/detail", "pinned_availability_zone"): "the lab has a default zone",
    ("compute /os-hypervisors/detail", "hypervisor_type"): "the lab's driver is not libvirt",
}
# Services that no lab carries: what the sandbox answers for them is not measured here.
UNMEASURED = frozenset(
    {
        "load-balancer",
        "dns",
        "shared-file-system",
        "container-infrastructure-management",
        "baremetal",
    }
)
SERVERS = next(c for c in COLLECTIONS if c.kind == "servers")
MEASURED = [c for c in COLLECTIONS if c.service not in UNMEASURED]
# Documents that are no lists of rows; the parts of a name after these words are configured.
DOCUMENTS = (
    "compute versions",
    "placement versions",
    "block-storage versions",
    "application credentials of user ID",
    "placement inventories of provider ID",
    "placement traits of provider ID",
    "placement allocations of provider ID",
    "compute quotas of project ID",
    "block-storage quotas of project ID",
    "network quotas of project ID",
)
# A server's own page is compared where it is asked for: what is on it depends on the server.
FAULT = "fault of server ID"
_TYPED = tuple(f"quota_set.{word}_" for word in ("volumes", "gigabytes", "snapshots"))
# The lab does not have these: the sandbox answers in recorded shapes.
RECORDED = frozenset({"load-balancer"})


def name(collection: Collection) -> str:
    query = "".join(f" {key}" for key in collection.query if key == "os_hidden")
    return f"{collection.service} {collection.path}{query}"


def test_both_places_are_read_without_a_gap(there: Place) -> None:
    survey, _calls = there.survey()
    assert [gap.message for gap in survey.gaps] == []
    assert {c.service for c in MEASURED} <= there.deployed


@pytest.mark.parametrize("collection", MEASURED, ids=name)
def test_a_list_reads_the_same(lab: Place, sandbox: Place, collection: Collection) -> None:
    there, here = lab.rows(collection), sandbox.rows(collection)
    where = f"{collection.service} {collection.path}"
    found = differences(where, profile(there, collection.row), profile(here, collection.row))
    agree([line for line in found if not _configured(where, line)])
    # New fields enter the sandbox only from the lab's answers.
    if there and here:
        fields = {field for place, field in CONFIGURED if place == where}
        assert keys_of(here) - keys_of(there) - fields == set()


@pytest.mark.parametrize("collection", MEASURED, ids=name)
def test_a_list_is_wrapped_the_same(lab: Place, sandbox: Place, collection: Collection) -> None:
    there, here = ({k for c in place.pages(collection) for k in c.body} for place in (lab, sandbox))
    assert there ^ here == set()
    assert _served(lab.pages(collection)) == _served(sandbox.pages(collection))


@pytest.mark.parametrize("what", DOCUMENTS)
def test_a_document_reads_the_same(lab: Place, sandbox: Place, what: str) -> None:
    there, here = (_whole(place.calls(what)) for place in (lab, sandbox))
    agree(skeletons(what, there, here))
    assert _served(lab.calls(what)) == _served(sandbox.calls(what))


def test_the_fault_of_a_server_reads_the_same(lab: Place, sandbox: Place) -> None:
    profiles = []
    for place in (lab, sandbox):
        # Some faults are on neither list: that of the lab tells those of the other database.
        assert place.calls(FAULT)
        assert all(row.fault for row in place.survey()[0].tables.server_faults)
    for place in (lab, sandbox):
        lost = [row for row in place.rows(SERVERS) if row["status"] == "ERROR"]
        own = [place.ask("compute", "GET", f"/servers/{row['id']}").body["server"] for row in lost]
        assert own
        profiles.append(profile(own, SERVERS.row))
    agree(
        [
            line
            for line in differences("compute /servers/{id}", *profiles)
            if "field fault" in line or "task_state" in line or "vm_state" in line
        ]
    )


def test_every_document_that_was_read_is_compared(there: Place) -> None:
    lists = {collection.kind.replace("_", " ") for collection in COLLECTIONS}
    assert {call.what for call in there.survey()[1]} - lists == {*DOCUMENTS, FAULT}


def test_the_token_reads_the_same(lab: Place, sandbox: Place) -> None:
    for account in ("admin", "reader", "member"):
        there, here = (skeleton(place.account(account).session.said) for place in (lab, sandbox))
        agree(skeletons(f"identity /auth/tokens of {account}", there, here))


def test_the_catalogue_names_the_same_services(lab: Place, sandbox: Place) -> None:
    there, here = (
        {
            (entry.type, interface, url.rpartition(":")[2].partition("/")[2].count("/"))
            for entry in place.account("admin").session.authenticate().catalog
            for interface, url in entry.urls.items()
        }
        for place in (lab, sandbox)
    )
    assert {entry[:2] for entry in there} == {
        entry[:2] for entry in here if entry[0] not in RECORDED
    }


def _configured(where: str, line: str) -> bool:
    return any(where == place and f"field {field}:" in line for place, field in CONFIGURED)


def _whole(calls: list[Call]) -> set[str]:
    found = set().union(*(skeleton(call.body) for call in calls))
    return {path for path in found if not path.rpartition(".")[0].startswith(_TYPED)}


def _served(calls: list[Call]) -> set[tuple[int, str, str]]:
    """Return status, content type and microversion of the answers."""
    return {
        (
            call.answer.status,
            call.answer.headers.get("content-type", "").partition(";")[0],
            call.answer.headers.get("openstack-api-version", ""),
        )
        for call in calls
    }
