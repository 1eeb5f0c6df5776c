# SPDX-License-Identifier: Apache-2.0
"""Sections made of what the hosts themselves told: containers, addresses, files, images; pure."""

import ipaddress
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from day2.model.evidence import HostEvidence, OddContainer, Section, State
from day2.model.survey import Survey
from day2.operations.evidence.tables import Known
from day2.operations.evidence.words import ago, clock, moment, several

WHY_MAX, LINES_MAX, SHOWN_TAIL = 12, 60, 3
CONTROL = "control"


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What the hosts told, or in `error` why none was asked; the deployment host is `local`.

    `configured` False: the settings name no inventory. `vips` maps an address that Kolla's settings
    name to what it is called there, and `vips_error` is why it is not known which they are.
    """

    hosts: list[HostEvidence] = []
    error: str = ""
    configured: bool = True
    local: HostEvidence | None = None
    vips: dict[str, str] = {}
    vips_error: str = ""

    @property
    def answered(self) -> list[HostEvidence]:
        """Those that told something."""
        return [host for host in self.hosts if not host.error]


def containers(told: Told, survey: Survey, known: Known | None, now: datetime) -> Section:
    """Tell what is down, restarting, unhealthy or new, with the last lines of each."""
    state, why = _state(told, lambda what: what.startswith(("containers", "last lines", "what ")))
    why += [g.message for g in survey.gaps if g.kind == "containers" and g.message not in why]
    rows = [(host, one) for host in told.answered for one in host.containers]
    rows.sort(key=lambda pair: (_well(pair[1]), pair[0].host, pair[1].name))
    lines = [_container(host.host, one, now) for host, one in rows]
    total = sum(host.containers_total for host in told.answered)
    lines.insert(0, f"{total} containers on {len(told.answered)} hosts, {len(rows)} of them told")
    content: dict[str, Any] = {
        "rows": [{"host": host.host, **msgspec.to_builtins(one)} for host, one in rows],
        "last_lines": [
            {"host": host.host, **msgspec.to_builtins(tail)}
            for host in told.answered
            for tail in host.tails
        ],
    }
    known_at = None
    silent = {host.host for host in told.hosts if host.error}
    if known is not None and (silent or told.error):
        known_at = known.survey.ended_at
        last = [c for c in known.survey.tables.containers if c.host in silent or told.error]
        content["last_known"] = {
            "at": known_at.isoformat(),
            "rows": [
                {"host": c.host, "name": c.name, "state": c.state, "health": c.health} for c in last
            ][:500],
        }
        age = f"last known {moment(known_at)} ({ago(known.now - known_at)} ago)"
        odd = [
            f"{c.name} on {c.host}" for c in last if c.state != "running" or c.health == "unhealthy"
        ]
        lines.append(f"{age}: {len(last)} containers of hosts that are silent now"
                     + (f"; not well: {several(odd)}" if odd else ", all well"))  # fmt: skip
    return Section(
        name="containers",
        title="Containers that are down, restarting, unhealthy or new",
        state=state,
        why=why[:WHY_MAX],
        configured=told.configured,
        known_at=known_at,
        lines=lines[:LINES_MAX],
        content=content,
    )


def holders(told: Told) -> dict[str, list[str]]:
    """Return for each virtual address the hosts that have it."""
    found: dict[str, list[str]] = {vip: [] for vip in told.vips}
    # An IPv6 address has many spellings: the kernel's is not that of the settings.
    named = {_address(vip): vip for vip in told.vips}
    for host in told.answered:
        for _interface, address in host.addresses or ():
            vip = named.get(_address(address))
            if vip is not None and host.host not in found[vip]:
                found[vip].append(host.host)
    return found


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text.partition("/")[0].strip("[] ")))
    except ValueError:
        return text


def vip(told: Told) -> Section:
    """Say which host holds each virtual address: none, one or several."""
    state, why = _state(told, lambda what: what == "addresses")
    configured = told.configured
    if told.configured and told.vips_error:
        state, why = State.NOT_READ, [told.vips_error]
    elif told.configured and not told.error and not told.vips:
        state, configured = State.NOT_READ, False
        why = [
            "Kolla's globals and the inventory name no kolla_internal_vip_address, or no keepalived"
        ]
    held = holders(told)
    lines = []
    for address, hosts in held.items():
        silent = [host.host for host in told.hosts if host.error or host.addresses is None]
        said = ", ".join(hosts) if hosts else "no host that answered"
        doubt = f" ({several(silent)} could not be asked)" if silent and not hosts else ""
        many = f": {len(hosts)} HOSTS" if len(hosts) > 1 else ""
        lines.append(f"{told.vips[address]} {address} is held by {said}{doubt}{many}")
    return Section(
        name="vip",
        title="Who holds the virtual addresses",
        state=state,
        why=why,
        configured=configured,
        lines=lines,
        content={
            "addresses": [
                {"address": address, "name": told.vips[address], "hosts": hosts}
                for address, hosts in held.items()
            ]
        },
    )


def keys(told: Told) -> Section:
    """Compare the Fernet keys of the hosts that have some, by marks that only compare."""
    state, why = _state(told, lambda what: what == "Fernet keys")
    marks = {host.host: host.keys for host in told.answered if host.keys}
    groups = key_groups(told)
    lines = []
    if len(groups) > 1:
        lines = [f"{several(hosts)} differ from the others" for hosts in groups[1:]]
    elif marks:
        lines = [f"the same {len(next(iter(marks.values())))} keys on {several(sorted(marks))}"]
    configured = told.configured
    if told.configured and not marks and state is State.READ:
        state, configured, why = State.NOT_READ, False, ["no host has a container with Fernet keys"]
    return Section(
        name="keys",
        title="Fernet keys, compared between hosts",
        state=state,
        why=why,
        configured=configured,
        lines=lines,
        content={"marks": marks},
    )


def key_groups(told: Told) -> list[list[str]]:
    """Return the hosts by the keys that they have, those with the commonest keys first."""
    found: dict[tuple[tuple[str, str], ...], list[str]] = defaultdict(list)
    for host in told.answered:
        if host.keys:
            found[tuple(sorted(host.keys.items()))].append(host.host)
    return sorted(found.values(), key=lambda hosts: (-len(hosts), hosts))


def configuration(told: Told, since: datetime, now: datetime) -> Section:
    """Tell the files of Kolla's configuration that changed, on hosts and where it is deployed."""
    state, why = _state(told, lambda what: what.startswith("/") or "/" in what)
    everyone = [*([told.local] if told.local else []), *told.answered]
    if told.local is not None:
        why += [f"{told.local.host}: {lack.what}: {lack.why}" for lack in told.local.lacks]
        if told.local.lacks and state is State.READ:
            state = State.PARTIAL
        if state is State.NOT_READ and told.local.files:
            state = State.PARTIAL
    changed: dict[str, list[tuple[str, datetime | None]]] = defaultdict(list)
    for host in everyone:
        for file in host.files:
            if file.since:
                changed[file.path].append((host.host, file.changed_at))
    total = sum(host.files_total or 0 for host in everyone)
    head = f"{total} files on {len(everyone)} hosts"
    lines = [f"{head}, {len(changed)} changed since {clock(since, now)}"]
    for path, places in sorted(changed.items(), key=lambda pair: _newest(pair[1]), reverse=True):
        at = max((m for _host, m in places if m is not None), default=None)
        lines.append(f"- {moment(at)} {path} on {several([host for host, _at in places])}")
    return Section(
        name="configuration",
        title="Kolla's configuration: files that changed (hashes only)",
        state=state,
        why=why[:WHY_MAX],
        configured=told.configured or told.local is not None,
        lines=lines[:LINES_MAX],
        content={
            "files": [
                {"host": host.host, **msgspec.to_builtins(file)}
                for host in everyone
                for file in host.files
            ]
        },
    )


