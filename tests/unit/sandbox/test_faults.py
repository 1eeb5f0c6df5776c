# SPDX-License-Identifier: Apache-2.0
"""Faults rewrite answers, also those that a large cloud keeps as bytes."""

import msgspec
import pytest

from day2.sandbox import faults
from day2.sandbox.faults import Rule
from day2.sandbox.http import Answer, Request

REQUEST = Request(method="GET", path="/v2.0/ports", base="http://127.0.0.1:1/network")
ONE = {"ports": [{"id": "a-port", "status": "ACTIVE"}]}


@pytest.mark.parametrize("body", [ONE, msgspec.json.encode(ONE)], ids=["document", "bytes"])
def test_a_loop_names_a_next_page_of_the_shortest_list(body: object) -> None:
    told = faults.rewrite(Rule(kind="loop"), Answer(body=body), REQUEST).body
    assert told["ports"] == ONE["ports"]
    (link,) = told["ports_links"]
    assert (link["rel"], "marker=a-port" in link["href"]) == ("next", True)


@pytest.mark.parametrize("body", [ONE, msgspec.json.encode(ONE)], ids=["document", "bytes"])
def test_wrong_types_are_those_of_each_value(body: object) -> None:
    told = faults.rewrite(Rule(kind="types"), Answer(body=body), REQUEST).body
    assert told == {"ports": [{"id": [1, {}], "status": [1, {}]}]}


def test_what_is_no_json_is_sent_as_it_is() -> None:
    told = faults.rewrite(Rule(kind="loop"), Answer(body=b"%PDF"), REQUEST)
    assert told.body == b"%PDF"
