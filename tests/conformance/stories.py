# SPDX-License-Identifier: Apache-2.0
"""What is done to a cloud, step by step, and what it said: the same lines on lab and sandbox."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.conformance import leftovers
from tests.conformance.leftovers import wait
from tests.conformance.places import Place, Reply

NAME = "conformance"


class Story:
    """What one account did, and the facts that came of it."""

    def __init__(self, place: Place, account: str = "member") -> None:
        self.place = place
        self.account = account
        self.facts: list[str] = []

    def does(
        self, said: str, service: str, method: str, path: str, body: Any = None, account: str = ""
    ) -> Reply:
        reply = self.place.ask(service, method, path, account=account or self.account, body=body)
        kind = next(iter(reply.body), "") if isinstance(reply.body, dict) else ""
        self.facts.append(f"{said}: HTTP {reply.status} {kind}".rstrip())
        return reply

    def acts(self, server: str, action: str, given: Any = None, account: str = "admin") -> Reply:
        path = f"/servers/{server}/action"
        return self.does(
            f"{action} as {account}", "compute", "POST", path, {action: given}, account
        )

    def sees(self, said: str, found: Any) -> None:
        self.facts.append(f"{said}: {found}")

    def server(self, server: str) -> dict[str, Any]:
        reply = self.place.ask("compute", "GET", f"/servers/{server}")
        found: dict[str, Any] = reply.body["server"] if reply.status == 200 else {}
        return found

    def waits(self, server: str, status: str) -> dict[str, Any]:
        """Wait until a server rests in this status; an unexpected ERROR ends the wait."""

        def rests() -> bool:
            now = self.server(server)
            assert status == "ERROR" or now["status"] != "ERROR", now.get("fault")
            return bool(now["status"] == status and now["OS-EXT-STS:task_state"] is None)

        wait(rests, f"a server to be {status}")
        now = self.server(server)
        states = [now[f"OS-EXT-STS:{name}"] for name in ("vm_state", "task_state", "power_state")]
        self.sees(f"the server is {status}", states)
        ports = self.ports(server, settled=status == "ACTIVE")
        bound = {port["binding:host_id"] == now["OS-EXT-SRV-ATTR:host"] for port in ports}
        # The lab's driver unplugs nothing: its ports stay ACTIVE under a server that is off.
        words = sorted({p["status"] for p in ports}) if status == "ACTIVE" else []
        self.sees("its ports are", [len(ports), words, bound])
        self.sees("its place takes", self.taken(server))
        return now

    def ports(self, server: str, *, settled: bool) -> list[dict[str, Any]]:
        """Return the ports of a server; their agent may need a moment to call them ACTIVE."""
        path = f"/v2.0/ports?device_id={server}"

        def rest() -> Any:
            found = self.place.ask("network", "GET", path).body["ports"]
            done = not settled or all(port["status"] == "ACTIVE" for port in found)
            return (found,) if done else None

        found: list[dict[str, Any]] = wait(rest, "ports to be ACTIVE")[0]
        return found

    def taken(self, consumer: str) -> list[Any]:
        """Return what a server takes, and whether it is of the provider of its own host."""
        found = self.place.ask("placement", "GET", f"/allocations/{consumer}").body["allocations"]
        host = self.server(consumer).get("OS-EXT-SRV-ATTR:hypervisor_hostname")
        names = []
        for provider in found:
            page = self.place.ask("placement", "GET", f"/resource_providers/{provider}").body
            names.append(page["name"] == host)
        kinds = sorted({kind for each in found.values() for kind in each["resources"]})
        return [names, kinds]

    def migration(self, server: str, status: str) -> dict[str, Any]:
        """Wait until the newest move of a server has this status."""

        def newest() -> Any:
            path = f"/os-migrations?instance_uuid={server}"
            rows = self.place.ask("compute", "GET", path).body["migrations"]
            last = max(rows, key=lambda row: int(row["id"]), default=None)
            return last if last and last["status"] == status else None

        found: dict[str, Any] = wait(newest, f"a move of {server} to be {status}")
        self.sees("its move is", [found["migration_type"], found["status"]])
        return found


@contextmanager
def a_server(story: Story) -> Iterator[str]:
    """Boot a server on the member's network; whatever happens, it is gone afterwards."""
    place = story.place
    flavors = place.ask("compute", "GET", "/flavors").body["flavors"]
    networks = place.ask("network", "GET", f"/v2.0/networks?name={place.network}").body["networks"]
    wanted = {
        "name": f"{NAME}-server",
        "flavorRef": next(row["id"] for row in flavors if row["name"] == place.flavor),
        "imageRef": leftovers.image(place),
        "networks": [{"uuid": networks[0]["id"]}],
    }
    reply = story.does("create", "compute", "POST", "/servers", {"server": wanted})
    assert reply.status == 202, reply.body
    own = str(reply.body["server"]["id"])
    try:
        story.waits(own, "ACTIVE")
        yield own
    finally:
        if story.server(own):
            place.ask("compute", "POST", f"/servers/{own}/action", body={"unlock": None})
            place.ask("compute", "DELETE", f"/servers/{own}")
            wait(lambda: not story.server(own), "the end of a server")


