# SPDX-License-Identifier: Apache-2.0
"""What belongs to a cloud's configuration and is not on this machine: keys, databases, images."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from day2.adapters.host_files import CREDENTIALS, FERNET, Fetched, HostFiles, Lack, is_live
from day2.errors import Unreachable
from day2.operations.backup.takers.tree import Beside, Held

FOLDER = "hosts"
IMAGES, VERSIONS = "hosts/images.json", "hosts/versions.json"
KEYSTONE = "keystone"
SAVED, NULL_KEY, UNKNOWN, MIXED = "saved", "null key", "unknown", "on some hosts only"


def beside(hosts: Sequence[HostFiles], versions: Mapping[str, str]) -> Beside:
    """Make files and facts of what the hosts brought; no fact tells a key or anything of it.

    A host that brought nothing is named. `versions` are those of the programs that deploy.

    Raises:
        Unreachable: when no host answered, or no host that has the Fernet keys gave them.

    """
    answered = [host for host in hosts if host.error is None]
    if hosts and not answered:
        raise Unreachable(
            f"no host answered: {hosts[0].error}",
            hint=hosts[0].error.hint if hosts[0].error else "",
        )
    fernet = _fernet(hosts, answered)
    held = [_held(host.host, file) for host in answered for file in host.files]
    held.append(Held(name=IMAGES, content=_json(_used(answered))))
    held.append(Held(name=VERSIONS, content=_json(dict(versions))))
    digests = {one.image_id for host in answered for one in host.containers}
    source: dict[str, Any] = {
        "hosts": {"asked": len(hosts), "answered": len(answered)},
        "missing": _missing(hosts),
        "fernet_keys": fernet,
        "credential_keys": _credentials(answered),
        "images": len(digests),
        "versions": dict(versions),
    }
    return Beside(held=held, source=source)


def only_here(versions: Mapping[str, str], why: str) -> Beside:
    """Say that no host was asked, and why: the set is of this machine alone."""
    held = [Held(name=VERSIONS, content=_json(dict(versions)))]
    source = {"hosts": {"asked": 0, "answered": 0}, "missing": [why], "versions": dict(versions)}
    return Beside(held=held, source=source)


def _held(host: str, file: Fetched) -> Held:
    place = "/".join(part for part in (FOLDER, host, file.what, file.path) if part)
    return Held(
        name=place,
        content=file.content,
        mode=file.mode,
        owner=file.owner,
        group=file.group,
        target=file.target,
        live=is_live(file.what),
    )


def _fernet(hosts: Sequence[HostFiles], answered: Sequence[HostFiles]) -> dict[str, Any]:
    """Count the keys, and tell whether all hosts have the same.

    Raises:
        Unreachable: when there must be some and none was had.

    """
    keys = {
        host.host: {file.path: file.content for file in host.files if file.what == FERNET}
        for host in answered
    }
    having = {name: found for name, found in keys.items() if found}
    should = [host for host in hosts if KEYSTONE in host.groups]
    if should and not having:
        raise Unreachable(
            f"no host gave the Fernet keys of Keystone: {_why_not(should)}",
            hint="they are in the volume keystone_fernet_tokens of the hosts of group keystone",
        )
    sets = list(having.values())
    return {
        "hosts": len(having),
        "keys": max((len(found) for found in sets), default=0),
        "equal": all(found == sets[0] for found in sets),
    }


def _why_not(hosts: Sequence[HostFiles]) -> str:
    host = hosts[0]
    if host.error is not None:
        return str(host.error)
    lack = next((lack for lack in host.lacks if lack.what == FERNET), None)
    return f"{host.host}: {lack.why if lack else 'the volume is empty'}"


def _credentials(answered: Sequence[HostFiles]) -> str:
    """Say which case applies: without a repository Keystone falls back to a key of zeros."""
    said = set()
    for host in answered:
        lack = next((lack for lack in host.lacks if lack.what == CREDENTIALS), None)
        if any(file.what == CREDENTIALS for file in host.files):
            said.add(SAVED)
        elif lack is None or (lack.absent and "no container" not in lack.why):
            # The folder is there without a key, or there is none in a container that is.
            said.add(NULL_KEY)
        elif not lack.absent:
            said.add(UNKNOWN)
    if UNKNOWN in said:
        return UNKNOWN
    return MIXED if len(said) > 1 else next(iter(said), UNKNOWN)


def _missing(hosts: Sequence[HostFiles]) -> list[str]:
    """Name what there may be and was not had; what is proven not to be there is not missing."""
    told = [str(host.error) for host in hosts if host.error is not None]
    return told + [
        f"{lack.what} of {host.host}: {lack.why}"
        for host in hosts
        for lack in host.lacks
        if not lack.absent or _needed(host, lack)
    ]


def _needed(host: HostFiles, lack: Lack) -> bool:
    return lack.what == FERNET and KEYSTONE in host.groups


def _used(answered: Sequence[HostFiles]) -> dict[str, Any]:
    return {host.host: msgspec.to_builtins(host.containers) for host in answered}


def _json(document: Any) -> bytes:  # noqa: ANN401 - what JSON holds
    return msgspec.json.format(msgspec.json.encode(document, order="sorted"), indent=1)
