# SPDX-License-Identifier: Apache-2.0
"""Which hosts are in which group: from ansible-inventory's own answer, else from the text.

The text is read tolerantly (INI with ranges and children, YAML, a folder of both, host_vars); it is
never executed. Variables other than a host's address are not looked at.
"""

import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from day2.errors import BadSettings
from day2.operations.setup import files

HOSTS_MAX = 100_000
_SECTION = re.compile(r"^\[([^\]:]+)(?::(\w+))?\]")
_RANGE = re.compile(r"\[(\w+):(\w+)(?::(\d+))?\]")
# As Ansible does: these names in an inventory folder are not inventories.
_IGNORED_ENDINGS = (".orig", ".bak", ".cfg", ".retry", ".pyc", ".md", ".txt", ".rst", ".swp", "~")
_IGNORED_FOLDERS = {"group_vars", "host_vars", "vars_plugins"}


class Inventory(msgspec.Struct, kw_only=True):
    """Groups with their direct hosts and child groups, and what is known of hosts' addresses."""

    hosts: dict[str, list[str]] = {}
    children: dict[str, list[str]] = {}
    addresses: dict[str, str] = {}
    local: set[str] = set()

    def members(self, group: str) -> list[str]:
        """List the hosts of a group and of the groups below it, each once, in written order."""
        found: dict[str, None] = {}
        seen: set[str] = set()
        waiting = [group]
        while waiting:
            name = waiting.pop(0)
            if name in seen:
                continue
            seen.add(name)
            found.update(dict.fromkeys(self.hosts.get(name, ())))
            waiting += self.children.get(name, [])
        return list(found)

    def everyone(self) -> list[str]:
        """List every host, each once."""
        return list(dict.fromkeys(host for group in self.hosts.values() for host in group))

    def address(self, host: str) -> str:
        """Return a host's address as Ansible uses it: `ansible_host`, else its name."""
        return self.addresses.get(host, host)


def read(path: Path) -> Inventory:
    """Read an inventory file or folder.

    Raises:
        BadSettings: when nothing of it can be read.

    """
    found = Inventory()
    if not path.exists():
        raise BadSettings(f"inventory {path} does not exist")
    for file in _sources(path):
        text = files.text_of(file)
        if file.suffix in {".yml", ".yaml", ".json"}:
            for name, group in files.mapping_of(file).items():
                _yaml_group(found, str(name), group, depth=0)
        elif not text.startswith("#!"):  # a script: only ansible-inventory may run it
            _ini(found, text)
    folder = path if path.is_dir() else path.parent
    for host in found.everyone():
        _host_vars(found, folder, host)
    return found


def from_ansible(answer: Mapping[str, Any]) -> Inventory:
    """Take what `ansible-inventory --list` printed."""
    found = Inventory()
    for name, group in answer.items():
        if name == "_meta" or not isinstance(group, dict):
            continue
        found.hosts[name] = [str(h) for h in group.get("hosts") or []]
        found.children[name] = [str(c) for c in group.get("children") or []]
    variables = (answer.get("_meta") or {}).get("hostvars") or {}
    for host, values in variables.items():
        if isinstance(values, dict):
            _learn(found, str(host), values)
    return found


def _sources(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    try:
        entries = sorted(path.iterdir())
    except OSError as error:
        raise BadSettings(f"cannot read {path}: {error.strerror}") from None
    sources: list[Path] = []
    for entry in entries:
        if entry.name.startswith(".") or entry.name.endswith(_IGNORED_ENDINGS):
            continue
        if entry.is_dir():
            if entry.name not in _IGNORED_FOLDERS and not entry.is_symlink():
                sources += _sources(entry)
        elif entry.is_file():
            sources.append(entry)
    return sources


def _ini(found: Inventory, text: str) -> None:
    group, kind = "ungrouped", "hosts"
    for raw in text.splitlines():
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        section = _SECTION.match(line)
        if section:
            group, kind = section[1].strip(), section[2] or "hosts"
            if kind != "vars":
                found.hosts.setdefault(group, [])
        elif kind == "children":
            found.children.setdefault(group, []).append(line.split()[0])
        elif kind == "hosts":
            _ini_host(found, group, line)


def _ini_host(found: Inventory, group: str, line: str) -> None:
    try:
        words = shlex.split(line, comments=True)
    except ValueError:
        words = line.split()
    if not words:
        return
    variables = dict(word.split("=", 1) for word in words[1:] if "=" in word)
    names = _expanded(_without_port(words[0]))
    found.hosts.setdefault(group, []).extend(names)
    for name in names:
        _learn(found, name, variables)


def _without_port(pattern: str) -> str:
    """Return `control01` of `control01:2222`: the port is SSH's; IPv6 addresses stay whole."""
    head, colon, port = pattern.rpartition(":")
    outside = _RANGE.sub("", head)
    return head if colon and port.isdecimal() and outside and ":" not in outside else pattern


def _expanded(pattern: str) -> list[str]:
    """Expand `control[01:03]` and `node-[a:c]` as Ansible does."""
    match = _RANGE.search(pattern)
    if not match:
        return [pattern]
    first, last, step = match[1], match[2], int(match[3] or 1) or 1
    middles: Iterable[str]
    if first.isdigit() and last.isdigit():
        numbers = range(int(first), min(int(last), int(first) + HOSTS_MAX) + 1, step)
        middles = (str(n).zfill(len(first)) for n in numbers)
    elif len(first) == len(last) == 1:
        middles = (chr(n) for n in range(ord(first), ord(last) + 1, step))
    else:
        return [pattern]
    head, tail = pattern[: match.start()], pattern[match.end() :]
    return [name for middle in middles for name in _expanded(f"{head}{middle}{tail}")][:HOSTS_MAX]


def _yaml_group(found: Inventory, name: str, group: Any, *, depth: int) -> None:  # noqa: ANN401
    if not isinstance(group, dict) or depth > 50:  # noqa: PLR2004 - no inventory nests so deep
        return
    hosts = group.get("hosts")
    listed = found.hosts.setdefault(name, [])
    for host, variables in (hosts if isinstance(hosts, dict) else {}).items():
        for expanded in _expanded(str(host)):
            listed.append(expanded)
            _learn(found, expanded, variables if isinstance(variables, dict) else {})
    children = group.get("children")
    for child, inner in (children if isinstance(children, dict) else {}).items():
        found.children.setdefault(name, []).append(str(child))
        _yaml_group(found, str(child), inner, depth=depth + 1)


def _host_vars(found: Inventory, folder: Path, host: str) -> None:
    if "/" in host or host.startswith("."):
        return
    place = folder / "host_vars" / host
    candidates = sorted(place.iterdir()) if place.is_dir() else []
    candidates += [place.with_name(f"{host}{ending}") for ending in ("", ".yml", ".yaml")]
    for file in candidates:
        if file.is_file():
            _learn(found, host, files.scalars_of(file))


def _learn(found: Inventory, host: str, variables: Mapping[str, Any]) -> None:
    address = variables.get("ansible_host") or variables.get("ansible_ssh_host")
    if isinstance(address, str) and address and "{{" not in address:
        found.addresses[host] = address
    if variables.get("ansible_connection") == "local":
        found.local.add(host)