def life_of_a_server(place: Place) -> list[str]:
    """Boot, stop, start, move alive, move cold, lock, delete."""
    story = Story(place)
    with a_server(story) as own:
        story.acts(own, "os-start", account="member")
        story.acts(own, "os-stop", account="member")
        story.waits(own, "SHUTOFF")
        story.acts(own, "os-stop", account="member")
        story.acts(own, "os-migrateLive", ANYWHERE)
        story.acts(own, "os-start", account="member")
        story.waits(own, "ACTIVE")
        _moves_alive(story, own)
        _moves_cold(story, own)
        _is_locked(story, own)
        story.acts(own, "no-such-action")
        story.does("delete", "compute", "DELETE", f"/servers/{own}")
        _is_gone(story, own)
    return story.facts


ANYWHERE = {"host": None, "block_migration": "auto"}


def _moves_alive(story: Story, own: str) -> None:
    before = story.server(own)["OS-EXT-SRV-ATTR:host"]
    story.acts(own, "os-migrateLive", ANYWHERE, "member")
    story.acts(own, "os-migrateLive", {**ANYWHERE, "host": "nowhere"})
    # To where it is: accepted, and failed afterwards.
    story.acts(own, "os-migrateLive", {**ANYWHERE, "host": before})
    story.migration(own, "error")
    story.waits(own, "ACTIVE")
    story.acts(own, "os-migrateLive", ANYWHERE)
    moved = story.migration(own, "completed")
    now = story.waits(own, "ACTIVE")["OS-EXT-SRV-ATTR:host"]
    story.sees("it went", [moved["source_compute"] == before, moved["dest_compute"] == now])
    story.sees("it is elsewhere", now != before)


def _moves_cold(story: Story, own: str) -> None:
    story.acts(own, "confirmResize")
    story.acts(own, "migrate", {"host": "nowhere"})
    story.acts(own, "migrate", {"host": None}, "member")
    story.acts(own, "migrate", {"host": None})
    story.waits(own, "VERIFY_RESIZE")
    story.migration(own, "finished")
    story.acts(own, "os-stop", account="member")
    story.acts(own, "confirmResize")
    story.migration(own, "confirmed")
    story.waits(own, "ACTIVE")


def _is_locked(story: Story, own: str) -> None:
    story.acts(own, "lock", {"locked_reason": "for the suite"})
    now = story.server(own)
    story.sees("the lock", [now["locked"], now["locked_reason"]])
    story.acts(own, "os-stop", account="member")
    story.does("delete a locked one", "compute", "DELETE", f"/servers/{own}")
    story.acts(own, "unlock", account="member")
    story.acts(own, "unlock")


def _is_gone(story: Story, own: str) -> None:
    place = story.place
    wait(lambda: not story.server(own), "the end of a server")
    story.does("look again", "compute", "GET", f"/servers/{own}")
    story.does("delete again", "compute", "DELETE", f"/servers/{own}")
    story.sees("nothing is left of it", story.taken(own))
    ports = place.ask("network", "GET", f"/v2.0/ports?device_id={own}").body["ports"]
    story.sees("its ports are gone", ports)
    history = place.ask("compute", "GET", f"/servers/{own}/os-instance-actions")
    rows = history.body["instanceActions"]
    story.sees("its history", sorted({(row["action"], row["message"]) for row in rows}, key=str))


