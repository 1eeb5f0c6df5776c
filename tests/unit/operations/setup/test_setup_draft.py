# SPDX-License-Identifier: Apache-2.0
from pathlib import Path
from typing import Any

import pytest

from day2.errors import BadUsage
from day2.operations.setup.discover import Account, Found, Kolla, Wanted
from day2.operations.setup.draft import draft
from day2.operations.setup.inventory import Inventory


def account(entry: str = "one", url: str = "http://10.0.0.250:5000", **fields: Any) -> Account:
    return Account(entry=entry, source="/etc/openstack/clouds.yaml", auth_url=url, **fields)


def kolla(*, version: str = "20.1.0", keys: set[str] | None = None, **values: Any) -> Kolla:
    groups = {
        name: ["c1", "c2"]
        for name in (
            *("mariadb", "rabbitmq", "memcached", "loadbalancer", "control"),
            *("prometheus", "prometheus-alertmanager"),
        )
    }
    return Kolla(
        config_dir=Path("/etc/kolla"),
        globals={"kolla_internal_vip_address": "10.0.0.250", **values},
        password_keys=keys,
        version=version,
        hosts=Inventory(hosts=groups, addresses={"c1": "10.0.0.1", "c2": "fd00::2"}),
    )


def sections(found: Kolla, wanted: Wanted | None = None) -> dict[str, Any]:
    made = draft(Found(accounts=[account()], kolla=found), wanted or Wanted())
    return {name: s for name, s in made[0].sections.items() if name != "openstack"}


def test_kollas_four_entries_are_one_cloud_read_inside() -> None:
    entries = [
        account("kolla-admin", "https://203.0.113.1:5000"),
        account("kolla-admin-system", "https://203.0.113.1:5000", system=True),
        account("kolla-admin-internal", interface="internal"),
        account("kolla-admin-system-internal", interface="internal", system=True),
    ]
    (made,) = draft(Found(accounts=entries), Wanted())
    assert made.name == "kolla"
    assert made.sections["openstack"].values["cloud"] == "kolla-admin-internal"


def test_an_entry_of_another_cloud_that_is_named_like_kollas_is_another_cloud() -> None:
    entries = [
        account("kolla-admin", "https://203.0.113.1:5000"),
        account("kolla-admin-internal", interface="internal"),
        account("kolla-admin-paris", "https://198.51.100.1:5000"),
    ]
    made = draft(Found(accounts=entries), Wanted())
    chosen = [cloud.sections["openstack"].values["cloud"] for cloud in made]
    assert chosen == ["kolla-admin-internal", "kolla-admin-paris"]
    assert [cloud.name for cloud in made] == ["kolla", "kolla-admin-paris"]


def test_regions_of_one_entry_are_clouds_of_their_own() -> None:
    entries = [account("site", region=region) for region in ("North", "South")]
    made = draft(Found(accounts=entries), Wanted())
    assert [(c.name, c.sections["openstack"].values["region"]) for c in made] == [
        ("site", "North"),
        ("site-south", "South"),
    ]


def test_an_account_of_a_project_comes_before_one_with_system_scope() -> None:
    entries = [account("all", system=True), account("mine")]
    (made,) = draft(Found(accounts=entries), Wanted())
    assert made.sections["openstack"].values["cloud"] == "mine"


def test_entries_that_were_named_are_all_taken() -> None:
    entries = [account("admin"), account("reader")]
    made = draft(Found(accounts=entries), Wanted(os_clouds=("admin", "reader")))
    assert [c.name for c in made] == ["admin", "reader"]


def test_one_name_for_several_clouds_is_refused() -> None:
    entries = [account("a", "http://a:5000"), account("b", "http://b:5000")]
    with pytest.raises(BadUsage, match="--name fits one cloud"):
        draft(Found(accounts=entries), Wanted(name="x"))


def test_name_becomes_a_word_of_a_dotted_path() -> None:
    (made,) = draft(Found(accounts=[account("prod.example/1: x")]), Wanted())
    assert made.name == "prod-example-1-x"


def test_kolla_belongs_to_the_cloud_whose_keystone_is_its_vip() -> None:
    entries = [account("other", "http://other:5000"), account("own")]
    made = draft(Found(accounts=entries, kolla=kolla()), Wanted())
    assert {c.name: "kolla" in c.sections for c in made} == {"other": False, "own": True}


def test_kolla_of_no_account_is_left_out_and_said() -> None:
    entries = [account("a", "http://a:5000"), account("b", "http://b:5000")]
    found = Found(accounts=entries, kolla=kolla())
    assert all("kolla" not in c.sections for c in draft(found, Wanted()))
    assert [what for what, _why in found.missing] == ["Kolla's cloud"]


def test_ports_and_accounts_are_kollas_defaults() -> None:
    made = sections(kolla())
    assert made["database"].values == {
        "nodes": ["10.0.0.1:3306", "[fd00::2]:3306"],
        "user": "monitor",
        "password": {"kolla": "mariadb_monitor_password"},
    }
    assert made["proxy"].values == {
        "statistics": ["http://10.0.0.1:1984", "http://[fd00::2]:1984"],
        "user": "openstack",
        "password": {"kolla": "haproxy_password"},
    }
    assert made["cache"].values == {"servers": ["10.0.0.1:11211", "[fd00::2]:11211"]}


