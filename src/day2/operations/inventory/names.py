# SPDX-License-Identifier: Apache-2.0
"""One host under its several names: with a domain or without, in the inventory and in OpenStack."""

from collections.abc import Iterable

from day2.model.survey import Tables


class Names:
    """Gives every name of a host the one that it is listed by: OpenStack's, where it has one."""

    def __init__(self, tables: Tables) -> None:
        services = [row.host for row in tables.compute_services]
        services += [row.host for row in tables.agents]
        services += [bare(row.host) for row in tables.volume_services]
        services += [row.service.host for row in tables.hypervisors]
        self._by_label: dict[str, list[str]] = {}
        for name in sorted({name for name in services if name}):
            self._add(name)
        self._told = {row.name: row.hostname for row in tables.hosts if row.hostname}
        for row in tables.hosts:
            self._add(self.of(row.name))

    @property
    def all(self) -> list[str]:
        """List every host once."""
        return sorted({name for names in self._by_label.values() for name in names})

    def of(self, name: str) -> str:
        """Return what a host is listed by; its own name when no other is known."""
        for known in (name, self._told.get(name, "")):
            near = self._near(known)
            if known in near:
                return known
            if len(near) == 1:
                return near[0]
        return name

    def _near(self, name: str) -> list[str]:
        return [known for known in self._by_label.get(_label(name), ()) if _same(name, known)]

    def _add(self, name: str) -> None:
        known = self._by_label.setdefault(_label(name), [])
        if name and not self._near(name):
            known.append(name)


def bare(host: str) -> str:
    """Return the host of `host@backend`: a backend is not a host."""
    return host.split("@", maxsplit=1)[0]


def count(names: Iterable[str]) -> dict[str, int]:
    """Count how often each is there."""
    found: dict[str, int] = {}
    for name in names:
        found[name] = found.get(name, 0) + 1
    return dict(sorted(found.items()))


def _label(name: str) -> str:
    return name.split(".", 1)[0].lower()


def _same(one: str, other: str) -> bool:
    one, other = one.lower(), other.lower()
    return bool(one) and (
        one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")
    )
