# SPDX-License-Identifier: Apache-2.0
"""Whatever an API answers, reading it ends with rows, or with an error of ours: never otherwise."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from keystoneauth1 import access

from day2.adapters.clock import SystemClock
from day2.adapters.openstack import clouds, listing, pages
from day2.adapters.openstack import session as sessions
from day2.adapters.openstack.clouds import OpenStackSettings
from day2.adapters.openstack.failures import named
from day2.adapters.openstack.limits import LoadSettings
from day2.adapters.openstack.pages import Collection
from day2.errors import BadAnswer, Day2Error
from day2.survey.lists import COLLECTIONS
from tests.faults import hostile
from tests.faults.hostile import SERVER, SERVERS, HostileCloud

CLOCK = SystemClock()
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([10**30, -1, "9" * 5000, "²", "\x1b[31m", "2026-13-45T99:99:99Z", ""]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
LINKS = [{"rel": "next", "href": "http://h/x?marker=1&limit=2"}]
EVERY_FIELD = {
    "uuid": "u",
    "name": "n",
    "binary": "b",
    "host": "h",
    "hypervisor_hostname": "h",
    "role": {"id": "r"},
    "addresses": {"net": [{"addr": "10.0.0.1"}]},
    "updated": "2026-05-04T09:00:00Z",
    **SERVER,
}


@st.composite
def mutations(draw: st.DrawFn, valid: Any) -> bytes:
    """Take a valid document, put other values at some of its places, then perhaps break bytes."""
    document = copy.deepcopy(valid)
    for _n in range(draw(st.integers(0, 3))):
        places = list(_places(document))
        if places:
            holder, name = draw(st.sampled_from(places))
            holder[name] = draw(JSON)
    raw = json.dumps(document).encode("utf-8", "surrogatepass")
    if draw(st.booleans()):
        at = draw(st.integers(0, len(raw)))
        raw = raw[:at] + draw(st.binary(max_size=4)) + raw[at + draw(st.integers(0, 3)) :]
    return raw


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for name, value in list(items):
        yield node, name
        if isinstance(value, dict | list):
            yield from _places(value)


def page(collection: Collection) -> dict[str, Any]:
    return {
        collection.key: [EVERY_FIELD, EVERY_FIELD],
        f"{collection.key}_links": LINKS,
        "links": {"next": "http://h/x?marker=1", "previous": None},
        "next": None,
    }


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_a_mutated_page_is_rows_or_a_bad_answer(data: st.DataObject) -> None:
    collection = data.draw(st.sampled_from(COLLECTIONS))
    body = data.draw(mutations(page(collection)))
    page_type = pages.page_type_of(collection.row, collection.key)
    try:
        found = pages.decode(body, page_type, collection, "it")
        assert all(isinstance(row, collection.row) for row in found.rows)
        if found.more:
            pages.next_query(found.more, {}, "it")
    except BadAnswer as error:
        said = str(error)
    else:
        said = "it: "
    assert said.startswith("it: ")


@settings(max_examples=200, deadline=None)
@given(mutations({"versions": [{"id": "v2.1", "version": "2.96", "min_version": "2.1"}]}))
def test_a_mutated_version_document_is_a_version_or_a_bad_answer(body: bytes) -> None:
    try:
        found = pages.highest_microversion(body, "it")
        assert found is None or found >= (0, 0)
    except BadAnswer as error:
        said = str(error)
    else:
        said = "it: "
    assert said.startswith("it: ")


@settings(max_examples=200, deadline=None)
@given(mutations(json.loads(hostile.token("http://h"))))
def test_a_mutated_token_is_an_identity_or_a_named_error(body: bytes) -> None:
    credentials = clouds.Credentials(name="c", auth_type="password", auth={"auth_url": "http://h"})
    try:
        made = access.AccessInfoV3(auth_token="t", body=json.loads(body))
        found = sessions._identity(made, credentials)  # noqa: SLF001
        assert all(isinstance(url, str) for e in found.catalog for url in e.urls.values())
    except AssertionError:
        raise
    except Exception as error:  # noqa: BLE001 - `authenticate` names whatever comes
        failure = named(error, "it")
    else:
        failure = Day2Error("it: ")
    assert str(failure).startswith("it: ")


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[HostileCloud, Path]]:
    folder = tmp_path_factory.mktemp("cloud")
    with hostile.running() as running:
        running.settings(folder)
        yield running, folder


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(mutations({"servers": [EVERY_FIELD], "servers_links": LINKS}), st.sampled_from([200, 500]))
def test_a_mutated_answer_over_the_wire_never_raises(
    cloud: tuple[HostileCloud, Path], body: bytes, status: int
) -> None:
    running, folder = cloud
    running.plant(SERVERS, hostile.reply(body, status=status))
    chosen = OpenStackSettings(cloud="hostile", clouds_file=str(folder / "clouds.yaml"))
    limits = LoadSettings(request_seconds_max=2, kind_seconds_max=2, rows_max=50)
    session = sessions.Session(clouds.find(chosen, {}), limits=limits, clock=CLOCK)
    service = listing.find_service(session, "compute")
    servers = next(c for c in COLLECTIONS if c.kind == "servers")
    found = service.list(servers, CLOCK)
    assert found.failure is None or isinstance(found.failure, Day2Error)
    assert found.failure or found.requests
