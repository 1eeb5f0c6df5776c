# SPDX-License-Identifier: Apache-2.0
"""Identity: every table whole, every reference followed, and a list that was cut is no backup."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from day2.adapters.clock import SystemClock
from day2.adapters.openstack import clouds
from day2.adapters.openstack.clouds import OpenStackSettings
from day2.adapters.openstack.identity import Directory
from day2.adapters.openstack.limits import LoadSettings
from day2.adapters.openstack.session import Session
from day2.errors import BadAnswer, Denied, NotVerified, Unreachable
from day2.model.backup import Found, Kind
from day2.operations.backup import work
from day2.operations.backup.takers.identity import IdentityTaker
from day2.operations.backup.takers.references import Dangling, dangling, malformed
from tests.scenarios.sandboxes import Home
from tests.unit.backup.bare_vault import BareVault, draft
from tests.unit.backup.rewriting import Change, rewriting

CLOCK = SystemClock()
TABLES: dict[str, list[dict[str, Any]]] = {
    "domains": [{"id": "d"}],
    "projects": [{"id": "p", "domain_id": "d", "parent_id": "d"}],
    "users": [{"id": "u", "domain_id": "d"}],
    "groups": [{"id": "g", "domain_id": "d"}],
    "roles": [{"id": "r"}, {"id": "r2"}],
    "role_assignments": [
        {"user": {"id": "u"}, "role": {"id": "r"}, "scope": {"project": {"id": "p"}}},
        {"group": {"id": "g"}, "role": {"id": "r"}, "scope": {"domain": {"id": "d"}}},
        {"user": {"id": "u"}, "role": {"id": "r"}, "scope": {"system": {"all": True}}},
    ],
    "role_inferences": [{"prior_role": {"id": "r"}, "implies": [{"id": "r2"}]}],
    "services": [{"id": "s"}],
    "regions": [{"id": "R"}],
    "endpoints": [{"id": "e", "service_id": "s", "region_id": "R"}],
}


def changed(table: str, row: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    return {**TABLES, table: [*TABLES.get(table, []), row]}


def test_what_leads_somewhere_is_no_finding() -> None:
    assert dangling(TABLES) == []
    assert malformed(TABLES) == []


@pytest.mark.parametrize(
    ("table", "row", "lost"),
    [
        (
            "role_assignments",
            {"user": {"id": "x"}, "role": {"id": "r"}, "scope": {"project": {"id": "p"}}},
            ("user", "x"),
        ),
        (
            "role_assignments",
            {"group": {"id": "x"}, "role": {"id": "r"}, "scope": {"project": {"id": "p"}}},
            ("group", "x"),
        ),
        (
            "role_assignments",
            {"user": {"id": "u"}, "role": {"id": "x"}, "scope": {"project": {"id": "p"}}},
            ("role", "x"),
        ),
        (
            "role_assignments",
            {"user": {"id": "u"}, "role": {"id": "r"}, "scope": {"project": {"id": "x"}}},
            ("project", "x"),
        ),
        ("role_inferences", {"prior_role": {"id": "r"}, "implies": [{"id": "x"}]}, ("role", "x")),
        ("users", {"id": "y", "domain_id": "x"}, ("domain", "x")),
        ("projects", {"id": "y", "domain_id": "d", "parent_id": "x"}, ("project", "x")),
        ("group_members", {"group_id": "g", "user_id": "x"}, ("user", "x")),
        ("endpoints", {"id": "y", "service_id": "x", "region_id": "R"}, ("service", "x")),
        ("application_credentials", {"user_id": "u", "project_id": "x"}, ("project", "x")),
    ],
)
def test_what_leads_nowhere_is_found(
    table: str, row: dict[str, Any], lost: tuple[str, str]
) -> None:
    assert dangling(changed(table, row)) == [Dangling(table, *lost)]


@pytest.mark.parametrize(
    "row",
    [
        {"role": {"id": "r"}, "scope": {"project": {"id": "p"}}},
        {"user": {"id": "u"}, "role": {"id": "r"}, "scope": {}},
        {"user": {"id": "u"}, "scope": {"project": {"id": "p"}}},
        {
            "user": {"id": "u"},
            "group": {"id": "g"},
            "role": {"id": "r"},
            "scope": {"project": {"id": "p"}},
        },
    ],
)
def test_an_assignment_of_nobody_or_nothing_is_malformed(row: dict[str, Any]) -> None:
    assert len(malformed(changed("role_assignments", row))) == 1


class Keystone:
    """The sandbox's, asked with any of its accounts, directly or through another port."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.port = int(home.running()["port"])

    def directory(self, account: str = "sandbox", *, port: int = 0) -> Directory:
        settings = OpenStackSettings(
            cloud=account, clouds_file=str(self.home.place() / "clouds.yaml")
        )
        credentials = clouds.find(settings, {})
        if port:
            url = credentials.auth["auth_url"].replace(f":{self.port}/", f":{port}/")
            auth = {**credentials.auth, "auth_url": url}
            credentials = msgspec.structs.replace(credentials, auth=auth)
        limits = LoadSettings(request_seconds_max=5)
        return Directory(Session(credentials, limits=limits, clock=CLOCK), CLOCK)

    def faults(self, *rules: dict[str, Any]) -> None:
        self.home.control("PUT", "faults", {"rules": list(rules)})


