# SPDX-License-Identifier: Apache-2.0
"""The cloud's own inventory, as `ansible-inventory` of its own virtualenv reads it.

Host variables may hold passwords: only the addresses are taken out of them.
"""

import threading
from collections.abc import Callable
from typing import Any

import msgspec

from day2.adapters.kolla.settings import KollaSettings
from day2.adapters.kolla.virtualenv import Virtualenv
from day2.errors import BadAnswer, BadSettings

SECONDS = 60.0
# What `kolla-ansible bootstrap-servers` handles: every host of the cloud, and nothing else.
DEPLOYABLE = "baremetal"
# What a kayobe tree, or an inventory with variables, may tell instead of globals.yml.
SHARED = ("kolla_internal_vip_address", "kolla_external_vip_address")
NOT_HOSTS = frozenset({"deployment", "localhost", "ungrouped", "all", "_meta"})


class InventoryHost(msgspec.Struct, frozen=True, kw_only=True):
    """One host of the cloud, with every group that it is in, directly or not."""

    name: str
    address: str = ""
    groups: tuple[str, ...] = ()


class Inventory:
    """The hosts of one inventory, read once per process."""

    def __init__(self, settings: KollaSettings, virtualenv: Virtualenv) -> None:
        self._settings = settings
        self._virtualenv = virtualenv
        # The survey and the log review ask at the same time, from threads of their own.
        self._lock = threading.Lock()
        self._hosts: tuple[InventoryHost, ...] | None = None
        self._variables: dict[str, str] = {}

    @property
    def hosts(self) -> tuple[InventoryHost, ...]:
        """List the cloud's hosts by name; the deployment host is none unless it is deployed to.

        Raises:
            BadSettings: when there is no such inventory, or Ansible cannot read it.
            Unreachable: when a dynamic inventory does not answer in time.

        """
        with self._lock:
            if self._hosts is None:
                self._hosts = self._read()
            return self._hosts

    @property
    def variables(self) -> dict[str, str]:
        """Return the virtual addresses that its variables name, by Kolla's names for them.

        Raises:
            BadSettings, Unreachable: as `hosts`.

        """
        _ = self.hosts
        return dict(self._variables)

    def _read(self) -> tuple[InventoryHost, ...]:
        path = self._settings.inventory_path
        if not path.exists():
            raise BadSettings(
                f"inventory {path} does not exist", hint="setting clouds.NAME.kolla.inventory"
            )
        words = ["-i", str(path), "--list"]
        if self._settings.vault_password_file:
            words += ["--vault-password-file", self._settings.vault_password_file]
        text = self._virtualenv.run("ansible-inventory", words, seconds=SECONDS)
        try:
            found = msgspec.json.decode(text, type=dict[str, Any])
        except msgspec.MsgspecError:
            raise BadAnswer("ansible-inventory --list did not print JSON") from None
        hosts = _hosts(found)
        self._variables = _shared(found)
        if not hosts:
            raise BadSettings(
                f"inventory {path} has no host to deploy to",
                hint="its group baremetal, or any group but deployment, names the hosts",
            )
        return hosts


def _shared(listing: dict[str, Any]) -> dict[str, str]:
    told = listing.get("_meta", {}).get("hostvars", {}).values()
    return {
        name: str(own[name]) for name in SHARED for own in told if isinstance(own.get(name), str)
    }


def _hosts(listing: dict[str, Any]) -> tuple[InventoryHost, ...]:
    """Read what `ansible-inventory --list` prints."""
    members = _expander(listing)
    groups = [name for name in listing if name not in NOT_HOSTS]
    names = set(members(DEPLOYABLE)) or {host for group in groups for host in members(group)}
    variables = listing.get("_meta", {}).get("hostvars", {})
    by_host: dict[str, list[str]] = {name: [] for name in names}
    for group in groups:
        for host in members(group):
            if host in by_host:
                by_host[host].append(group)
    return tuple(
        InventoryHost(
            name=name,
            address=str(variables.get(name, {}).get("ansible_host", "")),
            groups=tuple(sorted(set(by_host[name]))),
        )
        for name in sorted(names)
    )


def _expander(listing: dict[str, Any]) -> Callable[[str], frozenset[str]]:
    """Return a function from a group to all of its hosts, those of its children included."""
    known: dict[str, frozenset[str]] = {}

    def members(group: str) -> frozenset[str]:
        if group not in known:
            known[group] = frozenset()  # a group that contains itself ends here
            entry = listing.get(group, {})
            inner = [members(child) for child in entry.get("children", ())]
            known[group] = frozenset(entry.get("hosts", ())).union(*inner)
        return known[group]

    return members
