# SPDX-License-Identifier: Apache-2.0
"""`day2 explain` of everything but servers, over the embedded cloud: found by itself, and told."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.scenarios.sandboxes import Home


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    found = Home(tmp_path_factory.mktemp("home"))
    assert found.run("sandbox", "up").code == 0
    yield found
    found.run("sandbox", "down")


def story(home: Home, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = home.json("--cloud", "sandbox", "explain", *words)["explanation"]
    return found


def codes(found: dict[str, Any]) -> list[str]:
    return [cause["code"] for cause in found["causes"]]


def links(found: dict[str, Any], relation: str) -> list[dict[str, Any]]:
    return [link for link in found["links"] if link["relation"] == relation]


def test_an_address_is_a_floating_ip_and_leads_to_its_server(home: Home) -> None:
    server = story(home, "shop01")
    (address,) = links(server, "floating IP")
    found = story(home, address["subject"]["name"])
    assert found["subject"]["type"] == "floating_ip"
    assert found["causes"] == []
    assert [link["state"] for link in links(found, "server")] == ["ACTIVE"]
    assert links(found, "router")
    (port,) = links(found, "port")
    by_address = story(home, found["state"].rpartition(" ")[2])
    assert by_address["subject"] == {**port["subject"]}
    dead = [link["subject"]["host"] for link in links(by_address, "answers its DHCP")]
    assert "control02" in dead
    assert codes(by_address) == ["dhcp-agent-down"]
    assert by_address["causes"][0]["speaks_against"] == ["control01 answers as well"]


def test_a_volume_tells_what_cinder_said_to_its_user(home: Home) -> None:
    found = story(home, "scratch-a")
    assert codes(found) == ["volume-no-backend", "volume-in-error"]
    (failed,) = [event for event in found["events"] if event["failed"]]
    assert failed["request_id"].startswith("req-")


def test_an_image_tells_who_was_made_of_it(home: Home) -> None:
    found = story(home, "debian-11")
    assert (found["causes"], links(found, "made of it")) == ([], [])
    assert len(links(story(home, "debian-12"), "made of it")) >= 8


def test_a_host_tells_all_that_runs_there_and_what_its_end_means(home: Home) -> None:
    found = story(home, "compute01")
    kinds = {link["relation"] for link in found["links"]}
    assert kinds >= {"service", "agent", "hypervisor", "provider", "container", "guest"}
    assert found["causes"] == []
    assert any("day2 host drain compute01" in line for line in found["effects"])
    sick = story(home, "control02")
    assert codes(sick)[0] == "service-down"
    assert "the host lives" in sick["causes"][0]["text"]


def test_a_load_balancer_is_told_down_to_the_hosts_of_its_amphorae(home: Home) -> None:
    found = story(home, "shop-lb")
    assert found["subject"]["type"] == "load_balancer"
    assert len(links(found, "its server")) == 2
    assert found["causes"] == []


def test_a_request_is_followed_through_the_logs_of_all_hosts(home: Home) -> None:
    server = story(home, "test-01")
    request = next(e["request_id"] for e in server["events"] if e["request_id"])
    logged = [e["service"] for e in server["events"] if e["host"]]
    assert logged == ["nova-api", "nova-scheduler", "nova-conductor"]
    # It is older than the hours that are looked through when nothing tells when it was.
    older = story(home, request)
    assert older["subject"] == {"type": "request", "id": request}
    assert older["summary"].startswith("None of ")


def test_several_words_are_an_error_text(home: Home) -> None:
    found = story(home, "Timeout waiting for [network-vif-plugged] for instance")
    assert codes(found) == ["vif-plugging"]
    assert story(home, "no such words anywhere")["causes"] == []


def test_what_is_nothing_is_said_and_never_guessed(home: Home) -> None:
    for wanted in ("shop0", "203.0.113.250", "fa:16:3e:00:00:01"):
        ended = home.run("--cloud", "sandbox", "explain", wanted)
        assert (ended.code, ended.out) == (2, ""), wanted
        assert f"nothing is called {wanted}" in ended.err
    ended = home.run("--cloud", "sandbox", "explain", "shop01", "--type", "volume")
    assert ended.code == 2
    assert "no volume shop01" in ended.err


def test_it_fits_a_terminal(home: Home) -> None:
    for wanted in ("shop-lb", "control02", "scratch-a"):
        ended = home.run("--cloud", "sandbox", "explain", wanted)
        assert ended.code == 0, ended.err
        assert max(map(len, ended.out.splitlines())) <= 80
