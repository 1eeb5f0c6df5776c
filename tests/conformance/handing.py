# SPDX-License-Identifier: Apache-2.0
"""What draining a host asks of a cloud: handed over, disabled, refused; the same on both."""

from tests.conformance.places import Place
from tests.conformance.stories import Story, Told

UNKNOWN = "11111111-2222-4333-8444-555555555555"


def handed_over(place: Place) -> list[str]:
    """Move a router and a network between agents, wrongly and rightly; disable an agent."""
    story = Story(place, "admin")
    _router(story)
    _network(story)
    return story.facts


def _agents(story: Story, binary: str) -> list[str]:
    rows = story.place.ask("network", "GET", f"/v2.0/agents?binary={binary}").body["agents"]
    return [row["id"] for row in rows if row["alive"]]


def _router(story: Story) -> None:
    place = story.place
    own = place.ask("network", "GET", "/v2.0/routers").body["routers"][0]["id"]
    serving = place.ask("network", "GET", f"/v2.0/routers/{own}/l3-agents").body["agents"]
    story.sees("a router's agents show", sorted(serving[0]))
    here = serving[0]["id"]
    there = next(a for a in _agents(story, "neutron-l3-agent") if a != here)
    body = {"router_id": own}

    def below(agent: str) -> str:
        return f"/v2.0/agents/{agent}/l3-routers"

    def shows(said: str) -> None:
        rows = place.ask("network", "GET", f"/v2.0/routers/{own}/l3-agents").body["agents"]
        ids = [row["id"] for row in rows]
        listed = place.ask("network", "GET", below(there)).body["routers"]
        words = ["here" if i == here else "there" for i in ids]
        story.sees(said, [words, own in {row["id"] for row in listed}])

    shows("at first it is")
    try:
        story.does("add to a second", "network", "POST", below(there), body)
        story.does("as member", "network", "DELETE", f"{below(here)}/{own}", None, "member")
        story.does("take away", "network", "DELETE", f"{below(here)}/{own}")
        shows("taken away it is")
        story.does("take away again", "network", "DELETE", f"{below(here)}/{own}")
        off, on = ({"agent": {"admin_state_up": up}} for up in (False, True))
        story.does("disable the other", "network", "PUT", f"/v2.0/agents/{there}", off)
        now = place.ask("network", "GET", f"/v2.0/agents/{there}").body["agent"]
        story.sees("it is", [now["admin_state_up"], now["alive"], sorted(now)])
        _nobody_serves(place, own)
        story.does("add to a disabled one", "network", "POST", below(there), body)
        story.does("enable it", "network", "PUT", f"/v2.0/agents/{there}", on)
        _nobody_serves(place, own)
        story.does("add", "network", "POST", below(there), body)
        shows("moved it is")
        story.does("add again", "network", "POST", below(there), body)
        story.does("an unknown router", "network", "POST", below(there), {"router_id": UNKNOWN})
        story.does("an unknown agent", "network", "POST", below(UNKNOWN), body)
    finally:
        story.does("back, out", "network", "DELETE", f"{below(there)}/{own}")
        story.does("back, in", "network", "POST", below(here), body)
    shows("at last it is")


def _nobody_serves(place: Place, router: str) -> None:
    """Take it away once more: an agent that asks for its routers is given one that is free."""
    for row in place.ask("network", "GET", f"/v2.0/routers/{router}/l3-agents").body["agents"]:
        place.ask("network", "DELETE", f"/v2.0/agents/{row['id']}/l3-routers/{router}")


def _network(story: Story) -> None:
    place = story.place
    networks = place.ask("network", "GET", f"/v2.0/networks?name={place.network}").body["networks"]
    own = networks[0]["id"]
    path = f"/v2.0/networks/{own}/dhcp-agents"
    serving = place.ask("network", "GET", path).body["agents"]
    here = next(row["id"] for row in serving if row["alive"])
    below, body = f"/v2.0/agents/{here}/dhcp-networks", {"network_id": own}

    def shows(said: str) -> None:
        rows = place.ask("network", "GET", path).body["agents"]
        listed = place.ask("network", "GET", below).body["networks"]
        ids = {row["id"] for row in listed}
        story.sees(said, [here in {row["id"] for row in rows}, own in ids])

    shows("a network is")
    try:
        story.does("add twice", "network", "POST", below, body)
        story.does("take away", "network", "DELETE", f"{below}/{own}")
        shows("taken away it is")
    finally:
        story.does("add", "network", "POST", below, body)
    shows("at last it is")


