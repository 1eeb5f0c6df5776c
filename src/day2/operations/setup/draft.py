# SPDX-License-Identifier: Apache-2.0
"""Turn what was found into settings: which clouds, and the values of each section.

Facts of Kolla-Ansible (ansible/group_vars/all, releases 2024.1 to 2026.1) are the defaults here.
"""

import re
from typing import Any
from urllib.parse import urlsplit

import msgspec

from day2.errors import BadUsage
from day2.operations.setup.discover import Account, Found, Kolla, Wanted

KOLLA_ACCOUNTS = "kolla-admin"
# What `kolla-ansible post-deploy` writes: one account, by its scope and its endpoints.
KOLLA_ENTRIES = frozenset(
    f"{KOLLA_ACCOUNTS}{scope}{where}" for scope in ("", "-system") for where in ("", "-internal")
)
# From this release on (2026.1) Kolla makes an account with the tag `monitoring` by itself.
MONITORING_ACCOUNT_SINCE = 22
# From this release on (2025.1) ProxySQL is on by default, and with it the account `monitor`.
PROXYSQL_SINCE = 20
# From this release on (2023.2) Prometheus itself asks for an account.
PROMETHEUS_ACCOUNT_SINCE = 17
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")


class Section(msgspec.Struct, kw_only=True):
    """One section of one cloud: its values, and why they are these.

    A section that is not `active` is written as a comment: something of it must be decided first.
    """

    values: dict[str, Any] = {}
    notes: dict[str, str] = {}
    note: str = ""
    active: bool = True


class Cloud(msgspec.Struct, kw_only=True):
    """One cloud of the settings to write."""

    name: str
    note: str = ""
    sections: dict[str, Section] = {}


def draft(found: Found, wanted: Wanted) -> list[Cloud]:
    """Choose the clouds and fill their sections; says in `found.missing` what was left out.

    Raises:
        BadUsage: when one name was given and several clouds were found.

    """
    chosen = _targets(found.accounts, one_each=bool(wanted.os_clouds))
    if wanted.name and len(chosen) > 1:
        named = ", ".join(account.entry or account.region for account, _others in chosen)
        raise BadUsage(
            f"--name fits one cloud, but {len(chosen)} were found: {named}",
            hint="choose one with --os-cloud ENTRY",
        )
    home = _home_of_kolla([account for account, _others in chosen], found)
    made: list[Cloud] = []
    for account, others in chosen:
        name = _name(wanted.name or account.entry, account, [cloud.name for cloud in made])
        cloud = Cloud(name=name, note=_note(account))
        cloud.sections["openstack"] = _openstack(account, others)
        if found.kolla is not None and account is home:
            cloud.sections |= _of_kolla(found.kolla, wanted)
        made.append(cloud)
    return made


def _targets(accounts: list[Account], *, one_each: bool) -> list[tuple[Account, list[Account]]]:
    """Group the accounts by cloud and region, and choose one of each group.

    An account of a project sees every service; one with system scope does not (no volumes, no
    stacks). Of Kolla's own entries the internal one is taken, as its admin-openrc.sh does.
    """
    groups: dict[tuple[str, ...], list[Account]] = {}
    for account in accounts:
        where = urlsplit(account.auth_url)
        key: tuple[str, ...] = (where.hostname or account.auth_url, str(where.port), account.region)
        if account.entry in KOLLA_ENTRIES:
            key = (KOLLA_ACCOUNTS, account.region)
        if one_each:
            key = (account.entry, account.region)
        groups.setdefault(key, []).append(account)
    chosen = []
    for group in groups.values():
        order = sorted(
            group,
            key=lambda a: (
                a.system,
                a.entry in KOLLA_ENTRIES and a.interface != "internal",
            ),
        )
        chosen.append((order[0], [a for a in group if a is not order[0]]))
    return chosen


def _name(wanted: str, account: Account, taken: list[str]) -> str:
    """Make a name that is a word of a dotted path."""
    plain = "kolla" if wanted in KOLLA_ENTRIES else _UNSAFE.sub("-", wanted).strip("-")
    plain = plain or _UNSAFE.sub("-", account.region).strip("-").lower() or "cloud"
    if plain in taken and account.region:
        plain = f"{plain}-{_UNSAFE.sub('-', account.region).strip('-').lower()}"
    number = 2
    while plain in taken:
        plain, number = f"{plain.rstrip('0123456789').rstrip('-')}-{number}", number + 1
    return plain


def _note(account: Account) -> str:
    if account.entry:
        return ""
    how = f"source {account.source}" if account.source else "the OS_* variables of this shell"
    return (
        "This account comes from OS_* variables, so every shell and cron job that runs day2 needs "
        f"them ({how}): a password is never written here. Better: an entry of clouds.yaml, which "
        "`kolla-ansible post-deploy` writes to /etc/kolla/clouds.yaml since 2023.1; then set "
        "`cloud` and `clouds_file` below."
    )


