# SPDX-License-Identifier: Apache-2.0
"""Find what a settings file needs: accounts, Kolla's configuration, inventory, virtualenv.

Only files are read; no secret is kept. What is named by the operator must be there; what is merely
looked for may be missing, and is then named among `missing`.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from day2.adapters.openstack import clouds
from day2.errors import BadSettings, BadUsage, Day2Error
from day2.operations.setup import files, inventory, openrc

USUAL = Path("/etc/kolla")

AnsibleInventory = Callable[[Path, str], Mapping[str, Any]]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator named; empty means: find it."""

    kolla_config: str = ""
    inventory: str = ""
    clouds_file: str = ""
    os_clouds: tuple[str, ...] = ()
    name: str = ""
    virtualenv: str = ""
    engine: str = ""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """One way into one region of one cloud; never its password.

    `entry` is empty when it comes from OS_* variables (`source` is then the openrc file, if any).
    """

    entry: str
    source: str
    auth_url: str
    username: str = ""
    region: str = ""
    interface: str = ""
    system: bool = False


class Kolla(msgspec.Struct, kw_only=True):
    """What Kolla-Ansible's files say."""

    config_dir: Path
    globals: dict[str, Any] = {}
    passwords_file: Path | None = None
    password_keys: set[str] | None = None
    encrypted: bool = False
    vault_password_file: str = ""
    inventory_path: Path | None = None
    hosts: inventory.Inventory | None = None
    virtualenv: str = ""
    version: str = ""

    def on(self, key: str, *, default: bool) -> bool:
        """Tell whether a switch of globals.yml is on."""
        value = self.globals.get(key, default)
        return value if isinstance(value, bool) else str(value).lower() in {"yes", "true", "on"}

    def text(self, key: str, default: str = "") -> str:
        """Return a value of globals.yml as text."""
        return str(self.globals.get(key, default) or default)

    def has_password(self, key: str) -> bool:
        """Tell whether the key may be relied on: it has a value, or cannot be looked at."""
        return self.password_keys is None or key in self.password_keys


class Found(msgspec.Struct, kw_only=True):
    """Everything that was found, and in sentences what was and what was not."""

    accounts: list[Account] = []
    kolla: Kolla | None = None
    seen: list[tuple[str, str]] = []
    missing: list[tuple[str, str]] = []


def discover(
    wanted: Wanted, *, environment: Mapping[str, str], ansible: AnsibleInventory | None = None
) -> Found:
    """Look in all the usual places.

    `ansible` answers `ansible-inventory --list` of an inventory with a virtualenv; where it fails,
    the inventory's text is read.

    Raises:
        BadSettings: when something that was named is missing or unreadable, or no account at all
            was found.
        BadUsage: when an entry of clouds.yaml was named that does not exist.

    """
    found = Found()
    try:
        found.kolla = _kolla(wanted, environment, found, ansible)
        of_kolla, found.seen = found.seen, []
        _accounts(wanted, environment, found)
    except PermissionError as error:
        raise files.denied(error) from None
    found.seen += of_kolla
    return found


def _accounts(wanted: Wanted, environment: Mapping[str, str], found: Found) -> None:
    file = _clouds_file(wanted, environment, found.kolla)
    if file is not None:
        found.accounts = _entries(file, wanted, environment)
        names = list(dict.fromkeys(account.entry for account in found.accounts))
        found.seen.append(("accounts", f"{file}: {', '.join(names) or 'no entry'}"))
    elif wanted.os_clouds:
        raise BadSettings(
            f"no clouds.yaml has been found for {', '.join(wanted.os_clouds)}",
            hint="name it: day2 init --clouds-file FILE",
        )
    if found.accounts:
        return
    variables = openrc.of_environment(environment)
    source = ""
    if variables is None:
        for candidate in _openrc_files(found.kolla):
            variables = openrc.variables(files.text_of(candidate))
            source = str(candidate)
            break
    if not variables or not _is_url(variables.get("OS_AUTH_URL")):
        raise BadSettings(
            "no account found: no clouds.yaml, no openrc file, and OS_AUTH_URL is not set to a URL",
            hint="name one: day2 init --clouds-file /etc/kolla/clouds.yaml "
            "(written by: kolla-ansible post-deploy)",
        )
    found.seen.append(("account", source or "the OS_* variables of this shell"))
    found.accounts = [
        Account(
            entry="",
            source=source,
            auth_url=variables["OS_AUTH_URL"],
            username=variables.get("OS_USERNAME", ""),
            region=variables.get("OS_REGION_NAME", ""),
            interface=openrc.interface(variables),
        )
    ]


def _clouds_file(
    wanted: Wanted, environment: Mapping[str, str], kolla: Kolla | None
) -> Path | None:
    """Find clouds.yaml; Kolla's own comes after the usual places, as it is newer than they."""
    if wanted.clouds_file:
        file = Path(wanted.clouds_file).expanduser().absolute()
        if not file.is_file():
            raise BadSettings(f"{file} does not exist")
        return file
    candidates = clouds.files(clouds.OpenStackSettings(), environment)
    if kolla is not None:
        # A configuration that was named is about its own cloud; so is the account beside it.
        own = kolla.config_dir / "clouds.yaml"
        candidates = [own, *candidates] if wanted.kolla_config else [*candidates, own]
    return next((c.absolute() for c in candidates if files.there(c)), None)


