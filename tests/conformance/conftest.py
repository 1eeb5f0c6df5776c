# SPDX-License-Identifier: Apache-2.0
"""The two places: the lab of the session, and a sandbox of the scenario `small`."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from day2.adapters.openstack import clouds
from day2.adapters.openstack.clouds import Credentials, OpenStackSettings
from lab.cloud import Cloud
from tests.conformance import leftovers
from tests.conformance.places import Place
from tests.conftest import unfinished
from tests.scenarios.sandboxes import Home

MEMBER = "acme-operator"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.lab)
            item.add_marker(pytest.mark.timeout(300))
            # A lab that is put back starts services that outlive this process.
            for warning in ("ResourceWarning", "pytest.PytestUnraisableExceptionWarning"):
                item.add_marker(pytest.mark.filterwarnings(f"ignore::{warning}"))


@pytest.fixture(scope="session")
def lab(cloud: Cloud, request: pytest.FixtureRequest) -> Iterator[Place]:
    file = str(cloud.describe()["clouds_yaml"])
    admin, reader = (_entry(file, name) for name in ("lab", "lab-reader"))
    own = {
        "username": MEMBER,
        "password": cloud.facts.passwords["world_users_password"],
        "project_name": "acme",
    }
    member = Credentials(
        name="member", auth_type="password", auth={**admin.auth, **own}, region=admin.region
    )
    accounts = {"admin": admin, "reader": reader, "member": member}
    with (
        closing(
            Place("lab", accounts, flavor="m1.tiny", image="cirros", network="acme-net")
        ) as made,
        unfinished(cloud.place, request.session),
        leftovers.homeless(made),
        leftovers.guest(made),
        leftovers.moved(made),
    ):
        yield made


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    home = Home(tmp_path_factory.mktemp("sandbox"))
    started = home.run("sandbox", "up", "--scenario", "small")
    assert started.code == 0, started.err
    try:
        file = str(home.place() / "clouds.yaml")
        names = {"admin": "sandbox", "reader": "reader", "member": "member"}
        accounts = {account: _entry(file, name) for account, name in names.items()}
        with closing(
            Place("sandbox", accounts, flavor="m1.small", image="debian-12", network="acme-net")
        ) as made:
            credential = {"name": "deploy", "roles": [{"name": "member"}]}
            path = made.fill("/users/{ME}/application_credentials", "member")
            asked = {"application_credential": credential}
            reply = made.ask("identity", "POST", path, account="member", body=asked)
            assert reply.status == 201, reply.body
            yield made
    finally:
        assert home.run("sandbox", "down").code == 0


@pytest.fixture(params=["lab", "sandbox"])
def there(request: pytest.FixtureRequest) -> Place:
    """Each of the two, for what must hold on both."""
    found: Place = request.getfixturevalue(request.param)
    return found


def _entry(file: str, name: str) -> Credentials:
    return clouds.find(OpenStackSettings(cloud=name, clouds_file=file), {})