def images(told: Told) -> Section:
    """Tell which digest each image has where; one that differs between hosts comes first."""
    state, why = _state(told, lambda what: what in {"image digests", "containers"})
    by_image: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    digests: dict[str, list[str]] = {}
    for host in told.answered:
        for one in host.images:
            by_image[one.image][one.id].append(host.host)
            digests.setdefault(one.id, one.digests)
    mixed = {image: ids for image, ids in by_image.items() if len(ids) > 1}
    lines = [f"{len(by_image)} images, {len(mixed)} of them not the same everywhere"]
    for image, ids in sorted(mixed.items()):
        said = "; ".join(f"{own[:12]} on {several(hosts)}" for own, hosts in ids.items())
        lines.append(f"- {image}: {said}")
    return Section(
        name="images",
        title="Images in use, by digest",
        state=state,
        why=why,
        configured=told.configured,
        lines=lines[:LINES_MAX],
        content={
            "images": [
                {"image": image, "id": own, "digests": digests.get(own, []), "hosts": hosts[:20],
                 "hosts_total": len(hosts)}
                for image, ids in sorted(by_image.items())
                for own, hosts in sorted(ids.items())
            ]
        },
    )  # fmt: skip


def processes(told: Told) -> dict[str, list[str]]:
    """Return the processes that hold most memory, of hosts that told them."""
    return {host.host: host.processes for host in told.answered if host.processes}


def _state(told: Told, concerns: Callable[[str], bool]) -> tuple[State, list[str]]:
    """Say how many hosts told a thing, and why the others did not."""
    if not told.configured:
        return State.NOT_READ, ["the settings name no hosts: clouds.NAME.kolla.inventory"]
    if told.error:
        return State.NOT_READ, [told.error]
    silent = [host.error for host in told.hosts if host.error]
    lacks = [
        f"{host.host}: {lack.what}: {lack.why}"
        for host in told.answered
        for lack in host.lacks
        if concerns(lack.what)
    ]
    if not told.answered:
        return State.NOT_READ, _bounded(silent)
    if silent or lacks:
        return State.PARTIAL, _bounded([*silent, *lacks])
    return State.READ, []


def _bounded(lines: Sequence[str]) -> list[str]:
    more = [f"and {len(lines) - WHY_MAX} more"] if len(lines) > WHY_MAX else []
    return [*lines[:WHY_MAX], *more]


def _newest(places: Iterable[tuple[str, datetime | None]]) -> float:
    return max((at.timestamp() for _host, at in places if at is not None), default=0.0)


def _well(one: OddContainer) -> bool:
    return one.state == "running" and one.health != "unhealthy"


def _container(host: str, one: OddContainer, now: datetime) -> str:
    said = ", ".join(one.why) or one.state
    at = one.finished_at if one.state in {"exited", "dead"} else one.started_at
    when = f" at {clock(at, now)}" if at is not None else ""
    code = f", exit code {one.exit_code}" if one.state in {"exited", "restarting", "dead"} else ""
    killed = ", killed for want of memory" if one.oom_killed else ""
    again = f", {one.restarts} restarts" if one.restarts else ""
    checked = f": {one.health_said}" if one.health_said else ""
    error = f": {one.error}" if one.error else ""
    return f"{one.name} on {host}: {said}{when}{code}{killed}{again}{checked}{error}"