def _openstack(account: Account, others: list[Account]) -> Section:
    section = Section()
    if account.entry:
        section.values = {"cloud": account.entry, "clouds_file": account.source}
        also = list(dict.fromkeys(a.entry for a in others if a.entry != account.entry))
        if also:
            section.notes["cloud"] = f"For the same cloud there are also: {', '.join(also)}."
        if account.system:
            section.note = "An account with system scope does not see volumes and stacks."
    if account.region:
        section.values["region"] = account.region
    if account.interface and not account.entry:
        section.values["interface"] = account.interface
    return section


def _home_of_kolla(accounts: list[Account], found: Found) -> Account | None:
    """Find the cloud that Kolla's configuration describes: the one whose Keystone is its VIP."""
    kolla = found.kolla
    if kolla is None or not accounts:
        return None
    if len(accounts) == 1:
        return accounts[0]
    keys = ("internal_vip_address", "internal_fqdn", "external_vip_address", "external_fqdn")
    own = {kolla.text(f"kolla_{key}") for key in keys} - {""}
    region = kolla.text("openstack_region_name", "RegionOne")
    near = [
        account
        for account in accounts
        if urlsplit(account.auth_url).hostname in own
        or account.source == str(kolla.config_dir / "clouds.yaml")
    ]
    exact = [account for account in near if account.region in {"", region}]
    if not near:
        found.missing.append(
            (
                "Kolla's cloud",
                (
                    f"none of the {len(accounts)} accounts leads to its VIP, so its hosts belong "
                    "to none; choose: --os-cloud ENTRY"
                ),
            )
        )
    return next(iter(exact or near), None)


def _of_kolla(kolla: Kolla, wanted: Wanted) -> dict[str, Section]:
    made = {"kolla": _kolla(kolla, wanted)}
    if kolla.hosts is not None:
        made["database"] = _database(kolla)
        made["proxy"] = _proxy(kolla)
        made["bus"] = _bus(kolla)
        made["cache"] = _cache(kolla)
        made["monitoring"] = _monitoring(kolla)
    return {name: section for name, section in made.items() if section.values}


def _kolla(kolla: Kolla, wanted: Wanted) -> Section:
    section = Section(values={"config_dir": str(kolla.config_dir)})
    if kolla.inventory_path is not None:
        section.values["inventory"] = str(kolla.inventory_path)
    if kolla.virtualenv:
        section.values["virtualenv"] = kolla.virtualenv
    own = kolla.config_dir / "passwords.yml"
    if kolla.passwords_file is not None and kolla.passwords_file != own:
        section.values["passwords_file"] = str(kolla.passwords_file)
    if kolla.vault_password_file:
        section.values["vault_password_file"] = kolla.vault_password_file
    elif kolla.encrypted:
        section.notes |= {"vault_password_file": "The passwords are encrypted: name it here."}
    engine = wanted.engine or kolla.text("kolla_container_engine")
    if engine in {"docker", "podman"}:
        section.values["container_engine"] = engine
    if engine == "podman":
        section.values["become"] = True
    return section


def _addresses(kolla: Kolla, *groups: str) -> tuple[list[str], str]:
    """List the addresses of the first group that has hosts, and say where they come from."""
    hosts = kolla.hosts
    if hosts is None:
        return [], ""
    for group in groups:
        members = hosts.members(group)
        if not members:
            continue
        vip = kolla.text("kolla_internal_vip_address")
        found = [
            vip
            if vip and host in hosts.local and host not in hosts.addresses
            else hosts.address(host)
            for host in members
        ]
        note = (
            f"From group {group} of the inventory ({', '.join(members)}), by the addresses that "
            "Ansible uses. Kolla's services listen on the API network: where that is another one, "
            "write those addresses."
        )
        return [f"[{a}]" if ":" in a else a for a in found], note
    return [], ""


def _database(kolla: Kolla) -> Section:
    if not kolla.on("enable_mariadb", default=True):
        return Section()
    addresses, note = _addresses(kolla, "mariadb")
    port = kolla.text("mariadb_port") or kolla.text("database_port", "3306")
    section = _part(addresses, note, "nodes", f"{{}}:{port}")
    if not section.values:
        return section
    by_proxysql = kolla.on("enable_proxysql", default=_major(kolla) >= PROXYSQL_SINCE)
    user = kolla.text("mariadb_monitor_user", "monitor" if by_proxysql else "")
    section.values |= {
        "user": user or "monitor",
        "password": {"kolla": "mariadb_monitor_password"},
    }
    section.notes["user"] = "Kolla's mariadb_monitor_user: it may log in and see replication."
    if not user or user == "haproxy" or not kolla.has_password("mariadb_monitor_password"):
        section.active = False
        section.note += (
            " Kolla makes the account `monitor` with ProxySQL only (enable_proxysql), and "
            "mariadb_monitor_password has to be set. Otherwise make an account without rights "
            "(CREATE USER day2@'%' IDENTIFIED BY …), name it here, and put its password into a "
            "file: password: {file: /path}."
        )
    return section