def life_of_a_volume(place: Place) -> list[str]:
    """Create, attach, fail to delete, detach, delete."""
    story = Story(place)
    wanted = {"volume": {"name": f"{NAME}-volume", "size": 1}}
    reply = story.does("create", "block-storage", "POST", "/volumes", wanted)
    own = str(reply.body["volume"]["id"])
    story.sees("at first", [reply.body["volume"]["status"], reply.body["volume"]["attachments"]])
    path = f"/volumes/{own}"

    def rests(status: str) -> None:
        def there() -> bool:
            found = place.ask("block-storage", "GET", path, account="member")
            return bool(found.body["volume"]["status"] == status)

        wait(there, f"a volume to be {status}")
        found = place.ask("block-storage", "GET", path, account="member").body["volume"]
        keys = sorted(found["attachments"][0]) if found["attachments"] else []
        story.sees(f"the volume is {status}", keys)

    try:
        rests("available")
        with a_server(story) as server:
            spot = f"/servers/{server}/os-volume_attachments"
            asked = {"volumeAttachment": {"volumeId": own}}
            made = story.does("attach", "compute", "POST", spot, asked)
            story.sees("the attachment has", sorted(made.body["volumeAttachment"]))
            rests("in-use")
            story.does("attach twice", "compute", "POST", spot, asked)
            story.does("delete what is in use", "block-storage", "DELETE", path)
            listed = place.ask("compute", "GET", spot).body["volumeAttachments"]
            story.sees("the server has", [row["volumeId"] == own for row in listed])
            story.does("detach", "compute", "DELETE", f"{spot}/{own}")
            rests("available")
            story.does("detach again", "compute", "DELETE", f"{spot}/{own}")
            story.does("attach again", "compute", "POST", spot, asked)
            rests("in-use")
            story.does("delete the server", "compute", "DELETE", f"/servers/{server}")
        rests("available")
    finally:
        story.does("delete", "block-storage", "DELETE", path)
        gone = lambda: place.ask("block-storage", "GET", path).status == 404  # noqa: E731
        wait(gone, "the end of a volume")
    story.does("delete again", "block-storage", "DELETE", path)
    return story.facts


def ports_and_addresses(place: Place) -> list[str]:
    """Make a port and a floating IP for it, delete the one, then the other."""
    story = Story(place)
    networks = place.ask("network", "GET", "/v2.0/networks").body["networks"]
    inner = next(row["id"] for row in networks if row["name"] == place.network)
    outer = next(row["id"] for row in networks if row["router:external"])
    port = {"port": {"network_id": inner, "name": f"{NAME}-port"}}
    made = story.does("create a port", "network", "POST", "/v2.0/ports", port).body["port"]
    story.sees(
        "the port",
        [made[key] for key in ("status", "device_id", "device_owner", "admin_state_up", "tags")],
    )
    story.sees("it has", [len(made["fixed_ips"]), len(made["security_groups"])])
    try:
        wanted = {"floatingip": {"floating_network_id": outer, "port_id": made["id"]}}
        path = "/v2.0/floatingips"
        ip = story.does("create a floating IP", "network", "POST", path, wanted).body["floatingip"]
        story.sees("it points there", ip["fixed_ip_address"] == made["fixed_ips"][0]["ip_address"])
        story.sees("it is", [ip["status"], bool(ip["router_id"]), sorted(ip)])
        own = f"{path}/{ip['id']}"
        story.does("delete the port", "network", "DELETE", f"/v2.0/ports/{made['id']}")
        left = place.ask("network", "GET", own).body["floatingip"]
        # Its status follows when an L3 agent has looked; the lab has none that looks.
        keys = ("port_id", "router_id", "fixed_ip_address")
        story.sees("the floating IP is left", [left[key] for key in keys])
        holder = f"/v2.0/ports?device_id={ip['id']}"
        ports = place.ask("network", "GET", holder).body["ports"]
        story.sees("its address is held by", [(p["device_owner"], p["status"]) for p in ports])
        story.does(
            "delete the holder", "network", "DELETE", f"/v2.0/ports/{ports[0]['id']}", None, "admin"
        )
        story.does("delete the floating IP", "network", "DELETE", own)
        story.sees("its holder is gone", place.ask("network", "GET", holder).body["ports"])
        story.does("delete it again", "network", "DELETE", own)
        story.does("delete the port again", "network", "DELETE", f"/v2.0/ports/{made['id']}")
    finally:
        place.ask("network", "DELETE", f"/v2.0/ports/{made['id']}")
    return story.facts


def a_host_out_of_service(place: Place) -> list[str]:
    """Disable the service of a host, force it down, and take both back."""
    story = Story(place, "admin")
    rows = place.ask("compute", "GET", "/os-services?binary=nova-compute").body["services"]
    own = next(row for row in rows if row["state"] == "up" and row["status"] == "enabled")
    path = f"/os-services/{own['id']}"
    spare = dict(place.ask("compute", "GET", "/servers/detail?all_tenants=1").body)

    def shows(said: str) -> None:
        found = place.ask("compute", "GET", "/os-services?binary=nova-compute").body["services"]
        now = next(row for row in found if row["id"] == own["id"])
        keys = ("status", "state", "disabled_reason", "forced_down")
        story.sees(said, [now[key] for key in keys])
        servers = place.ask("compute", "GET", "/servers/detail?all_tenants=1").body["servers"]
        there = {s["host_status"] for s in servers if s["OS-EXT-SRV-ATTR:host"] == own["host"]}
        story.sees("its servers say", sorted(there))
        path = "/os-hypervisors/detail"
        hypervisors = place.ask("compute", "GET", path, headers=LOWER).body["hypervisors"]
        found = [h for h in hypervisors if h["service"]["host"] == own["host"]]
        story.sees("its hypervisor says", [(h["state"], h["status"]) for h in found])

    assert spare["servers"]
    try:
        shows("before")
        off = {"status": "disabled", "disabled_reason": "for the suite"}
        story.does("disable", "compute", "PUT", path, off)
        shows("disabled")
        story.does("disable as member", "compute", "PUT", path, off, "member")
        story.does("a reason without", "compute", "PUT", path, {"disabled_reason": "x"})
        story.does("nothing", "compute", "PUT", path, {})
        story.does("nonsense", "compute", "PUT", path, {"status": "broken"})
        story.does("force down", "compute", "PUT", path, {"forced_down": True})
        shows("forced down")
    finally:
        story.does("no longer down", "compute", "PUT", path, {"forced_down": False})
        story.does("enable", "compute", "PUT", path, {"status": "enabled"})
    shows("enabled")
    return story.facts


