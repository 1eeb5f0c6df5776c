# SPDX-License-Identifier: Apache-2.0
"""Read what stands around one subject, and hand it to the story of its type."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from msgspec import structs

from day2.errors import BadUsage, Day2Error
from day2.model.survey import Reading, Survey, Tables
from day2.model.tables.details import BalancerTrees, ImageDetail
from day2.operations.explain.picture import Picture
from day2.operations.explain.policy import ExplainPolicy

if TYPE_CHECKING:
    from day2.adapters.openstack.stories import Stories
    from day2.model.explanation import Explanation
    from day2.model.finding import Subject
    from day2.model.tables.compute import Server, ServerAction
    from day2.model.tables.network import NetworkAgent, Port
    from day2.survey.around import Around
    from day2.wiring.site import Progress, Site

ACTIONS = 6
"""So many of the newest actions of a server are read whole, when it is not the subject itself."""
SERVERS_MAX = 200
PAGE = 1000
NETWORK = ("tokens", "compute_services", "agents")
VOLUME = ("tokens", "compute_services", "volume_services", "volume_pools")
BALANCER = ("tokens", "compute_services")


class Reader:
    """Reads for one story; what cannot be read is a gap of it."""

    def __init__(
        self, site: "Site", around: "Around", stories: "Stories", progress: "Progress | None"
    ) -> None:
        self.site = site
        self.around = around
        self.stories = stories
        self.progress = progress
        self.policy = site.section("explain", ExplainPolicy)
        self.tables: dict[str, list[Any]] = {}
        self.gone: set[str] = set()
        self.serving: dict[str, list[NetworkAgent] | None] = {}
        self.more: dict[str, Any] = {}

    def whole(self, kinds: Iterable[str]) -> Survey:
        """Read whole tables: services and agents of the cloud."""
        survey = self.site.survey(tuple(kinds), self.progress)
        for kind in kinds:
            self.tables[kind] = list(getattr(survey.tables, kind))
        known = {(gap.kind, gap.message) for gap in self.around.gaps}
        self.around.gaps += [g for g in survey.gaps if (g.kind, g.message) not in known]
        return survey

    def add(self, kind: str, query: dict[str, str]) -> list[Any]:
        """Read the rows of a kind that a query is about, and add what is new."""
        rows = self.around.rows(kind, query)
        self.put(kind, rows)
        return rows

    def put(self, kind: str, rows: Iterable[Any]) -> None:
        """Add rows that were read."""
        have = self.tables.setdefault(kind, [])
        ids = {row.id for row in have if hasattr(row, "id")}
        have += [row for row in rows if getattr(row, "id", None) not in ids]

    def server(self, own: str | None) -> "Server | None":
        """Read a server by its id, or learn that it is gone."""
        if not own:
            return None
        row, gone = self.around.server(own)
        if gone:
            self.gone.add(own)
        if row is not None:
            self.put("servers", [row])
        return row

    def actions(self, own: str, newest: int = ACTIONS) -> list["ServerAction"]:
        """Read what was asked of a server; none when it cannot be read."""
        try:
            found = self.stories.actions(own, newest=newest)
        except Day2Error:
            return []
        self.more["actions"] = [*self.more.get("actions", []), *found]
        return found

    def picture(self, **more: Any) -> Picture:  # noqa: ANN401 - fields of the picture
        """Make the picture of what was read."""
        return Picture(
            now=self.site.clock.now(),
            policy=self.policy,
            tables=Tables(**{k: v for k, v in self.tables.items() if k in _KINDS}),
            unread=self.around.unread,
            gaps=list(self.around.gaps),
            gone=frozenset(self.gone),
            details=self.tables.get("agent_details", []),
            serving=self.serving,
            **{**self.more, **more},
        )


_KINDS = frozenset(Tables.__struct_fields__)


def tell(reader: Reader, subject: "Subject") -> "Explanation":
    """Tell the story of a subject that was found.

    Raises:
        BadUsage: when it went away in the meantime.

    """
    stories: dict[str, Callable[[Reader, str], Explanation]] = {
        "port": _port,
        "floating_ip": _floating_ip,
        "volume": _volume,
        "image": _image,
        "load_balancer": _load_balancer,
        "host": _host,
    }
    return stories[subject.type](reader, subject.id)


def around_port(reader: Reader, port: "Port") -> None:
    """Read what a port hangs on; agents of the cloud are read already."""
    reader.put("ports", [port])
    reader.add("networks", {"id": port.network_id})
    reader.add("subnets", {"network_id": port.network_id})
    reader.add("availabilities", {"network_id": port.network_id})
    for group in port.security_groups:
        reader.add("security_groups", {"id": group})
        reader.add("security_group_rules", {"security_group_id": group})
    if port.host:
        rows = reader.around.rows("agent_details", {"host": port.host.partition("@")[0]})
        have = reader.tables.setdefault("agent_details", [])
        have += [row for row in rows if row not in have]
    if port.network_id not in reader.serving:
        reader.serving[port.network_id] = reader.around.serving("networks", port.network_id)


def _port(reader: Reader, own: str) -> "Explanation":
    from day2.operations.explain import port as story

    reader.whole(NETWORK)
    port = _there(reader.around.own("ports", own), "port", own)
    around_port(reader, port)
    reader.add("floating_ips", {"port_id": own})
    of_server = port.device_owner.startswith("compute:")
    if of_server:
        # Of other ports Neutron refuses to tell them.
        reader.more["bindings"] = reader.around.bindings(own)
    if of_server and reader.server(port.device_id):
        reader.actions(port.device_id)
        reader.more["migrations"] = _migrations(reader, port.device_id)
    return story.explain(reader.picture(), port)


def _floating_ip(reader: Reader, own: str) -> "Explanation":
    from day2.operations.explain import floating_ip as story

    reader.whole(NETWORK)
    address = _there(reader.around.own("floating_ips", own), "floating IP", own)
    reader.put("floating_ips", [address])
    reader.add("networks", {"id": address.floating_network_id})
    if not address.port_id:
        reader.add("routers", {"project_id": address.project_id})
        return story.explain(reader.picture(), address)
    if address.router_id:
        reader.add("routers", {"id": address.router_id})
        reader.add("ports", {"device_id": address.router_id})
        reader.serving[address.router_id] = reader.around.serving("routers", address.router_id)
    port = reader.around.own("ports", address.port_id)
    if port is not None:
        around_port(reader, port)
        if port.device_owner.startswith("compute:") and reader.server(port.device_id):
            reader.actions(port.device_id)
    return story.explain(reader.picture(), address)


def around_volume(reader: Reader, own: str) -> Any:  # noqa: ANN401 - a volume, or nothing
    """Read a volume with its records and its messages."""
    volume = reader.around.own("volumes", own)
    if volume is None:
        return None
    reader.put("volumes", [volume])
    reader.add("volume_attachments", {"volume_id": own})
    messages = reader.around.rows("messages", {"resource_uuid": own})
    if "messages" not in reader.around.unread:
        mine = [m for m in messages if m.resource_uuid in {own, ""}]
        reader.more["messages"] = [*reader.more.get("messages", []), *mine]
    return volume


def _volume(reader: Reader, own: str) -> "Explanation":
    from day2.operations.explain import volume as story

    reader.whole(VOLUME)
    volume = _there(around_volume(reader, own), "volume", own)
    reader.add("volume_snapshots", {"volume_id": own})
    records = reader.tables.get("volume_attachments", [])
    named = {r.instance for r in records} | {a.server_id for a in volume.attachments}
    for server in sorted(filter(None, named)):
        if reader.server(server):
            reader.actions(server)
    if not any(named) and volume.project_id:
        _claimants(reader, volume)
    if volume.status in story.DELETING:
        clones = reader.around.rows("volumes", {"source_volid": own})
        reader.put("volumes", [row for row in clones if row.source_volid == own])
    return story.explain(reader.picture(), volume)


def _claimants(reader: Reader, volume: Any) -> None:  # noqa: ANN401 - a volume
    """Find servers of its project that have it attached although Cinder names none."""
    rows = reader.around.some_servers({"project_id": volume.project_id}, PAGE)
    mine = [row for row in rows if volume.id in {one.id for one in row.volumes}]
    reader.put("servers", mine)


def _image(reader: Reader, own: str) -> "Explanation":
    from day2.operations.explain import image as story

    image = _there(reader.around.own("images", own), "image", own)
    rows = reader.around.some_servers({"image": own}, SERVERS_MAX)
    reader.put("servers", [row for row in rows if row.image_id == own])
    if image.instance_uuid and reader.server(image.instance_uuid):
        reader.actions(image.instance_uuid)
    detail = reader.around.document("images", "image", f"/v2/images/{own}", "", ImageDetail)
    return story.explain(reader.picture(image=detail), image)


def _load_balancer(reader: Reader, own: str) -> "Explanation":
    from day2.operations.explain import load_balancer as story

    reader.whole(BALANCER)
    balancer = _there(reader.around.own("load_balancers", own), "load balancer", own)
    rows = reader.add("amphorae", {"loadbalancer_id": own})
    for amphora in rows:
        if amphora.loadbalancer_id == own:
            reader.server(amphora.compute_id)
    path = f"/v2.0/lbaas/loadbalancers/{own}/status"
    tree = reader.around.document("status_tree", "load-balancer", path, "statuses", BalancerTrees)
    return story.explain(
        reader.picture(tree=tree.loadbalancer if tree is not None else None), balancer
    )


def _host(reader: Reader, own: str) -> "Explanation":
    from day2.model.round import Before
    from day2.operations.explain import host as story

    kinds = ("tokens", "compute_services", "agents", "volume_services", "hypervisors")
    survey = reader.whole(kinds)
    _machine(reader, own)
    reader.add("servers", {"host": own})
    _provider(reader, own)
    reader.more["migrations"] = _of_host(reader, own)
    readings = dict(survey.readings)
    for kind in ("hosts", "containers"):
        if kind in reader.tables and kind not in reader.around.unread:
            rows = len(reader.tables[kind])
            readings[kind] = Reading(rows=rows, requests=1, seconds=0.0)
    tables = structs.replace(
        survey.tables,
        hosts=reader.tables.get("hosts", []),
        containers=reader.tables.get("containers", []),
    )
    judged = reader.site.judge(
        structs.replace(survey, tables=tables, readings=readings), [], Before(), kind="explain"
    )
    served = _served(reader, own)
    return story.explain(
        reader.picture(findings=[*judged.findings, *judged.folded], served=served), own
    )


def _machine(reader: Reader, own: str) -> None:
    """Look at the one machine by Ansible, where an inventory names it."""
    from day2.adapters.kolla.settings import KollaSettings

    if not reader.site.section("kolla", KollaSettings).inventory:
        return
    try:
        names = [h.name for h in reader.site.inventory.hosts if _same(h.name, own)]
        looked = reader.site.hosts.look(names) if names else None
    except Day2Error as error:
        reader.around.fail("hosts", f"host {own}", error)
        return
    if looked is None:
        return
    reader.tables["hosts"] = [structs.replace(h, name=own) for h in looked.hosts]
    reader.tables["containers"] = [structs.replace(c, host=own) for c in looked.containers]
    for failure in looked.failures:
        reader.around.fail("hosts", f"host {failure.host}", failure.error)


def _same(name: str, own: str) -> bool:
    return name == own or name.partition(".")[0] == own.partition(".")[0]


def _provider(reader: Reader, own: str) -> None:
    from day2.survey.openstack import provider_rows

    called = [
        h.hypervisor_hostname for h in reader.tables.get("hypervisors", []) if h.service.host == own
    ]
    for name in called:
        for row in reader.around.rows("providers", {"name": name}):
            if row.name == name:
                reader.put("providers", [row])
                for kind, made in provider_rows(reader.around, row.uuid).items():
                    reader.put(kind, made)


def _served(reader: Reader, own: str) -> dict[str, list[str]]:
    """Name the routers and networks that agents of this host alone serve."""
    found: dict[str, list[str]] = {}
    for agent in reader.tables.get("agents", []):
        if agent.host != own:
            continue
        below = {"neutron-l3-agent": "l3-routers", "neutron-dhcp-agent": "dhcp-networks"}
        page = below.get(agent.binary)
        if page is None:
            continue
        kind = page.partition("-")[2]
        things = reader.around.served(agent.id, page, kind)
        alone = []
        for thing in things[:SERVERS_MAX]:
            others = reader.around.serving(kind, thing.id) or []
            if not any(a.alive and a.host != own for a in others):
                alone.append(thing.name or thing.id)
        if alone:
            found[kind] = alone
    return found


def _of_host(reader: Reader, own: str) -> list[Any]:
    rows = reader.around.rows("migrations", {"host": own})
    return [row for row in rows if own in {row.source_compute, row.dest_compute}]


def _migrations(reader: Reader, own: str) -> list[Any]:
    try:
        return reader.stories.migrations(own)
    except Day2Error:
        return []


def _there(row: Any, kind: str, own: str) -> Any:  # noqa: ANN401 - a row
    if row is None:
        raise BadUsage(f"{kind} {own} went away, or cannot be read any more")
    return row