def _proxy(kolla: Kolla) -> Section:
    if not kolla.on("enable_haproxy", default=True):
        return Section()
    addresses, note = _addresses(kolla, "loadbalancer", "haproxy")
    port = kolla.text("haproxy_stats_port", "1984")
    section = _part(addresses, note, "statistics", f"http://{{}}:{port}")
    if section.values:
        section.values |= {
            "user": kolla.text("haproxy_user", "openstack"),
            "password": {"kolla": "haproxy_password"},
        }
        section.notes["user"] = "Kolla's haproxy_user."
        section.active = kolla.has_password("haproxy_password")
    return section


def _bus(kolla: Kolla) -> Section:
    if not kolla.on("enable_rabbitmq", default=True):
        return Section()
    addresses, note = _addresses(kolla, "rabbitmq")
    port = kolla.text("rabbitmq_management_port", "15672")
    section = _part(addresses, note, "management", f"http://{{}}:{port}")
    if not section.values:
        return section
    by_default = "openstack-monitoring" if _major(kolla) >= MONITORING_ACCOUNT_SINCE else ""
    monitoring = kolla.text("rabbitmq_monitoring_user", by_default)
    if monitoring:
        section.values |= {
            "user": monitoring,
            "password": {"kolla": "rabbitmq_monitoring_password"},
        }
        section.notes["user"] = "Kolla's rabbitmq_monitoring_user."
        section.active = kolla.has_password("rabbitmq_monitoring_password")
    else:
        section.values |= {
            "user": kolla.text("rabbitmq_user", "openstack"),
            "password": {"kolla": "rabbitmq_password"},
        }
        section.notes["user"] = (
            "Kolla's rabbitmq_user, an administrator, for want of a lesser account: set "
            "rabbitmq_monitoring_user in globals.yml, reconfigure, and name that one here with "
            "rabbitmq_monitoring_password."
        )
        section.active = kolla.has_password("rabbitmq_password")
    return section


def _cache(kolla: Kolla) -> Section:
    if not kolla.on("enable_memcached", default=True):
        return Section()
    addresses, note = _addresses(kolla, "memcached")
    return _part(addresses, note, "servers", f"{{}}:{kolla.text('memcached_port', '11211')}")


def _monitoring(kolla: Kolla) -> Section:
    """Name every Prometheus and Alertmanager for itself; HAProxy would show one of them only."""
    enabled = kolla.on("enable_prometheus", default=False)
    if not kolla.on("enable_prometheus_server", default=enabled):
        return Section()
    addresses, note = _addresses(kolla, "prometheus")
    port = kolla.text("prometheus_port", "9091")
    section = _part(addresses, note, "prometheus", f"http://{{}}:{port}")
    if not section.values:
        return section
    if kolla.on("enable_prometheus_alertmanager", default=enabled):
        addresses, _note = _addresses(kolla, "prometheus-alertmanager")
        port = kolla.text("prometheus_alertmanager_port", "9093")
        section.values["alertmanager"] = [f"http://{a}:{port}" for a in addresses]
    if _major(kolla) >= PROMETHEUS_ACCOUNT_SINCE:
        section.values |= {"user": "admin", "password": {"kolla": "prometheus_password"}}
        section.notes["user"] = "Kolla's own account of Prometheus, since 2023.2."
        section.active = kolla.has_password("prometheus_password")
    if section.values.get("alertmanager"):
        section.values |= {
            "alertmanager_user": kolla.text("prometheus_alertmanager_user", "admin"),
            "alertmanager_password": {"kolla": "prometheus_alertmanager_password"},
        }
        section.notes["alertmanager_user"] = (
            "Kolla's prometheus_alertmanager_user: only HAProxy asks for it."
        )
        section.active &= kolla.has_password("prometheus_alertmanager_password")
    if kolla.on("enable_prometheus_openstack_exporter", default=enabled):
        section.values["key_series"] = ["up", "openstack_nova_up"]
    return section


def _part(addresses: list[str], note: str, field: str, form: str) -> Section:
    if not addresses:
        return Section()
    return Section(values={field: [form.format(a) for a in addresses]}, note=note)


def _major(kolla: Kolla) -> int:
    """Return the major version of the installed kolla-ansible; a recent one where it is unknown."""
    major = kolla.version.partition(".")[0]
    return int(major) if major.isdigit() else PROXYSQL_SINCE