def _entries(file: Path, wanted: Wanted, environment: Mapping[str, str]) -> list[Account]:
    listed = files.mapping_of(file).get("clouds")
    if not isinstance(listed, dict):
        raise BadSettings(f"{file} has no clouds")
    for name in wanted.os_clouds:
        if name not in listed:
            known = ", ".join(map(str, listed))
            raise BadUsage(f"{file} has no cloud {name!r}; it has: {known}")
    chosen = wanted.os_clouds or (
        (environment["OS_CLOUD"],) if environment.get("OS_CLOUD") in listed else tuple(listed)
    )
    found: list[Account] = []
    for name in chosen:
        entry = listed[name]
        auth = entry.get("auth") if isinstance(entry, dict) else None
        if not isinstance(auth, dict) or not _is_url(auth.get("auth_url")):
            if wanted.os_clouds:
                raise BadSettings(f"{file}: cloud {name!r} has no auth_url that is a URL")
            continue
        named = entry.get("regions")
        several = named if isinstance(named, list) else []
        regions = [r.get("name") if isinstance(r, dict) else r for r in several]
        found += [
            Account(
                entry=str(name),
                source=str(file),
                auth_url=str(auth["auth_url"]),
                username=str(auth.get("username") or ""),
                region=str(region or ""),
                interface=str(entry.get("interface") or entry.get("endpoint_type") or ""),
                system=bool(auth.get("system_scope")),
            )
            for region in (regions or [entry.get("region_name")])
        ]
    return found


def _is_url(text: object) -> bool:
    """Tell whether an address of Keystone can be taken apart: people write `host:PORT`."""
    try:
        parts = urlsplit(str(text or ""))
        return bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False


def _openrc_files(kolla: Kolla | None) -> list[Path]:
    folders = [Path.cwd(), Path("/etc/kolla")]
    if kolla is not None:
        folders.insert(0, kolla.config_dir)
    names = ("admin-openrc.sh", "openrc.sh", "openrc")
    return [f / n for f in folders for n in names if files.there(f / n)]


def _kolla(
    wanted: Wanted,
    environment: Mapping[str, str],
    found: Found,
    ansible: AnsibleInventory | None,
) -> Kolla | None:
    folder = _config_dir(wanted, environment)
    if folder is None and not wanted.inventory:
        closed = USUAL.is_dir() and not os.access(USUAL, os.X_OK)
        why = (
            f"this user may not look into {USUAL}: sudo setfacl -R -m u:$USER:rX {USUAL}"
            if closed
            else f"no globals.yml in {USUAL}; name it: --kolla-config DIR"
        )
        found.missing.append(("Kolla-Ansible", why))
        return None
    kolla = Kolla(config_dir=folder or Path("/etc/kolla"))
    if folder is not None:
        _globals(kolla, found)
        _passwords(kolla, environment, found)
    _virtualenv(kolla, wanted, environment, found)
    _inventory(kolla, wanted, environment, found, ansible)
    return kolla


def _config_dir(wanted: Wanted, environment: Mapping[str, str]) -> Path | None:
    """Find the folder of globals.yml; kayobe has the generated one beside its own."""
    if wanted.kolla_config:
        given = Path(wanted.kolla_config).expanduser().absolute()
        if not given.is_dir():
            raise BadSettings(f"{given} is not a folder")
        folder = next((c for c in _layouts(given) if (c / "globals.yml").exists()), None)
        if folder is None:
            raise BadSettings(
                f"{given} has no globals.yml, nor have its kolla/ and etc/kolla/",
                hint="name the folder that holds globals.yml: --kolla-config DIR",
            )
        return folder
    roots = [environment.get("KOLLA_CONFIG_PATH"), environment.get("KAYOBE_CONFIG_PATH")]
    places = [c for root in roots if root for c in _layouts(Path(root).expanduser().absolute())]
    return next((c for c in [*places, USUAL] if files.there(c / "globals.yml")), None)


def _layouts(root: Path) -> list[Path]:
    beside = [root.parent / "kolla"] if root.name == "kayobe" else []
    return [
        root,
        *beside,
        root / "kolla",
        root / "etc" / "kolla",
        root / "etc" / "kayobe" / "kolla",
    ]


def _globals(kolla: Kolla, found: Found) -> None:
    main = kolla.config_dir / "globals.yml"
    kolla.globals = files.scalars_of(main)
    more = kolla.config_dir / "globals.d"
    for extra in sorted(more.glob("*.y*ml")) if more.is_dir() else []:
        kolla.globals.update(files.scalars_of(extra))
    parts = [f"VIP {kolla.text('kolla_internal_vip_address', 'not set there')}"]
    if kolla.text("kolla_external_vip_address"):
        parts.append(f"external {kolla.text('kolla_external_vip_address')}")
    tls = [s for s in ("internal", "external") if kolla.on(f"kolla_enable_tls_{s}", default=False)]
    parts.append(f"TLS {' and '.join(tls) or 'off'}")
    found.seen.append(("Kolla's globals", f"{main}: {', '.join(parts)}"))


