# SPDX-License-Identifier: Apache-2.0
"""The account of the OS_* variables, as openrc files set them."""

from pathlib import Path

import pytest

from day2.adapters.clock import SystemClock
from day2.adapters.openstack.clouds import OpenStackSettings, find
from day2.adapters.openstack.limits import LoadSettings
from day2.adapters.openstack.session import Session

# What `kolla-ansible post-deploy` writes.
KOLLA = {
    "OS_PROJECT_DOMAIN_NAME": "Default",
    "OS_USER_DOMAIN_NAME": "Default",
    "OS_PROJECT_NAME": "admin",
    "OS_TENANT_NAME": "admin",
    "OS_USERNAME": "admin",
    "OS_PASSWORD": "secret",
    "OS_AUTH_URL": "http://10.0.0.250:5000",
    "OS_INTERFACE": "internal",
    "OS_ENDPOINT_TYPE": "internalURL",
    "OS_MANILA_ENDPOINT_TYPE": "internalURL",
    "OS_MISTRAL_ENDPOINT_TYPE": "internalURL",
    "OS_IDENTITY_API_VERSION": "3",
    "OS_REGION_NAME": "RegionOne",
    "OS_AUTH_PLUGIN": "password",
    "OS_CACERT": "/etc/ssl/certs/ca-certificates.crt",
}
CREDENTIAL = {
    "OS_AUTH_TYPE": "v3applicationcredential",
    "OS_AUTH_URL": "http://10.0.0.250:5000",
    "OS_APPLICATION_CREDENTIAL_ID": "one",
    "OS_APPLICATION_CREDENTIAL_SECRET": "secret",
    "OS_DEBUG": "1",
}


@pytest.mark.parametrize("variables", [KOLLA, CREDENTIAL])
def test_an_openrc_that_was_sourced_is_an_account(variables: dict[str, str]) -> None:
    account = find(OpenStackSettings(), variables)
    session = Session(account, limits=LoadSettings(), clock=SystemClock())
    assert session.credentials is account
    assert account.secrets == ["secret"]
    assert "'secret'" not in repr(account)


def test_the_variables_of_another_login_are_all_handed_on() -> None:
    variables = {
        "OS_AUTH_TYPE": "v3oidcpassword",
        "OS_AUTH_URL": "http://10.0.0.250:5000",
        "OS_IDENTITY_PROVIDER": "idp",
    }
    assert find(OpenStackSettings(), variables).auth["identity_provider"] == "idp"


def test_files_of_an_entry_may_lie_in_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    file = tmp_path / "clouds.yaml"
    file.write_text(
        "clouds: {c: {auth: {auth_url: https://a}, cacert: ~/ca.pem, cert: ~/c.pem, key: ~/k.pem}}"
    )
    found = find(OpenStackSettings(cloud="c", clouds_file=str(file)), {})
    assert found.verify == str(tmp_path / "ca.pem")
    assert found.client_certificate == (str(tmp_path / "c.pem"), str(tmp_path / "k.pem"))
