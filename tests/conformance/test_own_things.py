# SPDX-License-Identifier: Apache-2.0
"""What a smoke run makes of its own, on both places: networks with a router, disabled hosts."""

from collections.abc import Callable

import pytest

from tests.conformance.compare import agree
from tests.conformance.leftovers import image, wait
from tests.conformance.places import UNKNOWN, Place, Reply
from tests.conformance.stories import NAME, Story

DISABLED = "COMPUTE_STATUS_DISABLED"
CIDR = "192.168.253.0/28"


def a_network_with_a_router(place: Place) -> list[str]:  # noqa: PLR0915 - one story
    """Make one, and delete it in the wrong order and in the right one."""
    story = Story(place, "admin")

    def does(said: str, method: str, path: str, body: object = None) -> Reply:
        reply = story.does(said, "network", method, f"/v2.0/{path}", body)
        if reply.status >= 400:
            story.sees("it says", reply.body["NeutronError"]["type"])
        return reply

    networks = place.ask("network", "GET", "/v2.0/networks").body["networks"]
    outer = next(row["id"] for row in networks if row["router:external"])
    made = does("a network", "POST", "networks", {"network": {"name": NAME}}).body["network"]
    story.sees("it has", sorted(made))
    net = made["id"]
    wanted = {"network_id": net, "ip_version": 4, "cidr": CIDR, "name": NAME}
    made = does("a subnet", "POST", "subnets", {"subnet": wanted}).body["subnet"]
    story.sees("it has", sorted(made))
    story.sees("its addresses", [made["gateway_ip"], made["allocation_pools"]])
    subnet = made["id"]
    does("of no network", "POST", "subnets", {"subnet": {**wanted, "network_id": UNKNOWN}})
    port = does("a port", "POST", "ports", {"port": {"network_id": net}}).body["port"]["id"]
    address = {"floatingip": {"floating_network_id": outer, "port_id": port}}
    does("no way out", "POST", "floatingips", address)
    wanted = {"name": NAME, "external_gateway_info": {"network_id": outer}}
    made = does("a router", "POST", "routers", {"router": wanted}).body["router"]
    story.sees("it has", sorted(made))
    router = made["id"]
    plug, unplug = (f"routers/{router}/{verb}_router_interface" for verb in ("add", "remove"))
    inner = does("plug", "PUT", plug, {"subnet_id": subnet}).body
    story.sees("it has", sorted(inner))
    does("plug again", "PUT", plug, {"subnet_id": subnet})
    ip = does("a floating IP", "POST", "floatingips", address).body["floatingip"]["id"]
    does("the router", "DELETE", f"routers/{router}")
    does("the subnet", "DELETE", f"subnets/{subnet}")
    does("the network", "DELETE", f"networks/{net}")
    does("unplug", "PUT", unplug, {"port_id": inner["port_id"]})
    does("the floating IP", "DELETE", f"floatingips/{ip}")
    does("unplug", "PUT", unplug, {"port_id": inner["port_id"]})
    does("unplug again", "PUT", unplug, {"port_id": inner["port_id"]})
    does("the router", "DELETE", f"routers/{router}")
    does("the subnet", "DELETE", f"subnets/{subnet}")
    does("the port", "DELETE", f"ports/{port}")
    does("the subnet", "DELETE", f"subnets/{subnet}")
    does("the network", "DELETE", f"networks/{net}")
    for own in (f"routers/{router}", f"subnets/{subnet}", f"networks/{net}"):
        does("once more", "DELETE", own)
    return story.facts


def a_disabled_host(place: Place) -> list[str]:
    """Nova boots nothing on it, until the trait of its provider is taken away."""
    story = Story(place, "admin")
    rows = place.ask("compute", "GET", "/os-services?binary=nova-compute").body["services"]
    own = next(row for row in rows if row["state"] == "up" and row["status"] == "enabled")
    found = place.ask("placement", "GET", f"/resource_providers?name={own['host']}").body
    page = f"/resource_providers/{found['resource_providers'][0]['uuid']}/traits"
    path = f"/os-services/{own['id']}"
    forced = {"availability_zone": f"{own['zone']}:{own['host']}"}

    def has() -> bool:
        return DISABLED in place.ask("placement", "GET", page).body["traits"]

    def put(said: str, change: Callable[[set[str]], set[str]], older: int = 0) -> None:
        now = place.ask("placement", "GET", page).body
        body = {
            "traits": sorted(change(set(now["traits"]))),
            "resource_provider_generation": now["resource_provider_generation"] - older,
        }
        story.does(said, "placement", "PUT", page, body)

    try:
        off = {"status": "disabled", "disabled_reason": "for the suite"}
        story.does("disable", "compute", "PUT", path, off)
        wait(has, "the trait")
        _boots(story, "forced", forced)
        put("an old generation", lambda traits: traits - {DISABLED}, older=1)
        put("no such trait", lambda traits: traits | {"NO_SUCH_TRAIT"})
        put("take the trait", lambda traits: traits - {DISABLED})
        _boots(story, "forced and open", forced)
        _boots(story, "asked for", {"host": own["host"]})
        put("give it back", lambda traits: traits | {DISABLED})
        _boots(story, "forced and closed", forced)
        _boots(story, "of nobody", {"host": "nowhere"})
        _boots(story, "of no zone", {"availability_zone": "nowhere"})
    finally:
        story.does("enable", "compute", "PUT", path, {"status": "enabled"})
    wait(lambda: not has(), "the end of the trait")
    return story.facts


def _boots(story: Story, said: str, where: dict[str, str]) -> None:
    """Boot a server without a network somewhere, see what becomes of it, and delete it."""
    place = story.place
    flavors = place.ask("compute", "GET", "/flavors").body["flavors"]
    wanted = {
        "name": f"{NAME}-forced",
        "flavorRef": next(row["id"] for row in flavors if row["name"] == place.flavor),
        "imageRef": image(place),
        "networks": "none",
        **where,
    }
    reply = story.does(said, "compute", "POST", "/servers", {"server": wanted})
    if reply.status >= 400:
        return
    own = reply.body["server"]["id"]
    try:
        wait(lambda: story.server(own)["status"] != "BUILD", "a server to rest")
        now = story.server(own)
        fault = now.get("fault", {}).get("message", "").partition(".")[0]
        story.sees("it is", [now["status"], fault])
        console = {"os-getConsoleOutput": {"length": 9}}
        page = f"/servers/{own}/action"
        story.does("its console", "compute", "POST", page, console)
    finally:
        place.ask("compute", "DELETE", f"/servers/{own}")
        wait(lambda: not story.server(own), "the end of a server")


@pytest.mark.parametrize(
    "story", [a_network_with_a_router, a_disabled_host], ids=lambda story: story.__name__
)
def test_a_story_is_the_same(
    story: Callable[[Place], list[str]], lab: Place, sandbox: Place
) -> None:
    there, here = story(lab), story(sandbox)
    agree(
        [
            f"{story.__name__}, step {number}: lab says {one}; sandbox says {two}"
            for number, (one, two) in enumerate(zip(there, here, strict=True), 1)
            if one != two
        ]
    )