def _passwords(kolla: Kolla, environment: Mapping[str, str], found: Found) -> None:
    candidates = [kolla.config_dir / "passwords.yml"]
    if environment.get("KAYOBE_CONFIG_PATH"):
        candidates.append(Path(environment["KAYOBE_CONFIG_PATH"]) / "kolla" / "passwords.yml")
    file = next((c for c in candidates if files.there(c)), None)
    if file is None:
        found.missing.append(("passwords", f"no passwords.yml in {kolla.config_dir}"))
        kolla.password_keys = set()
        return
    kolla.passwords_file = file
    try:
        kolla.password_keys = files.keys_of(file)
    except BadSettings as error:
        found.missing.append(("passwords", f"{error}; day2 needs to read it later: {error.hint}"))
        return
    kolla.encrypted = kolla.password_keys is None
    how = (
        "encrypted with ansible-vault"
        if kolla.encrypted
        else f"{len(kolla.password_keys or ())} set"
    )
    found.seen.append(("passwords", f"{file}: {how}"))
    if kolla.encrypted:
        named = environment.get("ANSIBLE_VAULT_PASSWORD_FILE", "")
        kolla.vault_password_file = str(Path(named).expanduser().absolute()) if named else ""
        if not named:
            found.missing.append(
                ("vault password", "write kolla.vault_password_file into the settings")
            )


def _virtualenv(kolla: Kolla, wanted: Wanted, environment: Mapping[str, str], found: Found) -> None:
    if wanted.virtualenv:
        given = Path(wanted.virtualenv).expanduser().absolute()
        if not any((given / "bin" / n).exists() for n in ("kolla-ansible", "ansible-inventory")):
            raise BadSettings(f"{given} has neither bin/kolla-ansible nor bin/ansible-inventory")
        places = [given]
    else:
        home = Path(environment.get("HOME") or "~").expanduser()
        named = [environment.get("KOLLA_VENV_PATH"), environment.get("VIRTUAL_ENV")]
        on_path = [Path(p).parent for p in environment.get("PATH", "").split(":") if p]
        usual = [home / "venvs" / "kolla-ansible", home / "kolla-venv", Path("/opt/kolla-venv")]
        places = [*(Path(p) for p in named if p), *on_path, *usual, Path("/opt/kolla-ansible/venv")]
    place = next((p for p in places if _has_ansible(p, named=bool(wanted.virtualenv))), None)
    if place is None:
        found.missing.append(
            ("virtualenv", "no kolla-ansible on the PATH; name its virtualenv: --virtualenv DIR")
        )
        return
    kolla.virtualenv = str(place)
    dists = sorted(place.glob("lib*/python3*/site-packages/kolla_ansible-*.dist-info"))
    kolla.version = (
        dists[-1].name.removeprefix("kolla_ansible-").removesuffix(".dist-info") if dists else ""
    )
    found.seen.append(
        ("virtualenv", f"{place}: kolla-ansible {kolla.version or 'not installed there'}")
    )


def _has_ansible(place: Path, *, named: bool) -> bool:
    return named or files.there(place / "bin" / "kolla-ansible")


def _inventory(
    kolla: Kolla,
    wanted: Wanted,
    environment: Mapping[str, str],
    found: Found,
    ansible: AnsibleInventory | None,
) -> None:
    path = _inventory_path(kolla, wanted, environment)
    if path is None:
        found.missing.append(("inventory", "none beside globals.yml; name it: --inventory PATH"))
        return
    hosts: inventory.Inventory | None = None
    how = "by ansible-inventory"
    if ansible is not None and kolla.virtualenv:
        try:
            hosts = inventory.from_ansible(ansible(path, kolla.virtualenv))
        except Day2Error as error:
            found.missing.append(("ansible-inventory", f"{error}; read the inventory's text"))
    if hosts is None:
        hosts, how = inventory.read(path), "by its text"
    count = len([h for h in hosts.everyone() if h != "localhost"] or hosts.everyone())
    if not count:
        raise BadSettings(f"inventory {path} names no host")
    kolla.inventory_path, kolla.hosts = path, hosts
    found.seen.append(("inventory", f"{path}: {count} hosts, read {how}"))


def _inventory_path(kolla: Kolla, wanted: Wanted, environment: Mapping[str, str]) -> Path | None:
    if wanted.inventory:
        given = Path(wanted.inventory).expanduser().absolute()
        if not given.exists():
            raise BadSettings(f"inventory {given} does not exist")
        return given
    folder = kolla.config_dir
    kayobe = environment.get("KAYOBE_CONFIG_PATH")
    candidates = [
        folder / "inventory" / "overcloud",  # kayobe's, generated: it has Kolla's groups
        folder / "inventory",
        folder / "multinode",
        folder / "hosts",
        folder / "all-in-one",
        *([Path(kayobe) / "inventory"] if kayobe else []),
        folder.parent / "inventory",
        Path("/etc/ansible/inventory"),
    ]
    return next((c for c in candidates if files.there(c)), None)