@pytest.fixture(scope="module")
def keystone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keystone]:
    home = Home(tmp_path_factory.mktemp("keystone"))
    assert home.run("sandbox", "up").code == 0
    yield Keystone(home)
    home.run("sandbox", "down")


@pytest.fixture
def vault(tmp_path: Path) -> BareVault:
    return BareVault(tmp_path / "vault")


def silent(_text: str) -> None:
    pass


def take(vault: BareVault, open_directory: Callable[[], Directory], name: str) -> Found:
    taker = IdentityTaker(open_directory)
    return work.take(vault, taker, draft(Kind.IDENTITY, name), CLOCK, silent)


def prove(vault: BareVault, keystone: Keystone, found: Found, folder: Path) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    return IdentityTaker(keystone.directory).prove(vault, found, folder, silent)


def test_a_set_has_every_table_and_proves_it(
    vault: BareVault, keystone: Keystone, tmp_path: Path
) -> None:
    found = take(vault, keystone.directory, "identity-1")
    tables = found.manifest.source["tables"]
    assert set(tables) == {
        "application_credentials", "domains", "endpoints", "group_members", "groups",
        "identity_providers", "limits", "mappings", "projects", "protocols", "regions",
        "registered_limits", "role_assignments", "role_inferences", "roles", "services", "users",
    }  # fmt: skip
    # Every domain's users are there, not only those of the account's own.
    users = next(a for a in found.manifest.artefacts if a.of == "users")
    rows = json.loads(vault.file(found, users).read_bytes())
    assert {row["domain_id"] for row in rows} > {"default"}
    assert all("links" not in row and "password" not in row for row in rows)
    facts = prove(vault, keystone, found, tmp_path / "s")
    assert facts["assignments"] == tables["role_assignments"]
    assert facts["dangling"] == 0
    assert list((tmp_path / "s").iterdir()) == []


def test_a_set_that_lost_a_user_is_not_verified(
    vault: BareVault, keystone: Keystone, tmp_path: Path
) -> None:
    """Also when its manifest says so: what assignments name must be there."""
    directory = keystone.directory()
    tables, _absent = directory.tables()
    lost = tables["role_assignments"][0]["user"]["id"]
    tables["users"] = [row for row in tables["users"] if row["id"] != lost]
    with vault.write(draft(Kind.IDENTITY, "identity-1")) as writer:
        for name, rows in tables.items():
            with writer.sink(name, f"{name}.json") as sink:
                sink.write(json.dumps(rows).encode())
        counts = {name: len(rows) for name, rows in tables.items()}
        found = writer.commit(source={"tables": counts, "dangling": []}, exits={})
    with pytest.raises(NotVerified, match=lost):
        prove(vault, keystone, found, tmp_path / "s")


USERS, ASSIGNMENTS = "/identity/v3/users", "/identity/v3/role_assignments"


def forget_admin(document: dict[str, Any]) -> None:
    document["users"] = [row for row in document["users"] if row["name"] != "admin"]


def leave_behind(document: dict[str, Any]) -> None:
    first = document["role_assignments"][0]
    document["role_assignments"].append({**first, "user": {"id": "left-the-company"}})


def cut(document: dict[str, Any]) -> None:
    document["users"], document["truncated"] = document["users"][:1], True


@pytest.mark.parametrize(
    ("change", "said"),
    [(forget_admin, "list of users is not whole"), (cut, "cut the list at its own limit")],
)
def test_a_list_that_was_cut_is_no_backup(
    vault: BareVault, keystone: Keystone, change: Change, said: str
) -> None:
    """Also without a word: Keystone shows the user by its id."""
    with (
        rewriting(keystone.port, {USERS: change}) as port,
        pytest.raises(BadAnswer, match=said),
    ):
        take(vault, lambda: keystone.directory(port=port), "identity-1")
    assert vault.sets() == []


def test_what_is_proven_gone_is_told_and_proven_again(
    vault: BareVault, keystone: Keystone, tmp_path: Path
) -> None:
    """A user of a directory service may be gone, with its assignments left behind."""
    with rewriting(keystone.port, {ASSIGNMENTS: leave_behind}) as port:
        found = take(vault, lambda: keystone.directory(port=port), "identity-1")
    (lost,) = found.manifest.source["dangling"]
    assert lost == {"table": "role_assignments", "kind": "user", "id": "left-the-company"}
    assert prove(vault, keystone, found, tmp_path / "s")["dangling"] == 1


def test_who_may_not_see_everything_takes_nothing(vault: BareVault, keystone: Keystone) -> None:
    with pytest.raises(Denied):
        take(vault, lambda: keystone.directory("member"), "identity-1")
    assert vault.sets() == []


def test_no_set_of_a_keystone_that_does_not_answer(vault: BareVault, keystone: Keystone) -> None:
    rule = {"service": "identity", "path": "/v3/endpoints", "kind": "status", "status": 503}
    keystone.faults(rule)
    try:
        with pytest.raises(Unreachable):
            take(vault, keystone.directory, "identity-1")
    finally:
        keystone.faults()
    assert vault.sets() == []