LOWER = {"OpenStack-API-Version": "compute 2.87"}


def too_much(place: Place) -> list[str]:
    """Ask for more than there is, or for nonsense."""
    story = Story(place)
    flavors = place.ask("compute", "GET", "/flavors").body["flavors"]
    flavor = next(row["id"] for row in flavors if row["name"] == place.flavor)
    server = {
        "name": f"{NAME}-many",
        "flavorRef": flavor,
        "imageRef": leftovers.image(place),
        "networks": "none",
    }
    many = {"server": {**server, "min_count": 100}}
    story.does("a hundred servers", "compute", "POST", "/servers", many)
    lacking: dict[str, dict[str, Any]] = {
        "no flavor": {"flavorRef": "no-such-flavor"},
        "no image": {"imageRef": "11111111-2222-4333-8444-555555555555"},
        "no network": {"networks": [{"uuid": "11111111-2222-4333-8444-555555555555"}]},
    }
    for said, more in lacking.items():
        story.does(said, "compute", "POST", "/servers", {"server": {**server, **more}})
    story.does("as reader", "compute", "POST", "/servers", {"server": server}, "reader")
    for said, size in {"a huge volume": 10**6, "no size": 0, "words": "big"}.items():
        wanted = {"volume": {"size": size}}
        story.does(said, "block-storage", "POST", "/volumes", wanted)
    story.does(
        "no type", "block-storage", "POST", "/volumes", {"volume": {"size": 1, "volume_type": "x"}}
    )
    story.does("as reader", "block-storage", "POST", "/volumes", {"volume": {"size": 1}}, "reader")
    return story.facts


def things_in_use(place: Place) -> list[str]:
    """Try to delete what others hang on; nothing goes."""
    story = Story(place, "admin")
    networks = place.ask("network", "GET", "/v2.0/networks").body["networks"]
    inner = next(row["id"] for row in networks if row["name"] == place.network)
    ports = place.ask("network", "GET", f"/v2.0/ports?network_id={inner}").body["ports"]
    router = next(p["id"] for p in ports if p["device_owner"] == "network:router_interface")
    snapshots = place.ask("block-storage", "GET", "/snapshots/detail?all_tenants=1").body
    volumes = place.ask("block-storage", "GET", "/volumes/detail?all_tenants=1").body["volumes"]
    used = next(row["id"] for row in volumes if row["status"] == "in-use")
    parent = snapshots["snapshots"][0]["volume_id"]
    story.does("a network with ports", "network", "DELETE", f"/v2.0/networks/{inner}")
    story.does("a router's port", "network", "DELETE", f"/v2.0/ports/{router}")
    story.does("a volume in use", "block-storage", "DELETE", f"/volumes/{used}")
    story.does("a volume with snapshots", "block-storage", "DELETE", f"/volumes/{parent}")
    story.does("as reader", "network", "DELETE", f"/v2.0/networks/{inner}", None, "reader")
    story.does(
        "a public image as member",
        "image",
        "DELETE",
        f"/v2/images/{leftovers.image(place)}",
        None,
        "member",
    )
    other = next(p["id"] for p in ports if p["device_owner"].startswith("compute:"))
    story.does("a port as reader", "network", "DELETE", f"/v2.0/ports/{other}", None, "reader")
    return story.facts


Told = Callable[[Place], list[str]]
SIDE_BY_SIDE: tuple[tuple[Told, ...], ...] = (
    (life_of_a_server,),
    (life_of_a_volume, ports_and_addresses, too_much, things_in_use),
)
"""Stories that do not disturb each other; those of a row one after the other."""
AFTERWARDS: tuple[Told, ...] = (a_host_out_of_service,)
STORIES: tuple[Told, ...] = (*(story for row in SIDE_BY_SIDE for story in row), *AFTERWARDS)