def services_of_storage(place: Place) -> list[str]:
    """Disable and enable a volume service; look at the bindings of a server's port."""
    story = Story(place, "admin")
    path = "/os-services?binary=cinder-volume"
    row = place.ask("block-storage", "GET", path).body["services"][0]
    named = {"host": row["host"], "binary": "cinder-volume"}

    def shows(said: str) -> None:
        rows = place.ask("block-storage", "GET", path).body["services"]
        now = next(r for r in rows if r["host"] == row["host"])
        story.sees(said, [now["status"], now["disabled_reason"]])

    # Cinder keeps the reason of a disable that is over: only the status says how it begins.
    story.sees("at first", row["status"])
    off = {**named, "disabled_reason": "for the suite"}
    disable, enable = "/os-services/disable-log-reason", "/os-services/enable"
    try:
        reply = story.does("disable", "block-storage", "PUT", disable, off)
        story.sees("it says", sorted(reply.body))
        shows("disabled")
        story.does("as member", "block-storage", "PUT", enable, named, "member")
        story.does("nobody", "block-storage", "PUT", disable, {**off, "host": "nowhere@x"})
        story.does("nonsense", "block-storage", "PUT", "/os-services/break", named)
    finally:
        reply = story.does("enable", "block-storage", "PUT", enable, named)
    story.sees("it says", sorted(reply.body))
    # What the reason is afterwards depends on what was there before: Cinder keeps it.
    rows = place.ask("block-storage", "GET", path).body["services"]
    now = next(r for r in rows if r["host"] == row["host"])
    story.sees("enabled", [now["status"], now["disabled_reason"]])
    ports = place.ask("network", "GET", "/v2.0/ports").body["ports"]
    listed = place.ask("network", "GET", "/v2.0/ports", account="member").body["ports"]
    own = {p["id"] for p in listed}
    # Of another project than the member's: which comes first in a list is chance.
    compute = [p for p in ports if p["device_owner"].startswith("compute:")]
    port = next(p for p in compute if p["id"] not in own)
    bindings = f"/v2.0/ports/{port['id']}/bindings"
    found = story.does("bindings", "network", "GET", bindings).body["bindings"]
    story.sees("they are", [(b["status"], b["host"] == port["binding:host_id"]) for b in found])
    story.sees("they show", [sorted(b) for b in found])
    story.does("as member", "network", "GET", bindings, None, "member")
    story.does("of no port", "network", "GET", f"/v2.0/ports/{UNKNOWN}/bindings")
    return story.facts


def moves_that_are_refused(place: Place) -> list[str]:
    """Ask for what a server that rests on a living host cannot have."""
    story = Story(place, "admin")
    rows = place.ask("compute", "GET", "/servers/detail?all_tenants=1&status=ACTIVE").body
    # Of another project than the member's: to that one, it is not there.
    others = place.account("member").project
    row = next(
        r
        for r in rows["servers"]
        if r["OS-EXT-STS:task_state"] is None and r["tenant_id"] != others
    )
    own, host = row["id"], row["OS-EXT-SRV-ATTR:host"]
    moves = f"/servers/{own}/migrations"
    story.does("a move that is not", "compute", "GET", f"{moves}/999999")
    story.does("abort it", "compute", "DELETE", f"{moves}/999999")
    forced = {"force_complete": None}
    story.does("force it", "compute", "POST", f"{moves}/999999/action", forced)
    story.does("force nothing", "compute", "POST", f"{moves}/999999/action", {"x": None})
    story.does("abort as member", "compute", "DELETE", f"{moves}/999999", None, "member")
    story.acts(own, "evacuate", {})
    story.acts(own, "evacuate", {"host": host})
    story.acts(own, "evacuate", {"host": "nowhere"})
    story.acts(own, "evacuate", {}, "member")
    query = f"/os-migrations?source_compute={host}&status=finished"
    story.sees("nothing waits", place.ask("compute", "GET", query).body["migrations"])
    return story.facts


STORIES: tuple[Told, ...] = (handed_over, services_of_storage, moves_that_are_refused)
