# SPDX-License-Identifier: Apache-2.0
"""What somebody means by a text: every service is asked for it at once."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from day2.adapters.kolla.settings import KollaSettings
from day2.errors import BadUsage, Day2Error, Unreachable
from day2.model.finding import Subject
from day2.operations.explain.asked import Form

if TYPE_CHECKING:
    from day2.survey.around import Around
    from day2.wiring.site import Site

AT_ONCE = 8
SHOWN_MAX = 10
TITLES = {
    "server": "server",
    "port": "port",
    "floating_ip": "floating IP",
    "volume": "volume",
    "image": "image",
    "load_balancer": "load balancer",
    "host": "host",
}
# Ports that only hold an address of something else, which is found by the same address.
HOLDERS = ("network:floatingip", "Octavia")
Rows = list[Any]
Asked = Callable[[], list[Subject]]


def find(site: "Site", around: "Around", wanted: str, form: Form, only: str) -> Subject:
    """Find the one subject; `only` restricts the types that are asked for.

    Raises:
        BadUsage: when there is none, or several.
        Unreachable: when there is none where could be asked, and not everywhere could.

    """
    asked = dict(_asked(site, around, wanted, form))
    chosen = [ask for kind, ask in asked.items() if only in {"", kind}]
    if not chosen:
        kinds = ", ".join(asked)
        raise BadUsage(
            f"a {TITLES.get(only, only)} is not told by {wanted}", hint=f"it may be: {kinds}"
        )
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers: list[list[Subject]] = [pending.result() for pending in map(pool.submit, chosen)]
    hits = [hit for found in answers for hit in found]
    unique = list({(hit.type, hit.id): hit for hit in hits}.values())
    if len(unique) == 1:
        return unique[0]
    if unique:
        raise _several(wanted, unique)
    raise _none(around, wanted, only)


def _asked(site: "Site", around: "Around", wanted: str, form: Form) -> Iterator[tuple[str, Asked]]:
    """Yield for each type how it is asked for what looks like this."""
    match form:
        case Form.ID:
            own = _dashed(wanted)
            yield "server", lambda: _servers(around, {"uuid": own}, own)
            yield "port", lambda: _rows(around, "port", "ports", {"id": own})
            yield "floating_ip", lambda: _rows(around, "floating_ip", "floating_ips", {"id": own})
            yield "volume", lambda: _own(around, "volume", "volumes", own)
            yield "image", lambda: _own(around, "image", "images", own)
            yield "load_balancer", lambda: _own(around, "load_balancer", "load_balancers", own)
        case Form.ADDRESS:
            by_fixed = {"fixed_ips": f"ip_address={wanted}"}
            yield (
                "floating_ip",
                lambda: _rows(
                    around, "floating_ip", "floating_ips", {"floating_ip_address": wanted}
                ),
            )
            yield "port", lambda: _ports(around, by_fixed, wanted)
            yield "load_balancer", lambda: _balancers(around, wanted)
        case Form.MAC:
            by_mac = {"mac_address": wanted.lower()}
            yield "port", lambda: _rows(around, "port", "ports", by_mac)
        case _:
            pattern = f"^{re.escape(wanted)}$"
            yield "server", lambda: _servers(around, {"name": pattern}, wanted)
            yield "port", lambda: _named(around, "port", "ports", wanted)
            yield "volume", lambda: _named(around, "volume", "volumes", wanted)
            yield "image", lambda: _images(around, wanted)
            yield "load_balancer", lambda: _named(around, "load_balancer", "load_balancers", wanted)
            yield "host", lambda: _host(site, around, wanted)


def _dashed(own: str) -> str:
    bare = own.replace("-", "").lower()
    return "-".join((bare[:8], bare[8:12], bare[12:16], bare[16:20], bare[20:]))


def _subject(kind: str, row: Any) -> Subject:  # noqa: ANN401 - a row of that kind
    name = row.floating_ip_address if kind == "floating_ip" else row.name or ""
    project = getattr(row, "project_id", "") or getattr(row, "owner", "") or ""
    return Subject(type=kind, id=row.id, name=name, project=project)


def _rows(around: "Around", kind: str, table: str, query: dict[str, str]) -> list[Subject]:
    # What a service answers to a filter that it does not know is everything.
    rows = around.rows(table, query)
    return [_subject(kind, row) for row in rows if _fits(row, query)]


def _fits(row: Any, query: dict[str, str]) -> bool:  # noqa: ANN401
    return all(getattr(row, name, value) == value for name, value in query.items())


def _named(around: "Around", kind: str, table: str, wanted: str) -> list[Subject]:
    return _rows(around, kind, table, {"name": wanted})


def _servers(around: "Around", query: dict[str, str], wanted: str) -> list[Subject]:
    rows = around.rows("servers", query)
    return [_subject("server", row) for row in rows if wanted in {row.id, row.name}]


def _own(around: "Around", kind: str, table: str, own: str) -> list[Subject]:
    row = around.own(table, own)
    return [] if row is None else [_subject(kind, row)]


def _ports(around: "Around", query: dict[str, str], address: str) -> list[Subject]:
    return [
        _subject("port", row)
        for row in around.rows("ports", query)
        if address in {ip.ip_address for ip in row.fixed_ips} and row.device_owner not in HOLDERS
    ]


def _balancers(around: "Around", address: str) -> list[Subject]:
    rows = around.rows("load_balancers", {"vip_address": address})
    return [_subject("load_balancer", row) for row in rows if row.vip_address == address]


def _images(around: "Around", wanted: str) -> list[Subject]:
    seen = _named(around, "image", "images", wanted)
    hidden = around.rows("images", {"name": wanted, "os_hidden": "true"})
    return seen + [_subject("image", row) for row in hidden if row.name == wanted]


def _host(site: "Site", around: "Around", wanted: str) -> list[Subject]:
    """Ask by host where the service can be asked so; Cinder adds its backend to the name."""
    rows: Rows = [
        *around.rows("compute_services", {"host": wanted}),
        *around.rows("agents", {"host": wanted}),
        *around.rows("volume_services", {}),
    ]
    known = {row.host.partition("@")[0] for row in rows}
    if wanted not in known:
        known = {host.name for host in _inventory(site)}
    return [Subject(type="host", id=wanted, name=wanted, host=wanted)] if wanted in known else []


def _inventory(site: "Site") -> Rows:
    if not site.section("kolla", KollaSettings).inventory:
        return []
    try:
        return list(site.inventory.hosts)
    except Day2Error:
        return []


def _several(wanted: str, hits: list[Subject]) -> BadUsage:
    shown = [f"{TITLES.get(h.type, h.type)} {h.id}" for h in hits[:SHOWN_MAX]]
    more = f", and {len(hits) - SHOWN_MAX} more" if len(hits) > SHOWN_MAX else ""
    return BadUsage(
        f"{wanted} is {len(hits)} things: {', '.join(shown)}{more}",
        hint="name one by its id, or the type with --type",
    )


def _none(around: "Around", wanted: str, only: str) -> Day2Error:
    said = f"no {TITLES.get(only, only)} {wanted}" if only else f"nothing is called {wanted}"
    if around.gaps:
        first = around.gaps[0]
        more = f" (and {len(around.gaps) - 1} more)" if len(around.gaps) > 1 else ""
        return Unreachable(
            f"{said} where could be asked, and not everywhere could: {first.message}{more}",
            hint=first.hint,
        )
    return BadUsage(
        said,
        hint="whole names and ids of servers, ports, volumes, images, load balancers and hosts are "
        "known, addresses, request ids, and error texts of several words; of what was deleted "
        "nothing is told",
    )