@pytest.mark.parametrize(
    ("version", "values", "user", "key"),
    [
        ("20.1.0", {}, "openstack", "rabbitmq_password"),
        ("22.0.0", {}, "openstack-monitoring", "rabbitmq_monitoring_password"),
        ("", {}, "openstack", "rabbitmq_password"),
        ("20.1.0", {"rabbitmq_monitoring_user": "mon"}, "mon", "rabbitmq_monitoring_password"),
        ("20.1.0", {"rabbitmq_user": "nova"}, "nova", "rabbitmq_password"),
    ],
)
def test_bus_account_follows_release_and_globals(
    version: str, values: dict[str, Any], user: str, key: str
) -> None:
    bus = sections(kolla(version=version, **values))["bus"]
    assert (bus.values["user"], bus.values["password"]) == (user, {"kolla": key})


@pytest.mark.parametrize(
    ("version", "values", "active"),
    [
        ("20.1.0", {}, True),
        ("18.8.0", {}, False),
        ("18.8.0", {"enable_proxysql": "yes"}, True),
        ("20.1.0", {"enable_proxysql": False}, False),
    ],
)
def test_database_is_a_comment_where_kolla_makes_no_account_for_looking(
    version: str, values: dict[str, Any], active: bool
) -> None:
    assert sections(kolla(version=version, **values))["database"].active is active


def test_monitoring_is_what_kolla_deploys_each_server_for_itself() -> None:
    made = sections(kolla(enable_prometheus="yes"))["monitoring"]
    assert made.active
    assert made.values == {
        "prometheus": ["http://10.0.0.1:9091", "http://[fd00::2]:9091"],
        "alertmanager": ["http://10.0.0.1:9093", "http://[fd00::2]:9093"],
        "user": "admin",
        "password": {"kolla": "prometheus_password"},
        "alertmanager_user": "admin",
        "alertmanager_password": {"kolla": "prometheus_alertmanager_password"},
        "key_series": ["up", "openstack_nova_up"],
    }


def test_ports_accounts_and_exporter_of_the_monitoring_follow_globals() -> None:
    made = sections(
        kolla(
            version="16.7.0",
            enable_prometheus=True,
            enable_prometheus_openstack_exporter="no",
            prometheus_port=19091,
            prometheus_alertmanager_port=19093,
            prometheus_alertmanager_user="am",
        )
    )["monitoring"]
    assert made.values == {
        "prometheus": ["http://10.0.0.1:19091", "http://[fd00::2]:19091"],
        "alertmanager": ["http://10.0.0.1:19093", "http://[fd00::2]:19093"],
        "alertmanager_user": "am",
        "alertmanager_password": {"kolla": "prometheus_alertmanager_password"},
    }


@pytest.mark.parametrize(
    ("values", "asked"),
    [
        ({}, None),
        ({"enable_prometheus": "no"}, None),
        ({"enable_prometheus": "yes", "enable_prometheus_server": "no"}, None),
        ({"enable_prometheus": "yes", "enable_prometheus_alertmanager": "no"}, False),
        ({"enable_prometheus_server": "yes"}, False),
        ({"enable_prometheus": "yes"}, True),
    ],
)
def test_monitoring_that_is_not_deployed_is_not_asked(
    values: dict[str, Any], asked: bool | None
) -> None:
    made = sections(kolla(**values)).get("monitoring")
    assert (made and "alertmanager" in made.values) is asked


def test_monitoring_without_its_password_is_a_comment() -> None:
    keys = {"prometheus_password"}
    assert sections(kolla(keys=keys, enable_prometheus="yes"))["monitoring"].active is False


def test_password_that_is_not_there_makes_the_section_a_comment() -> None:
    made = sections(kolla(keys={"mariadb_monitor_password"}))
    assert {n: s.active for n, s in made.items()} == {
        "kolla": True,
        "database": True,
        "proxy": False,
        "bus": False,
        "cache": True,
    }


def test_switched_off_services_have_no_section() -> None:
    off: dict[str, Any] = {
        f"enable_{n}": "no" for n in ("mariadb", "haproxy", "rabbitmq", "memcached")
    }
    assert set(sections(kolla(**off))) == {"kolla"}


def test_a_local_host_is_reached_by_the_vip() -> None:
    found = kolla()
    found.hosts = Inventory(hosts={"mariadb": ["localhost"]}, local={"localhost"})
    assert sections(found)["database"].values["nodes"] == ["10.0.0.250:3306"]


def test_podman_is_looked_at_as_root() -> None:
    made = sections(kolla(kolla_container_engine="podman"))["kolla"].values
    assert (made["container_engine"], made["become"]) == ("podman", True)
    made = sections(kolla(kolla_container_engine="podman"), Wanted(engine="docker"))["kolla"].values
    assert (made["container_engine"], made.get("become")) == ("docker", None)
